"""Negatives matched to positives: windows of a genome, alike in composition and setting, apart from all peaks.

Matching is coarsened exact matching (Iacus, King & Porro 2012, doi 10.1093/pan/mpr013): positives and candidates fall
into bins of all that is matched on, and each positive takes candidates of its own bin at random. What is left is
matched on bins of twice the width, and so on up to WIDEST times the finest: no pair differs by more. Its time is that
of a few sorts, whatever the number of positives.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.errors import InputError
from cisflow.sequence import dna, intervals

# What may be matched on -> width of its finest bins: a fraction; for the distance to a gene, a power of ten.
WIDTHS = {"gc": 0.005, "cpg": 0.0025, "repeats": 0.05, "gene_distance": 0.1}
WIDEST = 8
OVERLAPS, BLACKLISTED, UNKNOWN, NOT_DRAWN = "overlap with a peak", "in the blacklist", "unknown bases", "not drawn"
# Bases that are read at a time.
CHUNK = 1 << 22


class Candidates(NamedTuple):
    """Windows that could be negatives.

    Attributes
    ----------
    frame : chrom, start, end and a column for each of what is matched on. dropped : {reason: number left out}.
    """

    frame: pd.DataFrame
    dropped: dict


def describe(genome, frame, codes, measures, genes=None, masked=None):
    """What windows are matched on: frame (n rows) of `measures`.

    Parameters
    ----------
    frame : chrom, start, end. codes : their base codes (n, length).
    measures : names of WIDTHS. genes : frame of chrom, start, end, from `intervals.merged`; for gene_distance.
    masked : (n, length) bool, which bases are soft-masked, where that is known.
    """
    found = {}
    for name in measures:
        if name == "gc":
            found[name] = dna.gc_content(codes)
        elif name == "cpg":
            found[name] = cpg_content(codes)
        elif name == "repeats":
            if masked is None:
                loci = frame[["chrom", "start", "end"]].itertuples(index=False)
                masked = np.array([genome.soft_masked(*locus) for locus in loci])
            found[name] = masked.mean(axis=1)
        elif name == "gene_distance":
            found[name] = np.log10(1 + distance(frame, genes))
    return pd.DataFrame(found, index=frame.index)


def cpg_content(codes):
    """Fraction (n,) of the neighbours of windows (n, length) that are CpG."""
    return ((codes[:, :-1] == 1) & (codes[:, 1:] == 2)).mean(axis=1)


def distance(frame, others):
    """Bases (n,) float between each interval and the nearest of `others`, from `intervals.merged`: 0 where they overlap
    or touch, and 1e9, more than any chromosome has, where the chromosome has none.
    """
    chrom, start, end = intervals.columns(frame)
    found = np.full(len(frame), 1e9)
    union = dict(list(others.groupby("chrom")))
    for name, rows in pd.Series(np.arange(len(frame))).groupby(chrom):
        if name not in union:
            continue
        rows = rows.to_numpy()
        starts, ends = (union[name][column].to_numpy(dtype=np.int64) for column in ("start", "end"))
        behind = np.searchsorted(ends, start[rows], side="right")
        right = np.where(behind < len(starts), starts[np.minimum(behind, len(starts) - 1)] - end[rows], 10**9)
        left = np.where(behind > 0, start[rows] - ends[np.maximum(behind - 1, 0)], 10**9)
        found[rows] = np.maximum(np.minimum(left, right), 0)
    return found


def candidates(genome, length, measures, off, blacklist, seed, genes=None):
    """All windows of a grid over a genome that share no base with `off` or `blacklist` and have no unknown base.

    The grid starts at a random base of each region, so that its windows are none that a grid of the positives' has.

    Parameters
    ----------
    off, blacklist : frames of chrom, start, end. measures, genes : as of `describe`.
    """
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK // length)
    barred = {OVERLAPS: _by_chromosome(off), BLACKLISTED: _by_chromosome(blacklist)}
    parts, dropped = [], dict.fromkeys((UNKNOWN, OVERLAPS, BLACKLISTED), 0)
    regions = genome.regions()
    with tqdm(total=sum(region.end - region.start for region in regions), desc="candidates", unit="bp") as bar:
        for chrom, first, last, _ in regions:
            room = (last - first) % length if last - first >= length else 0
            first += int(rng.integers(room + 1))
            for start in range(first, last - length + 1, step * length):
                n = min(step, (last - start) // length)
                codes = genome.fetch(chrom, start, start + n * length).reshape(n, length)
                starts = start + length * np.arange(n)
                keep = np.ones(n, dtype=bool)
                for reason, bad in (
                    (UNKNOWN, (codes == dna.UNKNOWN).any(axis=1)),
                    *((reason, _touch(starts, length, found.get(chrom))) for reason, found in barred.items()),
                ):
                    dropped[reason] += int((keep & bad).sum())
                    keep &= ~bad
                frame = pd.DataFrame({"chrom": chrom, "start": starts, "end": starts + length})[keep]
                masked = None
                if "repeats" in measures:
                    masked = genome.soft_masked(chrom, start, start + n * length).reshape(n, length)[keep]
                parts.append(frame.join(describe(genome, frame, codes[keep], measures, genes, masked)))
                bar.update(n * length)
    columns = ["chrom", "start", "end", *measures]
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return Candidates(found, dropped)


def _by_chromosome(frame):
    """{chromosome: (starts, ends)} of the union of intervals, sorted."""
    union = intervals.merged(frame) if len(frame) else frame
    return {
        chrom: tuple(rows[name].to_numpy(dtype=np.int64) for name in ("start", "end"))
        for chrom, rows in union.groupby("chrom")
    }


def _touch(starts, length, union):
    """Which windows (n,) bool share a base with a union of intervals, (starts, ends); None is of none."""
    if union is None:
        return np.zeros(len(starts), dtype=bool)
    # Of disjoint sorted intervals, the first that ends behind the start decides.
    first = np.searchsorted(union[1], starts, side="right")
    return (first < len(union[0])) & (union[0][np.minimum(first, len(union[0]) - 1)] < starts + length)


def draw(positives, offered, measures, per_positive, seed, strict=False):
    """Rows of `offered` to take, without replacement: `per_positive` for each positive, as alike as there are.

    On its own chromosome first, so that labels are as frequent on each and a split by chromosome learns nothing from
    it; what a chromosome cannot offer comes from the others, unless `strict`.

    Parameters
    ----------
    positives, offered : frames of chrom and `measures`.
    per_positive : above 0; of a fraction, the rest is drawn for some positives.

    Returns
    -------
    (m,) int64, sorted; m is less than per_positive * n where too few are alike.
    """
    rng = np.random.default_rng(seed)
    wanted = rng.permutation(len(positives))
    wanted = np.resize(wanted, round(per_positive * len(positives)))
    free = rng.permutation(len(offered))
    taken = []
    chroms = pd.factorize(pd.concat([positives["chrom"], offered["chrom"]]))[0].astype(np.int64)
    for own_chromosome in (True,) if strict else (True, False):
        width = 1
        while width <= WIDEST:
            label = chroms * int(own_chromosome)
            for name in measures:
                values = np.r_[positives[name].to_numpy(), offered[name].to_numpy()]
                bins = np.floor(values / (width * WIDTHS[name]) + 0.5).astype(np.int64)
                label = label * (bins.max(initial=0) + 1) + bins
            pairs = _pair(label[wanted], label[len(positives) + free])
            taken.append(free[pairs[1]])
            wanted, free = np.delete(wanted, pairs[0]), np.delete(free, pairs[1])
            width *= 2
    return np.sort(np.concatenate(taken))


def _pair(left, right):
    """Places (k,) in `left` and (k,) in `right` of equal labels, each used once, in their order."""
    order = np.argsort(left, kind="stable"), np.argsort(right, kind="stable")
    left, right = left[order[0]], right[order[1]]
    rank = np.arange(len(left)) - np.searchsorted(left, left)
    first, last = (np.searchsorted(right, left, side=side) for side in ("left", "right"))
    has = first + rank < last
    return order[0][has], order[1][(first + rank)[has]]


def require(n, wanted, genome, measures):
    """Refuse a draw that lacks more than one in twenty negatives (InputError)."""
    if n < 0.95 * wanted:
        alike = ", ".join(measures)
        raise InputError(
            f"{genome.path}: offers {n} negatives like the peaks in {alike}, off peaks and blacklist; expected "
            f"{wanted}: a smaller negatives_per_positive, fewer names in match, or more of the genome"
        )
