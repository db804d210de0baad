"""GC content or k-mer frequencies of every window, as features for a classifier: what order adds is not in them."""

import json
from pathlib import Path

import numpy as np

from cisflow.features import arrays as features
from cisflow.features import composition
from cisflow.io.arrays import read_array, write_array
from cisflow.io.manifests import manifest
from cisflow.io.tables import read_table, write_table


def arguments(parser):
    parser.add_argument("--windows", required=True, help="windows.tsv")
    parser.add_argument("--sequences", required=True, help="sequences.npy")
    parser.add_argument("--extractor", required=True, type=json.loads, help="JSON: kind, k")
    parser.add_argument("--output", required=True, help="folder")


def run(args):
    folder = Path(args.output)
    ids = read_table(args.windows, ["id"])["id"]
    codes = read_array(args.sequences, np.uint8, (len(ids), None), mmap=True)
    k = args.extractor["k"]
    with manifest(folder / "manifest.json", args.extractor, [args.windows, args.sequences]) as record:
        names = composition.names(k)
        write_table(folder / "targets.tsv", features.target_table(names, ["composition"] * len(names)))
        write_table(folder / "ids.tsv", ids.to_frame())
        write_array(folder / "features.npy", composition.frequencies(codes, k).astype(np.float16))
        # float16 keeps eleven binary digits of a frequency, whatever its size.
        record |= {"windows": len(ids), "targets": len(names), "largest_relative_error": 2.0**-11}
