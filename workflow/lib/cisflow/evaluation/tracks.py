"""Tables of numbers on two axes: of each track across regions, and of each region across the tracks of a class.

The two may disagree: a model that knows which regions are high is right of every track, and may know nothing of what
tells tracks apart. An entry of a table is of a unit, a track or a region, or of the mean over units.
"""

import zlib
from collections import defaultdict
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.data.dataset import ONLY, TRACKS
from cisflow.data.track_features import SEEN, STATES, states
from cisflow.errors import InputError
from cisflow.evaluation import axes, ceilings, similarity, statistics, track_comparisons, track_folds
from cisflow.evaluation.predictions import ENSEMBLE, MEAN
from cisflow.evaluation.statistics import Average
from cisflow.evaluation.track_folds import TRACK_MEAN

FOLDS = ("valid", "test")
# All tracks of a modality, where they have several classes or none.
ALL = "all"
# Rows of single regions are of these alone, and of the test fold: there may be many.
OF_REGIONS = ("pearson", "spearman", "rmse", "jensen_shannon")
# The regions that differ most between the tracks of a class: a tenth of those of the fold.
VARIABLE = "mean of the most variable tenth"
SHARE = 0.1
# Two sums of the same correlation differ by less.
ROUNDING = 1e-9
COLUMNS = (
    *("dataset", "split", "model", "seed", "fold", "modality", "class", "axis", "unit", "metric", "value", "lower"),
    *("upper", "n", "null", "p_null", "ceiling", "share"),
)


class Group(NamedTuple):
    """Tracks that are evaluated together. columns : (k,) int. own : whether it is the class of its tracks."""

    modality: str
    name: str
    columns: np.ndarray
    own: bool


class Scores(NamedTuple):
    """Units of one axis, group and fold.

    units : (u,) names. values : {(model, seed): {metric: (u,)}}, seed `mean` included. nulls : the same of (b, u), of
    CORRELATIONS. n : (u,) int members with a label. ceiling : {metric: (u,)}. variable : (u,) bool of regions, or the
    values of tracks over variable regions alone, as `values`.
    """

    units: np.ndarray
    values: dict
    nulls: dict
    n: np.ndarray
    ceiling: dict
    variable: object


def groups_of(dataset, state=None):
    """The Groups of a dataset: each class of each modality, and all tracks of a modality of several classes.

    Parameters
    ----------
    state : (t,) of track_features.STATES, what the tracks are to a training that holds some out; each group is then one
        of the tracks that trained, and one of those that did not.
    """
    tracks = tracks_of(dataset)
    found = []
    for modality, part in tracks.groupby("modality", sort=False):
        classes = part.groupby("class", sort=False).indices
        rows = part.index.to_numpy()
        found += [Group(modality, name or ALL, rows[places], True) for name, places in classes.items()]
        if len(classes) > 1 and "" not in classes:
            found.append(Group(modality, ALL, rows, False))
    return found if state is None else [part for group in found for part in _divided(group, state)]


def _divided(group, state):
    """A Group as one of the tracks of each state, where there are such."""
    for word in STATES:
        chosen = state[group.columns] == word
        if chosen.any():
            yield group._replace(name=f"{group.name}, tracks {word}", columns=group.columns[chosen])


def tracks_of(dataset):
    """The frame of a dataset's tracks; of one modality where it says nothing of them."""
    if dataset.tracks is not None:
        return dataset.tracks
    empty = {name: "" for name in TRACKS}
    return pd.DataFrame([empty | {"target": name, "modality": ONLY} for name in dataset.targets], columns=list(TRACKS))


