"""What is evaluated of tracks: the predictions of all models on a fold of a split, and on the test folds of several."""

import sys
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from cisflow.errors import InputError
from cisflow.evaluation import matrix, profile_distances
from cisflow.evaluation.predictions import ENSEMBLE, MEAN

# The mean of each track over the training fold, as a prediction of all regions.
TRACK_MEAN = "track_mean"
# All test folds of splits that share no region, as one.
POOLED = "pooled"


class Fold(NamedTuple):
    """Some regions of a dataset with their predictions.

    rows : (m,) int, rows of the dataset. values : {(model, seed): (m, t) float32}, of the seeds by their numbers, of
    `ensemble` where a model has several, and of `track_mean` with seed `mean`.
    thresholds : (m, t) float32, above which a label is positive, or None. train : (k,) int rows that trained, or None
    of several splits. distances : {(model, seed): (m, t) float32} of predicted profiles to counted ones.
    """

    split: str
    name: str
    rows: np.ndarray
    values: dict
    thresholds: np.ndarray | None
    train: np.ndarray | None
    distances: dict


class Cut(NamedTuple):
    """Above what a label counts as positive: one value, or the quantile of the training labels of each track."""

    value: float | None = None
    quantile: float | None = None

    def thresholds(self, labels):
        """(t,) float64 of training labels (k, t); None where there is no cut."""
        if self.value is not None:
            return np.full(labels.shape[1], float(self.value))
        return None if self.quantile is None else quantiles(labels, self.quantile)


def quantiles(labels, share):
    """(t,) quantile of the known labels (k, t) of each track; NaN of a track without any."""
    ordered = np.sort(labels, axis=0)
    n = np.isfinite(labels).sum(axis=0)
    place = share * np.maximum(n - 1, 0)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, np.maximum(n - 1, 0))
    low, high = (np.take_along_axis(ordered, rows[None], axis=0)[0] for rows in (below, above))
    return low + (place - below) * (high - low)


def means(labels):
    """(t,) mean of the known labels (k, t) of each track; NaN of a track without any."""
    n = np.isfinite(labels).sum(axis=0)
    total = np.nansum(labels, axis=0, dtype=np.float64)
    return np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)


def each(runs, dataset, cut, folds, pools, held=None):
    """Yield the Folds of every split, then those of the pools; a fold without a region is left out.

    Predictions of one split are in memory at a time, and those of the test folds of a pool.

    Parameters
    ----------
    runs : list of runs.Run. dataset : dataset.Dataset. cut : Cut. folds : names of the folds to evaluate.
    pools : {name: splits whose test folds are pooled, if they share no region}.
    held : {split: (t,) bool, tracks whose labels its training did not see}; their mean and cut are not known.

    Raises
    ------
    InputError : a model is named `track_mean`, or what `matrix.read` refuses.
    """
    if any(run.model == TRACK_MEAN for run in runs):
        raise InputError(
            f"a model is named '{TRACK_MEAN}', expected another name: it stands for the mean of each track"
        )
    tests = {}
    for split in dict.fromkeys(run.split for run in runs):
        unseen = (held or {}).get(split)
        found = _of_split([run for run in runs if run.split == split], dataset, cut, folds, unseen)
        for fold in found:
            if fold.name == "test":
                tests[split] = fold
        yield from found
    for name, splits in pools.items():
        parts = [tests[split] for split in splits if split in tests]
        if len(parts) > 1 and (fold := _joined(name, parts)) is not None:
            yield fold


def _of_split(runs, dataset, cut, names, unseen=None):
    values, folds = {}, None
    for run in tqdm(runs, desc=f"reading predictions of {runs[0].split}", unit="run"):
        found, predicted = matrix.read(run.predictions, dataset.ids, dataset.targets, dataset.task)
        if folds is not None and (found != folds).any():
            raise InputError(
                f"{run.predictions}: id '{dataset.ids[found != folds][0]}' is in another fold than in "
                f"{runs[0].predictions}, expected the folds of one split"
            )
        folds = found
        values[run.model, str(run.seed)] = predicted
    for model in dict.fromkeys(run.model for run in runs):
        seeds = [predicted for (name, _), predicted in values.items() if name == model]
        if len(seeds) > 1:
            values[model, ENSEMBLE] = np.mean(seeds, axis=0, dtype=np.float64).astype(np.float32)
    train = np.flatnonzero(folds == "train")
    labels = np.asarray(dataset.labels)[train]
    if unseen is not None:
        labels = np.where(unseen, np.nan, labels)
    # A track without a training label has no mean, and is predicted as 0.
    mean, thresholds = np.nan_to_num(means(labels)).astype(np.float32), cut.thresholds(labels)
    distances = profile_distances.distances(dataset, runs, train, TRACK_MEAN)
    made = []
    for name in names:
        rows = np.flatnonzero(folds == name)
        if len(rows):
            own = {key: predicted[rows] for key, predicted in values.items()}
            own[TRACK_MEAN, MEAN] = np.broadcast_to(mean, (len(rows), len(mean)))
            above = None if thresholds is None else np.broadcast_to(thresholds, (len(rows), len(mean)))
            apart = {key: values[rows] for key, values in distances.items()}
            made.append(Fold(runs[0].split, name, rows, own, above, train, apart))
    return made


def _joined(name, folds):
    """The test folds of several splits as one; None where a region is in two of them, or a model lacks in one."""
    rows = np.concatenate([fold.rows for fold in folds])
    if len(np.unique(rows)) < len(rows):
        print(
            f"{name}: test folds of {', '.join(fold.split for fold in folds)} share regions: not pooled",
            file=sys.stderr,
        )
        return None
    order = np.argsort(rows)
    values, distances = (_stacked([getattr(fold, name) for fold in folds], order) for name in ("values", "distances"))
    above = None if folds[0].thresholds is None else np.concatenate([fold.thresholds for fold in folds])[order]
    return Fold(name, "test", rows[order], values, above, None, distances)


def _stacked(parts, order):
    """Arrays of several folds below each other, of what all of them have, in another order of their rows."""
    shared = [key for key in parts[0] if all(key in part for part in parts)]
    return {key: np.concatenate([part[key] for part in parts])[order] for key in shared}
