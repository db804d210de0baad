"""Fit a classifier on precomputed features and predict every window."""

import json
from pathlib import Path

import pandas as pd

from cisflow import classifiers, datasets, files, tuning


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--split", required=True, help="table of id and fold")
    parser.add_argument("--features", required=True, help="folder that `cisflow gather-features` wrote")
    parser.add_argument("--model", required=True, type=json.loads, help="JSON: classifier, groups, settings")
    parser.add_argument("--tuning", help="table that `cisflow tune` wrote: its best trial goes over the settings")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--threads", default=1, type=int)
    parser.add_argument("--output", required=True, help="the model as text")
    parser.add_argument("--weights", required=True, help="table of one weight a feature")
    parser.add_argument("--predictions", required=True)
    parser.add_argument("--manifest", required=True)


def run(args):
    dataset, source = classifiers.load(args.dataset, args.features, args.model.get("groups"))
    folds = datasets.read_folds(args.split, dataset.ids)
    settings = args.model.get("settings", {}) | (tuning.read_best(args.tuning) if args.tuning else {})
    inputs = [Path(args.features, "features.npy"), Path(args.dataset, "targets.npy"), args.split]
    with files.manifest(args.manifest, args.model | {"settings": settings}, inputs, args.seed) as record:
        fit = classifiers.CLASSIFIERS[args.model["classifier"]](
            source, dataset.labels[:, 0], folds, settings, args.seed, args.threads
        )
        files.write_text(args.output, fit.text)
        files.write_table(args.weights, pd.DataFrame({"name": source.names, "weight": fit.weights}))
        table = datasets.prediction_table(dataset, folds, None, None, fit.probability[:, None])
        files.write_table(args.predictions, table)
        record |= {"chosen": fit.chosen, "features": len(source.names), "device": "cpu"}