def evaluate(name, runs, dataset, seed, n_resamples, n_permutations, cut=None, pools=None, k=15, held=None):
    """The tables of all runs of a dataset of numbers.

    Intervals of a mean are percentiles (2.5, 97.5) of a bootstrap over its units; those of one unit's correlation are
    Fisher's. `null` is the mean of the same number where the predictions of whole regions are permuted within the
    fold, `p_null` the share of permutations that reach the value (one added to both counts). `ceiling` is that of
    replicates, see `ceilings`, and `share` is value / ceiling. Replicates are tracks of their own, each with its own
    prediction; their mean is a unit beside them, `<group>, mean of <k> replicates`, predicted by the mean of their
    predictions, which is in no mean over units. `track_mean` predicts every region by the mean of each track over the
    training fold: across tracks it is the mean profile.

    Parameters
    ----------
    name : of the dataset. runs : list of runs.Run. dataset : dataset.Dataset.
    seed : int, at least 0, fixes resamples and permutations together with the names of split, fold and group.
    n_resamples, n_permutations : int, at least 1. cut : track_folds.Cut for AUROC and AUPRC, which are left out
        without one.
    pools : {name: splits} whose test folds are evaluated as one where they share no region.
    k : length of the k-mers of the similarity of a test region to the training fold.
    held : {split: {fold: names of tracks held out}}; the classes of such a split are two each, of the tracks that
        training saw and of the others.

    Returns
    -------
    dict of the frames `tracks`, `track_comparisons` and `similarity`, with the COLUMNS of their modules.

    Raises
    ------
    InputError : a number out of its range, or predictions that are not as `track_folds.each` expects.
    """
    for option, value, least in (
        ("--seed", seed, 0),
        ("--resamples", n_resamples, 1),
        ("--permutations", n_permutations, 1),
    ):
        if value < least:
            raise InputError(f"{option}: found {value}, expected {least} or more")
    frames, comparisons = [], []
    trained = {}
    state = {split: states(own, dataset.targets, f"split '{split}'") for split, own in (held or {}).items()}
    for pool, splits in (pools or {}).items():
        # Pooled splits hold the same tracks out.
        if splits and splits[0] in state:
            state[pool] = state[splits[0]]
    unseen = {split: own != SEEN for split, own in state.items()}
    for fold in track_folds.each(runs, dataset, cut or track_folds.Cut(), FOLDS, pools or {}, unseen):
        if fold.train is not None:
            trained[fold.split] = fold.train
        labels = np.asarray(dataset.labels)[fold.rows]
        names = {"dataset": name, "split": fold.split, "fold": fold.name}
        for group in tqdm(
            groups_of(dataset, state.get(fold.split)), desc=f"evaluating {fold.split}, {fold.name}", unit="class"
        ):
            for axis in ("track", "region"):
                key = f"{fold.split}/{fold.name}/{group.modality}/{group.name}/{axis}"
                rng = np.random.default_rng([seed, zlib.crc32(key.encode())])
                orders = np.array([rng.permutation(len(labels)) for _ in range(n_permutations)])
                scores = _scores(axis, labels, fold, group, dataset, orders)
                if not len(scores.units):
                    continue
                counts = statistics.resamples(len(scores.units), n_resamples, rng)
                where = names | {"modality": group.modality, "class": group.name, "axis": axis}
                frames += _mean_frames(where, scores, counts)
                if axis == "region" and fold.name == "test" or axis == "track" and group.own:
                    frames += _unit_frames(where, scores, axis)
                if axis == "track" and group.own:
                    frames += _replicate_frames(where, labels, fold, dataset, group)
                if fold.name == "test":
                    drawn = statistics.resamples(len(labels), n_resamples, rng) if axis == "track" else None
                    regions = None if drawn is None else _resampled(labels, fold, group, drawn)
                    comparisons += track_comparisons.rows(where, scores, counts, rng, regions)
    found = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(COLUMNS))
    return {
        "tracks": found,
        "track_comparisons": track_comparisons.table(comparisons),
        "similarity": similarity.table(found, dataset, trained, k),
    }


