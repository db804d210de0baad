"""Metrics with bootstrap intervals, curves, paired comparisons, strata and calibration of a dataset's models.

Writes metrics.tsv, curves.tsv, comparisons.tsv, strata.tsv and calibration.tsv.
"""

from pathlib import Path

from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.evaluation import runs, strata, tables
from cisflow.io.tables import write_table


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="name of the dataset, for the tables")
    parser.add_argument(
        "--folder", type=Path, required=True, help="folder of the dataset: its windows, sequences, task"
    )
    parser.add_argument(
        "--runs",
        type=Path,
        required=True,
        help="table of split, model, seed, kind and k; predictions lie in models/ beside it",
    )
    parser.add_argument("--metrics", nargs="+", default=[], help="those to write (default: all of the dataset's task)")
    options.seed(parser, "seed of the resamples")
    parser.add_argument("--resamples", type=int, required=True, help="number of bootstrap resamples")
    parser.add_argument("--output", type=Path, required=True, help="folder for the tables")


def run(args):
    trained = runs.read(args.runs)
    dataset = datasets.read(args.folder, mmap=True, coordinates=True)
    windows = strata.windows_of(dataset)
    found = tables.evaluate(
        args.dataset, trained, args.seed, args.resamples, windows, dataset.task, metrics=args.metrics
    )
    for name, table in found.items():
        write_table(args.output / f"{name}.tsv", table)
