"""Background windows: of the width, GC and CpG of each seqlet window, drawn where attributions say nothing.

Windows are (row, start, end) of rows of base codes. A window's match has exactly its width, its number of G and C and
its number of CpG, so that composition cannot tell the two apart; a window without a match is left out, and counted.
"""

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.sequence import dna

COLUMNS = ("row", "start", "end", "pool_row", "pool_start")
# Places looked at for one window before it counts as unmatched, where all are taken.
TRIES = 200
G, C = dna.BASES.index("G"), dna.BASES.index("C")


def spans(spots, length, flank):
    """Seqlets with `flank` bases on either side, clipped to the row; those that meet are joined.

    Parameters
    ----------
    spots : frame with row, start, end, sorted by row and start.

    Returns
    -------
    frame with row, start, end.
    """
    found = []
    for row, group in spots.groupby("row", sort=True):
        starts, ends = np.maximum(group["start"] - flank, 0), np.minimum(group["end"] + flank, length)
        found += [(row, start, end) for start, end in joined(starts, ends)]
    return pd.DataFrame(found, columns=["row", "start", "end"], dtype=np.int64)


def joined(starts, ends):
    """Disjoint spans [(start, end)] that cover the given ones, which are sorted by start."""
    found = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


class Pool:
    """Rows that background windows are drawn from, each base at most once.

    Parameters
    ----------
    codes : (p, length) uint8. taken : (p, length) bool, bases that no window may hold; it is changed.
    groups : (p,) int, row of the foreground that each is, -1 where it is none; None where none is.
    """

    def __init__(self, codes, taken, groups=None):
        self.codes, self.taken = codes, taken
        self.groups = np.full(len(codes), -1) if groups is None else groups
        self._known, self._strong, self._pair = (
            _summed(codes < dna.UNKNOWN),
            _summed(strong(codes)),
            _summed(cpg(codes)),
        )

    def candidates(self, width):
        """{(GC, CpG): places (k,) int, row x length + start} of windows of a width that hold no unknown base."""
        length = self.codes.shape[1]
        if width > length:
            return {}
        gc, pairs, known = self._of_width(self._strong, width), self._cpg(width), self._of_width(self._known, width)
        rows, starts = np.nonzero(known == width)
        key = gc[rows, starts] * (width + 1) + pairs[rows, starts]
        order = np.argsort(key, kind="stable")
        keys, first = np.unique(key[order], return_index=True)
        parts = np.split((rows * length + starts)[order], first[1:]) if len(keys) else []
        return {divmod(int(k), width + 1): part for k, part in zip(keys, parts, strict=True)}

    def _of_width(self, summed, width):
        return summed[:, width:] - summed[:, :-width]

    def _cpg(self, width):
        """CpG within windows, whose C and G both lie in them."""
        return self._pair[:, width - 1 :] - self._pair[:, : self._pair.shape[1] - width + 1]

    def draw(self, places, width, group, rng):
        """(row, start) of a window drawn among places that hold no base taken, in rows of the group where there are
        any; None where there are none. Its bases are taken.
        """
        length = self.codes.shape[1]
        if group is not None:
            own = places[self.groups[places // length] == group]
            if (found := self._first_free(own, width, length, rng)) is not None:
                return found
        return self._first_free(places, width, length, rng)

    def _first_free(self, places, width, length, rng):
        if not len(places):
            return None
        order = rng.permutation(len(places))[:TRIES] if len(places) <= TRIES else rng.integers(0, len(places), TRIES)
        for place in places[order]:
            row, start = divmod(int(place), length)
            if not self.taken[row, start : start + width].any():
                self.taken[row, start : start + width] = True
                return row, start
        return None


def match(windows, codes, pool, rng, own_rows=False):
    """The background window of each window.

    Parameters
    ----------
    windows : frame with row, start, end of `codes` (m, length) uint8. pool : Pool.
    own_rows : whether the row of the pool that is the window's own is preferred.

    Returns
    -------
    frame with COLUMNS: the windows that have a match, in the given order, and where it lies.
    """
    summed, pair, unknown = _summed(strong(codes)), _summed(cpg(codes)), _summed(codes >= dna.UNKNOWN)
    rows, starts, ends = windows[["row", "start", "end"]].to_numpy(dtype=np.int64).T
    gc = summed[rows, ends] - summed[rows, starts]
    pairs = pair[rows, ends - 1] - pair[rows, starts]
    usable = np.flatnonzero(unknown[rows, ends] == unknown[rows, starts])
    found = {}
    with tqdm(total=len(usable), desc="background", unit="window") as progress:
        # Wide ones first, and of a width those with the fewest places: they are the hardest to match.
        for width in sorted(set((ends - starts)[usable].tolist()), reverse=True):
            places = pool.candidates(width)
            of_width = [i for i in usable if ends[i] - starts[i] == width]
            options = [len(places.get((int(gc[i]), int(pairs[i])), ())) for i in of_width]
            for place in np.argsort(options, kind="stable"):
                i = of_width[place]
                if options[place]:
                    key, group = (int(gc[i]), int(pairs[i])), int(rows[i]) if own_rows else None
                    if (drawn := pool.draw(places[key], width, group, rng)) is not None:
                        found[i] = (rows[i], starts[i], ends[i], *drawn)
            progress.update(len(of_width))
    return pd.DataFrame([found[i] for i in sorted(found)], columns=COLUMNS, dtype=np.int64)


def strong(codes):
    """Which bases (n, length) bool are G or C."""
    return (codes == G) | (codes == C)


def cpg(codes):
    """Where (n, length - 1) bool a CpG starts."""
    return (codes[:, :-1] == C) & (codes[:, 1:] == G)


def firsts(values):
    """Where each run of equal values starts."""
    return np.flatnonzero(np.r_[True, values[1:] != values[:-1]]) if len(values) else np.zeros(0, dtype=np.int64)


def cut(codes, rows, starts, ends, width):
    """Bases (n, width) uint8 of windows, filled up at their end with dna.ABSENT."""
    place = np.asarray(starts)[:, None] + np.arange(width)
    inside = place < np.asarray(ends)[:, None]
    found = codes[np.asarray(rows)[:, None], np.minimum(place, codes.shape[1] - 1)]
    return np.where(inside, found, dna.ABSENT).astype(np.uint8)


def _summed(values):
    """Running sums (n, length + 1) int64 along rows, from 0."""
    return np.concatenate([np.zeros((len(values), 1), dtype=np.int64), np.cumsum(values, axis=1)], axis=1)
