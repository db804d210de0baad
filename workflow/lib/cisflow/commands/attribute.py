"""Raw attribution multipliers of a trained network on correctly predicted sequences."""

import json

import numpy as np

from cisflow import datasets, device, files, models
from cisflow.attribution import methods, selection
from cisflow.errors import InputError


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--weights", required=True, help="network that `cisflow train` wrote")
    parser.add_argument("--predictions", required=True, help="its predictions")
    parser.add_argument("--method", required=True, type=json.loads, help="JSON: method and its settings")
    parser.add_argument("--selection", default={}, type=json.loads, help="JSON: folds, labels, min_probability, …")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--gpus", default=1, type=int, help="GPUs that the workflow granted")
    parser.add_argument("--threads", default=1, type=int)
    parser.add_argument("--output", required=True, help=".npz")


def run(args):
    dataset = datasets.read(args.dataset)
    chosen = selection.select(args.predictions, args.selection, args.seed)
    model, header = models.load(args.weights)
    row_of = {item: row for row, item in enumerate(dataset.ids)}
    absent = [item for item in chosen["id"] if item not in row_of]
    if absent:
        raise InputError(f"{args.predictions}: window '{absent[0]}' is not in {args.dataset}/windows.tsv")
    codes = dataset.codes[np.array([row_of[item] for item in chosen["id"]], dtype=np.int64)]
    targets = np.array([header["targets"].index(target) for target in chosen["target"]], dtype=np.int64)
    settings = dict(args.method)
    method = settings.pop("method")
    with device.acquire(args.device, args.gpus, args.threads) as where:
        multipliers = methods.multipliers(model, codes, targets, method, device=where, **settings)
    files.write_arrays(
        args.output,
        multipliers=multipliers,
        ids=chosen["id"].to_numpy(dtype=str),
        target=chosen["target"].to_numpy(dtype=str),
        fold=chosen["fold"].to_numpy(dtype=str),
        probability=chosen["probability"].to_numpy(dtype=np.float32),
        sequences=codes,
        baseline=methods.BASELINE,
        method=np.array(method),
    )
