"""Search LightGBM's parameters by cross-validation within the training fold; goes on after an interruption."""

from pathlib import Path

import numpy as np

from cisflow.classifiers import data, tuning
from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.io import files, work
from cisflow.io.tables import write_table


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--split", required=True, help="table of id and fold")
    parser.add_argument("--features", required=True, help="folder that `cisflow gather-features` wrote")
    options.mapping(parser, "--model", "groups, settings, tune", required=True)
    options.seed(parser)
    options.cpu_threads(parser)
    parser.add_argument("--work", required=True, type=Path, help="folder for finished trials; removed on success")
    parser.add_argument("--output", required=True, help="table of trials")


def run(args):
    dataset, source = data.load(args.dataset, args.features, args.model.get("groups"))
    folds = datasets.read_folds(args.split, dataset.ids)
    # Trials on other data must not be continued.
    inputs = [
        args.split,
        Path(args.features, "features.npy"),
        *(Path(args.dataset, f"{name}.npy") for name in ("targets", "sequences")),
    ]
    with work.held(args.work) as folder:
        table = tuning.tune(
            source,
            # The strands of a window have its sequence, which keeps them in one fold of the cross-validation.
            *(np.repeat(values, source.strands, axis=0) for values in (dataset.labels[:, 0], folds, dataset.codes)),
            args.model.get("settings", {}),
            args.model.get("tune", {}),
            args.seed,
            args.threads,
            folder,
            [files.digest(path) for path in inputs],
        )
        write_table(args.output, table)
        work.remove(folder)
