"""AUROC of models on the same sequences, and tests of their difference, by DeLong's covariance."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from cisflow.evaluation import statistics


class Delong(NamedTuple):
    """AUROC of m models on the same sequences: values (m,) and their covariance (m, m)."""

    auroc: np.ndarray
    covariance: np.ndarray


def delong(labels, scores):
    """AUROC and their covariance (DeLong, DeLong and Clarke-Pearson 1988, doi 10.2307/2531595).

    By midranks in O(n log n) (Sun and Xu 2014, doi 10.1109/LSP.2014.2337313); ties count one half.

    Parameters
    ----------
    labels : (n,) 0, 1 or NaN. scores : (m, n).

    Returns
    -------
    Delong, NaN throughout with fewer than two labelled sequences of either class.
    """
    positives, negatives = scores[:, labels == 1], scores[:, labels == 0]
    m, k = positives.shape
    n = negatives.shape[1]
    if min(k, n) < 2:
        return Delong(np.full(m, np.nan), np.full((m, m), np.nan))
    together = stats.rankdata(np.hstack([positives, negatives]), axis=1)
    # Of each positive, the share of negatives below it; of each negative, the share of positives above it.
    below = (together[:, :k] - stats.rankdata(positives, axis=1)) / n
    above = 1 - (together[:, k:] - stats.rankdata(negatives, axis=1)) / k
    covariance = np.atleast_2d(np.cov(below)) / k + np.atleast_2d(np.cov(above)) / n
    return Delong(below.mean(axis=1), covariance)


class Difference(NamedTuple):
    """A difference with its 95% interval and the two-sided p-value of 'it is zero'."""

    difference: float
    lower: float
    upper: float
    p_value: float


def delong_test(estimate, a, b):
    """The Difference of the AUROC of model `a` minus that of model `b` of a Delong.

    Where the difference has no variance, as that of a model and itself, p is 1 if it is zero and NaN if it is not.
    """
    covariance = estimate.covariance
    difference = estimate.auroc[a] - estimate.auroc[b]
    variance = covariance[a, a] + covariance[b, b] - 2 * covariance[a, b]
    # Rounding leaves a variance of zero slightly off.
    if variance <= 1e-15:
        return Difference(difference, difference, difference, 1.0 if abs(difference) < 1e-12 else np.nan)
    error = np.sqrt(variance)
    reach = stats.norm.isf((100 - statistics.COVERAGE) / 200) * error
    p_value = 2 * stats.norm.sf(abs(difference) / error)
    return Difference(difference, difference - reach, difference + reach, p_value)
