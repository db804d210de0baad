"""Transforms of numbers that can be undone: each gives what it did to the tracks, and undoes it by that alone.

A transform is done to numbers (n, t) of n windows on t tracks, NaN = missing, which stays missing. What is kept of it
is a dict of its `name` and its parameters, lists of numbers a track, as transforms.json holds it. Parameters are of the
windows that the filters before it leave, all of them or those that are not held out: the same in every split.
"""

import numpy as np

from cisflow.data import inequality
from cisflow.errors import InputError

# Points of a distribution that are kept: dense at both ends, where the numbers of an assay are far apart.
LEVELS = 2001
# Of CREsted's normalisation: the share of windows with the most signal among which constitutive ones are looked for.
TOP = 0.01
# Fewer windows than these say nothing of a track.
FEWEST_TOP = 20


def apply(names, values, tracks, where, fitted=None):
    """(transformed numbers float32 (n, t), [what was done, in order]) of transforms by name.

    Parameters
    ----------
    names : of TRANSFORMS. values : (n, t). tracks : names of the t tracks. where : whose numbers, for messages.
    fitted : (n,) bool, the windows that parameters are of; None for all. Others are transformed by the same parameters.

    Raises
    ------
    InputError : a negative number where a transform is of 0 or more; names the track.
    """
    values, done = np.asarray(values, dtype=np.float64), []
    for name in names:
        fit, again, _ = TRANSFORMS[name]
        if name not in SIGNED:
            refuse_negative(f"transform {name}", values, tracks, where)
        if fitted is None:
            values, parameters = fit(values)
        else:
            own, parameters = fit(values[fitted])
            rest = again(values[~fitted], parameters)
            values = np.empty(values.shape)
            values[fitted], values[~fitted] = own, rest
        done.append({"name": name, **parameters})
    return values.astype(np.float32), done


def inverse(done, values):
    """Numbers (n, t) in the unit of their file, float64, of transformed ones; `done` as `apply` gives it.

    Predictions beyond what a transform gives are brought to the nearest number that it comes from: of the square root,
    a prediction below 0 is 0; of quantiles, one beyond the extremes is the track's extreme.
    """
    values = np.asarray(values, dtype=np.float64)
    for step in reversed(done):
        *_, backward = TRANSFORMS[step["name"]]
        values = backward(values, step)
    return values


def undo(transforms, modalities, values):
    """Numbers (n, t) in the units of their files, of those of several modalities side by side.

    Parameters
    ----------
    transforms : {modality: what was done}, of those to which something was. modalities : {modality: number of tracks}
    in the order of the columns. values : (n, t).
    """
    original, first = np.array(values, dtype=np.float64), 0
    for name, count in modalities.items():
        columns = slice(first, first + count)
        original[:, columns] = inverse(transforms.get(name, []), original[:, columns])
        first += count
    return original


def refuse_negative(what, values, tracks, where):
    """Refuse numbers (n, t) of which one is below 0 (InputError); `what` takes none."""
    bad = np.argwhere(values < 0)
    if len(bad):
        row, track = bad[0]
        raise InputError(
            f"{where}: {what} is of numbers of 0 or more; found {values[row, track]:g} in track '{tracks[track]}'"
        )


def _zscore(values):
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0).sum(axis=0) / count
    sd = np.sqrt((np.where(known, values - mean, 0) ** 2).sum(axis=0) / count)
    # A track that is constant, which has no unit of its own, is brought to 0.
    sd[sd == 0] = 1
    return (values - mean) / sd, {"mean": mean.tolist(), "sd": sd.tolist()}


def _zscore_again(values, step):
    return (values - np.array(step["mean"])) / np.array(step["sd"])


def _undo_zscore(values, step):
    return values * np.array(step["sd"]) + np.array(step["mean"])


def _quantile(values):
    """Quantile normalisation (Bolstad et al. 2003, doi 10.1093/bioinformatics/19.2.185).

    The number of rank r in its track becomes the mean over tracks of the numbers at the same level, r / (known - 1);
    equal numbers have the mean of their ranks. A track with missing numbers has its levels interpolated, as in limma.
    """
    n = int(np.isfinite(values).sum(axis=0).max(initial=0))
    if n == 0:
        return values, {"reference": [], "tracks": [[] for _ in values.T]}
    grid = np.linspace(0, 1, n)
    ordered = [np.sort(track[np.isfinite(track)]) for track in values.T]
    every = [_at(track, grid) for track in ordered if len(track)]
    reference = np.mean(every, axis=0)
    found = np.full(values.shape, np.nan)
    for column, track in enumerate(values.T):
        known = np.isfinite(track)
        found[known, column] = np.interp(_levels(track[known]), grid, reference)
    return found, {"reference": _kept(reference), "tracks": [_kept(track) if len(track) else [] for track in ordered]}


