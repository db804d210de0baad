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
    parser.add_argument("--weights", required=True, help="table of one weight a feature")
    parser.add_argument("--predictions", required=True)
    parser.add_argument("--manifest", required=True)


def run(args):
    dataset, source = data.load(args.dataset, args.features, args.model.get("groups"))
    folds = datasets.read_folds(args.split, dataset.ids)
    settings = args.model.get("settings", {}) | (tuning.read_best(args.tuning) if args.tuning else {})
    inputs = [Path(args.features, "features.npy"), Path(args.dataset, "targets.npy"), args.split]
    with manifest(args.manifest, args.model | {"settings": settings}, inputs, args.seed) as record:
        fit = classifiers.get(args.model["classifier"]).fit(
            source,
            np.repeat(dataset.labels[:, 0], source.strands),
            np.repeat(folds, source.strands),
            settings,
            args.seed,
            args.threads,
        )
        strands = fit.probability.reshape(-1, source.strands)
        single = (strands[:, :1], strands[:, 1:]) if source.strands == 2 else (None, None)
        files.write_text(args.output, fit.text)
        write_table(args.weights, pd.DataFrame({"name": source.names, "weight": fit.weights}))
        table = predictions.table(dataset, folds, *single, strands.mean(axis=1, keepdims=True))
        write_table(args.predictions, table)
        record |= {"chosen": fit.chosen, "features": len(source.names), "device": "cpu"}
