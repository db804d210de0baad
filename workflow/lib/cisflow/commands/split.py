"""Divide the windows of a data set into train, valid and test."""

from pathlib import Path

from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.data import splits


def arguments(parser):
    parser.add_argument("--windows", required=True, help="windows.tsv in the folder of the data set")
    parser.add_argument("--name", required=True, help="name of the split")
    options.mapping(parser, "--settings", "settings of the split, with its kind", required=True)
    parser.add_argument("--near-duplicates", help="table that `cisflow near-duplicates` wrote, for kind cluster")
    parser.add_argument("--output", required=True, help="table to write (id, fold)")


def run(args):
    split = splits.complete(args.settings, args.name)
    dataset = datasets.read(Path(args.windows).parent, mmap=True, coordinates=True)
    near = datasets.read_near_duplicates(args.near_duplicates, dataset.ids) if args.near_duplicates else None
    datasets.write_folds(args.output, dataset.ids, splits.assign(dataset, split, args.name, near))
