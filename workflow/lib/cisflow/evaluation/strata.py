"""Parts of a fold whose sequences have something in common: a chromosome, or a third by GC content."""

import re
from typing import NamedTuple

import numpy as np

from cisflow.errors import InputError
from cisflow.sequence import dna

# A chromosome with fewer sequences than this has no row: its interval would span most of the scale.
MIN_STRATUM = 20
TERTILES = ("low", "middle", "high")


class Windows(NamedTuple):
    """What sequences are grouped by. ids (n,) str; chroms (n,) str, empty where unknown; gc (n,) share of C and G."""

    ids: np.ndarray
    chroms: np.ndarray
    gc: np.ndarray


class Stratum(NamedTuple):
    """Some sequences of a fold. rows (m,) int; gc_from, gc_to: bounds of their GC content, NaN for a chromosome."""

    kind: str
    name: str
    gc_from: float
    gc_to: float
    rows: np.ndarray


def windows_of(dataset):
    """The Windows of a data.dataset.Dataset that was read with its coordinates; unknown bases do not count for GC."""
    codes = dataset.codes
    gc = np.empty(len(codes))
    # Codes may be mapped from a file larger than memory.
    step = max(1, (1 << 24) // max(codes.shape[1], 1))
    for start in range(0, len(codes), step):
        gc[start : start + step] = dna.gc_content(codes[start : start + step])
    return Windows(dataset.ids, dataset.frame["chrom"].to_numpy(dtype=str), gc)


def strata_of(path, ids, windows):
    """The Stratum of each chromosome and of each tertile of GC content of the sequences `ids` (n,)."""
    order = np.argsort(windows.ids)
    place = order[np.minimum(np.searchsorted(windows.ids, ids, sorter=order), len(order) - 1)]
    absent = np.flatnonzero(windows.ids[place] != ids)
    if len(absent):
        raise InputError(f"{path}: id '{ids[absent[0]]}' is not in the table of windows ({len(absent)} are not)")
    chroms, gc = windows.chroms[place], windows.gc[place]
    found = [
        Stratum("chromosome", name, np.nan, np.nan, np.flatnonzero(chroms == name))
        for name in sorted(set(chroms) - {""}, key=_natural)
    ]
    # A sequence of unknown bases alone has no GC content and is in no tertile.
    edges = np.r_[-np.inf, np.quantile(gc[np.isfinite(gc)], [1 / 3, 2 / 3]) if np.isfinite(gc).any() else (), np.inf]
    for name, above, upto in zip(TERTILES, edges[:-1], edges[1:], strict=False):
        rows = np.flatnonzero((gc > above) & (gc <= upto))
        if len(rows):
            found.append(Stratum("gc", name, gc[rows].min(), gc[rows].max(), rows))
    return [stratum for stratum in found if stratum.kind == "gc" or len(stratum.rows) >= MIN_STRATUM]


def _natural(name):
    """Sort key that puts chr2 before chr10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
