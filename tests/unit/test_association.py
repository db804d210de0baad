"""Tests of association against scipy, enumeration and the null that they are made for."""

import itertools
import math

import numpy as np
import pytest
from scipy import optimize, special, stats

from cisflow.motifs import association


def hits(rng, n, shares):
    return rng.random((n, len(shares))) < np.asarray(shares)


def test_permutation_equals_enumeration():
    """Strata of 4 and 6 units: every way to choose the foreground within them, counted one by one."""
    foreground = np.array([[1, 0], [1, 1], [0, 1], [1, 0], [1, 1]], dtype=bool)
    background = np.array([[0, 1], [1, 0], [0, 0], [0, 1], [1, 1]], dtype=bool)
    strata = np.array([0, 0, 1, 1, 1, 0, 0, 1, 1, 1])
    tails = association.permutation(foreground, background, strata)
    both = np.vstack([foreground, background])
    first, second = np.flatnonzero(strata == 0), np.flatnonzero(strata == 1)
    totals = np.array(
        [
            both[list(a)].sum(axis=0) + both[list(b)].sum(axis=0)
            for a in itertools.combinations(first, 2)
            for b in itertools.combinations(second, 3)
        ]
    )
    seen = foreground.sum(axis=0)
    for name, found in zip(("below", "at", "above"), tails, strict=True):
        compare = {"below": totals < seen, "at": totals == seen, "above": totals > seen}[name]
        np.testing.assert_allclose(found, compare.mean(axis=0), atol=1e-12)


def test_permutation_in_one_stratum_is_hypergeometric():
    rng = np.random.default_rng(0)
    first, second = hits(rng, 60, [0.1, 0.5, 0.9]), hits(rng, 60, [0.2, 0.5, 0.8])
    tails = association.permutation(first, second, np.zeros(120, dtype=int))
    expected = association.fisher(first.sum(axis=0), 60, second.sum(axis=0), 60)
    for one, other in zip(tails, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (5, 5), (12, 3), (3, 12), (40, 11), (0, 30)])
def test_mcnemar_is_the_mid_p_of_its_closed_form(first, second):
    n = first + second
    ways = [math.comb(n, k) / 2**n for k in range(n + 1)]
    lower, upper = sum(ways[:first]) + ways[first] / 2, sum(ways[first + 1 :]) + ways[first] / 2
    assert association.mcnemar(np.array([first]), np.array([second]))[0] == pytest.approx(min(1, 2 * min(lower, upper)))


@pytest.mark.parametrize("table", [(3, 10, 5, 12), (0, 20, 6, 20), (9, 9, 1, 12), (0, 5, 0, 5)])
def test_fisher_tails_equal_scipy(table):
    a, n, b, m = table
    below, at, above = (part[0] for part in association.fisher(np.array([a]), n, np.array([b]), m))
    for name, tail in (("less", below + at), ("greater", above + at)):
        assert tail == pytest.approx(stats.fisher_exact([[a, n - a], [b, m - b]], alternative=name).pvalue)


def test_weights_of_one_are_fishers_test():
    rng = np.random.default_rng(1)
    first, second = hits(rng, 80, [0.1, 0.3]), hits(rng, 80, [0.2, 0.3])
    expected = association.fisher(first.sum(axis=0), 80, second.sum(axis=0), 80)
    for one, other in zip(association.weighted(first, second, np.ones(80)), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_weighted_p_values_are_uniform_where_weights_balance_a_confounder():
    """Hits depend on x alone, whose distribution differs: weighted by its density ratio, p-values are uniform."""
    rng = np.random.default_rng(2)
    n, found, plain = 400, [], []
    for _ in range(150):
        x, z = rng.normal(0.5, 1, n), rng.normal(0, 1, n)
        first, second = (rng.random(n) < special.expit(v - 2) for v in (x, z))
        weights = np.exp(0.5 * z)
        weights *= n / weights.sum()
        tails = association.weighted(first[:, None], second[:, None], weights)
        found.append(tails.two_sided(rng.random())[0])
        plain.append(association.fisher(first.sum(), n, second.sum(), n).two_sided())
    assert stats.kstest(found, "uniform").pvalue > 0.01
    assert np.mean(np.array(plain) < 0.05) > 0.5


def test_shares_of_the_tail_make_p_values_uniform():
    rng = np.random.default_rng(3)
    first, second = hits(rng, 30, [0.05] * 4000), hits(rng, 30, [0.05] * 4000)
    tails = association.fisher(first.sum(axis=0), 30, second.sum(axis=0), 30)
    assert stats.kstest(tails.two_sided(rng.random(4000)), "uniform").pvalue > 0.01
    assert (tails.two_sided() < 0.05).mean() < 0.06


def test_logistic_is_the_score_test():
    """Against the score test from a numerical fit of the regression without the label."""
    rng = np.random.default_rng(4)
    covariates = rng.normal(size=(300, 2))
    label = np.repeat([1.0, 0.0], 150)
    y = rng.random(300) < special.expit(-1 + covariates[:, 0] + 0.3 * label)
    x = np.column_stack([np.ones(300), covariates])
    fitted = optimize.minimize(lambda b: np.logaddexp(0, x @ b).sum() - y @ (x @ b), np.zeros(3), tol=1e-12).x
    p = special.expit(x @ fitted)
    full = np.column_stack([x, label])
    information = (full * (p * (1 - p))[:, None]).T @ full
    variance = 1 / np.linalg.inv(information)[3, 3]
    expected = 2 * stats.norm.sf(abs(label @ (y - p)) / np.sqrt(variance))
    assert association.logistic(y[:, None], label, covariates)[0] == pytest.approx(expected, rel=1e-3)


def test_logistic_with_all_hits_on_one_side_or_none():
    label = np.repeat([1.0, 0.0], 30)
    y = np.column_stack([label == 1, np.zeros(60, bool), np.ones(60, bool)])
    p = association.logistic(y, label, np.ones((60, 2)))
    assert p[0] < 1e-10 and p[1] == p[2] == 1


def test_strata_hold_like_units():
    keys = np.array([[0.5, 0.0], [0.4, 0.0]] * 100)
    strata = association.strata(keys, 100)
    assert len(set(strata[::2])) and not set(strata[::2]) & set(strata[1::2])


def test_simes():
    p = np.array([0.01, 0.04, 0.5, 0.2])
    found = association.simes(p, np.array([1, 1, 1, 2]))
    assert found == {1: pytest.approx(0.03), 2: pytest.approx(0.2)}
