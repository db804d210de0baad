"""Windows with nothing to find but their composition, or a motif planted in some of them."""

import numpy as np
import pandas as pd

from cisflow.motifs import backgrounds, enrichment
from cisflow.sequence import dna


def independent(rng, m, length, gc):
    """(m, length) uint8 of independent bases."""
    return rng.choice(4, p=np.array([1 - gc, gc, gc, 1 - gc]) / 2, size=(m, length)).astype(np.uint8)


def plant(rng, codes, matrix, share):
    """Put an instance of a motif, on either strand, into a share of the rows, in place."""
    width = matrix.shape[1]
    for row in rng.permutation(len(codes))[: round(share * len(codes))]:
        start = rng.integers(codes.shape[1] - width + 1)
        site = np.array([rng.choice(4, p=column / column.sum()) for column in matrix.T], dtype=np.uint8)
        codes[row, start : start + width] = site if rng.random() < 0.5 else dna.reverse_complement(site)


def two_classes(rng, n, gc, pool_gc, width=42, pool_length=200, matrix=None, share=0.05):
    """Pairs of n windows of one class, one a sequence, and their matches in sequences of the other."""
    codes, pool = independent(rng, n, width, gc), independent(rng, n, pool_length, pool_gc)
    if matrix is not None:
        plant(rng, codes, matrix, share)
    windows = pd.DataFrame({"row": np.arange(n), "start": 0, "end": width})
    return matched(rng, codes, windows, backgrounds.Pool(pool, np.zeros(pool.shape, dtype=bool)), False)


def within(rng, n, gc, around_gc, width=42, length=600):
    """Pairs of n windows of one composition within sequences of another, and their matches in the same sequences."""
    codes, starts = independent(rng, n, length, around_gc), rng.integers(0, length - width, n)
    taken = np.zeros(codes.shape, dtype=bool)
    for row, (start, window) in enumerate(zip(starts, independent(rng, n, width, gc), strict=True)):
        codes[row, start : start + width], taken[row, start : start + width] = window, True
    windows = pd.DataFrame({"row": np.arange(n), "start": starts, "end": starts + width})
    return matched(rng, codes, windows, backgrounds.Pool(codes, taken, np.arange(n)), True)


def matched(rng, codes, windows, pool, own_rows):
    """The enrichment.Pairs of windows and their matches."""
    found = backgrounds.match(windows, codes, pool, rng, own_rows)
    wide = found["end"] - found["start"]
    return enrichment.Pairs(
        backgrounds.cut(codes, found["row"], found["start"], found["end"], int(wide.max())),
        backgrounds.cut(
            pool.codes, found["pool_row"], found["pool_start"], found["pool_start"] + wide, int(wide.max())
        ),
        found["row"].to_numpy(),
    )
