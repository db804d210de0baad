"""Gather the shards of a feature array into one float16 array, with its ids and target names."""

import json
from pathlib import Path

from cisflow import features, files, models


def arguments(parser):
    parser.add_argument("--shards", required=True, nargs="+", help="shards in order")
    parser.add_argument("--windows", required=True, help="windows.tsv")
    parser.add_argument("--extractor", required=True, type=json.loads, help="JSON: architecture, settings, groups, …")
    parser.add_argument("--weights", required=True, help="checkpoint, for its target names and digest")
    parser.add_argument("--names", help="list of target names, where the checkpoint has none")
    parser.add_argument("--output", required=True, help="folder")


def run(args):
    folder = Path(args.output)
    ids = files.read_table(args.windows, ["id"])["id"]
    with files.manifest(folder / "manifest.json", args.extractor, [args.windows, args.weights]) as record:
        features.gather(args.shards, ids.to_numpy(dtype=str), folder / "features.npy")
        width = files.read_array(folder / "features.npy", mmap=True).shape[1]
        if args.names:
            names, groups = features.read_target_names(args.names, args.extractor.get("groups", "legacy"), width)
        elif args.extractor.get("architecture"):
            names, groups = [f"target_{number}" for number in range(width)], ["all"] * width
        else:
            names = models.read_header(args.weights)["targets"]
            groups = ["all"] * width
        files.write_table(folder / "targets.tsv", features.target_table(names, groups))
        files.write_table(folder / "ids.tsv", ids.to_frame())
        # Probabilities below 1 are spaced by at most 2^-11 in float16, and rounded to the nearest.
        record |= {"windows": len(ids), "targets": width, "largest_rounding_error": 2.0**-12}
