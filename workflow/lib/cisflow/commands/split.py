"""Divide the windows of a data set into train, valid and test."""

import json

from cisflow.data import duplicates, splits, windows
from cisflow.io.tables import write_table


def arguments(parser):
    parser.add_argument("--windows", required=True, help="windows.tsv of the data set")
    parser.add_argument("--name", required=True, help="name of the split")
    parser.add_argument("--settings", required=True, type=json.loads, help="settings of the split, as JSON")
    parser.add_argument("--near-duplicates", help="table that `cisflow near-duplicates` wrote, for kind cluster")
    parser.add_argument("--output", required=True, help="table to write (id, fold)")


def run(args):
    frame, targets = windows.read(args.windows)
    near = duplicates.read(args.near_duplicates, frame["id"]) if args.near_duplicates else None
    write_table(args.output, splits.assign(frame, targets, args.settings, args.name, near))
