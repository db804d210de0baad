"""The predictions of one model, read and checked, and those of several models on the same rows."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from cisflow.data import transforms
from cisflow.data.dataset import FOLDS, MEAN
from cisflow.errors import InputError, listing
from cisflow.io.tables import read_table

# One prediction a sequence, the mean of the predictions that all seeds give it.
ENSEMBLE = "ensemble"
# One row a sequence, or its forward and its reverse strand as rows of their own, as was published.
AVERAGED, SEPARATE = "averaged", "separate"
# Column of predictions in the unit of their file.
ORIGINAL = "original"


class Predictions(NamedTuple):
    """One predictions.tsv, ids sorted. folds (n,) str; labels (t, n), NaN where missing.

    values : {"averaged": (1, t, n), "separate": (2, t, n)}: predictions of both strands as one, and of the forward and
    the reverse one; a file without single strands, or with the forward one alone, has no `separate`.
    """

    path: str
    ids: np.ndarray
    folds: np.ndarray
    targets: list
    labels: np.ndarray
    values: dict


def table(dataset, folds, forward, reverse, predicted):
    """predictions.tsv: frame of one row per window and target, in columns that the dataset's task names.

    Parameters
    ----------
    dataset : dataset.Dataset of n windows and t targets. folds : (n,) fold of each window.
    forward, reverse : predictions (n, t) of each strand, or None.
    predicted : predictions (n, t) that count. Where the numbers of the dataset were transformed, `original` is the
        prediction in the unit of its file.
    """
    n, t = dataset.labels.shape
    empty = np.full((n, t), np.nan)
    frame = pd.DataFrame(
        {
            "id": np.repeat(dataset.ids, t),
            "fold": np.repeat(folds, t),
            "target": np.tile(dataset.targets, n),
            dataset.task.truth: dataset.task.column(dataset.labels.ravel()),
            "forward": (empty if forward is None else forward).ravel(),
            "reverse": (empty if reverse is None else reverse).ravel(),
            dataset.task.predicted: predicted.ravel(),
        }
    )
    if dataset.transforms:
        frame[ORIGINAL] = transforms.undo(dataset.transforms, dataset.modalities, predicted).ravel()
    return frame


def read(path, task):
    """Read a predictions.tsv as Predictions.

    Parameters
    ----------
    task : tasks.task.Task, whose columns and ranges the file has.

    Raises
    ------
    InputError : a fold other than train, valid, test; a label that the task does not have; a prediction out of its
        range; an id and target that occur twice or not at all; an id in two folds; a target named like the macro mean;
        single strands in some rows only.
    """
    frame = _checked_rows(path, task)
    place, ids = pd.factorize(frame["id"], sort=True)
    row, targets = pd.factorize(frame["target"])
    if len(targets) > 1 and MEAN in targets:
        raise InputError(f"{path}: a target is named '{MEAN}', expected another name: it stands for the macro mean")
    cell = pd.Series(row * len(ids) + place)
    _refuse(path, cell.duplicated(), frame["id"], "target and id repeat an earlier row, id is", "one row for both")
    held = np.zeros((len(targets), len(ids)), dtype=bool)
    held[row, place] = True
    if not held.all():
        target, index = np.argwhere(~held)[0]
        raise InputError(f"{path}: no row of id '{ids[index]}' and target '{targets[target]}', expected one")
    folds = np.empty(len(ids), dtype=object)
    folds[place] = frame["fold"]
    _refuse(path, frame["fold"] != folds[place], frame["id"], "fold differs in other rows of id", "one fold per id")
    labels = np.empty(held.shape)
    labels[row, place] = frame[task.truth]
    columns = {AVERAGED: [task.predicted], SEPARATE: ["forward", "reverse"]}
    if frame["reverse"].isna().all():
        del columns[SEPARATE]
    values = {strands: np.empty((len(names), *held.shape)) for strands, names in columns.items()}
    for strands, names in columns.items():
        values[strands][:, row, place] = frame[names].to_numpy().T
    return Predictions(str(path), np.asarray(ids), folds, list(targets), labels, values)


def _checked_rows(path, task):
    """The columns of a predictions.tsv that count, each value checked by itself (InputError)."""
    columns = ["id", "fold", "target", task.truth, "forward", "reverse", task.predicted]
    frame = read_table(path, columns, text=("id", "fold", "target"))[columns]
    if frame.empty:
        raise InputError(f"{path}: no rows, expected one per id and target")
    for name in columns[3:]:
        numbers = pd.to_numeric(frame[name], errors="coerce")
        _refuse(path, numbers.isna() & frame[name].notna(), frame[name], f"{name} is", "a number")
        frame[name] = numbers.astype(float)
    for name in ("id", "target"):
        _refuse(path, frame[name] == "", frame[name], f"{name} is", "a name")
    _refuse(path, ~frame["fold"].isin(FOLDS), frame["fold"], "fold is", ", ".join(FOLDS))
    labels = frame[task.truth]
    _refuse(path, labels.notna() & ~task.valid(labels), labels, f"{task.truth} is", task.expected)
    # A network of the forward strand has that one alone; the reverse one never comes without it.
    single = {"reverse": ("forward", "reverse"), "forward": ("forward",)}
    held = next((single[name] for name in single if frame[name].notna().any()), ())
    lowest, highest = task.range or (-np.inf, np.inf)
    expected = f"a number from {lowest} to {highest}" if task.range else "a finite number"
    for name in (task.predicted, *held):
        possible = frame[name].between(lowest, highest) & np.isfinite(frame[name])
        _refuse(path, ~possible, frame[name], f"{name} is", expected)
    return frame


def _refuse(path, bad, values, what, expected):
    """InputError for the first row where `bad` holds; rows count as lines do, the header is row 1."""
    places = np.flatnonzero(bad)
    if len(places):
        found = values.iloc[places[0]]
        found = "empty" if found == "" or pd.isna(found) else f"'{found}'"
        raise InputError(f"{path}: row {places[0] + 2}: {what} {found}, expected {expected}")


def aligned(reference, other):
    """`other` with the targets in the order of `reference`.

    Raises
    ------
    InputError : the two files differ in ids, targets, folds or labels; names both and the first difference by id.
    """
    both = f"{reference.path} and {other.path} are predictions of one split but"
    unshared = sorted(set(reference.ids) ^ set(other.ids))
    if unshared:
        where = reference.path if unshared[0] in set(reference.ids) else other.path
        raise InputError(f"{both} differ in their ids: '{unshared[0]}' is in {where} only")
    if sorted(reference.targets) != sorted(other.targets):
        raise InputError(
            f"{both} differ in their targets: {listing(reference.targets)} against {listing(other.targets)}"
        )
    order = [other.targets.index(target) for target in reference.targets]
    values = {strands: part[:, order] for strands, part in other.values.items()}
    other = other._replace(targets=reference.targets, labels=other.labels[order], values=values)
    for name, left, right in (("fold", reference.folds, other.folds), ("label", reference.labels.T, other.labels.T)):
        same = (left == right) | ((left != left) & (right != right))
        if not same.all():
            place = tuple(np.argwhere(~same)[0])
            target = f" and target '{reference.targets[place[1]]}'" if len(place) > 1 else ""
            raise InputError(
                f"{both} differ in the {name} of id '{reference.ids[place[0]]}'{target}: "
                f"{left[place]} against {right[place]}"
            )
    return other