def _at(ordered, levels):
    """Numbers of a sorted track at levels from 0 to 1."""
    return np.interp(levels, np.linspace(0, 1, len(ordered)), ordered)


def _grid(n):
    """Levels at which a distribution of n numbers is kept: all of them, or LEVELS, the denser the nearer to an end."""
    return np.linspace(0, 1, n) if n < LEVELS else (1 - np.cos(np.pi * np.linspace(0, 1, LEVELS))) / 2


def _kept(ordered):
    return _at(ordered, _grid(len(ordered))).tolist()


def _levels(track):
    """Level (n,) from 0, the lowest, to 1 of each number of a track; the mean of their levels where they are equal."""
    if len(track) == 1:
        return np.array([0.5])
    _, place, count = np.unique(track, return_inverse=True, return_counts=True)
    first = np.cumsum(count) - count
    return ((first + (count - 1) / 2) / (len(track) - 1))[place]


def _quantile_again(values, step):
    """Numbers of the reference at the level that each has in its track; beyond the track's extremes, those of it."""
    found = np.array(values, dtype=np.float64)
    for column, track in enumerate(step["tracks"]):
        known = np.isfinite(found[:, column])
        if track and known.any():
            # Numbers that the track has several times are at the middle of their levels.
            numbers, place, count = np.unique(track, return_inverse=True, return_counts=True)
            middle = np.bincount(place, _grid(len(track))) / count
            at = np.interp(found[known, column], numbers, middle)
            found[known, column] = np.interp(at, _grid(len(step["reference"])), step["reference"])
    return found


def _undo_quantile(values, step):
    """Numbers of each track at the level that a number has in the reference."""
    original = np.array(values, dtype=np.float64)
    if not step["reference"]:
        return original
    # Where the reference is flat, a number is at the middle of its levels.
    reference, place, count = np.unique(step["reference"], return_inverse=True, return_counts=True)
    middle = np.bincount(place, _grid(len(step["reference"]))) / count
    for column, track in enumerate(step["tracks"]):
        known = np.isfinite(original[:, column])
        if track and known.any():
            at = np.interp(original[known, column], reference, middle)
            original[known, column] = np.interp(at, _grid(len(track)), track)
    return original


def _constitutive(values):
    """Scale tracks to the same mean over constitutive windows, after CREsted (Kempynck et al. 2025, `normalize_peaks`).

    Constitutive are, of the TOP share of windows with the most signal over tracks, those whose Gini coefficient is a
    standard deviation or more below their mean: high, and alike, in all tracks. Signal and Gini coefficient are of
    tracks brought to one mean before, so that depth does not decide what is alike. The track that has most there keeps
    its scale.
    """
    known = np.isfinite(values)
    means = np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    level = values / np.where(means > 0, means, 1)
    whole = np.flatnonzero(known.all(axis=1)) if known.all(axis=1).any() else np.flatnonzero(known.any(axis=1))
    signal = np.array([np.nanmean(row) for row in level[whole]])
    top = whole[np.argsort(-signal, kind="stable")[: max(FEWEST_TOP, int(np.ceil(TOP * len(whole))))]]
    gini = inequality.gini(level[top])
    limit = gini.mean() - gini.std() if len(top) else 0.0
    chosen = top[gini <= limit] if (gini <= limit).any() else top[gini <= gini.mean()]
    present = known[chosen]
    there = np.where(present, values[chosen], 0).sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    scale = np.where(there > 0, there.max(initial=0) / np.where(there > 0, there, 1), 1.0)
    return values * scale, {"scale": scale.tolist()}


def _plain(function, inverse):
    """A transform without parameters."""
    return (
        lambda values: (function(values), {}),
        lambda values, _: function(values),
        lambda values, _: inverse(values),
    )


# {name: (numbers -> (numbers, parameters), (more numbers, parameters) -> numbers, (numbers, parameters) -> original)}.
TRANSFORMS = {
    "log1p": _plain(np.log1p, np.expm1),
    "log2p1": _plain(lambda values: np.log2(values + 1), lambda values: np.exp2(values) - 1),
    "sqrt": _plain(np.sqrt, lambda values: np.maximum(values, 0) ** 2),
    "zscore": (_zscore, _zscore_again, _undo_zscore),
    "quantile": (_quantile, _quantile_again, _undo_quantile),
    "constitutive": (
        _constitutive,
        lambda values, step: values * np.array(step["scale"]),
        lambda values, step: values / np.array(step["scale"]),
    ),
}
# Those that take numbers below 0.
SIGNED = ("zscore", "quantile")
