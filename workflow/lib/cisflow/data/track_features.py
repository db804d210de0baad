"""Vectors of tracks, from which a head predicts tracks that no training saw; and tracks that a split holds out."""

from typing import NamedTuple

import numpy as np

from cisflow.errors import InputError, listing
from cisflow.io.tables import read_rows, refuse_duplicates

# Marks of a track in tables: its labels trained, chose the epoch, or did neither.
SEEN, VALIDATED, UNSEEN = "seen", "validated", "unseen"
STATES = (SEEN, VALIDATED, UNSEEN)


class TrackFeatures(NamedTuple):
    """features : f names. tracks : t names. values : (t, f) float64, finite."""

    features: list
    tracks: list
    values: np.ndarray


def read(path, targets=None):
    """TrackFeatures of a table with the column `track` and a column a feature.

    Parameters
    ----------
    targets : names whose rows are taken, in their order; all rows without it.

    Raises
    ------
    InputError : the file is no table, names a track twice, has no feature, a number that is not finite, or no row of
        a target.
    """
    rows, columns = read_rows(path, ["track"])
    tracks = columns.pop("track")
    refuse_duplicates(path, tracks, rows)
    if not columns:
        raise InputError(f"{path}: found the column track alone; expected a column for each feature beside it")
    values = np.empty((len(tracks), len(columns)))
    for place, (name, texts) in enumerate(columns.items()):
        for row, (number, text) in enumerate(zip(rows, texts, strict=True)):
            values[row, place] = _number(path, number, name, text)
    found = TrackFeatures(list(columns), tracks, values)
    if targets is None:
        return found
    if missing := [name for name in targets if name not in set(tracks)]:
        raise InputError(f"{path}: no row of track '{missing[0]}'; expected one of each of the {len(targets)} tracks")
    order = [tracks.index(name) for name in targets]
    return TrackFeatures(found.features, list(targets), values[order])


def scales(values, seen):
    """(centre (f,), scale (f,)) float64 of vectors (t, f): mean, and 1 / standard deviation, over the tracks that are
    `seen`, (t,) bool.

    The scale of a feature that is the same in all of them is 0: nothing can be learned of it.
    """
    known = np.asarray(values, dtype=np.float64)[np.asarray(seen, dtype=bool)]
    spread = known.std(axis=0)
    constant = spread <= 1e-12 * np.abs(known).max(axis=0, initial=0)
    return known.mean(axis=0), np.where(constant, 0, 1 / np.where(constant, 1, spread))


def _number(path, row, name, text):
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InputError(f"{path}: row {row}: {name} is '{text}', expected a finite number")
    return value


def states(held, targets, where):
    """(t,) of STATES: what each track is to a training that holds some out.

    Parameters
    ----------
    held : {fold: names}, of `valid` and `test`; of a fold that is absent, none.

    Raises
    ------
    InputError : another fold, a name that is no target or is in both folds, or no track is left.
    """
    if unknown := sorted(set(held) - {"valid", "test"}):
        raise InputError(f"{where}: tracks of fold '{unknown[0]}'; expected valid and test")
    found = np.full(len(targets), SEEN, dtype=object)
    for fold, state in (("valid", VALIDATED), ("test", UNSEEN)):
        for name in held.get(fold) or ():
            if name not in targets:
                raise InputError(f"{where}: no track '{name}'; expected some of {listing(targets, 12)}")
            if found[targets.index(name)] != SEEN:
                raise InputError(f"{where}: track '{name}' is held out twice; expected once")
            found[targets.index(name)] = state
    if not (found == SEEN).any():
        raise InputError(f"{where}: all {len(targets)} tracks are held out; expected some that train")
    return found


def masked(dataset, folds, held, where):
    """The dataset without the labels that a split keeps from training, and which tracks train, (t,) bool.

    Windows that train have those of the tracks that are not held out; windows that validate have those of the tracks
    to validate on where the split names some, or else the same. Labels of the test fold stay: nothing reads them here.
    """
    found = states(held, dataset.targets, where)
    seen, validated = found == SEEN, found == VALIDATED
    labels = np.array(dataset.labels, dtype=np.float32)
    for fold, known in (("train", seen), ("valid", validated if validated.any() else seen)):
        labels[np.ix_(folds == fold, ~known)] = np.nan
    return dataset._replace(labels=labels), seen
