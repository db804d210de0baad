"""Metrics of a binary prediction and their bootstrap over sequences.

A resample is a row of counts: how often it drew each sequence. A metric of all resamples comes from cumulative sums
of the counts in the order of the scores, so that one sort serves them all.
"""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import accuracy_score, average_precision_score, brier_score_loss, roc_auc_score

METRICS = ("auroc", "average_precision", "accuracy", "brier")
CURVES = ("roc", "pr")
THRESHOLD = 0.5
# The abscissa of the curves in percent: whole numbers keep the comparison with counts exact.
PERCENT = np.arange(101)
COVERAGE = 95

# Counts handled at a time, so that one block stays in the processor's cache.
_BLOCK = 1 << 17


class Ranking(NamedTuple):
    """Labelled sequences by descending score; tied scores form one group.

    order : (m,) int, indices of the labelled sequences. positive : (m,) uint8 in this order.
    starts, ends : (g,) int, each group as a slice of `order`.
    """

    order: np.ndarray
    positive: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


def rank(labels, scores):
    """The Ranking of labels (n,) 0, 1 or NaN, at least one known, by scores (n,)."""
    known = np.flatnonzero(np.isfinite(labels))
    order = known[np.argsort(-scores[known], kind="stable")]
    bounds = np.flatnonzero(np.diff(scores[order])) + 1
    return Ranking(order, labels[order].astype(np.uint8), np.r_[0, bounds], np.r_[bounds, len(order)])


