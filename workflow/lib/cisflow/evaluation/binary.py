"""Metrics of a binary prediction, its curves and calibration, and their bootstrap over sequences.

A metric of all resamples comes from cumulative sums of the counts in the order of the scores, so that one sort serves
them all.
"""

from typing import NamedTuple

import numpy as np
from scipy import special, stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score, brier_score_loss, roc_auc_score

from cisflow.evaluation import delong, statistics
from cisflow.evaluation.measures import PERCENT, Measures
from cisflow.tasks.binary import Binary

METRICS = Binary.metrics
CURVES = ("roc", "pr")
THRESHOLD = 0.5
BINS = 10
# The logit of a probability nearer to 0 or 1 than this is that of this.
CLIP = 1e-6
# Pointwise bands are drawn, not read off: fewer resamples suffice.
CURVE_RESAMPLES = 200


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


def point_metrics(labels, scores):
    """METRICS (8,) of labels (n,) 0, 1 or NaN and scores (n,) in 0..1; NaN where a metric is undefined.

    AUROC, both areas under the precision-recall curve and the calibration line need both classes; accuracy
    (score >= 0.5 is positive), Brier score and calibration error need one label.
    """
    known = np.isfinite(labels)
    labels, scores = labels[known].astype(int), scores[known]
    values = dict.fromkeys(METRICS, np.nan)
    if len(labels):
        values["accuracy"] = accuracy_score(labels, scores >= THRESHOLD)
        values["brier"] = brier_score_loss(labels, scores)
        bins = reliability(labels, scores)
        values["calibration_error"] = np.abs(bins.n_positive - bins.predicted).sum() / len(labels)
    if 0 < labels.sum() < len(labels):
        values["auroc"] = roc_auc_score(labels, scores)
        values["average_precision"] = average_precision_score(labels, scores)
        values["auprc_trapezoid"] = trapezoid(labels, scores)
        values["calibration_intercept"], values["calibration_slope"] = recalibration(labels, scores)
    return np.array([values[name] for name in METRICS])


def trapezoid(labels, scores):
    """Area under the precision-recall curve with its points, from (0, 1) on, joined by straight lines.

    What Daoud and Ben-Hur (2025) report as AUPRC. Straight lines are wrong between two thresholds (Davis and
    Goadrich 2006, doi 10.1145/1143844.1143874): average precision is the honest number.

    Parameters
    ----------
    labels : (n,) 0 or 1, both present. scores : (n,).
    """
    ranking = rank(labels, scores)
    hits = np.cumsum(ranking.positive, dtype=np.int64)[ranking.ends - 1]
    precision, recall = np.r_[1.0, hits / ranking.ends], np.r_[0.0, hits / hits[-1]]
    return float(np.trapezoid(precision, recall))


class Reliability(NamedTuple):
    """Labelled sequences by their score, in BINS bins of equal width; each (BINS,).

    n, n_positive : int counts. predicted : float64 sums of the scores.
    """

    n: np.ndarray
    n_positive: np.ndarray
    predicted: np.ndarray


def reliability(labels, scores):
    """The Reliability of labels (n,) 0 or 1 and scores (n,) in 0..1; a score on an edge belongs to the upper bin."""
    place = np.minimum((scores * BINS).astype(int), BINS - 1)
    return Reliability(
        np.bincount(place, minlength=BINS),
        np.bincount(place[labels == 1], minlength=BINS),
        np.bincount(place, weights=scores, minlength=BINS),
    )


def wilson(hits, n):
    """(lower, upper) bounds of a proportion at 95% from hits of n, elementwise; NaN where n is 0 (Wilson 1927)."""
    z = stats.norm.isf((100 - statistics.COVERAGE) / 200)
    n = np.where(np.asarray(n) > 0, n, np.nan)
    share = hits / n
    middle, reach = share + z**2 / (2 * n), z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.clip([middle - reach, middle + reach] / (1 + z**2 / n), 0, 1)


def logit(scores):
    return special.logit(np.clip(scores, CLIP, 1 - CLIP))


def recalibration(labels, scores):
    """(intercept, slope) of the logistic regression of the labels on the logit of the scores.

    Perfect probabilities have 0 and 1; a slope below 1 says that they are too extreme (Cox 1958, Biometrika 45:562).

    Parameters
    ----------
    labels : (n,) 0 or 1, both present. scores : (n,) in 0..1.

    Returns
    -------
    NaN both where a threshold separates the classes, or all scores are equal: the line has no finite slope.
    """
    x = logit(scores)
    positives, negatives = x[labels == 1], x[labels == 0]
    if negatives.max() <= positives.min() or positives.max() <= negatives.min():
        return np.nan, np.nan
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8).fit(x[:, None], labels)
    return float(model.intercept_[0]), float(model.coef_[0, 0])


