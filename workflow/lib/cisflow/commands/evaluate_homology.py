"""Judge predictions by how much like a training sequence each test window is: a table of every model and bin."""

from pathlib import Path

from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.evaluation import homology, runs
from cisflow.io.tables import write_table


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="name of the dataset, for the table")
    parser.add_argument("--folder", type=Path, required=True, help="folder of the dataset")
    parser.add_argument("--runs", type=Path, required=True, help="table of the runs, as `evaluate` takes it")
    options.mapping(parser, "--settings", ", ".join(homology.Settings.schema()), required=True)
    parser.add_argument("--k", default=15, type=options.positive, help="length of the k-mers, 15 at most")
    options.seed(parser, "seed of the resamples")
    parser.add_argument("--output", required=True, help="table to write")


def run(args):
    chosen = homology.Settings.complete(args.settings, "--settings")
    dataset = datasets.read(args.folder, mmap=True)
    trained = runs.read(args.runs)
    write_table(args.output, homology.evaluate(args.dataset, trained, dataset, chosen, args.k, args.seed))
