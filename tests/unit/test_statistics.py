"""Intervals and tests by simulation, and against direct computations and closed forms."""

import numpy as np
import pytest
from scipy import integrate, special, stats
from sklearn.linear_model import LogisticRegression

from cisflow.evaluation import binary, statistics
from cisflow.evaluation.delong import delong, delong_test

AUROC, AP = (binary.METRICS.index(name) for name in ("auroc", "average_precision"))
INTERCEPT, SLOPE = (binary.METRICS.index(f"calibration_{name}") for name in ("intercept", "slope"))


def binormal_auroc(shift):
    return stats.norm.cdf(shift / np.sqrt(2))


def binormal_average_precision(shift, rate):
    """The precision of N(shift, 1) against N(0, 1), averaged over the scores of the positives."""

    def at(x):
        hits, false = rate * stats.norm.sf(x - shift), (1 - rate) * stats.norm.sf(x)
        return hits / (hits + false) * stats.norm.pdf(x - shift)

    return integrate.quad(at, -8, 8)[0]


def calibrated(seed, n, intercept=0.0, slope=1.0):
    """Labels drawn from probabilities, and scores whose calibration line has the intercept and slope."""
    rng = np.random.default_rng(seed)
    x = rng.normal(-0.5, 1.5, n)
    return (rng.random(n) < special.expit(intercept + slope * x)).astype(float), special.expit(x)


# -- bootstrap --------------------------------------------------------------------------------------------------------


@pytest.fixture
def without_line(monkeypatch):
    """Leave out the calibration line, whose fit takes longer than all else of so small a data set."""
    monkeypatch.setattr(binary, "recalibration", lambda *_: (np.nan, np.nan))


def test_bootstrap_intervals_cover_the_truth_in_95_percent(without_line):
    # 1,500 data sets: the standard error of a coverage of 95% is 0.6%. Percentiles of the average precision need 200
    # positives: with 100 they cover 92 to 93%.
    rng = np.random.default_rng(5)
    n, rate, shifts = 500, 0.4, np.array([1.0, 0.7])
    truth = np.array([[binormal_auroc(shift), binormal_average_precision(shift, rate)] for shift in shifts])
    truth = np.vstack([truth, truth[0] - truth[1]])
    covered = np.zeros((3, 2))
    for _ in range(1500):
        labels = (rng.random(n) < rate).astype(float)
        shared = rng.normal(size=n)
        counts = statistics.resamples(n, 400, rng)
        scores = np.sqrt(0.5) * (shared + rng.normal(size=(2, n))) + shifts[:, None] * labels
        a, b = (binary.bootstrap_metrics(labels, special.expit(row), counts)[[AUROC, AP]] for row in scores)
        for place, draws in enumerate((a, b, a - b)):
            lower, upper = statistics.interval(draws.T)
            covered[place] += (lower <= truth[place]) & (truth[place] <= upper)
    np.testing.assert_allclose(covered / 1500, 0.95, atol=0.02)


def test_bootstrap_p_value_is_uniform_when_models_are_equally_good(without_line):
    rng = np.random.default_rng(7)
    labels = np.repeat([0.0, 1.0], 100)
    p_values = []
    for _ in range(600):
        counts = statistics.resamples(200, 400, rng)
        scores = special.expit(rng.normal(labels) + rng.normal(scale=0.7, size=(2, 200)))
        a, b = (binary.bootstrap_metrics(labels, row, counts)[AUROC] for row in scores)
        p_values.append(statistics.p_value(a - b))
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.mean(np.array(p_values) < 0.5) == pytest.approx(0.5, abs=0.06)


def test_one_newton_step_is_the_line_of_a_resample():
    labels, scores = calibrated(2, 3000, 0.3, 0.7)
    counts = statistics.resamples(3000, 60, np.random.default_rng(3))
    draws = binary.bootstrap_metrics(labels, scores, counts)[[INTERCEPT, SLOPE]]
    exact = []
    for row in counts:
        model = LogisticRegression(C=np.inf, tol=1e-9, max_iter=1000)
        model.fit(special.logit(scores)[:, None], labels, sample_weight=row)
        exact.append([model.intercept_[0], model.coef_[0, 0]])
    error = np.abs(draws.T - exact).max(axis=0)
    assert (error < 0.15 * np.std(exact, axis=0)).all()