def _scores(axis, labels, fold, group, dataset, orders):
    """The Scores of a group of tracks on one axis; without units where its correlations are of too few tracks."""
    columns = group.columns
    truth = labels[:, columns]
    variable = most_variable(truth)
    if axis == "region" and len(columns) < axes.LEAST:
        return Scores(np.empty(0, dtype=object), {}, {}, np.empty(0, int), {}, None)
    turned = axis == "track"
    y = truth.T if turned else truth
    above = None if fold.thresholds is None else truth > fold.thresholds[:, columns]
    positive = above.T if turned and above is not None else above
    wanted = axes.METRICS + (axes.AT_CUT if above is not None else ())
    values, nulls, apart = {}, {}, {}
    for run, predicted in fold.values.items():
        p = predicted[:, columns].T if turned else predicted[:, columns]
        if turned and run[0] == TRACK_MEAN and fold.train is None:
            # Of several splits the mean takes a few values, each without a region of its own split: that is no skill.
            p = np.broadcast_to(p.mean(axis=1, keepdims=True), p.shape)
        values[run] = axes.metrics(y, p, wanted, positive)
        if fold.name == "test":
            nulls[run] = axes.nulls(y, p, orders, 1 if turned else 0)
        if turned and variable.any():
            some = None if positive is None else positive[:, variable]
            apart[run] = axes.metrics(y[:, variable], p[:, variable], wanted, some)
        if run in fold.distances:
            found = fold.distances[run][:, columns]
            values[run]["jensen_shannon"] = _means(found.T if turned else found)
            if run in apart:
                apart[run]["jensen_shannon"] = _means(found[variable].T)
    tracks = tracks_of(dataset)
    replicates = ceilings.of_tracks(tracks, columns)
    ceiling = {}
    for metric in axes.CORRELATIONS if replicates else ():
        if turned:
            ceiling[metric] = ceilings.of_each_track(labels, replicates, metric)[columns]
        else:
            ceiling[metric] = ceilings.of_each_region(labels, tracks, replicates, metric)
    units = tracks["target"].to_numpy(dtype=object)[columns] if turned else dataset.ids[fold.rows].astype(object)
    n = np.isfinite(y).sum(axis=1)
    return Scores(
        units, _with_means(values), _with_means(nulls), n, ceiling, _with_means(apart) if turned else variable
    )


def most_variable(labels):
    """(n,) bool: the tenth of the regions, rounded up, whose labels (n, t) vary most between tracks; of equals the
    first. None where no region varies.
    """
    known = np.isfinite(labels)
    count = known.sum(axis=1)
    mean = statistics.ratio(np.where(known, labels, 0).sum(axis=1), count)
    spread = np.where(known, labels - mean[:, None], 0.0) ** 2
    variance = np.where(count > 1, spread.sum(axis=1) / np.maximum(count - 1, 1), 0)
    chosen = np.zeros(len(labels), dtype=bool)
    chosen[np.argsort(-variance, kind="stable")[: int(np.ceil(SHARE * len(labels)))]] = True
    return chosen & (variance > 0)


def _with_means(values):
    """The same with the mean over the seeds of each model, in the place behind them."""
    averages = defaultdict(lambda: defaultdict(Average))
    for (model, seed), found in values.items():
        if seed not in (ENSEMBLE, MEAN):
            for metric, array in found.items():
                averages[model][metric].add(array)
    means = {(model, MEAN): {metric: a.mean() for metric, a in found.items()} for model, found in averages.items()}
    return values | means


def _mean_frames(names, scores, counts):
    """Rows of the means over all units, and over the most variable regions."""
    turned = names["axis"] == "track"
    regions = np.ones(len(scores.units), dtype=bool)
    parts = [(MEAN, scores.values, regions)]
    parts.append((VARIABLE, scores.variable, regions) if turned else (VARIABLE, scores.values, scores.variable))
    frames = []
    for unit, values, chosen in parts:
        for (model, seed), found in values.items():
            rows = []
            table = np.column_stack(list(found.values()))
            table[~chosen] = np.nan
            known = np.isfinite(table)
            drawn = counts @ np.nan_to_num(table)
            lower, upper = _intervals(statistics.ratio(drawn, counts @ known.astype(np.float64)))
            for place, metric in enumerate(found):
                value = _mean(table[:, place])
                entry = {"metric": metric, "value": value, "lower": lower[place], "upper": upper[place]}
                entry["n"] = int(known[:, place].sum())
                if metric in scores.nulls.get((model, seed), ()) and (unit == MEAN or not turned):
                    draws = scores.nulls[model, seed][metric][:, known[:, place]]
                    entry |= _null(value, _means(draws))
                if metric in scores.ceiling and (unit == MEAN or not turned):
                    entry |= _shared(table[:, place], scores.ceiling[metric])
                rows.append(names | {"model": model, "seed": seed, "unit": unit} | entry)
            frames.append(pd.DataFrame(rows).reindex(columns=list(COLUMNS)))
    return frames


