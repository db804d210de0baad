"""Bootstrap over sequences: resamples, intervals and p-values, whatever the metric.

A resample is a row of counts: how often it drew each sequence.
"""

import numpy as np
from scipy import stats

# Of intervals, in percent.
COVERAGE = 95

# Counts handled at a time, so that one block stays in the processor's cache.
BLOCK = 1 << 17


def resamples(n, size, rng):
    """Counts (size, n) uint8 of `size` draws of n sequences with replacement."""
    counts = np.empty((size, n), dtype=np.uint8)
    step = max(1, BLOCK // n)
    for start in range(0, size, step):
        rows = min(step, size - start)
        draws = rng.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        # uint8 holds every count that occurs: one of 256 has a probability below 1e-500.
        counts[start : start + rows] = np.bincount(draws.ravel(), minlength=rows * n).reshape(rows, n)
    return counts


class Average:
    """Mean of arrays of one shape, element by element, over those that are not NaN there."""

    def __init__(self):
        self.total, self.count = 0.0, 0

    def add(self, values):
        self.total = self.total + np.nan_to_num(values)
        self.count = self.count + np.isfinite(values)

    def mean(self):
        return np.divide(self.total, self.count, out=np.full(self.total.shape, np.nan), where=self.count > 0)


def ratio(numerator, denominator):
    """Quotients of two arrays, NaN where the denominator is not above zero."""
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


def holm(p_values):
    """p-values (m,) adjusted so that the chance of any false rejection is kept (Holm 1979); NaN are left out."""
    p_values = np.asarray(p_values, dtype=float)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    adjusted = np.full(len(p_values), np.nan)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1)))
    return adjusted


def benjamini_hochberg(p_values):
    """p-values (m,) adjusted for the share of false rejections (Benjamini and Hochberg 1995); NaN are left out."""
    p_values = np.asarray(p_values, dtype=float)
    known = np.isfinite(p_values)
    adjusted = np.full(len(p_values), np.nan)
    if known.any():
        adjusted[known] = stats.false_discovery_control(p_values[known])
    return adjusted
