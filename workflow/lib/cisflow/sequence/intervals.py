"""Overlaps of 0-based half-open intervals on chromosomes, by sorted arrays. Strands are not looked at.

An interval is a row of a frame with the columns chrom (str), start and end (integers, start < end).
"""

import numpy as np
import pandas as pd


def blocks(frame):
    """Label (n,) int64 of the block that each interval lies in: two that share a base, directly or by a chain of
    others, have the same label. Intervals that only touch do not share a base.
    """
    order = np.lexsort((frame["end"], frame["start"], frame["chrom"].to_numpy(dtype=str)))
    chrom, start, end = columns(frame.iloc[order])
    first = np.ones(len(frame), dtype=bool)
    for rows in runs(chrom):
        reached = np.maximum.accumulate(end[rows])
        first[rows][1:] = start[rows][1:] >= reached[:-1]
    labels = np.empty(len(frame), dtype=np.int64)
    labels[order] = np.cumsum(first) - 1
    return labels


def merged(frame):
    """The union of intervals: frame of chrom, start, end, sorted, of intervals that do not share a base."""
    chrom, start, end = columns(frame)
    groups = pd.DataFrame({"chrom": chrom, "start": start, "end": end}).groupby(blocks(frame))
    return groups.agg({"chrom": "first", "start": "min", "end": "max"}).reset_index(drop=True)


def overlapping(left, right):
    """Which intervals of `left` (n,) bool share at least one base with any of `right`."""
    chrom, start, end = columns(left)
    found = np.zeros(len(left), dtype=bool)
    union = merged(right) if len(right) else right
    known = dict(list(union.groupby("chrom")))
    for name in set(chrom) & set(known):
        rows = chrom == name
        starts, ends = (known[name][column].to_numpy(dtype=np.int64) for column in ("start", "end"))
        # Of disjoint sorted intervals, the first that ends behind the start decides.
        candidate = np.searchsorted(ends, start[rows], side="right")
        inside = candidate < len(starts)
        found[rows] = inside & (starts[np.minimum(candidate, len(starts) - 1)] < end[rows])
    return found


def strictly_inside(left, right):
    """Which intervals of `left` (n,) bool lie in one of `right` with a base to spare at both ends."""
    chrom, start, end = columns(left)
    found = np.zeros(len(left), dtype=bool)
    known = dict(list(right.groupby("chrom")))
    for name in set(chrom) & set(known):
        rows = chrom == name
        ordered = known[name].sort_values("start")
        starts = ordered["start"].to_numpy(dtype=np.int64)
        reached = np.maximum.accumulate(ordered["end"].to_numpy(dtype=np.int64))
        before = np.searchsorted(starts, start[rows], side="left")
        found[rows] = (before > 0) & (reached[np.maximum(before - 1, 0)] > end[rows])
    return found


def columns(frame):
    """chrom (str), start and end (int64) of a frame as arrays."""
    return (
        frame["chrom"].to_numpy(dtype=object),
        frame["start"].to_numpy(dtype=np.int64),
        frame["end"].to_numpy(dtype=np.int64),
    )


def runs(values):
    """Slices of equal neighbours of an array."""
    edges = np.flatnonzero(values[1:] != values[:-1]) + 1
    return (
        [slice(*edge) for edge in zip(np.r_[0, edges], np.r_[edges, len(values)], strict=True)] if len(values) else []
    )
