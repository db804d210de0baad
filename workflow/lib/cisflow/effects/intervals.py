"""Means over backgrounds and networks, with intervals that tell of both."""

from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


class Moments(NamedTuple):
    """What one network makes of something in n backgrounds: mean and variance (…), and n."""

    mean: np.ndarray
    variance: np.ndarray
    n: int


class Estimate(NamedTuple):
    """Means (…) over networks with the bounds of their 95% intervals, and the two spreads behind them.

    sd_backgrounds : between backgrounds of one network. sd_seeds : between the means of networks, NaN of one.
    """

    mean: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    sd_backgrounds: np.ndarray
    sd_seeds: np.ndarray


def over_seeds(values):
    """The Estimate of values (seeds, …), one of each network: Student's t of them; no interval of one network."""
    values = np.asarray(values, dtype=np.float64)
    nothing = np.full(values.shape[1:], np.nan)
    return estimate([Moments(part, nothing, 1) for part in values])


def moments(values):
    """The Moments of values (n, …) of n backgrounds; the variance of one is NaN."""
    values = np.asarray(values, dtype=np.float64)
    variance = values.var(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1:], np.nan)
    return Moments(values.mean(axis=0), variance, len(values))


def estimate(of_networks):
    """The Estimate of the Moments of each network, whose backgrounds are its own.

    Backgrounds are nested in networks, so that the mean of a network varies by both: with S > 1 networks the interval
    is Student's t of their means, with S - 1 degrees of freedom (the random-effects model of one way, Searle et al.
    1992, chapter 3), and speaks of networks trained alike on backgrounds drawn alike. With one network it is Student's
    t over its backgrounds and speaks of that network alone.
    """
    means = np.stack([found.mean for found in of_networks])
    within = np.stack([found.variance for found in of_networks])
    n = of_networks[0].n
    several = len(means) > 1
    with np.errstate(invalid="ignore"):
        between = means.std(axis=0, ddof=1) if several else np.full(means.shape[1:], np.nan)
        error = between / np.sqrt(len(means)) if several else np.sqrt(within[0] / n)
        freedom = len(means) - 1 if several else n - 1
        # Of one background there is no error, and no interval.
        reach = error * (stats.t.ppf((1 + CONFIDENCE) / 2, freedom) if freedom else np.nan)
    mean = means.mean(axis=0)
    return Estimate(mean, mean - reach, mean + reach, np.sqrt(within.mean(axis=0)), between)
