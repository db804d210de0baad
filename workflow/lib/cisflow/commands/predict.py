"""Predictions of a trained network for every window of a dataset, averaged over the strands it was trained on.

Of a network of profiles, profiles.npy lies beside them: float16 (n, t, bins), the share of each bin.
"""

import dataclasses
from pathlib import Path

import numpy as np

from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.data import track_features
from cisflow.errors import InputError
from cisflow.evaluation import predictions
from cisflow.io import arrays
from cisflow.io.tables import write_table
from cisflow.models import checkpoints, device
from cisflow.models.blocks import vectors
from cisflow.models.predict import predict, profiles


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--split", required=True, help="table of id and fold")
    parser.add_argument("--weights", required=True, help="network that `cisflow train` wrote")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"), help="of the arithmetic")
    parser.add_argument("--track-features", help="table of vectors of other tracks, which are then predicted")
    options.device(parser)
    parser.add_argument("--output", required=True, help="table of predictions")


def run(args):
    dataset = datasets.read(args.dataset)
    folds = datasets.read_folds(args.split, dataset.ids)
    network = checkpoints.load(args.weights)
    if network.task != dataset.task:
        raise InputError(
            f"{args.weights}: the network is of task {network.task.name}; expected {dataset.task.name}, that of "
            f"{args.dataset}"
        )
    if args.track_features:
        network, dataset = _of_other_tracks(args.track_features, network, dataset)
    with device.acquire(args.device, args.gpus, args.threads) as where, device.arithmetic(args.precision, where):
        forward, reverse = predict(network, dataset.codes, where)
        _write_profiles(Path(args.output).with_name("profiles.npy"), network, dataset, where)
    predicted = forward if reverse is None else (forward + reverse) / 2
    write_table(args.output, predictions.table(dataset, folds, forward, reverse, predicted))


def _of_other_tracks(path, network, dataset):
    """The network and the dataset with the tracks of a table of vectors in the place of their own, without labels."""
    found = track_features.read(path)
    vectors.same_features(path, network.module, found.features)
    vectors.for_tracks(network.module, found.values)
    # All outputs of a modality have one link.
    links = None if network.links is None else network.links[:1] * len(found.tracks)
    network = dataclasses.replace(network, outputs=found.tracks, links=links)
    labels = np.full((len(dataset.ids), len(found.tracks)), np.nan, dtype=np.float32)
    return network, dataset._replace(labels=labels, targets=found.tracks, tracks=None, transforms=None, profiles=None)


def _write_profiles(path, network, dataset, where):
    """Write the profiles that a network of profiles predicts; none is left of another one."""
    path.unlink(missing_ok=True)
    if dataset.profiles is None or getattr(network.module, "bins", None) is None:
        return
    # Mapped: the profiles of all windows may be larger than memory.
    with arrays.mapped(path, np.float16, dataset.profiles.shape) as found:
        row = 0
        for values in profiles(network, dataset.codes, where):
            found[row : row + len(values)] = values
            row += len(values)
