"""Find the windows of a data set that are nearly the same sequence, on either strand."""

import json

import numpy as np
import pandas as pd

from cisflow.data import duplicates
from cisflow.io.arrays import read_array
from cisflow.io.tables import read_table, write_table


def arguments(parser):
    parser.add_argument("--windows", required=True, help="windows.tsv of the data set")
    parser.add_argument("--sequences", required=True, help="sequences.npy of the data set")
    parser.add_argument("--settings", required=True, type=json.loads, help="JSON: k, similarity")
    parser.add_argument("--output", required=True, help="table to write (id, other, similarity)")


def run(args):
    ids = read_table(args.windows, ["id"])["id"].to_numpy(dtype=object)
    codes = read_array(args.sequences, np.uint8, (len(ids), None), mmap=True)
    pairs = duplicates.find(codes, **args.settings)
    table = {"id": ids[pairs["first"]], "other": ids[pairs["second"]], "similarity": pairs["similarity"]}
    write_table(args.output, pd.DataFrame(table))
