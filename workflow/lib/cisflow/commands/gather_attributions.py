"""Put the shards of an attribution file together, to the bytes that one job gives."""

import numpy as np

from cisflow.io.arrays import read_arrays, write_arrays

# Arrays that do not have one entry a row.
COMMON = ("baseline", "method")


def arguments(parser):
    parser.add_argument("--shards", required=True, nargs="+", help="shards in order, .npz")
    parser.add_argument("--output", required=True, help=".npz")


def run(args):
    first = read_arrays(args.shards[0])
    parts = [first] + [read_arrays(path, list(first)) for path in args.shards[1:]]
    rows = {name: np.concatenate([part[name] for part in parts]) for name in first if name not in COMMON}
    write_arrays(args.output, **first | rows)
