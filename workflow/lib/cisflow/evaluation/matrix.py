"""A long predictions.tsv as a matrix of windows and targets, read a block of rows at a time."""

import numpy as np
import pandas as pd

from cisflow.data.dataset import FOLDS
from cisflow.errors import InputError, listing

# Rows of the file in memory.
ROWS = 1 << 17


def read(path, ids, targets, task):
    """(folds (n,) str, predictions (n, t) float32) of a predictions.tsv, in the order of a dataset.

    Parameters
    ----------
    ids : (n,) str, all windows of the dataset. targets : t names. task : tasks.task.Task.

    Raises
    ------
    InputError : the file is absent or no table; an id, target or fold that the dataset has not; a prediction that is
        no finite number; a window and target that occur twice or not at all; a window in two folds.
    """
    index, columns = pd.Index(ids), pd.Index(targets)
    values = np.full((len(ids), len(targets)), np.nan, dtype=np.float32)
    folds = np.full(len(ids), -1, dtype=np.int8)
    used = ["id", "fold", "target", task.predicted]
    first = 2
    try:
        with pd.read_csv(
            path, sep="\t", usecols=used, dtype=dict.fromkeys(used, str), keep_default_na=False, chunksize=ROWS
        ) as reader:
            for part in reader:
                rows = _places(path, first, "id", part["id"], index, "an id of the dataset")
                places = _places(path, first, "target", part["target"], columns, f"one of {listing(targets)}")
                fold = _places(path, first, "fold", part["fold"], pd.Index(FOLDS), ", ".join(FOLDS))
                numbers = pd.to_numeric(part[task.predicted], errors="coerce").to_numpy(dtype=np.float32)
                _refuse(path, first, ~np.isfinite(numbers), part[task.predicted], task.predicted, "a finite number")
                again = np.isfinite(values[rows, places]) | pd.Series(rows * len(targets) + places).duplicated()
                _refuse(path, first, again, part["id"], "id", "each id and target once; it repeats an earlier row")
                values[rows, places] = numbers
                moved = (folds[rows] >= 0) & (folds[rows] != fold)
                folds[rows] = fold
                moved |= folds[rows] != fold
                _refuse(path, first, moved, part["fold"], "fold", "that of the other rows of its id")
                first += len(part)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (ValueError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{path}: not a table with columns {listing(used)}: {error}") from error
    absent = np.argwhere(np.isnan(values))
    if len(absent):
        row, column = absent[0]
        raise InputError(f"{path}: no row of id '{ids[row]}' and target '{targets[column]}', expected one")
    return np.array(FOLDS, dtype=object)[folds], values


def _places(path, first, name, texts, index, expected):
    places = index.get_indexer(texts)
    _refuse(path, first, places < 0, texts, name, expected)
    return places


def _refuse(path, first, bad, values, name, expected):
    """InputError for the first row where `bad` holds; `first` is the line of the first value."""
    places = np.flatnonzero(bad)
    if len(places):
        raise InputError(f"{path}: row {first + places[0]}: {name} is '{values.iloc[places[0]]}', expected {expected}")
