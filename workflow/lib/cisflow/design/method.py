"""What methods of design share: settings that several of them read, and edits that they take."""

import numpy as np

from cisflow.config import settings
from cisflow.config.settings import setting


class Common(settings.Settings):
    """Settings of every method."""

    steps: int = setting(100, minimum=0, meaning="Steps of each design, at most.")


def edited(codes, base, position):
    """Codes (n, length) with one base of each row changed to base (n,) at position (n,), a copy."""
    result = codes.copy()
    result[np.arange(len(codes)), position] = base
    return result


def best_edits(scores, allowed):
    """(score, base, position), each (n,), of the best allowed edit; the first of equals; -inf where none is allowed."""
    n, _, length = scores.shape
    flat = np.where(allowed, scores, -np.inf).reshape(n, -1)
    best = flat.argmax(axis=1)
    return flat[np.arange(n), best], best // length, best % length


def random_edits(allowed, rng):
    """(row, base, position) of one allowed edit each, drawn at random, of the rows (of n, 4, length) that have any."""
    n, _, length = allowed.shape
    # The place of the largest of random numbers is drawn evenly among those that are allowed.
    draws = np.where(allowed, rng.random(allowed.shape), -1.0).reshape(n, -1)
    best = draws.argmax(axis=1)
    rows = np.flatnonzero(draws[np.arange(n), best] >= 0)
    return rows, best[rows] // length, best[rows] % length
