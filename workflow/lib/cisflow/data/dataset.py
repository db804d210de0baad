"""A dataset on disk, read back and checked: windows, sequences, labels and folds, joined by id."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cisflow.errors import InputError
from cisflow.io.arrays import read_array
from cisflow.io.tables import read_table

FOLDS = ("train", "valid", "test")


class Dataset(NamedTuple):
    """ids (n,) str; codes (n, length) uint8; labels (n, t) float32 with NaN = missing; targets: t names."""

    ids: np.ndarray
    codes: np.ndarray
    labels: np.ndarray
    targets: list


def read(folder):
    """The dataset that `cisflow windows` wrote into `folder`.

    Raises
    ------
    InputError : a file is absent or incomplete, or the files disagree on the number of windows or targets.
    """
    folder = Path(folder)
    ids = read_table(folder / "windows.tsv", ["id"])["id"].to_numpy(dtype=str)
    targets = read_table(folder / "targets.tsv", ["target"], text=("target",))["target"].tolist()
    codes = read_array(folder / "sequences.npy", np.uint8, (len(ids), None))
    labels = read_array(folder / "targets.npy", np.float32, (len(ids), len(targets)))
    return Dataset(ids, codes, labels, targets)


def read_folds(path, ids):
    """Fold of each window (n,) str, in the order of `ids`.

    Raises
    ------
    InputError : a window has no fold, or a fold is not one of train, valid, test.
    """
    table = read_table(path, ["id", "fold"])
    unknown = sorted(set(table["fold"]) - set(FOLDS))
    if unknown:
        raise InputError(f"{path}: fold '{unknown[0]}'; expected one of {', '.join(FOLDS)}")
    fold_of = dict(zip(table["id"], table["fold"], strict=True))
    missing = [item for item in ids if item not in fold_of]
    if missing:
        raise InputError(f"{path}: window '{missing[0]}' has no fold ({len(missing)} of {len(ids)} have none)")
    return np.array([fold_of[item] for item in ids])


def prediction_table(dataset, folds, forward, reverse, probability):
    """predictions.tsv: one row per window and target; forward and reverse (n, t) or None."""
    n, t = dataset.labels.shape
    empty = np.full((n, t), np.nan)
    return pd.DataFrame(
        {
            "id": np.repeat(dataset.ids, t),
            "fold": np.repeat(folds, t),
            "target": np.tile(dataset.targets, n),
            # Labels are 0, 1 or missing: as nullable integers they are written without a decimal point.
            "label": pd.array(dataset.labels.ravel(), dtype="Int8"),
            "forward": (empty if forward is None else forward).ravel(),
            "reverse": (empty if reverse is None else reverse).ravel(),
            "probability": probability.ravel(),
        }
    )
