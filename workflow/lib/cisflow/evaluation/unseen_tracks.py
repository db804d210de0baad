"""Tracks that no training saw, predicted from their vectors: against what is known without a model of vectors.

Three others predict the same track: the seen track whose vector is nearest, the seen track that is most like it over
the training regions (which needs labels of the track that is not known: no method, but a bound on all that copy a seen
track), and the mean of the seen tracks. Each is taken as predicted by the same network, and as measured in the test
regions themselves.
"""

import zlib

import numpy as np
import pandas as pd

from cisflow.data.track_features import SEEN, STATES, scales, states
from cisflow.evaluation import axes, matrix, statistics
from cisflow.evaluation.predictions import ENSEMBLE
from cisflow.evaluation.tracks import tracks_of

METRICS = ("pearson", "spearman", "rmse")
MODEL = "model"
NEAREST, ALIKE, MEAN_TRACK = "nearest_vector", "nearest_correlation", "mean_track"
OTHERS = (NEAREST, ALIKE, MEAN_TRACK)
PREDICTED, MEASURED = "predicted", "measured"
# Two tracks of the same vector have the same prediction, but for the rounding of float32.
TIE = 1e-5
_PLACE = ("dataset", "split", "model", "seed", "fold", "modality", "tracks")
COLUMNS = (*_PLACE, *("track", "predictor", "of", "nearest", "distance", "metric", "value", "lower", "upper", "n"))
COMPARED = (
    *_PLACE,
    *("predictor", "of", "metric", "mean_model", "mean_other", "difference", "lower", "upper", "wins", "n"),
)


def distances(values, seen):
    """(t, t) float64 between vectors (t, f), standardised by those of the tracks that are seen; Euclidean."""
    centre, scale = scales(values, seen)
    rows = (values - centre) * scale
    squares = (rows**2).sum(axis=1)
    return np.sqrt(np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0))


def likeness(labels):
    """(t, t) Pearson's correlation of labels (n, t) over the rows that both tracks have; -inf where it is undefined."""
    known = np.isfinite(labels)
    found = np.empty((labels.shape[1],) * 2)
    for track in range(labels.shape[1]):
        both = known & known[:, [track]]
        own = np.broadcast_to(labels[:, [track]].T, labels.T.shape)
        found[track] = axes.correlations(np.where(both.T, own, 0), np.where(both.T, labels.T, 0), both.T)
    return np.where(np.isfinite(found), found, -np.inf)


def chosen(closeness, seen):
    """(t,) int: for each track the seen track, other than itself, of the largest closeness (t, t); -1 without any."""
    open_ = np.where(seen[None, :] & ~np.eye(len(seen), dtype=bool), closeness, -np.inf)
    best = open_.argmax(axis=1)
    return np.where(np.isfinite(open_.max(axis=1)), best, -1)


def others(values, places, seen):
    """{predictor: (n, t)} of what others than the model say of each track, from values (n, t) of the tracks.

    Parameters
    ----------
    places : {predictor: (t,) int}, of `chosen`, -1 = none. seen : (t,) bool.
    """
    found = {}
    for name, place in places.items():
        found[name] = np.where(place >= 0, values[:, place], np.nan)
    # A seen track is no part of the mean that predicts it.
    weight = seen[:, None] & ~np.eye(len(seen), dtype=bool)
    known = np.isfinite(values)
    total = np.where(known, values, 0.0) @ weight
    found[MEAN_TRACK] = statistics.ratio(total, known.astype(float) @ weight)
    return found


