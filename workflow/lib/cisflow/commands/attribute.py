"""Raw attribution multipliers of a network: on sequences that it predicts correctly, or on the windows of a split.

With --shard, only the rows of one of --shards parts, which `cisflow gather-attributions` puts together.
"""

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cisflow.attribution import baselines, blocks, classes, files, logits, methods, selection, targets, weighted
from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.errors import InputError, listing
from cisflow.features import arrays as features
from cisflow.features import extractor as extractors
from cisflow.features import inputs
from cisflow.io.files import digest
from cisflow.io.resumable import Rows
from cisflow.models import checkpoints, device, predict
from cisflow.models.network import Network

# Rows explained since the last commit are lost to an interruption.
COMMIT_EVERY_S = 10


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--weights", required=True, help="network that `cisflow train` wrote, or published weights")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--predictions", help="those of the network, to explain what it predicts correctly")
    source.add_argument("--split", help="table of id and fold, to explain all windows of folds and labels")
    options.mapping(parser, "--extractor", "with --split: architecture, settings, length, context", default={})
    parser.add_argument("--names", help="with --split: list of target names, where the checkpoint has none")
    parser.add_argument("--genome", help="with --split: FASTA, for context genome")
    options.mapping(parser, "--method", "method and its settings", required=True)
    options.mapping(parser, "--selection", "folds, labels, min_probability, outputs, …", default={})
    options.mapping(
        parser, "--classes", "with --predictions: logits of classes in place of --selection: folds, rows, …"
    )
    options.seed(parser)
    options.device(parser)
    parser.add_argument("--shards", default=1, type=options.positive, help="parts that the rows are divided in")
    parser.add_argument("--shard", default=1, type=options.positive, help="the part to explain, counted from 1")
    parser.add_argument(
        "--shuffled",
        type=options.positive,
        metavar="N",
        help="explain shuffles that keep the dinucleotides of at most so many rows, in place of the rows",
    )
    parser.add_argument("--code", help="digest of the program; finished rows of another one are not used")
    parser.add_argument("--work", required=True, help="folder for finished rows; removed on success")
    parser.add_argument("--output", required=True, help=".npz")


class Explained(NamedTuple):
    """What is explained, and by which network.

    groups : {name: {output: weight}}, from `weighted.members`.
    chosen : frame with id, target and fold, one row an attribution; prediction, where there are predictions.
    codes : (rows, length) uint8, what the network sees of each. files : what all of it was read from.
    """

    network: Network
    groups: dict
    chosen: pd.DataFrame
    codes: np.ndarray
    files: list


def of_predictions(args, asked, groups):
    """Windows that a network trained by cisflow predicts, correctly where it predicts classes."""
    dataset = datasets.read(args.dataset)
    network = checkpoints.load(args.weights)
    chosen = selection.select(args.predictions, asked, groups, network.task)
    codes = codes_of(dataset, chosen["id"], args)
    read = [args.weights, args.predictions, f"{args.dataset}/sequences.npy"]
    return Explained(network, groups or weighted.members(network.outputs), chosen, codes, read)


def codes_of(dataset, ids, args):
    """Base codes (rows, length) of windows with predictions, by their ids."""
    row_of = {item: row for row, item in enumerate(dataset.ids)}
    absent = [item for item in ids if item not in row_of]
    if absent:
        raise InputError(f"{args.predictions}: window '{absent[0]}' is not in {args.dataset}/windows.tsv")
    return dataset.codes[np.array([row_of[item] for item in ids], dtype=np.int64)]


def of_classes(args, settings):
    """Logits of both classes, of windows and their reverse complements that a network trained by cisflow predicts."""
    dataset = datasets.read(args.dataset)
    network, groups = logits.members(checkpoints.load(args.weights), settings.logits)
    chosen = classes.select(classes.read(args.predictions, settings))
    codes = classes.sequences(codes_of(dataset, chosen["id"], args), chosen["strand"])
    read = [args.weights, args.predictions, f"{args.dataset}/sequences.npy"]
    return Explained(network, groups, chosen, codes, read)


def of_split(args, asked, groups):
    """Windows of the split, by a network with weights of any origin, within their surroundings."""
    if groups is None:
        raise InputError("--selection: no outputs; expected those to explain where there are no predictions")
    dataset = datasets.read(args.dataset)
    chosen = selection.of_windows(dataset, datasets.read_folds(args.split, dataset.ids), asked, groups)
    if not len(chosen):
        raise InputError(f"{args.split}: no window of the folds and labels asked for; expected at least one")
    network = extractors.load(args.extractor, args.weights)
    outputs, _ = extractors.target_names(args.extractor, args.weights, network.n_outputs, args.names)
    network = dataclasses.replace(network, outputs=outputs)
    rows = inputs.read_dataset(args.dataset)
    # Each window is read once, however many targets it is explained for.
    names, place = np.unique(chosen["id"].to_numpy(dtype=str), return_inverse=True)
    row_of = {item: row for row, item in enumerate(dataset.ids)}
    some = np.array([row_of[name] for name in names])
    some_rows = rows._replace(frame=rows.frame.iloc[some], codes=rows.codes[some])
    codes = extractors.open_sequences(some_rows, network, args.extractor, args.genome)[:][place]
    read = [args.weights, args.split, *rows.files, f"{args.dataset}/targets.npy"]
    read += [path for path in (args.names, args.genome) if path]
    return Explained(network, groups, chosen, codes, read)


