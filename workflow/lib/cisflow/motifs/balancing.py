"""Weights that give background windows the short words of the foreground: k-mers of length 1 to 3 on both strands.

As HOMER's normalisation of backgrounds (Heinz et al. 2010) does it by rounds, here in one convex problem: entropy
balancing (Hainmueller 2012, doi 10.1093/pan/mpr025) up to what chance explains (approximate balance, Zubizarreta 2015,
doi 10.1080/01621459.2015.1023805), so that windows of one composition keep their weights of 1.
"""

from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from cisflow.sequence import dna

LONGEST = 3
# Differences of so many standard errors are left as they are; more, where weights would rest on few windows: those that
# are worth less than this share of them.
TOLERANCE, LEAST_WORTH = 2.0, 0.75
WIDER = 1.5 ** np.arange(20)


class Balance(NamedTuple):
    """Weights of the background and what they are made of.

    weights : (b,) float, of mean 1. worth : float, (sum of weights)^2 / sum of squares: as many equal windows.
    before, after : float, largest difference of a word's frequency between the two, in its standard deviations.
    """

    weights: np.ndarray
    worth: float
    before: float
    after: float


def balance(foreground, background):
    """The Balance of windows.

    Parameters
    ----------
    foreground, background : (f, k), (b, k) float, word frequencies of `words`.
    """
    both = np.vstack([foreground, background])
    scale = both.std(axis=0)
    varying = scale > 0
    x = (background[:, varying] - foreground[:, varying].mean(axis=0)) / scale[varying]
    n, start = len(background), np.zeros(int(varying.sum()))
    if not len(start) or n < 2:
        return Balance(np.ones(n), float(n), 0.0, 0.0)

    k = len(start)
    error = np.sqrt(1 / len(foreground) + 1 / n)

    def problem(coefficients, tolerance):
        # Both signs apart, as neither may be negative: the penalty is then linear.
        signed = coefficients[:k] - coefficients[k:]
        logits = x @ signed
        value = special.logsumexp(logits) + tolerance * coefficients.sum()
        gradient = special.softmax(logits) @ x
        return value, np.concatenate([gradient, -gradient]) + tolerance

    for wider in WIDER:
        tolerance = TOLERANCE * error * wider
        solved = optimize.minimize(
            problem, np.zeros(2 * k), args=(tolerance,), jac=True, method="L-BFGS-B", bounds=[(0, None)] * (2 * k)
        )
        share = special.softmax(x @ (solved.x[:k] - solved.x[k:]))
        if 1 / (share**2).sum() >= LEAST_WORTH * n:
            break
    weights = n * share
    means = np.abs(x.mean(axis=0)).max(), np.abs(share @ x).max()
    return Balance(weights, float(weights.sum() ** 2 / (weights**2).sum()), *map(float, means))


def words(codes):
    """Frequencies of words of 1 to LONGEST bases, a word and its reverse complement as one, in each window.

    Parameters
    ----------
    codes : (n, width) uint8; a word with a base that is unknown or absent is not counted.

    Returns
    -------
    (n, 2 + 10 + 32) float64; those of one length add up to 1, or are 0 in a window without a word.
    """
    parts = []
    for k in range(1, LONGEST + 1):
        number = np.zeros((len(codes), codes.shape[1] - k + 1), dtype=np.int64)
        known = np.ones(number.shape, dtype=bool)
        for place in range(k):
            part = codes[:, place : place + number.shape[1]]
            number = 4 * number + np.minimum(part, 3)
            known &= part < dna.UNKNOWN
        canonical, size = _canonical(k)
        cell = np.where(known, canonical[number], size) + (size + 1) * np.arange(len(codes))[:, None]
        counts = np.bincount(cell.ravel(), minlength=(size + 1) * len(codes)).reshape(len(codes), size + 1)[:, :size]
        total = counts.sum(axis=1, keepdims=True)
        parts.append(np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0))
    return np.hstack(parts)


def _canonical(k):
    """(number of each word's class (4^k,), number of classes): a word and its reverse complement are one class."""
    digits = np.array(np.unravel_index(np.arange(4**k), (4,) * k))
    reverse = np.ravel_multi_index(tuple(3 - digits[::-1]), (4,) * k)
    classes, place = np.unique(np.minimum(np.arange(4**k), reverse), return_inverse=True)
    return place, len(classes)
