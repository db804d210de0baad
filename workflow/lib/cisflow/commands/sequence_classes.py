"""Scores of Sei's sequence classes for the rows of a feature array."""

from pathlib import Path

import numpy as np
import pandas as pd

from cisflow.features import sequence_classes
from cisflow.io.arrays import read_array
from cisflow.io.tables import read_table, write_table


def arguments(parser):
    parser.add_argument("--features", required=True, help="folder with features.npy and ids.tsv")
    parser.add_argument("--classes", required=True, help="vectors of the sequence classes, projvec_targets.npy")
    parser.add_argument("--class-names", required=True, help="names of the sequence classes, one a line")
    parser.add_argument("--output", required=True, help=".npy, float32 (n, classes)")
    parser.add_argument("--table", required=True, help="TSV of the same, with ids")


def run(args):
    folder = Path(args.features)
    ids = read_table(folder / "ids.tsv", ["id"])["id"]
    width = read_array(folder / "features.npy", np.float16, (len(ids), None), mmap=True).shape[1]
    names = sequence_classes.read_names(args.class_names)
    vectors = sequence_classes.read_vectors(args.classes, len(names), width)
    sequence_classes.project_file(folder / "features.npy", len(ids), vectors, args.output)
    scores = read_array(args.output, mmap=True)
    write_table(args.table, pd.concat([ids, pd.DataFrame(scores, columns=names)], axis=1))