def resamples(n, size, rng):
    """Counts (size, n) uint8 of `size` draws of n sequences with replacement."""
    counts = np.empty((size, n), dtype=np.uint8)
    step = max(1, _BLOCK // n)
    for start in range(0, size, step):
        rows = min(step, size - start)
        draws = rng.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        # uint8 holds every count that occurs: one of 256 has a probability below 1e-500.
        counts[start : start + rows] = np.bincount(draws.ravel(), minlength=rows * n).reshape(rows, n)
    return counts


def point_metrics(labels, scores):
    """METRICS (4,) of labels (n,) 0, 1 or NaN and scores (n,) in 0..1; NaN where a metric is undefined.

    AUROC and average precision need both classes, accuracy (score >= 0.5 is positive) and Brier score one label.
    """
    known = np.isfinite(labels)
    labels, scores = labels[known].astype(int), scores[known]
    values = np.full(len(METRICS), np.nan)
    if len(labels):
        values[2:] = accuracy_score(labels, scores >= THRESHOLD), brier_score_loss(labels, scores)
    if 0 < labels.sum() < len(labels):
        values[:2] = roc_auc_score(labels, scores), average_precision_score(labels, scores)
    return values


def bootstrap_metrics(labels, scores, counts):
    """METRICS (4, b) of resamples with counts (b, n); NaN where a resample leaves a metric undefined.

    Equals `point_metrics` with the counts as sample weights: AUROC by midranks, average precision stepwise.
    """
    values = np.full((len(METRICS), len(counts)), np.nan)
    if not np.isfinite(labels).any():
        return values
    ranking = rank(labels, scores)
    # A group without a positive adds nothing to either sum.
    held = np.add.reduceat(ranking.positive, ranking.starts, dtype=np.int64) > 0
    starts, ends = ranking.starts[held], ranking.ends[held]
    ordered = scores[ranking.order]
    losses = np.column_stack([(ordered >= THRESHOLD) == ranking.positive, (ordered - ranking.positive) ** 2])
    step = max(1, _BLOCK // len(ranking.order))
    for first in range(0, len(counts), step):
        block = slice(first, first + step)
        drawn = np.take(counts[block], ranking.order, axis=1)
        positives, drawn_through = _cumulative(drawn * ranking.positive), _cumulative(drawn)
        n_positive, n_drawn = positives[:, -1], drawn_through[:, -1]
        n_negative = n_drawn - n_positive
        before, through = positives[:, starts], positives[:, ends]
        within = (through - before).astype(float)
        below = 2.0 * n_negative[:, None] - (drawn_through[:, ends] - through) - (drawn_through[:, starts] - before)
        precision = through / np.maximum(drawn_through[:, ends], 1)
        values[0, block] = _ratio(np.einsum("bg,bg->b", within, below), 2.0 * n_positive * n_negative)
        values[1, block] = _ratio(np.einsum("bg,bg->b", within, precision), n_positive)
        values[1, block][n_negative == 0] = np.nan
        values[2:, block] = _ratio((drawn @ losses).T, n_drawn)
    return values


def curves(labels, scores, counts):
    """ROC and precision-recall curves of resamples at fixed abscissae.

    Parameters
    ----------
    labels : (n,) 0, 1 or NaN.
    scores : (n,).
    counts : (b, n) int; a row of ones gives the curve of the data.

    Returns
    -------
    (2, b, 101) float64, NaN for a resample without both classes. ROC: true positive rate at false positive rates
    0, 0.01, ... 1, linear between thresholds (as AUROC is); where the curve rises vertically, its upper end.
    PR: precision of the highest threshold that reaches the recall 0, 0.01, ... 1 (recall 0: the first positive), the
    step function whose integral is average precision; never interpolated linearly, which would flatter it
    (Davis and Goadrich 2006, doi 10.1145/1143844.1143874).
    """
    values = np.full((2, len(counts), len(PERCENT)), np.nan)
    if not np.isfinite(labels).any():
        return values
    ranking = rank(labels, scores)
    corners = np.r_[0, ranking.ends]
    step = max(1, _BLOCK // len(ranking.order))
    for first in range(0, len(counts), step):
        drawn = np.take(counts[first : first + step], ranking.order, axis=1)
        positives = _cumulative(drawn * ranking.positive)[:, corners]
        negatives = _cumulative(drawn)[:, corners] - positives
        both = np.flatnonzero((positives[:, -1] > 0) & (negatives[:, -1] > 0))
        values[0, first + both] = _roc(positives[both], negatives[both])
        values[1, first + both] = _precision_recall(positives[both], negatives[both])
    return values


def _roc(positives, negatives):
    """True positive rate (b, 101) from the positives and negatives (b, g) at or above each threshold."""
    goal = negatives[:, -1:] * PERCENT
    left = _search(negatives, goal // 100, "right") - 1
    right = np.minimum(left + 1, negatives.shape[1] - 1)
    rise, run = (np.take_along_axis(a, right, 1) - np.take_along_axis(a, left, 1) for a in (positives, negatives))
    share = (goal / 100 - np.take_along_axis(negatives, left, 1)) / np.maximum(run, 1)
    return (np.take_along_axis(positives, left, 1) + share * rise) / positives[:, -1:]


def _precision_recall(positives, negatives):
    """Precision (b, 101) from the positives and negatives (b, g) at or above each threshold."""
    goal = np.maximum(-(-positives[:, -1:] * PERCENT // 100), 1)
    place = _search(positives, goal, "left")
    hits = np.take_along_axis(positives, place, 1)
    return hits / (hits + np.take_along_axis(negatives, place, 1))


def _search(values, goals, side):
    """np.searchsorted of goals (b, k) in values (b, g), row by row; non-negative integers, rows ascending."""
    if not len(values):
        return np.empty(goals.shape, dtype=np.int64)
    rows = np.arange(len(values))[:, None]
    offset = rows * (int(values.max()) + 1)
    flat = np.searchsorted((values + offset).ravel(), (goals + offset).ravel(), side)
    return flat.reshape(goals.shape) - rows * values.shape[1]


def _cumulative(counts):
    """(b, m + 1) sums of the first 0, 1, ... m columns; int32, which numpy adds ten times faster than int64."""
    sums = np.zeros((len(counts), counts.shape[1] + 1), dtype=np.int32)
    np.cumsum(counts, axis=1, out=sums[:, 1:])
    return sums


def _ratio(numerator, denominator):
    return np.divide(numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=denominator > 0)


def interval(draws):
    """(lower, upper) percentile bounds at 95% of draws (b, ...) along the first axis, without draws that hold NaN."""
    draws = draws[np.isfinite(draws).reshape(len(draws), -1).all(axis=1)]
    if not len(draws):
        return np.full((2, *draws.shape[1:]), np.nan)
    tail = (100 - COVERAGE) / 2
    return np.percentile(draws, [tail, 100 - tail], axis=0)


def p_value(differences):
    """Two-sided bootstrap p-value of 'the difference is zero' from draws (b,), NaN left out.

    Twice the smaller tail at zero with one added to count and total, so never 0 (Davison and Hinkley 1997,
    Bootstrap Methods and their Application, section 4.2).
    """
    draws = differences[np.isfinite(differences)]
    if not len(draws):
        return np.nan
    tail = min((draws <= 0).sum(), (draws >= 0).sum())
    return min(1.0, 2 * (tail + 1) / (len(draws) + 1))
