"""What figures read of an evaluation on two axes: values of each track, and of each region, of the test fold."""

import numpy as np

from cisflow.evaluation import track_folds, track_results
from cisflow.evaluation.predictions import ENSEMBLE, MEAN
from cisflow.evaluation.tracks import ALL, VARIABLE
from cisflow.io import tables

# What the names of pooled splits begin with.
POOLED = track_folds.POOLED
AXES = {"track": "each track, across regions", "region": "each region, across tracks"}


def read(path, metric="pearson"):
    """The rows of a metric on the test fold: of the mean prediction of the seeds, where a model has several.

    Of the splits the pooled ones alone, where there are any.
    """
    frame = tables.matching(track_results.read(path), fold="test", metric=metric)
    pooled = frame["split"].str.startswith(POOLED)
    frame = frame[pooled] if pooled.any() else frame
    several = set(frame.loc[frame["seed"] == ENSEMBLE, "model"])
    wanted = np.where(frame["model"].isin(several), ENSEMBLE, MEAN)
    return frame[frame["seed"] == wanted].reset_index(drop=True)


def single(frame, axis):
    """Rows of single units of an axis: of all tracks of a modality together, where it has several classes."""
    rows = frame[(frame["axis"] == axis) & ~frame["unit"].isin([MEAN, VARIABLE]) & frame["value"].notna()]
    rows = rows[~rows["unit"].str.contains(r", mean of \d+ replicates$", regex=True)]
    return rows if axis == "track" else of_all_tracks(rows)


def means(frame, axis):
    """Rows of the means over units of an axis, of the same tracks as `single`."""
    return of_all_tracks(frame[(frame["axis"] == axis) & (frame["unit"] == MEAN)])


def of_all_tracks(rows):
    """Those rows of each split and modality that are of all its tracks together, where it has such; or else all."""
    whole = rows.groupby(["split", "modality"])["class"].transform(lambda classes: (classes == ALL).any())
    return rows[~whole | (rows["class"] == ALL)]


def ranked(rows):
    """Models by the mean of their values, highest first; names break ties."""
    values = rows.groupby("model")["value"].mean()
    return sorted(values.index, key=lambda model: (-values[model], model))
