"""Metrics, their resamples, curves, intervals and p-values, against closed forms and scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sk

from cisflow.evaluation import binary, statistics
from predictions import heavy_ties, weighted_by_sklearn

AUROC, AP, ACCURACY, BRIER = range(4)


def test_perfect_reversed_and_constant_scores():
    labels = np.array([0, 0, 0, 1.0])
    # Neither a perfect score nor a constant one has a calibration line.
    nan = np.nan
    np.testing.assert_allclose(binary.point_metrics(labels, labels), [1, 1, 1, 0, 1, 0, nan, nan])
    # From (0, 1) the curve falls to (0, 0) and rises to (1, 0.25): the trapezoid is below the average precision.
    np.testing.assert_allclose(binary.point_metrics(labels, 1 - labels), [0, 0.25, 0, 1, 0.125, 1, nan, nan])
    # A constant score c: half, base rate, share of the class c falls to, and base rate * (1-c)^2 + rest * c^2; a
    # curve from (0, 1) to (1, base rate); the distance of c from the base rate.
    expected = [0.5, 0.25, 0.75, 0.19, 0.625, 0.05, nan, nan]
    np.testing.assert_allclose(binary.point_metrics(labels, np.full(4, 0.2)), expected, atol=1e-12)
    np.testing.assert_allclose(binary.point_metrics(labels, np.full(4, 0.5))[[ACCURACY, BRIER]], [0.25, 0.25])


def test_random_scores_are_at_half_and_base_rate():
    rng = np.random.default_rng(0)
    labels = (rng.random(20_000) < 0.25).astype(float)
    values = binary.point_metrics(labels, rng.random(20_000))
    np.testing.assert_allclose(values[:5], [0.5, labels.mean(), 0.5, 1 / 3, labels.mean()], atol=0.02)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_has_accuracy_and_brier_only(label):
    labels, scores = np.full(5, label), np.full(5, 0.9)
    counts = statistics.resamples(5, 7, np.random.default_rng(0))
    for values in (binary.point_metrics(labels, scores), *binary.bootstrap_metrics(labels, scores, counts).T):
        assert np.isnan(values[[AUROC, AP]]).all()
        np.testing.assert_allclose(values[[ACCURACY, BRIER]], [label, (label - 0.9) ** 2])
    assert np.isnan(binary.curves(labels, scores, counts)).all()


def test_no_label_has_no_metric():
    labels, scores, counts = np.full(4, np.nan), np.full(4, 0.5), np.ones((3, 4), dtype=np.uint8)
    assert np.isnan(binary.point_metrics(labels, scores)).all()
    assert np.isnan(binary.bootstrap_metrics(labels, scores, counts)).all()
    assert np.isnan(binary.curves(labels, scores, counts)).all()


@pytest.mark.parametrize("levels", [1, 3, 12, 10**9])
def test_bootstrap_equals_sklearn_with_weights(levels, monkeypatch):
    monkeypatch.setattr(statistics, "BLOCK", 2000)
    labels, scores = heavy_ties(levels, levels=levels)
    counts = statistics.resamples(len(labels), 40, np.random.default_rng(1))
    expected = np.transpose([weighted_by_sklearn(labels, scores, row) for row in counts])
    np.testing.assert_allclose(binary.bootstrap_metrics(labels, scores, counts)[:5], expected, rtol=0, atol=1e-12)


def test_counts_of_one_give_the_point_estimate():
    labels, scores = heavy_ties(3)
    whole = binary.bootstrap_metrics(labels, scores, np.ones((1, len(labels)), dtype=np.uint8))[:, 0]
    point = binary.point_metrics(labels, scores)
    np.testing.assert_allclose(whole[:5], point[:5], rtol=0, atol=1e-12)
    np.testing.assert_allclose(whole[6:], point[6:], rtol=0, atol=1e-6)


def test_large_ranks_do_not_overflow():
    n = 100_000
    labels = np.arange(n) % 2.0
    whole = binary.bootstrap_metrics(labels, np.full(n, 0.5), np.ones((1, n), dtype=np.uint8))[:, 0]
    np.testing.assert_allclose(whole[:5], [0.5, 0.5, 0.5, 0.25, 0.75], rtol=0, atol=1e-12)


def test_resamples_draw_each_sequence_once_on_average(monkeypatch):
    monkeypatch.setattr(statistics, "BLOCK", 1000)
    counts = statistics.resamples(50, 4000, np.random.default_rng(2))
    assert (counts.sum(axis=1) == 50).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.07)
    assert counts.var() == pytest.approx(1 - 1 / 50, abs=0.02)


def roc_by_sklearn(labels, scores, weights):
    known = np.isfinite(labels) & (weights > 0)
    fpr, tpr, _ = sk.roc_curve(labels[known], scores[known], sample_weight=weights[known], drop_intermediate=False)
    # Just right of a vertical rise lies its upper end.
    return np.interp(np.arange(101) / 100 + 1e-12, fpr, tpr)


def precision_recall_by_sklearn(labels, scores, weights):
    known = np.isfinite(labels) & (weights > 0)
    precision, recall, _ = sk.precision_recall_curve(labels[known], scores[known], sample_weight=weights[known])
    precision, recall = precision[:-1], recall[:-1]
    goals = np.maximum(np.arange(101) / 100, 1e-9)
    return [precision[np.flatnonzero(recall >= goal - 1e-12)[-1]] for goal in goals]


@pytest.mark.parametrize("levels", [1, 3, 12, 10**9])
def test_curves_equal_sklearn_with_weights(levels, monkeypatch):
    monkeypatch.setattr(statistics, "BLOCK", 2000)
    labels, scores = heavy_ties(levels + 1, levels=levels)
    counts = statistics.resamples(len(labels), 20, np.random.default_rng(3))
    roc, pr = binary.curves(labels, scores, counts)
    np.testing.assert_allclose(roc, [roc_by_sklearn(labels, scores, row) for row in counts], atol=1e-9)
    np.testing.assert_allclose(pr, [precision_recall_by_sklearn(labels, scores, row) for row in counts], atol=1e-9)


def test_areas_under_the_curves_are_the_metrics():
    # With 100 of each class and no ties every step of the curves falls on the grid, so that the sums are exact.
    rng = np.random.default_rng(4)
    labels = np.repeat([0.0, 1.0], 100)
    scores = rng.normal(labels)
    roc, pr = binary.curves(labels, scores, np.ones((1, 200), dtype=np.uint8))[:, 0]
    assert roc[:-1].mean() == pytest.approx(sk.roc_auc_score(labels, scores), abs=1e-12)
    assert pr[1:].mean() == pytest.approx(sk.average_precision_score(labels, scores), abs=1e-12)


def test_curves_of_perfect_and_constant_scores():
    labels = np.repeat([0.0, 1.0], [30, 10])
    whole = np.ones((1, 40), dtype=np.uint8)
    np.testing.assert_allclose(binary.curves(labels, labels, whole), 1)
    roc, pr = binary.curves(labels, np.zeros(40), whole)[:, 0]
    np.testing.assert_allclose(roc, np.arange(101) / 100)
    np.testing.assert_allclose(pr, 0.25)


def test_interval_leaves_out_undefined_draws():
    draws = np.r_[np.arange(1001.0), np.full(500, np.nan)]
    np.testing.assert_allclose(statistics.interval(draws), [25, 975])
    assert np.isnan(statistics.interval(np.full(5, np.nan))).all()
    assert statistics.interval(np.full((5, 3), np.nan)).shape == (2, 3)


def test_p_value_counts_both_tails():
    assert statistics.p_value(np.zeros(99)) == 1
    assert statistics.p_value(np.ones(99)) == pytest.approx(2 / 100)
    assert statistics.p_value(-np.ones(99)) == pytest.approx(2 / 100)
    assert statistics.p_value(np.r_[-np.ones(4), np.ones(95), np.nan]) == pytest.approx(2 * 5 / 100)
    assert np.isnan(statistics.p_value(np.array([np.nan])))