def shuffled(explained, most, seed):
    """The Explained of shuffles, by dinucleotides, of at most so many rows: what the network sees where nothing is.

    The rows are drawn at random; they keep their names, and lose their predictions, which were of other sequences.
    """
    chosen, rng = explained.chosen, np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(chosen))[:most])
    codes = baselines.shuffled_codes(explained.codes[rows], seed)
    kept = chosen.iloc[rows].drop(columns="prediction", errors="ignore").reset_index(drop=True)
    return explained._replace(chosen=kept, codes=codes)


def asked_for(args, network):
    """What a window must be to be explained, in words."""
    if args.split:
        return "the folds and labels asked for"
    if selection.has_classes(network.task):
        return "the folds and labels asked for that is predicted correctly"
    return "the folds asked for"


def prediction(explained, where, strands):
    """Prediction (rows,) float32 of each row's target: the weighted mean over its outputs."""
    if not len(explained.codes):
        return np.zeros(0, dtype=np.float32)
    shares = weighted.shares(explained.groups, explained.network.outputs).T
    group_of = {name: number for number, name in enumerate(explained.groups)}
    column = np.array([group_of[name] for name in explained.chosen["target"]])
    found = [values @ shares for values in predict.stream(explained.network, explained.codes, where, strands)]
    return np.concatenate(found)[np.arange(len(column)), column]


def explained_by(args, rows):
    """The Explained that the options ask for; `rows` are the classes.Rows of --classes, or None."""
    if rows is not None:
        if not args.predictions:
            raise InputError("--classes: no predictions to choose by; expected the option --predictions")
        return of_classes(args, rows)
    asked = dict(args.selection)
    entries = asked.pop("outputs", None)
    groups = None if entries is None else weighted.members(entries)
    asked = selection.Settings.complete(asked, "--selection")
    return (of_predictions if args.predictions else of_split)(args, asked, groups)


def run(args):
    rows = None if args.classes is None else classes.Rows.complete(args.classes, "--classes")
    # A row that is one strand is explained on its own.
    own = {"strands": "forward"} if rows is not None and rows.rows == "strands" else {}
    method = methods.read(args.method | own, "--method")
    explained = explained_by(args, rows)
    if args.shuffled:
        explained = shuffled(explained, args.shuffled, args.seed)
    network, chosen, codes = explained.network, explained.chosen, explained.codes
    if none := [name for name in explained.groups if name not in set(chosen["target"])]:
        print(f"no window of {asked_for(args, network)}: {listing(none, 12)}", file=sys.stderr)
    wanted = targets.from_members(explained.groups, network.outputs, chosen["target"])
    which = [args.shard, args.shards, args.shuffled]
    key = {
        "job": [args.method, args.selection, args.classes, args.extractor, args.seed, args.code, *which],
        "inputs": [digest(path) for path in explained.files],
    }
    layout = {"multipliers": ((4, codes.shape[1]), np.float32)}
    if method.settings.compared_with:
        layout |= {"difference": ((), np.float32), "error": ((), np.float32)}
    part = slice(0, len(codes))
    if args.shards > 1:
        # Whole blocks, so that each row is computed beside the same others as without shards.
        size = blocks.block_rows(network, codes, wanted, method)
        shard = features.shard_rows(-(-len(codes) // size), args.shard, args.shards)
        part = slice(shard.start * size, min(shard.stop * size, len(codes)))
    with Rows(args.work, json.dumps(key), part.stop - part.start, layout) as rows:
        with device.acquire(args.device, args.gpus, args.threads) as where:
            if "prediction" not in chosen:
                strands = method.settings.strands or network.strands
                chosen = chosen.assign(prediction=prediction(explained, where, strands))
            bounds = part.start + rows.done, part.stop
            found = blocks.attribute(network, codes, wanted, method, where, args.seed, *bounds)
            fill(rows, (part for _, part in found))
        chosen = chosen[part]
        found = files.Attributions(
            **{name: rows.read(name) for name in layout},
            ids=chosen["id"].to_numpy(dtype=str),
            targets=chosen["target"].to_numpy(dtype=str),
            folds=chosen["fold"].to_numpy(dtype=str),
            prediction=chosen["prediction"].to_numpy(dtype=np.float32),
            codes=codes[part],
            baseline=baselines.stored(method.settings.compared_with or "uniform"),
            method=method.name,
        )
        if found.error is not None:
            report(found)
        files.write(args.output, found)
        rows.finish(Path(args.work).parent, [])


def fill(rows, parts):
    """Write each Attribution, of one target a sequence, to the rows it belongs to."""
    committed = time.monotonic()
    for part in parts:
        # Not every method has a baseline against which contributions could be complete.
        arrays = {"difference": part.difference, "error": part.error}
        arrays = {name: values[:, 0] for name, values in arrays.items() if values is not None}
        rows.append(multipliers=part.multipliers[:, 0], **arrays)
        if time.monotonic() - committed >= COMMIT_EVERY_S:
            rows.commit()
            committed = time.monotonic()


def report(found):
    """Say in the log how well contributions add up to the difference of the outputs."""
    error, difference = np.abs(found.error), np.abs(found.difference)
    if len(error):
        print(
            f"{found.method}: contributions miss the difference of the outputs (median {np.median(difference):.3g}) "
            f"by {np.median(error):.2g} in the median and {error.max():.2g} at most",
            file=sys.stderr,
        )
