"""Metrics with bootstrap intervals, curves, paired comparisons, strata and calibration of a dataset's models.

Writes metrics.tsv, curves.tsv, comparisons.tsv, strata.tsv and calibration.tsv.
"""

from pathlib import Path

from cisflow.evaluation import tables as evaluation
from cisflow.io.tables import write_table


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="name of the dataset, for the tables")
    parser.add_argument("--runs", required=True, help='JSON [{"split", "model", "seed", "predictions": path}, ...]')
    parser.add_argument("--windows", type=Path, required=True, help="windows.tsv, for chromosomes")
    parser.add_argument("--sequences", type=Path, required=True, help="sequences.npy, for GC content")
    parser.add_argument(
        "--baselines", nargs="*", default=[], help="models that see a sequence's GC content or k-mers alone"
    )
    parser.add_argument("--seed", type=int, required=True, help="seed of the resamples")
    parser.add_argument("--resamples", type=int, required=True, help="number of bootstrap resamples")
    parser.add_argument("--output", type=Path, required=True, help="folder for the tables")


def run(args):
    runs = evaluation.parse_runs(args.runs)
    windows = evaluation.read_windows(args.windows, args.sequences)
    tables = evaluation.evaluate(args.dataset, runs, args.seed, args.resamples, windows, args.baselines)
    for name, table in tables.items():
        write_table(args.output / f"{name}.tsv", table)
