"""Metrics of many units at once against scipy and scikit-learn, unit by unit."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance
from sklearn import metrics as sk

from cisflow.evaluation import axes, statistics

NAMES = axes.METRICS + axes.AT_CUT


def tied(seed, units=40, members=25, missing=0.2):
    """Labels with missing ones and predictions, both with ties."""
    rng = np.random.default_rng(seed)
    labels = np.round(rng.normal(size=(units, members)), 1)
    predictions = np.round(labels + rng.normal(size=labels.shape))
    labels[rng.random(labels.shape) < missing] = np.nan
    return labels, predictions


def one(labels, predictions, cut):
    known = np.isfinite(labels)
    y, p = labels[known], predictions[known]
    return {
        "pearson": stats.pearsonr(y, p).statistic,
        "spearman": stats.spearmanr(y, p).statistic,
        "rmse": np.sqrt(sk.mean_squared_error(y, p)),
        "explained_variance": sk.explained_variance_score(y, p),
        "auroc": sk.roc_auc_score(y > cut, p),
        "auprc": sk.average_precision_score(y > cut, p),
    }


@pytest.mark.parametrize("block", [100, axes.BLOCK])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_every_metric_is_that_of_the_reference(monkeypatch, block, missing):
    monkeypatch.setattr(axes, "BLOCK", block)
    labels, predictions = tied(0, missing=missing)
    found = axes.metrics(labels, predictions, NAMES, labels > 0.3)
    for unit in range(len(labels)):
        expected = one(labels[unit], predictions[unit], 0.3)
        for name in NAMES:
            assert found[name][unit] == pytest.approx(expected[name], abs=1e-12), name


def test_what_is_undefined_is_nan():
    labels = np.array([[1.0, 2, np.nan, np.nan], [1, 1, 1, np.nan], [np.nan] * 4, [1, 2, 3, 4]])
    predictions = np.array([[1.0, 2, 3, 4]] * 3 + [[5, 5, 5, 5]])
    found = axes.metrics(labels, predictions, NAMES, labels > 1.5)
    assert np.isnan(found["pearson"]).all() and np.isnan(found["spearman"]).all()
    np.testing.assert_array_equal(np.isnan(found["rmse"]), [False, False, True, False])
    np.testing.assert_array_equal(np.isnan(found["explained_variance"]), [True, True, True, False])
    assert found["explained_variance"][3] == pytest.approx(0)
    np.testing.assert_array_equal(np.isnan(found["auroc"]), [False, True, True, False])
    assert found["auroc"][3] == 0.5 and found["auprc"][3] == 0.75


def test_large_numbers_lose_nothing_to_rounding():
    labels, predictions = tied(1)
    near, far = (axes.metrics(labels + shift, predictions + shift) for shift in (0, 1e6))
    for name in axes.METRICS:
        np.testing.assert_allclose(near[name], far[name], atol=1e-6)


def test_profiles_have_the_distance_of_scipy():
    rng = np.random.default_rng(2)
    p, q = rng.poisson(2, (2, 5, 3, 20)).astype(float)
    p[0, 0], q[1, 1], p[2, 2, 3] = 0, 0, np.nan
    found = axes.jensen_shannon(p, q)
    for place in np.ndindex(found.shape):
        expected = distance.jensenshannon(p[place], q[place], base=2)
        np.testing.assert_allclose(found[place], expected, atol=1e-7)
    assert np.isnan(found[[0, 1, 2], [0, 1, 2]]).all() and np.isfinite(found).sum() == 12
    apart = axes.jensen_shannon(np.eye(2)[0], np.eye(2)[1])
    assert apart == pytest.approx(1) and axes.jensen_shannon(p[3], 7 * p[3]) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("along", [0, 1])
def test_nulls_are_the_metrics_of_moved_regions(missing, along):
    labels, predictions = tied(3, missing=missing)
    predictions[2] = 1
    rng = np.random.default_rng(4)
    orders = np.array([rng.permutation(labels.shape[along]) for _ in range(6)])
    found = axes.nulls(labels, predictions, orders, along)
    for number, order in enumerate(orders):
        expected = axes.metrics(labels, np.take(predictions, order, axis=along), axes.CORRELATIONS)
        np.testing.assert_allclose(found["pearson"][number], expected["pearson"], atol=1e-10)
        if not missing:
            np.testing.assert_allclose(found["spearman"][number], expected["spearman"], atol=1e-10)
    # With missing labels, ranks are among all predictions: near to those among the known ones.
    known = np.isfinite(expected["spearman"])
    np.testing.assert_allclose(found["spearman"][-1][known], expected["spearman"][known], atol=0.15)


def test_a_resample_is_the_data_with_each_member_as_often_as_it_was_drawn():
    labels, predictions = tied(5)
    predictions[3] = 2
    counts = statistics.resamples(labels.shape[1], 8, np.random.default_rng(6))
    found = axes.resampled_correlations(labels, predictions, counts)
    for drawn, values in zip(counts, found, strict=True):
        members = np.repeat(np.arange(labels.shape[1]), drawn)
        expected = axes.metrics(labels[:, members], predictions[:, members], ("pearson",))["pearson"]
        np.testing.assert_allclose(values, expected, atol=1e-10)
    assert np.isnan(found[:, 3]).all()


def test_intervals_of_fisher_are_those_of_scipy_and_cover():
    rng = np.random.default_rng(7)
    n, r = 40, 0.5
    labels = rng.normal(size=(2000, n))
    predictions = r * labels + np.sqrt(1 - r**2) * rng.normal(size=labels.shape)
    truth = {"pearson": r, "spearman": 6 / np.pi * np.arcsin(r / 2)}
    values = axes.metrics(labels, predictions, axes.CORRELATIONS)
    for name in axes.CORRELATIONS:
        lower, upper = axes.fisher(values[name], np.full(2000, n), name)
        assert np.mean((lower < truth[name]) & (truth[name] < upper)) == pytest.approx(0.95, abs=0.02)
    expected = stats.pearsonr(labels[0], predictions[0]).confidence_interval(0.95)
    np.testing.assert_allclose([each[0] for each in axes.fisher(values["pearson"], n, "pearson")], expected)
    assert np.isnan(axes.fisher(np.array([0.5]), np.array([3]), "pearson")).all()
