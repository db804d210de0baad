"""Compare attribution methods: with a reference, with planted motifs, by deletion and insertion, and between seeds."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.attribution import files, methods, targets, weighted
from cisflow.attribution.comparison import agreement, perturbation, timing
from cisflow.commands import options
from cisflow.errors import InputError, listing
from cisflow.features import extractor as extractors
from cisflow.io.tables import table, write_table
from cisflow.models import device


def arguments(parser):
    parser.add_argument(
        "--folder", required=True, type=Path, help="results of the dataset: attributions/ and models/ lie in it"
    )
    parser.add_argument("--model", required=True, help="name of the network")
    parser.add_argument("--split", required=True, help="name of the split")
    parser.add_argument("--seeds", required=True, nargs="+", type=int, help="which of its trainings are compared")
    options.mapping(parser, "--methods", "method and its settings, by the name of its attributions", required=True)
    parser.add_argument("--reference", required=True, help="method that the others are compared with")
    options.array(parser, "--outputs", "the entries that were explained")
    parser.add_argument(
        "--weights", help="published weights, the same for every seed; without it each seed has its own"
    )
    options.mapping(parser, "--extractor", "with --weights: architecture and settings", default={})
    parser.add_argument("--names", help="with --weights: list of target names, where the checkpoint has none")
    parser.add_argument("--truth", help="truth.tsv of a planted data set")
    parser.add_argument("--n-timed", default=8, type=options.positive, help="sequences on which methods are timed")
    parser.add_argument("--repeats", default=3, type=options.positive, help="timings of each method")
    options.device(parser)
    parser.add_argument("--output", required=True, type=Path, help="folder for the tables")


def run(args):
    if args.reference not in args.methods:
        raise InputError(f"--reference: found '{args.reference}'; expected one of {', '.join(args.methods)}")
    if len(args.methods) < 2:
        raise InputError(f"--methods: found '{args.reference}' alone; expected another to compare with it")
    asked = {name: methods.read(given, f"--methods: {name}") for name, given in args.methods.items()}
    truth = read_truth(args.truth) if args.truth else None
    found = {name: [] for name in ("agreement", "planted", "perturbation", "cost")}
    runs = {}
    with device.acquire(args.device, args.gpus, args.threads) as where:
        for seed in tqdm(args.seeds, desc="seeds", unit="seed"):
            paths = {name: file_of(args, "attributions", seed, f"{name}.npz") for name in asked}
            parts = files.read_common(paths)
            some = parts[args.reference]
            if not len(some.ids):
                reason = f"{paths[args.reference]}: no sequence that every method explains"
                tqdm.write(f"seed {seed} is left out: {reason}", file=sys.stderr)
                continue
            runs[seed] = parts
            weights = args.weights or file_of(args, "models", seed, "model.safetensors")
            network = extractors.load(args.extractor, weights).to(where)
            outputs, _ = extractors.target_names(args.extractor, weights, network.n_outputs, args.names)
            wanted = targets.from_members(weighted.members(args.outputs or outputs), outputs, some.targets)
            found["agreement"].append(agreement.agreement(parts, args.reference).assign(seed=seed))
            if truth is not None:
                check_within(truth, some.codes.shape[1], args.truth)
                found["planted"].append(agreement.planted(parts, truth, seed).assign(seed=seed))
            # One output judges all methods: the one that the reference explains.
            strands = asked[args.reference].settings.strands
            curves = perturbation.curves(network, parts, wanted, seed, where, strands=strands)
            found["perturbation"].append(curves.assign(seed=seed))
            few = slice(0, args.n_timed)
            for name, method in asked.items():
                codes = some.codes[few]
                costs = timing.costs(network, codes, wanted.take(few, "cpu"), method, where, args.repeats)
                found["cost"] += [
                    (seed, name, repeat, len(codes), seconds / len(codes))
                    for repeat, (seconds, _) in enumerate(costs, start=1)
                ]
    if not runs:
        seeds = listing(args.seeds)
        raise InputError(f"--seeds: no sequence that every method explains in any seed ({seeds}); expected some")
    columns = {
        "agreement": agreement.AGREEMENT,
        "planted": agreement.PLANTED,
        "perturbation": perturbation.COLUMNS,
    }
    tables = {name: stacked(found[name], names) for name, names in columns.items()}
    tables["seeds"] = agreement.between_seeds(runs)
    tables["cost"] = pd.DataFrame(found["cost"], columns=timing.COST)
    tables["summary"] = agreement.summary(measures(tables))
    for name, frame in tables.items():
        write_table(args.output / f"{name}.tsv", frame)


def file_of(args, room, seed, name):
    """A file of one training of the network, in `attributions` or `models` of the dataset's results."""
    return args.folder / room / args.model / args.split / f"seed{seed}" / name


def read_truth(path):
    """Planted instances: frame with id, target, and start and end as whole numbers."""
    truth = table(path, ("id", "target"), ("start", "end"))
    whole = (truth[["start", "end"]] % 1 == 0).all(axis=1)
    bad = np.flatnonzero(~(whole & (truth["start"] >= 0) & (truth["start"] < truth["end"])))
    if len(bad):
        row = truth.iloc[bad[0]]
        raise InputError(
            f"{path}: row {bad[0] + 1}: start is {row['start']:g} and end {row['end']:g}; expected whole numbers, "
            "0 <= start < end"
        )
    return truth.astype({"start": int, "end": int})


def check_within(truth, length, path):
    """Refuse instances that end beyond the windows."""
    bad = np.flatnonzero(truth["end"] > length)
    if len(bad):
        raise InputError(
            f"{path}: row {bad[0] + 1}: id '{truth['id'].iloc[bad[0]]}': end is {truth['end'].iloc[bad[0]]}; "
            f"expected {length} at most, the length of the sequences"
        )


def stacked(frames, columns):
    return pd.concat(frames, ignore_index=True)[list(columns)] if frames else pd.DataFrame(columns=columns)


def measures(tables):
    """What the summary gives means of: one frame each, whose last column holds the values."""
    of_kind = dict(list(tables["agreement"].groupby("scores")))
    found = {"correlation_all": of_kind["all bases"], "correlation_present": of_kind["base present"]}
    if len(tables["planted"]):
        for name in ("average_precision", "average_precision_fixed_gc"):
            found[f"planted_{name}"] = tables["planted"][["seed", "id", "method", name]]
    area = agreement.areas(tables["perturbation"])
    found |= {f"{curve}_area": rows for curve, rows in area.groupby("curve")}
    if len(tables["seeds"]):
        rows = tables["seeds"][tables["seeds"]["scores"] == "base present"]
        pairs = rows["seed"].astype(str) + "/" + rows["other_seed"].astype(str)
        found["seed_correlation"] = rows.assign(seed=pairs)
    found["seconds_per_sequence"] = tables["cost"]
    return found
