"""How alike motifs are, as they lie best on either strand. Of numpy alone, so that figures can ask it too."""

from typing import NamedTuple

import numpy as np

UNIFORM = 0.25
# A palindrome fits both strands alike but for rounding: it stays as it is.
TIE = 1e-9


class Similarities(NamedTuple):
    """Every motif against every other one, each (n, n).

    r : float64, Pearson correlation over the columns that either of two motifs covers. offset : int, the column of the
    first at which the second begins, as it lies best. reverse : bool, whether the second lies reverse-complemented.
    """

    r: np.ndarray
    offset: np.ndarray
    reverse: np.ndarray


def similarities(matrices, others=None):
    """The Similarities of probability matrices, each (4, w), with each other, or with `others` (n, m).

    Where only one of two motifs has a column, the other counts as uniform; then all columns sum to one, so that the
    correlation over the union of both is the cosine of what deviates from uniform. A motif of uniform columns
    resembles none.
    """
    others = matrices if others is None else others
    shape = len(matrices), len(others)
    found = Similarities(np.full(shape, -1.0), np.zeros(shape, dtype=int), np.zeros(shape, dtype=bool))
    if not all(shape):
        return found
    first = _units(matrices)
    for reverse in (False, True):
        second = _units([matrix[::-1, ::-1] for matrix in others] if reverse else others)
        for offset in range(1 - second.shape[2], first.shape[2]):
            # Column c of the second lies on column c + offset of the first.
            left, right = max(0, offset), min(first.shape[2], offset + second.shape[2])
            r = np.tensordot(first[:, :, left:right], second[:, :, left - offset : right - offset], ((1, 2), (1, 2)))
            better = r > found.r + TIE
            for values, best in zip(found, (r, offset, reverse), strict=True):
                np.copyto(values, best, where=better)
    return found


def _units(matrices):
    """(n, 4, widest) float64: deviations from uniform, zero behind a motif's end, each motif of length 1."""
    units = np.zeros((len(matrices), 4, max(matrix.shape[1] for matrix in matrices)))
    for unit, matrix in zip(units, matrices, strict=True):
        deviation = matrix - UNIFORM
        size = np.linalg.norm(deviation)
        unit[:, : matrix.shape[1]] = deviation / size if size > 0 else 0
    return units
