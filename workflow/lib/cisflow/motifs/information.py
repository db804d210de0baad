"""Information that motifs share, as they lie best on either strand."""

import numba
import numpy as np

from cisflow.io.meme import column_information


def shared(queries, targets):
    """Bits (n, t) that each of n probability matrices (4, w) shares with each of t others.

    Two columns share the smaller of their information contents times the cosine of the angle between their deviations
    from uniform bases, or nothing where it is negative; an alignment shares the sum over its columns, and two matrices
    share that of their best alignment.
    """
    if not queries or not targets:
        return np.zeros((len(queries), len(targets)))
    return _shared(*_columns(queries), *_columns(targets))


def _columns(matrices):
    """(directions (columns, 4), information (columns,), ends (n + 1,)) of matrices side by side."""
    ends = np.cumsum([0, *(matrix.shape[1] for matrix in matrices)])
    columns = np.hstack(matrices).astype(np.float64)
    deviation = columns - columns.mean(axis=0)
    size = np.linalg.norm(deviation, axis=0)
    direction = np.divide(deviation, size, out=np.zeros_like(deviation), where=size > 0)
    return np.ascontiguousarray(direction.T), column_information(columns), ends


@numba.njit(cache=True)
def _shared(first, first_bits, first_ends, second, second_bits, second_ends):
    found = np.zeros((len(first_ends) - 1, len(second_ends) - 1))
    for one in range(found.shape[0]):
        for other in range(found.shape[1]):
            begin, start = first_ends[one], second_ends[other]
            width, wide = first_ends[one + 1] - begin, second_ends[other + 1] - start
            for offset in range(1 - width, wide):
                forward, reverse = 0.0, 0.0
                for place in range(max(0, offset), min(wide, offset + width)):
                    a, b, c = begin + place - offset, start + place, start + wide - 1 - place
                    straight, turned = 0.0, 0.0
                    for base in range(4):
                        straight += first[a, base] * second[b, base]
                        turned += first[a, base] * second[c, 3 - base]
                    forward += max(0.0, straight) * min(first_bits[a], second_bits[b])
                    reverse += max(0.0, turned) * min(first_bits[a], second_bits[c])
                found[one, other] = max(found[one, other], forward, reverse)
    return found
