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


class Fit(NamedTuple):
    """A fitted classifier.

    text : the model as text (JSON for logistic regression, LightGBM's own format).
    probability : (n,) float64, for every row of the features.
    weights : (f,) float64, coefficient per standard deviation of a feature, or number of splits.
    chosen : what the validation fold decided (C, or the number of trees).
    """

    text: str
    probability: np.ndarray
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


def load(dataset_folder, features_folder, groups=None):
    """(Dataset of one target, its Features): what a classifier is fitted to.

    Strands that the features keep apart are rows of their own, next to each other.

    Raises
    ------
    InputError : files disagree, the dataset has several targets or labels that are no classes, or a group has no
        feature.
    """
    dataset = datasets.read(dataset_folder)
    if dataset.task.classes != (0, 1):
        raise InputError(
            f"{dataset_folder}/targets.tsv: task {dataset.task.name}; a classifier on features expects task binary"
        )
    if len(dataset.targets) != 1:
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
