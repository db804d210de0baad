"""Predicted profiles against those that were counted: the Jensen-Shannon distance of each region, track by track."""

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.evaluation import axes, matrix, statistics
from cisflow.evaluation.predictions import MEAN
from cisflow.evaluation.track_folds import TRACK_MEAN
from cisflow.io.arrays import read_array

METRIC = "jensen_shannon"
# Regions in memory.
BLOCK = 1024


def frame(name, runs, dataset, tracks, folds, seed, n_resamples):
    """Rows of tracks.tsv (as of `tracks.COLUMNS`) of the runs that predicted profiles, axis "track".

    The value of a track is the mean distance over the regions of a fold that have counts; that of `mean` the mean over
    tracks, with the percentile interval of a bootstrap over tracks. `track_mean` predicts every region by the mean
    profile of the training fold's regions, each divided by its total.

    Parameters
    ----------
    name : of the dataset. runs : list of runs.Run. dataset : dataset.Dataset. tracks : frame of its tracks.
    folds : names of those to evaluate. seed, n_resamples : of the bootstrap.

    Raises
    ------
    InputError : profiles of another shape than the dataset's, or what `matrix.read` refuses.
    """
    shape = None if dataset.profiles is None else dataset.profiles.shape
    with_profiles = [run for run in runs if shape is not None and run.profiles.exists()]
    rows = []
    for split in dict.fromkeys(run.split for run in with_profiles):
        found, fold_of = {}, None
        for run in tqdm([run for run in with_profiles if run.split == split], desc=f"profiles of {split}", unit="run"):
            if fold_of is None:
                fold_of = matrix.read(run.predictions, dataset.ids, dataset.targets, dataset.task)[0]
                expected = _mean_profile(dataset.profiles, np.flatnonzero(fold_of == "train"))
                found[TRACK_MEAN, MEAN] = np.broadcast_to(expected, shape)
            found[run.model, str(run.seed)] = read_array(run.profiles, np.float16, shape, mmap=True)
        for fold in folds:
            places = np.flatnonzero(fold_of == fold)
            distances = {key: _distances(dataset.profiles, values, places) for key, values in found.items()}
            names = {"dataset": name, "split": split, "fold": fold}
            rows += _rows(names, _with_means(distances), tracks, np.random.default_rng(seed), n_resamples)
    return pd.DataFrame(rows)


def _mean_profile(profiles, places):
    """(t, bins) mean of the profiles of some regions, each divided by its total; uniform where none has counts."""
    total, count = np.zeros(profiles.shape[1:]), np.zeros((profiles.shape[1], 1))
    for start in range(0, len(places), BLOCK):
        part = np.asarray(profiles[places[start : start + BLOCK]], dtype=np.float64)
        sums = part.sum(axis=2, keepdims=True)
        known = np.isfinite(sums) & (sums > 0)
        total += np.where(known, part / np.where(known, sums, 1), 0).sum(axis=0)
        count += known.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), 1 / profiles.shape[2])


def _distances(profiles, predicted, places):
    """(m, t) float64 of some regions; NaN where nothing was counted."""
    parts = [places[start : start + BLOCK] for start in range(0, len(places), BLOCK)]
    found = [axes.jensen_shannon(profiles[part], predicted[part]) for part in parts]
    return np.concatenate(found) if found else np.empty((0, profiles.shape[1]))


def _with_means(distances):
    """The same with the mean over seeds of each model."""
    models = dict.fromkeys(model for model, seed in distances if seed != MEAN)
    means = {
        (model, MEAN): np.mean([values for (other, seed), values in distances.items() if other == model], axis=0)
        for model in models
    }
    return distances | means


def _rows(names, distances, tracks, rng, n_resamples):
    counts = statistics.resamples(len(tracks), n_resamples, rng)
    rows = []
    for (model, seed), values in distances.items():
        known = np.isfinite(values)
        means = statistics.ratio(np.where(known, values, 0).sum(axis=0), known.sum(axis=0))
        common = names | {"model": model, "seed": seed, "axis": "track", "metric": METRIC}
        for modality, part in tracks.groupby("modality", sort=False):
            own = part.index.to_numpy()
            for place in own:
                unit = {"class": tracks["class"][place] or "all", "unit": tracks["target"][place]}
                rows.append(
                    common | {"modality": modality} | unit | {"value": means[place], "n": known[:, place].sum()}
                )
            there = own[np.isfinite(means[own])]
            drawn = statistics.ratio(counts[:, there] @ means[there], counts[:, there].sum(axis=1).astype(float))
            lower, upper = statistics.interval(drawn)
            value = means[there].mean() if len(there) else np.nan
            entry = {"class": "all", "unit": MEAN, "value": value, "lower": lower, "upper": upper, "n": len(there)}
            rows.append(common | {"modality": modality} | entry)
    return rows