def _unit_frames(names, scores, axis):
    """Rows of every unit; of regions those of OF_REGIONS, of the mean over seeds and of the ensemble alone."""
    frames = []
    for (model, seed), found in scores.values.items():
        if axis == "region" and seed not in (MEAN, ENSEMBLE):
            continue
        for metric, values in found.items():
            if axis == "region" and metric not in OF_REGIONS:
                continue
            entry = {"unit": scores.units, "value": values, "n": scores.n}
            if metric in axes.CORRELATIONS:
                entry["lower"], entry["upper"] = axes.fisher(values, scores.n, metric)
            if metric in scores.nulls.get((model, seed), ()):
                draws = scores.nulls[model, seed][metric]
                entry["null"] = _means(draws.T)
                reached = (draws >= values - ROUNDING).sum(axis=0) + 1
                entry["p_null"] = np.where(np.isfinite(values), reached / (len(draws) + 1), np.nan)
            if metric in scores.ceiling:
                ceiling = np.where(np.isfinite(values), scores.ceiling[metric], np.nan)
                entry |= {"ceiling": ceiling, "share": statistics.ratio(values, ceiling)}
            frame = pd.DataFrame(entry).assign(**names, model=model, seed=seed, metric=metric)
            frames.append(frame.reindex(columns=list(COLUMNS)))
    return frames


def _replicate_frames(names, labels, fold, dataset, group):
    """Rows of the means of replicates, measured and predicted."""
    tracks = tracks_of(dataset)
    replicates = ceilings.of_tracks(tracks, group.columns)
    if not replicates:
        return []
    truth = np.array([track_folds.means(labels[:, one.columns].T) for one in replicates])
    units = np.array([f"{one.name}, mean of {len(one.columns)} replicates" for one in replicates], dtype=object)
    values = {}
    for run, predicted in fold.values.items():
        p = np.array([predicted[:, one.columns].mean(axis=1) for one in replicates])
        values[run] = axes.metrics(truth, p)
    ceiling = {metric: ceilings.of_means(labels, replicates, metric) for metric in axes.CORRELATIONS}
    n = np.isfinite(truth).sum(axis=1)
    return _unit_frames(names, Scores(units, _with_means(values), {}, n, ceiling, None), "track")


def _resampled(labels, fold, group, counts):
    """(number of regions, {model: (b,)}): mean over tracks of Pearson's r of each resample of the regions, mean over
    seeds.
    """
    averages = defaultdict(Average)
    truth = labels[:, group.columns].T
    for (model, seed), predicted in fold.values.items():
        if seed != ENSEMBLE and model != TRACK_MEAN:
            drawn = axes.resampled_correlations(truth, predicted[:, group.columns].T, counts)
            averages[model].add(_means(drawn))
    return len(labels), {model: average.mean() for model, average in averages.items()}


def _null(value, draws):
    """Mean of the permutations' draws (b,) and the share of them that reach the value."""
    draws = draws[np.isfinite(draws)]
    if not len(draws) or np.isnan(value):
        return {}
    return {"null": draws.mean(), "p_null": ((draws >= value - ROUNDING).sum() + 1) / (len(draws) + 1)}


def _shared(values, ceiling):
    """Mean ceiling of the units that have one, and what share of it their values reach."""
    both = np.isfinite(values) & np.isfinite(ceiling)
    if not both.any():
        return {}
    top = ceiling[both].mean()
    return {"ceiling": top, "share": values[both].mean() / top if top > 0 else np.nan}


def _mean(values):
    return values[np.isfinite(values)].mean() if np.isfinite(values).any() else np.nan


def _means(values):
    """Mean of the finite values of each row (b, u) as (b,); NaN where there is none."""
    known = np.isfinite(values)
    return statistics.ratio(np.where(known, values, 0).sum(axis=1), known.sum(axis=1))


def _intervals(draws):
    """(lower (k,), upper (k,)) of draws (b, k), each column by itself."""
    return np.array([statistics.interval(column) for column in draws.T]).T