def bootstrap_metrics(labels, scores, counts):
    """METRICS (8, b) of resamples with counts (b, n); NaN where a resample leaves a metric undefined.

    Equals `point_metrics` with the counts as sample weights: AUROC by midranks, average precision stepwise. Two
    exceptions. The calibration line of a resample is one Newton step from that of the data, whose error is of second
    order. The calibration error is NaN: noise adds to it, and resampling adds noise, so that its percentiles would
    not cover it.
    """
    values = dict.fromkeys(METRICS, np.full(len(counts), np.nan))
    if not np.isfinite(labels).any():
        return np.array([values[name] for name in METRICS])
    ranking = rank(labels, scores)
    # A group without a positive adds nothing to any sum.
    held = np.add.reduceat(ranking.positive, ranking.starts, dtype=np.int64) > 0
    starts, ends = ranking.starts[held], ranking.ends[held]
    ordered = scores[ranking.order]
    line = _calibration_line(ranking.positive, ordered)
    losses = [(ordered >= THRESHOLD) == ranking.positive, (ordered - ranking.positive) ** 2]
    terms = np.column_stack([*losses, *line.terms])
    step = max(1, statistics.BLOCK // len(ranking.order))
    parts = []
    for first in range(0, len(counts), step):
        drawn = np.take(counts[first : first + step], ranking.order, axis=1)
        positives, drawn_through = _cumulative(drawn * ranking.positive), _cumulative(drawn)
        n_positive, n_drawn = positives[:, -1], drawn_through[:, -1]
        n_negative = n_drawn - n_positive
        before, through = positives[:, starts], positives[:, ends]
        above, so_far = drawn_through[:, starts], drawn_through[:, ends]
        within = (through - before).astype(float)
        below = 2.0 * n_negative[:, None] - (so_far - through) - (above - before)
        precision = through / np.maximum(so_far, 1)
        # The curve comes from recall 0 at precision 1, and goes on from the threshold above the group.
        previous = np.where(above > 0, before / np.maximum(above, 1), 1.0)
        sums = drawn @ terms
        both = np.where(n_negative > 0, n_positive, 0)
        intercept, slope = line.step(sums[:, len(losses) :], both > 0)
        parts.append(
            {
                "auroc": statistics.ratio(np.einsum("bg,bg->b", within, below), 2.0 * n_positive * n_negative),
                "average_precision": statistics.ratio(np.einsum("bg,bg->b", within, precision), both),
                "auprc_trapezoid": statistics.ratio(np.einsum("bg,bg->b", within, precision + previous), 2.0 * both),
                "accuracy": statistics.ratio(sums[:, 0], n_drawn),
                "brier": statistics.ratio(sums[:, 1], n_drawn),
                "calibration_intercept": intercept,
                "calibration_slope": slope,
            }
        )
    values |= {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return np.array([values[name] for name in METRICS])


class _Line(NamedTuple):
    """A calibration line and, per sequence, the five terms of the gradient and Hessian of its likelihood there."""

    intercept: float
    slope: float
    terms: tuple

    def step(self, sums, both):
        """(intercept, slope) (b,) of resamples from their sums (b, 5) of the terms; NaN where not `both` classes."""
        if not self.terms:
            return np.full((2, len(sums)), np.nan)
        g0, g1, h00, h01, h11 = sums.T
        determinant = np.where(both, h00 * h11 - h01**2, 0)
        moves = statistics.ratio(h11 * g0 - h01 * g1, determinant), statistics.ratio(h00 * g1 - h01 * g0, determinant)
        return self.intercept + moves[0], self.slope + moves[1]


def _calibration_line(labels, scores):
    """The _Line of labels (n,) 0 or 1 and scores (n,), without terms where it is undefined."""
    intercept, slope = recalibration(labels, scores) if 0 < labels.sum() < len(labels) else (np.nan, np.nan)
    if np.isnan(slope):
        return _Line(intercept, slope, ())
    x = logit(scores)
    expected = special.expit(intercept + slope * x)
    residual, weight = labels - expected, expected * (1 - expected)
    return _Line(intercept, slope, (residual, residual * x, weight, weight * x, weight * x**2))


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
    step = max(1, statistics.BLOCK // len(ranking.order))
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


class BinaryMeasures(Measures):
    """Of probabilities: METRICS, ROC and precision-recall curves, reliability, and DeLong's test of AUROC."""

    task = Binary()
    curve_names = CURVES

    def metrics(self, labels, predictions, counts):
        resampled = bootstrap_metrics(labels, predictions, counts)
        return np.column_stack([point_metrics(labels, predictions), resampled])

    def curves(self, labels, predictions, counts):
        whole = np.ones((1, counts.shape[1]), dtype=counts.dtype)
        return curves(labels, predictions, np.vstack([whole, counts[:CURVE_RESAMPLES]]))

    def n_positive(self, labels):
        return int((labels == 1).any(axis=0).sum())

    def bins(self, labels, predictions):
        known = np.isfinite(labels)
        return reliability(labels[known], predictions[known])

    def calibration_rows(self, names, bins):
        """One row per model, seed and bin of the score."""
        edges = np.arange(BINS + 1) / BINS
        rows = []
        for (model, seed), found in bins.items():
            lower, upper = wilson(found.n_positive, found.n)
            total = np.where(found.n > 0, found.n, np.nan)
            for number in range(BINS):
                entry = {"model": model, "seed": seed, "bin_from": edges[number], "bin_to": edges[number + 1]}
                entry |= {"predicted": found.predicted[number] / total[number]}
                entry |= {"observed": found.n_positive[number] / total[number]}
                entry |= {"lower": lower[number], "upper": upper[number]}
                rows.append({**names, **entry, "n": found.n[number], "n_positive": found.n_positive[number]})
        return rows

    def test(self, labels, predictions):
        return delong.delong(labels, predictions)

    def tested(self, estimate, metric, a, b):
        if metric != "auroc":
            return {}
        columns = ("delong_difference", "delong_lower", "delong_upper", "delong_p")
        return dict(zip(columns, delong.delong_test(estimate, a, b), strict=True))
