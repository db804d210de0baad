"""What classifiers are fitted to and give: features of a dataset, read from their memory map, and a fit.

A feature array can be larger than memory: it is read from its memory map, a chunk of rows at a time.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from cisflow.data import dataset as datasets
from cisflow.errors import InputError, listing
from cisflow.features import arrays as features

# Values of a chunk (64 MiB as float32), and of an array that is kept as float32 instead of read in every pass (1 GiB).
CHUNK, KEPT = 1 << 24, 1 << 28
_EXTREMES = ((np.min, np.inf), (np.max, -np.inf))


class Fit(NamedTuple):
    """A fitted classifier.

    text : the model as text (JSON of linear models, LightGBM's own format, or JSON of several of these).
    predicted : (n,) float64, for every row of the features: a probability; of numbers (n, t).
    weights : (f,) float64, coefficient per standard deviation of a feature, or number of splits; of numbers (f, t).
    chosen : what the validation fold decided (C, or the number of trees).
    """

    text: str
    predicted: np.ndarray
    weights: np.ndarray
    chosen: dict


class Features(NamedTuple):
    """Columns of a feature array.

    values : (n, all) float16, a memory map. columns : (f,) int. names : (f,) str.
    strands : consecutive rows that are of one window: 1, or 2 for its forward and its reverse strand.
    """

    values: np.ndarray
    columns: np.ndarray
    names: np.ndarray
    strands: int = 1

    def take(self, rows, dtype=np.float32):
        """(m, f) of the rows (m,) int or a slice."""
        block = self.values[rows]
        whole = len(self.columns) == self.values.shape[1]
        return np.asarray(block if whole else block[..., self.columns], dtype=dtype)


class Chunks:
    """Rows (m,) of Features as float32: iterate for (slice of the rows, (k, f) array).

    Each pass reads the memory map anew, in `threads` threads, and holds one chunk (CHUNK values, or one row a thread
    if that is more); rows of at most KEPT values in all are read once and kept.
    """

    def __init__(self, source, rows, threads=1):
        self.source, self.rows, self.threads = source, rows, threads
        self.step = max(1, threads, CHUNK // len(source.columns))
        self.kept = None
        if len(rows) * len(source.columns) <= KEPT:
            self.kept = self._read(slice(0, len(rows)))

    def __iter__(self):
        for start in range(0, len(self.rows), self.step):
            part = slice(start, min(start + self.step, len(self.rows)))
            yield part, self._read(part) if self.kept is None else self.kept[part]

    def _read(self, part):
        rows = self.rows[part]
        chunk = np.empty((len(rows), len(self.source.columns)), dtype=np.float32)
        edges = np.linspace(0, len(rows), self.threads + 1).astype(int)

        def fill(start, end):
            chunk[start:end] = self.source.take(rows[start:end])

        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(fill, edges[:-1], edges[1:]))
        return chunk


def load(dataset_folder, features_folder, groups=None, tasks=("binary",)):
    """(Dataset, its Features): what a classifier is fitted to.

    Strands that the features keep apart are rows of their own, next to each other.

    Parameters
    ----------
    tasks : names of the tasks that the classifier has.

    Raises
    ------
    InputError : files disagree, the dataset has another task, or several targets of two classes, or a group has no
        feature.
    """
    dataset = datasets.read(dataset_folder)
    if dataset.task.name not in tasks:
        raise InputError(
            f"{dataset_folder}/targets.tsv: task {dataset.task.name}; the classifier expects task {' or '.join(tasks)}"
        )
    if dataset.task.classes and len(dataset.targets) != 1:
        raise InputError(
            f"{dataset_folder}/targets.tsv: {len(dataset.targets)} targets ({listing(dataset.targets)}); "
            "a classifier on features expects one"
        )
    ids, values, columns, names = features.load_columns(features_folder, groups)
    if not np.array_equal(ids, dataset.ids):
        raise InputError(f"{features_folder}/ids.tsv: its windows are not those of {dataset_folder}/windows.tsv")
    strands = values.shape[1] if values.ndim == 3 else 1
    # A view: the array stays on the disk.
    return dataset, Features(values.reshape(-1, values.shape[-1]), columns, names, strands)


def labelled_rows(y, folds):
    """Labelled rows of the training and of the validation fold (InputError: one lacks a class)."""
    known = ~np.isnan(y)
    train, valid = (np.flatnonzero(known & (folds == fold)) for fold in ("train", "valid"))
    for fold, rows in (("train", train), ("valid", valid)):
        if len(np.unique(y[rows])) < 2:
            raise InputError(f"fold {fold}: {len(rows)} labelled rows, not of both classes; expected both")
    return train, valid


def measured_rows(y, folds):
    """Rows of the training and of the validation fold that have a label of some target.

    Parameters
    ----------
    y : (n, t), NaN where missing.

    Raises
    ------
    InputError : a target without two distinct labels in a fold.
    """
    found = []
    for fold in ("train", "valid"):
        rows = np.flatnonzero((folds == fold) & np.isfinite(y).any(axis=1))
        labels = y[rows]
        lowest, highest = (each(labels, axis=0, initial=edge, where=np.isfinite(labels)) for each, edge in _EXTREMES)
        if (constant := np.flatnonzero(~(lowest < highest))).size:
            raise InputError(
                f"fold {fold}: target number {constant[0] + 1} of {y.shape[1]} has fewer than two distinct values in "
                f"{len(rows)} rows, expected at least two"
            )
        found.append(rows)
    return found


def moments(chunks, width):
    """(mean (f,), standard deviation (f,), 1 where it is zero) by chunks (Chan, Golub and LeVeque 1983)."""
    count, mean, squares = 0, np.zeros(width), np.zeros(width)
    for _, x in chunks:
        own = x.mean(axis=0, dtype=np.float64)
        centred = x - own.astype(np.float32)
        gap, total = own - mean, count + len(x)
        squares += np.einsum("ij,ij->j", centred, centred) + gap**2 * count * len(x) / total
        mean += gap * len(x) / total
        count = total
    scale = np.sqrt(squares / count)
    return mean, np.where(scale > 0, scale, 1.0)
