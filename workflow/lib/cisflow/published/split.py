"""The split of the study. For a split of one's own, kind `random` says what it does."""

import numpy as np

SEED = 100


def folds(n):
    """Folds (n,) of n windows: numpy's legacy generator with seed 100 shuffles a list of the rows; the first tenth,
    rounded down, is `valid`, the next as many `test`, the rest `train`.
    """
    order = list(range(n))
    np.random.RandomState(SEED).shuffle(order)
    tenth = n // 10
    values = np.full(n, "train", dtype=object)
    values[order[:tenth]] = "valid"
    values[order[tenth : 2 * tenth]] = "test"
    return values
