"""Seqlets: spans of positive attribution that are rare where there is nothing to find.

That is seen in a control: attributions by the same network of shuffled sequences. The sum of a span is ranked among the
control's sums of its width; spans that are the rarest of all that overlap them are candidates, in the control as well,
and a seqlet's q-value is the share of candidates at least as rare that are expected to be false: as many as the control
has (target and decoy, Elias & Gygi 2007, doi 10.1038/nmeth1019).
"""

import sys
from typing import NamedTuple

import numba
import numpy as np
import pandas as pd

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError

COLUMNS = ("id", "target", "start", "end", "strand", "score", "p_value", "q_value")
# Each width that is tried is so many times the one before.
STEP = 1.3
# Spans that more of the control's reach are never candidates.
COMMON = 0.05


class Called(NamedTuple):
    """Seqlets, the control that they stand out from, and how many of them are false by the shuffled sequences.

    spots : frame with row, start, end (0-based, half-open), score (sum of attributions), p_value (share of the
        control's spans of that width whose sum is as large), q_value; by row and start.
    null : "shuffled" or "permuted". fdr : estimated share of false seqlets against `null`; NaN where there is none.
    """

    spots: pd.DataFrame
    null: str
    fdr: float


class Settings(settings.Settings):
    """Seqlets, and the scan of them for known motifs."""

    target_fdr: float = setting(0.1, above=0, below=1, meaning="Share of false seqlets, estimated by `null`.")
    null: str = setting(
        "shuffled",
        choices=["shuffled", "permuted"],
        meaning="What seqlets are told from: attributions by the same network of sequences shuffled with their "
        "dinucleotides kept, or the positions of the attributions themselves permuted.",
    )
    min_length: int = setting(
        10, minimum=1, meaning="Narrowest span that is looked at, in bp; a seqlet has no ends that take from its sum."
    )
    max_length: int = setting(25, minimum=2, meaning="Widest span that is looked at, in bp.")
    # Seqlets are narrower than binding sites.
    flank: int = setting(5, minimum=0, meaning="Bases added on either side of a seqlet before it is scanned.")
    p_value: float = setting(0.0001, above=0, below=1, meaning="Of a motif hit, on each strand.")
    background: str = setting(
        "sequences",
        choices=["sequences", "other", "genome"],
        meaning="Where windows of the same width, GC and CpG are drawn that seqlets are compared with: off the seqlets "
        "of the same sequences; in windows of the other class or, of numbers, in those with the lowest predictions; or "
        "anywhere in the genome of the source.",
    )
    extreme: float = setting(
        0.25,
        above=0,
        maximum=0.5,
        meaning="Of numbers, with `background: other`: share of the sequences with the highest predictions whose "
        "seqlets are compared with as many of the lowest.",
    )

    @classmethod
    def complete(cls, given, where):
        found = super().complete(given, where)
        if found.max_length < found.min_length:
            raise InputError(
                f"{where}.max_length: {found.max_length} is less than min_length, which is {found.min_length}"
            )
        return found


def call(observed, control, settings, rng):
    """The Called of attributions.

    Without a control, or where nothing stands out from it, the control is `observed` itself with the positions of each
    row permuted: it says what single bases add up to by chance, and nothing of what the network makes of any sequence.

    Parameters
    ----------
    observed : (m, length) float, signed attribution of the base present.
    control : (k, length) float, the same of shuffled sequences; None for permuted positions.
    settings : Settings.
    """
    lowest = np.nan
    if control is not None:
        spots = ranked(observed, control, settings)
        kept = spots[spots["q_value"] <= settings.target_fdr]
        if len(kept) or not len(spots):
            return Called(kept.reset_index(drop=True), "shuffled", float(kept["q_value"].max()))
        lowest = spots["q_value"].min()
        print(
            f"seqlets: as much is attributed to spans of shuffled sequences (false: {lowest:.2g} at least, "
            f"expected {settings.target_fdr:g} at most); positions are permuted instead",
            file=sys.stderr,
        )
    spots = ranked(observed, rng.permuted(observed, axis=1), settings)
    kept = spots[spots["q_value"] <= settings.target_fdr].reset_index(drop=True)
    return Called(kept, "permuted", float(lowest if control is not None else kept["q_value"].max()))


