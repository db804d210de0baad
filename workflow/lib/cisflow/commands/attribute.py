"""Raw attribution multipliers of a trained network on correctly predicted sequences."""

import json
import sys
import time
from pathlib import Path

import numpy as np

from cisflow import datasets, device, files, models
from cisflow.attribution import baselines, methods, selection, targets
from cisflow.errors import InputError
from cisflow.resumable import Rows

# Rows explained since the last commit are lost to an interruption.
COMMIT_EVERY_S = 10


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--weights", required=True, help="network that `cisflow train` wrote")
    parser.add_argument("--predictions", required=True, help="its predictions")
    parser.add_argument("--method", required=True, type=json.loads, help="JSON: method and its settings")
    parser.add_argument(
        "--selection", default={}, type=json.loads, help="JSON: folds, labels, min_probability, targets, …"
    )
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--gpus", default=1, type=int, help="GPUs that the workflow granted")
    parser.add_argument("--threads", default=1, type=int)
    parser.add_argument("--work", required=True, help="folder for finished rows; removed on success")
    parser.add_argument("--output", required=True, help=".npz")


def run(args):
    dataset = datasets.read(args.dataset)
    asked = dict(args.selection)
    entries = asked.pop("targets", None)
    groups = None if entries is None else targets.members(entries)
    chosen = selection.select(args.predictions, asked, groups)
    model, header = models.load(args.weights)
    row_of = {item: row for row, item in enumerate(dataset.ids)}
    absent = [item for item in chosen["id"] if item not in row_of]
    if absent:
        raise InputError(f"{args.predictions}: window '{absent[0]}' is not in {args.dataset}/windows.tsv")
    codes = dataset.codes[np.array([row_of[item] for item in chosen["id"]], dtype=np.int64)]
    wanted = targets.from_members(groups or targets.members(header["targets"]), header["targets"], chosen["target"])
    settings = dict(args.method)
    method = settings.pop("method")
    key = {
        "job": [args.method, args.selection, args.seed],
        "inputs": [files.digest(path) for path in (args.weights, args.predictions, f"{args.dataset}/sequences.npy")],
    }
    layout = {"multipliers": ((4, codes.shape[1]), np.float32)}
    if method in methods.DEFAULT_BASELINE:
        layout |= {"output_difference": ((), np.float32), "completeness_error": ((), np.float32)}
    with Rows(args.work, json.dumps(key), len(codes), layout) as rows:
        with device.acquire(args.device, args.gpus, args.threads) as where:
            blocks = methods.attribute(model, codes, wanted, method, where, args.seed, start=rows.done, **settings)
            fill(rows, (part for _, part in blocks))
        found = {name: rows.read(name) for name in layout}
        if "completeness_error" in found:
            report(found, method)
        baseline = settings.get("baseline") or methods.DEFAULT_BASELINE.get(method, "uniform")
        files.write_arrays(
            args.output,
            **found,
            ids=chosen["id"].to_numpy(dtype=str),
            target=chosen["target"].to_numpy(dtype=str),
            fold=chosen["fold"].to_numpy(dtype=str),
            probability=chosen["probability"].to_numpy(dtype=np.float32),
            sequences=codes,
            baseline=baselines.stored(baseline),
            method=np.array(method),
        )
        rows.finish(Path(args.work).parent, [])


def fill(rows, parts):
    """Write each Attribution, of one target a sequence, to the rows it belongs to."""
    committed = time.monotonic()
    for part in parts:
        # Not every method has a baseline against which contributions could be complete.
        arrays = {"output_difference": part.difference, "completeness_error": part.error}
        arrays = {name: values[:, 0] for name, values in arrays.items() if values is not None}
        rows.append(multipliers=part.multipliers[:, 0], **arrays)
        if time.monotonic() - committed >= COMMIT_EVERY_S:
            rows.commit()
            committed = time.monotonic()


def report(found, method):
    """Say in the log how well contributions add up to the difference of the outputs."""
    error, difference = np.abs(found["completeness_error"]), np.abs(found["output_difference"])
    if len(error):
        print(
            f"{method}: contributions miss the difference of the outputs (median {np.median(difference):.3g}) "
            f"by {np.median(error):.2g} in the median and {error.max():.2g} at most",
            file=sys.stderr,
        )
