"""Sequences designed by a trained network under constraints, and judged by networks that did not design them.

Writes designs.tsv, steps.tsv, scores.tsv, networks.tsv, motifs.tsv, hits.tsv, logos.tsv and designs.fa.
"""

from cisflow.commands import options
from cisflow.design import constraints, methods, objective, starts
from cisflow.design import run as whole
from cisflow.errors import InputError
from cisflow.models import device


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--split", required=True, help="table of id and fold that the designer was trained on")
    parser.add_argument("--weights", required=True, help="network that `cisflow train` wrote: the designer")
    parser.add_argument("--database", help="motifs, MEME format")
    options.named_paths(parser, "--judges", "networks that judge, by their names", required=False)
    options.named_paths(parser, "--judge-splits", "the table of id and fold of each judge", required=False)
    options.mapping(parser, "--objective", "up, down, flat, targets, loss, goal", required=True)
    options.mapping(parser, "--constraints", "gc, edits, protected, banned, required, …", default={})
    options.mapping(parser, "--method", "method and its settings", required=True)
    options.mapping(parser, "--starts", "kind, n, gc, folds, pick", default={})
    options.mapping(parser, "--settings", "folds, n_natural, k, p_value, n_logos", default={})
    options.seed(parser)
    options.device(parser)
    parser.add_argument("--output", required=True, help="folder of the tables and the FASTA file")


def run(args):
    asked = {
        "objective": objective.Settings.complete(args.objective, "objective"),
        "constraints": constraints.Settings.complete(args.constraints, "constraints"),
        "starts": starts.Settings.complete(args.starts, "starts"),
        "compared": whole.Settings.complete(args.settings, "--settings"),
        "method": methods.read(args.method, "method"),
    }
    if list(args.judges) != list(args.judge_splits):
        raise InputError(f"--judge-splits: found {list(args.judge_splits)}; expected those of {list(args.judges)}")
    judges = {name: (path, args.judge_splits[name]) for name, path in args.judges.items()}
    inputs = {"dataset": args.dataset, "weights": args.weights, "split": args.split, "database": args.database}
    with device.acquire(args.device, args.gpus, args.threads) as where:
        whole.design(inputs | {"judges": judges}, asked, args.seed, where, args.output)
