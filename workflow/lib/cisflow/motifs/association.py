"""Tests of one motif at a time: do sequences of the foreground hold it more often than those of the background?

A unit is a sequence, counted once: with a hit in its windows of the foreground, or in the windows of the background
that were matched to these. Arrays are (n, motifs) bool, row i of foreground and background of one pair.
"""

from typing import NamedTuple

import numpy as np
from scipy import special, stats

# Units that share a stratum, at least, of either side; and strata at most.
LEAST, MOST_STRATA = 20, 20
NEWTON_STEPS = 30
PENALTY = 1e-4


class Tails(NamedTuple):
    """Of a statistic with discrete values: probabilities (motifs,) of less than, exactly, and more than was seen."""

    below: np.ndarray
    at: np.ndarray
    above: np.ndarray

    def two_sided(self, share=0.5):
        """Twice the smaller tail, with a `share` of what was seen in it: by 0.5 the mid-p-value (Lancaster 1961).

        With a share drawn uniformly for each motif p-values are uniform under the null, whatever the counts.
        """
        return np.minimum(1, 2 * np.minimum(self.below + share * self.at, self.above + (1 - share) * self.at))


def permutation(foreground, background, strata):
    """The Tails of the number of foreground units with a hit, over all exchanges of units within strata.

    Within a stratum of N units, K with a hit, the number among n drawn of them is hypergeometric; over strata the
    numbers add up, so that their distribution is the convolution, and no permutation needs to be drawn.

    Parameters
    ----------
    strata : (2 n,) int, of the foreground units, then of the background units.
    """
    n = len(foreground)
    names, place = np.unique(strata, return_inverse=True)
    hits = np.zeros((len(names), foreground.shape[1]), dtype=np.int64)
    np.add.at(hits, place[:n], foreground)
    seen = hits.sum(axis=0)
    np.add.at(hits, place[n:], background)
    sizes = np.bincount(place, minlength=len(names))
    drawn = np.bincount(place[:n], minlength=len(names))
    factorial = special.gammaln(np.arange(len(strata) + 1) + 1.0)

    def choose(n, k):
        return factorial[n] - factorial[k] - factorial[n - k]

    tails = np.empty((3, foreground.shape[1]))
    for motif, (counts, value) in enumerate(zip(hits.T, seen, strict=True)):
        lowest, mass = 0, np.ones(1)
        for size, most, count in zip(sizes, drawn, counts, strict=True):
            first, last = max(0, count + most - size), min(count, most)
            values = np.arange(first, last + 1)
            ways = choose(count, values) + choose(size - count, most - values) - choose(size, most)
            mass = np.convolve(mass, np.exp(ways))
            lowest += first
        place_of = value - lowest
        tails[:, motif] = mass[:place_of].sum(), mass[place_of], mass[place_of + 1 :].sum()
    return Tails(*tails)


def mcnemar(first_only, second_only):
    """Exact two-sided mid-p-values of McNemar's test (1947, doi 10.1007/BF02295996) from counts of discordant pairs.

    Under the null a pair with a hit on one side only has it on either with a probability of one half.
    """
    first_only, n = np.asarray(first_only), np.asarray(first_only) + np.asarray(second_only)
    below = stats.binom.cdf(first_only - 1, n, 0.5)
    at = stats.binom.pmf(first_only, n, 0.5)
    return Tails(below, at, stats.binom.sf(first_only, n, 0.5)).two_sided()


def fisher(first, first_total, second, second_total):
    """The Tails of Fisher's exact test, of counts (motifs,) in two totals."""
    first, hits = np.asarray(first), np.asarray(first) + np.asarray(second)
    null = (first_total + second_total, hits, first_total)
    below, above = stats.hypergeom.cdf(first - 1, *null), stats.hypergeom.sf(first, *null)
    return Tails(below, stats.hypergeom.pmf(first, *null), above)


def weighted(first, second, weights):
    """The Tails of Fisher's test of a foreground against a weighted background of as many units.

    Weights w of mean 1 make the background worth n / mean(w^2) units, of which as large a share has a hit as of the
    weighted ones (Rao & Scott 1992, doi 10.2307/2532311); between whole counts the tails are interpolated.

    Parameters
    ----------
    first, second : (n, motifs) bool, hits of foreground and background. weights : (n,) of the background.
    """
    n, spread = len(first), (weights**2).mean()
    total = max(int(round(n / spread)), 1)
    count = total * (weights @ second) / n
    lower = np.minimum(np.floor(count).astype(int), total)
    share = count - lower
    one, other = (fisher(first.sum(axis=0), n, part, total) for part in (lower, np.minimum(lower + 1, total)))
    return Tails(*((1 - share) * a + share * b for a, b in zip(one, other, strict=True)))


def logistic(hits, label, covariates):
    """Two-sided p-values (motifs,) of a label in a logistic regression of hits on it and covariates.

    Rao's score test (1948): the regression without the label is fitted, and the label's score compared with its
    variance given the covariates, which is finite where all hits are on one side.

    Parameters
    ----------
    hits : (n, motifs) bool. label : (n,) 0 or 1. covariates : (n, c) float, without the constant.
    """
    scale = covariates.std(axis=0)
    kept = scale > 0
    x = np.column_stack([np.ones(len(label)), (covariates[:, kept] - covariates[:, kept].mean(axis=0)) / scale[kept]])
    y = hits.astype(np.float64)
    total = y.sum(axis=0)
    varies = (total > 0) & (total < len(y))
    p_values = np.ones(y.shape[1])
    for motif in np.flatnonzero(varies):
        fitted = _fit(x, y[:, motif])
        weight = fitted * (1 - fitted)
        score = label @ (y[:, motif] - fitted)
        cross = x.T @ (weight * label)
        variance = (weight * label**2).sum() - cross @ np.linalg.solve(_information(x, weight), cross)
        if variance > 1e-12:
            p_values[motif] = 2 * stats.norm.sf(abs(score) / np.sqrt(variance))
    return p_values


def _fit(x, y):
    """Probabilities (n,) of a logistic regression, by Newton's steps with a slight penalty against separation."""
    coefficients = np.zeros(x.shape[1])
    coefficients[0] = special.logit(y.mean())
    for _ in range(NEWTON_STEPS):
        fitted = special.expit(x @ coefficients)
        gradient = x.T @ (y - fitted)
        gradient[1:] -= PENALTY * coefficients[1:]
        step = np.linalg.solve(_information(x, fitted * (1 - fitted)), gradient)
        coefficients += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    return special.expit(x @ coefficients)


def _information(x, weight):
    return (x * weight[:, None]).T @ x + PENALTY * np.eye(x.shape[1])


def strata(keys, n):
    """Strata (2 n,) int of units that are alike: of equally many units each, LEAST of either side on average.

    Parameters
    ----------
    keys : (2 n, k) float, what units are alike in, of foreground and background units; the first counts most.
    """
    count = int(np.clip(n // LEAST, 1, MOST_STRATA))
    _, place = np.unique(keys, axis=0, return_inverse=True)
    edges = np.quantile(place, np.linspace(0, 1, count + 1)[1:-1])
    return np.searchsorted(edges, place.ravel(), side="right")


def simes(p_values, groups):
    """{group: p-value} that some member of a group is no chance: the least of k p(i) / i (Simes 1986)."""
    found = {}
    for group in np.unique(groups):
        ordered = np.sort(p_values[groups == group])
        found[group] = float(min(1, (len(ordered) * ordered / np.arange(1, len(ordered) + 1)).min()))
    return found
