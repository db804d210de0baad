"""How unequal the numbers of a window are over tracks."""

import numpy as np


def gini(values):
    """Gini coefficient (n,) of each row of numbers (n, t) of 0 or more; NaN are left out.

    Half of the mean absolute difference of all pairs of a row, over its mean: 0 where all are equal, (t - 1) / t where
    one has all; 0 of a row of zeros, NaN of one without numbers.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64), axis=1)
    count = np.isfinite(ordered).sum(axis=1)
    rank = np.arange(1, ordered.shape[1] + 1)
    # NaN are sorted behind all numbers.
    numbers = np.nan_to_num(ordered)
    total = numbers.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = 2 * (numbers * rank).sum(axis=1) / (count * total) - (count + 1) / count
    return np.where(count == 0, np.nan, np.where(total == 0, 0.0, found))
