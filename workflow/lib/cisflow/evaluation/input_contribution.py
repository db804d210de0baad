"""What each of several sequences of a sample gives to a prediction: it is exchanged for that of another sample."""

import numpy as np
import pandas as pd

from cisflow.evaluation import axes, tracks

COLUMNS = (
    *("dataset", "split", "model", "seed", "input", "modality", "class", "axis", "metric", "value", "sd", "drop", "n"),
)
METRICS = ("pearson", "spearman", "rmse")
# The predictions as they are.
NONE = "none"


def partners(n, rng):
    """(n,) int: another sample for each of n, every one used once, along a random cycle; n is 2 or more."""
    order, found = rng.permutation(n), np.empty(n, dtype=np.int64)
    found[order] = np.roll(order, -1)
    return found


def table(names, dataset, rows, predict, exchanges, seed):
    """Frame of COLUMNS: metrics of some regions with each input exchanged among them, and as they are.

    Parameters
    ----------
    names : {column: value} of dataset, split, model, seed. dataset : dataset.Dataset of several inputs.
    rows : (m,) int, the regions of a fold, at least two. predict : base codes (m, length) -> predictions (m, t).
    exchanges : how many times each input is exchanged, at least 1; `value` is their mean, `sd` their spread.
    seed : of the draws of partners, which all inputs share.
    """
    codes, labels = np.asarray(dataset.codes[rows]), np.asarray(dataset.labels)[rows]
    rng = np.random.default_rng(seed)
    orders = [partners(len(rows), rng) for _ in range(exchanges)]
    before = _means(dataset, labels, predict(codes))
    found = _rows(names | {"input": NONE}, [before], before)
    for name, start, end in dataset.inputs:
        draws = []
        for order in orders:
            changed = codes.copy()
            changed[:, start:end] = codes[order, start:end]
            draws.append(_means(dataset, labels, predict(changed)))
        found += _rows(names | {"input": name}, draws, before)
    return pd.DataFrame(found, columns=list(COLUMNS))


def _means(dataset, labels, predictions):
    """{(modality, class, axis, metric): (mean over units, number of units)}."""
    found = {}
    for group in tracks.groups_of(dataset):
        y, p = labels[:, group.columns], predictions[:, group.columns]
        for axis in ("track", "region"):
            if axis == "region" and len(group.columns) < axes.LEAST:
                continue
            for metric, values in axes.metrics(*((y.T, p.T) if axis == "track" else (y, p)), METRICS).items():
                known = values[np.isfinite(values)]
                found[group.modality, group.name, axis, metric] = known.mean() if len(known) else np.nan, len(known)
    return found


def _rows(names, draws, before):
    found = []
    for key, (as_it_is, _) in before.items():
        values = np.array([draw[key][0] for draw in draws])
        worse = values.mean() - as_it_is if key[-1] in axes.LOWER else as_it_is - values.mean()
        entry = dict(zip(("modality", "class", "axis", "metric"), key, strict=True))
        entry |= {"value": values.mean(), "sd": np.std(values, ddof=1) if len(values) > 1 else np.nan}
        found.append(names | entry | {"drop": worse, "n": draws[0][key][1]})
    return found
