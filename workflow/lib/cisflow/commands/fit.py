"""Fit a classifier on precomputed features and predict every window.

Where the features keep strands apart, both are rows to fit to and to validate on, and both are predicted.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from cisflow import classifiers
from cisflow.classifiers import data, tuning
from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.evaluation import predictions
from cisflow.io import files
from cisflow.io.manifests import manifest
from cisflow.io.tables import write_table


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--split", required=True, help="table of id and fold")
    parser.add_argument("--features", required=True, help="folder that `cisflow gather-features` wrote")
    options.mapping(parser, "--model", "classifier, groups, settings", required=True)
    parser.add_argument("--tuning", help="table that `cisflow tune` wrote: its best trial goes over the settings")
    options.seed(parser)
    options.cpu_threads(parser)
    parser.add_argument("--output", required=True, help="the model as text")
    parser.add_argument("--weights", required=True, help="table of one weight a feature, and target of numbers")
    parser.add_argument("--predictions", required=True)
    parser.add_argument("--manifest", required=True)


def run(args):
    classifier = classifiers.get(args.model["classifier"])
    dataset, source = data.load(args.dataset, args.features, args.model.get("groups"), classifier.TASKS)
    folds = datasets.read_folds(args.split, dataset.ids)
    settings = args.model.get("settings", {}) | (tuning.read_best(args.tuning) if args.tuning else {})
    inputs = [Path(args.features, "features.npy"), Path(args.dataset, "targets.npy"), args.split]
    # Of two classes, labels are of the one target.
    labels = dataset.labels[:, 0] if dataset.task.classes else dataset.labels
    with manifest(args.manifest, args.model | {"settings": settings}, inputs, args.seed) as record:
        fit = classifier.fit(
            source,
            np.repeat(labels, source.strands, axis=0),
            np.repeat(folds, source.strands),
            settings,
            args.seed,
            args.threads,
        )
        strands = fit.predicted.reshape(len(dataset.ids), source.strands, -1)
        single = (strands[:, 0], strands[:, 1]) if source.strands == 2 else (None, None)
        files.write_text(args.output, fit.text)
        write_table(args.weights, weight_table(source.names, fit.weights, dataset.targets))
        write_table(args.predictions, predictions.table(dataset, folds, *single, strands.mean(axis=1)))
        record |= {"chosen": fit.chosen, "features": len(source.names), "device": "cpu"}


def weight_table(names, weights, targets):
    """weights.tsv: frame of one row a feature, and a target where weights are (f, t)."""
    if weights.ndim == 1:
        return pd.DataFrame({"name": names, "weight": weights})
    columns = {"name": np.tile(names, len(targets)), "target": np.repeat(targets, len(names))}
    return pd.DataFrame(columns | {"weight": weights.T.ravel()})