def evaluate(name, runs, dataset, features, held, seed, n_resamples):
    """(frame of COLUMNS, frame of COMPARED) of all runs on splits that hold tracks out, on regions of the test fold.

    Intervals of a correlation are Fisher's; those of a mean difference are percentiles of a bootstrap over tracks,
    which are often alike, so that they are narrower than the truth. `wins` counts the tracks that the model predicts
    better.

    Parameters
    ----------
    name : of the dataset. runs : list of runs.Run. dataset : dataset.Dataset.
    features : track_features.TrackFeatures of its targets. held : {split: {fold: names}}.
    seed, n_resamples : of the bootstrap.
    """
    rows, compared = [], []
    for split, own in held.items():
        state = states(own, dataset.targets, f"split '{split}'")
        values, folds = _predictions([run for run in runs if run.split == split], dataset)
        if folds is None:
            continue
        labels, test = np.asarray(dataset.labels, dtype=np.float64), np.flatnonzero(folds == "test")
        for modality, part in tracks_of(dataset).groupby("modality", sort=False):
            columns = part.index.to_numpy()
            seen = state[columns] == SEEN
            if not seen.any():
                continue
            apart = distances(features.values[columns], seen)
            alike = likeness(labels[np.ix_(folds == "train", columns)])
            places = {NEAREST: chosen(-apart, seen), ALIKE: chosen(alike, seen)}
            truth = labels[np.ix_(test, columns)]
            measured = others(truth, places, seen)
            for (model, number), predicted in values.items():
                p = predicted[np.ix_(test, columns)].astype(np.float64)
                known = {(MODEL, PREDICTED): p}
                known |= {(other, PREDICTED): found for other, found in others(p, places, seen).items()}
                known |= {(other, MEASURED): found for other, found in measured.items()}
                scores = {key: _scores(truth, found) for key, found in known.items()}
                place = {"dataset": name, "split": split, "model": model, "seed": number, "fold": "test"}
                place["modality"] = modality
                names = np.asarray(dataset.targets, dtype=object)[columns]
                rows += _rows(place, names, state[columns], places, apart, scores)
                key = zlib.crc32(f"{split}/{model}/{number}/{modality}".encode())
                rng = np.random.default_rng([seed, key])
                compared += _compared(place, state[columns], scores, n_resamples, rng)
    return pd.DataFrame(rows, columns=list(COLUMNS)), pd.DataFrame(compared, columns=list(COMPARED))


def _predictions(runs, dataset):
    """({(model, seed): (n, t)}, the mean of the seeds of a model included; folds (n,), None without runs)."""
    values, folds = {}, None
    for run in runs:
        folds, values[run.model, str(run.seed)] = matrix.read(
            run.predictions, dataset.ids, dataset.targets, dataset.task
        )
    for model in dict.fromkeys(run.model for run in runs):
        seeds = [found for (other, _), found in values.items() if other == model]
        if len(seeds) > 1:
            values[model, ENSEMBLE] = np.mean(seeds, axis=0, dtype=np.float64).astype(np.float32)
    return values, folds


def _scores(truth, predicted):
    """{metric: (t,)} and n (t,) of predictions (n, t), over the regions that have both a label and a prediction."""
    y = np.where(np.isfinite(predicted), truth, np.nan).T
    found = axes.metrics(y, np.nan_to_num(predicted).T, METRICS)
    return found | {"n": np.isfinite(y).sum(axis=1)}


def _rows(place, names, state, places, apart, scores):
    for (predictor, of), found in scores.items():
        for metric in METRICS:
            lower = upper = np.full(len(names), np.nan)
            if metric in axes.CORRELATIONS:
                lower, upper = axes.fisher(found[metric], found["n"], metric)
            for track, track_name in enumerate(names):
                near = places[predictor][track] if predictor in places else -1
                yield place | {
                    "tracks": state[track],
                    "track": track_name,
                    "predictor": predictor,
                    "of": of,
                    "nearest": names[near] if near >= 0 else "",
                    "distance": apart[track, near] if near >= 0 else np.nan,
                    "metric": metric,
                    "value": found[metric][track],
                    "lower": lower[track],
                    "upper": upper[track],
                    "n": int(found["n"][track]),
                }


def _compared(place, state, scores, n_resamples, rng):
    """Rows: the model against each other predictor, over the tracks of each state."""
    own = scores[MODEL, PREDICTED]
    for word in STATES:
        tracks = state == word
        if not tracks.any():
            continue
        counts = statistics.resamples(int(tracks.sum()), n_resamples, rng).astype(float)
        for (predictor, of), found in scores.items():
            for metric in METRICS if predictor != MODEL else ():
                a, b = own[metric][tracks], found[metric][tracks]
                both = np.isfinite(a) & np.isfinite(b)
                gain = b - a if metric in axes.LOWER else a - b
                better = gain > TIE
                drawn = statistics.ratio(counts @ np.where(both, a - b, 0), counts @ both.astype(float))
                lower, upper = statistics.interval(drawn)
                means = [np.mean(part[both]) if both.any() else np.nan for part in (a, b, a - b)]
                entry = dict(zip(("mean_model", "mean_other", "difference"), means, strict=True))
                entry |= {"lower": lower, "upper": upper, "wins": int((better & both).sum()), "n": int(both.sum())}
                yield place | {"tracks": word, "predictor": predictor, "of": of, "metric": metric} | entry