# -- calibration ------------------------------------------------------------------------------------------------------


def test_calibration_line_solves_the_score_equations():
    labels, scores = calibrated(4, 400, 0.5, 0.6)
    intercept, slope = binary.recalibration(labels, scores)
    x = special.logit(scores)
    residual = labels - special.expit(intercept + slope * x)
    np.testing.assert_allclose([residual.mean(), (residual * x).mean()], 0, atol=1e-7)


@pytest.mark.parametrize(("intercept", "slope"), [(0.0, 1.0), (-0.8, 0.5), (0.4, 1.6)])
def test_calibration_line_is_the_one_that_made_the_labels(intercept, slope):
    found = binary.recalibration(*calibrated(5, 40_000, intercept, slope))
    np.testing.assert_allclose(found, [intercept, slope], atol=0.06)


def test_calibration_line_needs_classes_that_overlap():
    labels = np.array([0.0, 0, 1, 1])
    for scores in ([0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.2, 0.3], [0.5] * 4):
        assert np.isnan(binary.recalibration(labels, np.array(scores))).all()
    assert np.isfinite(binary.recalibration(labels, np.array([0.0, 0.6, 0.4, 1.0]))).all()


def test_bins_hold_every_sequence_once_and_the_error_is_their_gap():
    labels = np.array([0, 0, 1, 1, 1, np.nan])
    scores = np.array([0.0, 0.05, 0.1, 0.95, 1.0, 0.5])
    bins = binary.reliability(labels[:5], scores[:5])
    assert bins.n.tolist() == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert bins.n_positive.tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    error = binary.point_metrics(labels, scores)[binary.METRICS.index("calibration_error")]
    # Two of five at 0.025 against 0, one at 0.1 against 1, two at 0.975 against 1.
    assert error == pytest.approx((2 * 0.025 + 0.9 + 2 * 0.025) / 5)


def test_calibration_error_of_calibrated_scores_is_small():
    place = binary.METRICS.index("calibration_error")
    assert binary.point_metrics(*calibrated(6, 50_000))[place] < 0.01
    assert binary.point_metrics(*calibrated(6, 50_000, 0, 0.3))[place] > 0.1


def test_wilson_is_that_of_scipy():
    for hits, n in ((0, 5), (3, 7), (40, 40), (271, 1000)):
        expected = stats.binomtest(hits, n).proportion_ci(method="wilson")
        np.testing.assert_allclose(binary.wilson(hits, n), [expected.low, expected.high], atol=1e-12)
    assert np.isnan(binary.wilson(np.array([0]), np.array([0]))).all()


# -- DeLong -----------------------------------------------------------------------------------------------------------


def delong_by_pairs(labels, scores):
    """AUROC and covariance from the kernel of all pairs of a positive and a negative, in O(n squared)."""
    kernel = np.array([np.sign(s[labels == 1][:, None] - s[labels == 0]) / 2 + 0.5 for s in scores])
    k, n = kernel.shape[1:]
    covariance = np.cov(kernel.mean(axis=2)) / k + np.cov(kernel.mean(axis=1)) / n
    return kernel.mean(axis=(1, 2)), covariance


@pytest.mark.parametrize("levels", [3, 20, 10**9])
def test_delong_equals_the_kernel_of_all_pairs(levels):
    rng = np.random.default_rng(8)
    labels = (rng.random(150) < 0.3).astype(float)
    scores = np.round(levels * (rng.random((3, 150)) + 0.3 * labels)) / levels
    estimate = delong(labels, scores)
    auroc, covariance = delong_by_pairs(labels, scores)
    np.testing.assert_allclose(estimate.auroc, auroc, atol=1e-12)
    np.testing.assert_allclose(estimate.covariance, covariance, atol=1e-12)
    test = delong_test(estimate, 0, 2)
    contrast = np.array([1, 0, -1])
    z = (contrast @ auroc) / np.sqrt(contrast @ covariance @ contrast)
    assert test.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), abs=1e-12)
    assert test.difference == pytest.approx((test.lower + test.upper) / 2)
    assert (test.lower > 0) == (z > stats.norm.isf(0.025))


