"""Merge the patterns of all explanations of a dataset into one table."""

from cisflow.commands import options
from cisflow.errors import InputError
from cisflow.motifs import merging


def arguments(parser):
    options.array(parser, "--runs", "[{model, split, seed, method}, …]", required=True)
    parser.add_argument("--modisco", nargs="+", required=True, help="patterns of each run, .h5")
    parser.add_argument("--attributions", nargs="+", required=True, help="attributions of each run, .npz")
    parser.add_argument("--hits", nargs="+", default=[], help="hits of the patterns of each run")
    parser.add_argument("--database", required=True, help="motifs: MEME, JASPAR, TRANSFAC or HOMER")
    options.mapping(parser, "--settings", "similarity", default={})
    options.cpu_threads(parser)
    parser.add_argument("--output", required=True, help="folder of the tables and of the merged patterns")


def run(args):
    for name in ("modisco", "attributions", "hits"):
        files = getattr(args, name)
        if len(files) != len(args.runs) and (files or name != "hits"):
            raise InputError(f"--{name}: found {len(files)} files, expected {len(args.runs)}, one a run")
    settings = merging.Settings.complete(args.settings, "motifs.merging")
    files = (args.modisco, args.attributions, args.hits)
    merging.merge_patterns(args.runs, *files, args.database, settings, args.output, args.threads)