def ranked(observed, control, settings):
    """All candidates as a frame with row, start, end, score, p_value and q_value, by row and start."""
    longest = min(settings.max_length, observed.shape[1])
    names = ["row", "start", "end", "score", "p_value", "q_value"]
    if not observed.size or not control.size or longest < settings.min_length or not (observed > 0).any():
        return pd.DataFrame({name: np.zeros(0, dtype=np.int64 if i < 3 else float) for i, name in enumerate(names)})
    of_width = {width: np.sort(_sums(control, width), axis=None) for width in widths(settings.min_length, longest)}
    found, false = (_candidates(values, of_width) for values in (observed, control))
    order = np.argsort(found["p_value"].to_numpy(), kind="stable")
    p_values = found["p_value"].to_numpy()[order]
    expected = np.searchsorted(np.sort(false["p_value"]), p_values, side="right") + 1
    as_rare = np.searchsorted(p_values, p_values, side="right")
    share = expected * (observed.size / control.size) / as_rare
    q_values = np.empty(len(order))
    q_values[order] = np.minimum(np.minimum.accumulate(share[::-1])[::-1], 1)
    return found.assign(q_value=q_values).sort_values(["row", "start"], ignore_index=True)[names]


def widths(shortest, longest):
    """Widths in bp from the shortest to the longest, each STEP times the one before, and both of them."""
    steps = np.arange(np.log(longest / shortest) / np.log(STEP) + 1e-9)
    return sorted({*np.rint(shortest * STEP**steps).astype(int).tolist(), longest})


def _running(values):
    """Running sums (n, length + 1) float64 along rows, from 0."""
    return np.pad(np.cumsum(values, axis=1, dtype=np.float64), [(0, 0), (1, 0)])


def _sums(values, width):
    total = _running(values)
    return total[:, width:] - total[:, :-width]


def _candidates(values, of_width):
    """Spans that are the rarest of those that overlap them, without ends that take from the sum."""
    parts = []
    for width, ordered in of_width.items():
        sums = _sums(values, width)
        rows, starts = np.nonzero((sums > 0) & (sums >= ordered[int((1 - COMMON) * (len(ordered) - 1))]))
        sums = sums[rows, starts]
        as_large = len(ordered) - np.searchsorted(ordered, sums, side="left")
        # Beyond the largest sum of the control, the more beyond the rarer.
        beyond = sums / ordered[-1] if ordered[-1] > 0 else np.ones(len(sums))
        p_values = (as_large + 1) / (len(ordered) + 1) / np.maximum(beyond, 1)
        parts.append((rows, starts, np.full(len(rows), width), sums, p_values))
    rows, starts, wide, sums, p_values = (np.concatenate(column) for column in zip(*parts, strict=True))
    # Of equally rare ones the largest sum, then the first.
    order = np.lexsort((starts, rows, -sums, p_values))
    kept = order[_disjoint(rows[order], starts[order], wide[order], *values.shape)]
    spans = np.column_stack([rows[kept], starts[kept], starts[kept] + wide[kept]])
    spans = _trimmed(spans, values.astype(np.float64))
    total = _running(values)
    score = total[spans[:, 0], spans[:, 2]] - total[spans[:, 0], spans[:, 1]]
    frame = pd.DataFrame(spans, columns=["row", "start", "end"])
    return frame.assign(score=score, p_value=p_values[kept])


@numba.njit(cache=True)
def _disjoint(rows, starts, wide, m, length):
    """Which spans, taken in order, overlap none that was taken before."""
    taken = np.zeros((m, length), dtype=np.bool_)
    kept = np.zeros(len(rows), dtype=np.bool_)
    for i in range(len(rows)):
        free = True
        for place in range(starts[i], starts[i] + wide[i]):
            if taken[rows[i], place]:
                free = False
                break
        if free:
            kept[i] = True
            taken[rows[i], starts[i] : starts[i] + wide[i]] = True
    return kept


@numba.njit(cache=True)
def _trimmed(spans, values):
    for i in range(len(spans)):
        row, start, end = spans[i]
        while start < end - 1 and values[row, start] <= 0:
            start += 1
        while start < end - 1 and values[row, end - 1] <= 0:
            end -= 1
        spans[i, 1], spans[i, 2] = start, end
    return spans
