"""Metrics of a predicted number, and their bootstrap over sequences.

A metric of all resamples comes from sums weighted by the counts. Ranks of a resample are midranks among the sequences
that it drew, from cumulative sums of the counts in the order of the values, so that one sort serves them all.
"""

import numpy as np
from scipy import stats

from cisflow.evaluation import statistics
from cisflow.evaluation.measures import Measures
from cisflow.tasks.regression import Regression

METRICS = Regression.metrics
EXTREMES = ((np.min, np.inf), (np.max, -np.inf))


def point_metrics(labels, predictions):
    """METRICS (3,) of labels (n,), NaN where missing, and predictions (n,).

    Pearson's and Spearman's correlation are NaN where labels or predictions are constant, the root of the mean squared
    error without any label.
    """
    known = np.isfinite(labels)
    labels, predictions = labels[known], predictions[known]
    values = dict.fromkeys(METRICS, np.nan)
    if len(labels):
        values["rmse"] = np.sqrt(np.mean((labels - predictions) ** 2))
    if len(labels) > 1 and np.ptp(labels) > 0 and np.ptp(predictions) > 0:
        values["pearson"] = stats.pearsonr(labels, predictions).statistic
        values["spearman"] = stats.spearmanr(labels, predictions).statistic
    return np.array([values[name] for name in METRICS])


def bootstrap_metrics(labels, predictions, counts):
    """METRICS (3, b) of resamples with counts (b, n); NaN where a resample leaves a metric undefined.

    Equals `point_metrics` of the sequences, each as often as it was drawn.
    """
    known = np.flatnonzero(np.isfinite(labels))
    values = np.full((len(METRICS), len(counts)), np.nan)
    if not len(known):
        return values
    labels, predictions = labels[known].astype(float), predictions[known].astype(float)
    errors = (labels - predictions) ** 2
    orders = [np.argsort(each, kind="stable") for each in (labels, predictions)]
    step = max(1, statistics.BLOCK // len(known))
    for first in range(0, len(counts), step):
        block = slice(first, first + step)
        drawn = np.take(counts[block], known, axis=1)
        ranks = [midranks(each, order, drawn) for each, order in zip((labels, predictions), orders, strict=True)]
        found = {
            "pearson": correlations(labels, predictions, drawn),
            "spearman": correlations(*ranks, drawn),
            "rmse": np.sqrt(statistics.ratio(drawn @ errors, drawn.sum(axis=1))),
        }
        values[:, block] = [found[name] for name in METRICS]
    return values


def midranks(values, order, drawn):
    """Ranks (b, n) of values (n,) among the sequences of each resample with counts (b, n); ties share their mean rank.

    Parameters
    ----------
    order : (n,) int that sorts the values.
    """
    sums = np.zeros((len(drawn), len(values) + 1))
    np.cumsum(np.take(drawn, order, axis=1), axis=1, out=sums[:, 1:])
    bounds = np.r_[0, np.flatnonzero(np.diff(values[order])) + 1, len(values)]
    before, through = sums[:, bounds[:-1]], sums[:, bounds[1:]]
    ranks = np.empty((len(drawn), len(values)))
    ranks[:, order] = np.repeat((before + through + 1) / 2, np.diff(bounds), axis=1)
    return ranks


def correlations(x, y, drawn):
    """Pearson's correlation (b,) of x and y, each (n,) or (b, n), with counts (b, n); NaN where one is constant."""
    total = drawn.sum(axis=1)
    centred, varies = [], total > 0
    for values in (x, y):
        # Around the mean of all rather than 0: less is lost to rounding.
        values = np.broadcast_to(values - np.mean(values), drawn.shape)
        lowest, highest = (each(values, axis=1, where=drawn > 0, initial=start) for each, start in EXTREMES)
        varies = varies & (lowest < highest)
        means = statistics.ratio(np.einsum("bn,bn->b", drawn, values), total)
        centred.append(values - means[:, None])
    x, y = centred
    xx, xy, yy = (np.einsum("bn,bn,bn->b", drawn, a, b, optimize=True) for a, b in ((x, x), (x, y), (y, y)))
    return statistics.ratio(xy, np.where(varies, np.sqrt(xx * yy), 0))


class RegressionMeasures(Measures):
    """Of numbers: METRICS. There is no curve, no calibration and no test beside the paired bootstrap."""

    task = Regression()

    def metrics(self, labels, predictions, counts):
        resampled = bootstrap_metrics(labels, predictions, counts)
        return np.column_stack([point_metrics(labels, predictions), resampled])