def test_delong_leaves_out_missing_labels_and_needs_two_of_each_class():
    labels, scores = np.array([0, 1, 0, 1, np.nan]), np.array([[0.1, 0.9, 0.4, 0.3, 0.5]])
    full, known = delong(labels, scores), delong(labels[:4], scores[:, :4])
    assert full.auroc == known.auroc and full.covariance == known.covariance
    assert np.isnan(delong(np.array([0, 0, 1.0]), scores[:, :3]).auroc).all()


def test_delong_of_a_model_and_itself():
    rng = np.random.default_rng(9)
    labels, score = np.repeat([0.0, 1.0], 30), rng.random(60)
    same = delong_test(delong(labels, np.array([score, 2 * score])), 0, 1)
    assert same == (0, 0, 0, 1)
    # Perfect and reversed differ without any variance.
    certain = delong_test(delong(labels, np.array([labels, -labels])), 0, 1)
    assert certain.difference == 1 and np.isnan(certain.p_value)


def test_delong_rejects_equal_models_in_5_percent():
    # 6,000 data sets: the standard error of 5% is 0.3%.
    rng = np.random.default_rng(10)
    labels = np.repeat([0.0, 1.0], [120, 80])
    p_values = []
    for _ in range(6000):
        shared = rng.normal(size=200)
        scores = labels + np.sqrt(0.5) * (shared + rng.normal(size=(2, 200)))
        p_values.append(delong_test(delong(labels, scores), 0, 1).p_value)
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.01)
    assert np.mean(np.array(p_values) < 0.5) == pytest.approx(0.5, abs=0.02)


def test_delong_and_bootstrap_agree():
    rng = np.random.default_rng(11)
    labels = (rng.random(2000) < 0.3).astype(float)
    scores = special.expit(labels + rng.normal(size=(2, 2000)))
    counts = statistics.resamples(2000, 2000, rng)
    draws = np.array([binary.bootstrap_metrics(labels, row, counts)[AUROC] for row in scores])
    np.testing.assert_allclose(delong(labels, scores).covariance, np.cov(draws), rtol=0.15, atol=1e-5)


# -- many comparisons -------------------------------------------------------------------------------------------------


def test_holm_of_a_hand_example():
    # 0.01 * 4; 0.02 * 3; 0.03 * 2; 0.04 * 1 may not be below the one before it.
    np.testing.assert_allclose(statistics.holm([0.03, 0.01, 0.04, 0.02]), [0.06, 0.04, 0.06, 0.06])
    np.testing.assert_allclose(statistics.holm([0.9, 0.6]), [1, 1])


def test_holm_rejects_what_the_step_down_procedure_rejects():
    p_values = np.random.default_rng(12).random(12) ** 3
    for level in (0.01, 0.05, 0.2, 0.5):
        rejected, ordered = 0, np.sort(p_values)
        while rejected < 12 and ordered[rejected] <= level / (12 - rejected):
            rejected += 1
        assert (statistics.holm(p_values) <= level).sum() == rejected


def test_benjamini_hochberg_of_a_hand_example_and_of_the_step_up_procedure():
    np.testing.assert_allclose(statistics.benjamini_hochberg([0.01, 0.04, 0.03, 0.5]), [0.04, 0.16 / 3, 0.16 / 3, 0.5])
    p_values = np.random.default_rng(13).random(12) ** 3
    for level in (0.01, 0.05, 0.2, 0.5):
        below = np.flatnonzero(np.sort(p_values) <= level * np.arange(1, 13) / 12)
        rejected = below[-1] + 1 if len(below) else 0
        assert (statistics.benjamini_hochberg(p_values) <= level).sum() == rejected


@pytest.mark.parametrize("adjust", [statistics.holm, statistics.benjamini_hochberg])
def test_missing_p_values_are_not_counted(adjust):
    adjusted = adjust([0.01, np.nan, 0.02])
    assert np.isnan(adjusted[1]) and np.array_equal(adjusted[[0, 2]], adjust([0.01, 0.02]))
    assert np.isnan(adjust([np.nan])).all() and len(adjust([])) == 0
