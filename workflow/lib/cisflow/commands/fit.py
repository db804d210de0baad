"""Fit a classifier on precomputed features and predict every window."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from cisflow import classifiers, datasets, features, files
from cisflow.errors import InputError, listing


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--split", required=True, help="table of id and fold")
    parser.add_argument("--features", required=True, help="folder that `cisflow gather-features` wrote")
    parser.add_argument("--model", required=True, type=json.loads, help="JSON: classifier, groups, settings")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--threads", default=1, type=int)
    parser.add_argument("--output", required=True, help="the model as text")
    parser.add_argument("--weights", required=True, help="table of one weight a feature")
    parser.add_argument("--predictions", required=True)
    parser.add_argument("--manifest", required=True)


def run(args):
    dataset = datasets.read(args.dataset)
    if len(dataset.targets) != 1:
        raise InputError(
            f"{args.dataset}/targets.tsv: {len(dataset.targets)} targets ({listing(dataset.targets)}); "
            "a classifier on features expects one"
        )
    folds = datasets.read_folds(args.split, dataset.ids)
    ids, values, columns, names = features.load_columns(args.features, args.model.get("groups"))
    if not np.array_equal(ids, dataset.ids):
        raise InputError(f"{args.features}/ids.tsv: its windows are not those of {args.dataset}/windows.tsv")
    inputs = [Path(args.features, "features.npy"), Path(args.dataset, "targets.npy"), args.split]
    with files.manifest(args.manifest, args.model, inputs, args.seed) as record:
        fit = classifiers.CLASSIFIERS[args.model["classifier"]](
            values[:, columns].astype(np.float32),
            dataset.labels[:, 0],
            folds,
            args.model.get("settings", {}),
            args.seed,
            args.threads,
        )
        files.write_text(args.output, fit.text)
        files.write_table(args.weights, pd.DataFrame({"name": names, "weight": fit.weights}))
        table = datasets.prediction_table(dataset, folds, None, None, fit.probability[:, None])
        files.write_table(args.predictions, table)
        record |= {"chosen": fit.chosen, "features": len(names), "device": "cpu"}
