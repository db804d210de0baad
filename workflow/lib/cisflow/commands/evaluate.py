"""Metrics with bootstrap intervals, curves and paired comparisons of a dataset's models.

Writes metrics.tsv, curves.tsv and comparisons.tsv.
"""

from pathlib import Path

from cisflow import evaluation, files


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="name of the dataset, for the tables")
    parser.add_argument("--runs", required=True, help='JSON [{"split", "model", "seed", "predictions": path}, ...]')
    parser.add_argument("--seed", type=int, required=True, help="seed of the resamples")
    parser.add_argument("--resamples", type=int, required=True, help="number of bootstrap resamples")
    parser.add_argument("--output", type=Path, required=True, help="folder for the three tables")


def run(args):
    runs = evaluation.parse_runs(args.runs)
    for name, table in evaluation.evaluate(args.dataset, runs, args.seed, args.resamples).items():
        files.write_table(args.output / f"{name}.tsv", table)
