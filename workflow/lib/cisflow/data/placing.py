"""Where the windows of intervals may lie: past the end of a chromosome, on a contig that the genome lacks, twice."""

import numpy as np
import pandas as pd

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.data import fingerprint
from cisflow.errors import InputError, listing

NO_CONTIG = "chromosome not in the genome"
PAST_END = "past the end of a chromosome"
TWICE = "listed more than once"


class Placing(settings.Settings):
    """What becomes of windows that have no place of their own on the genome."""

    edge: str = setting(
        "drop",
        choices=("drop", "pad", "error"),
        meaning="A window past its chromosome's end, on a contig that the genome lacks, or listed twice: `drop` it, "
        "with a line in ledger.tsv; `pad` with unknown bases what lies past an end, and drop the others; or `error`.",
    )
    max_dropped: float = setting(
        0.5, minimum=0, maximum=1, meaning="Largest share of windows without a place on the genome; more is an error."
    )


def inside(genome, chrom, start, end, touching=False):
    """Which intervals (n,) bool the genome covers whole; `touching`: of which it holds at least one base.

    Parameters
    ----------
    chrom : (n,) str. start, end : (n,) int64.
    """
    found = np.zeros(len(start), dtype=bool)
    regions = pd.DataFrame(genome.regions())
    for name, rows in pd.Series(np.arange(len(start))).groupby(np.asarray(chrom, dtype=object)):
        pieces = regions[regions["chrom"] == genome.chromosome(name)].sort_values("start")
        if pieces.empty:
            continue
        rows = rows.to_numpy()
        firsts, lasts = pieces["start"].to_numpy(), pieces["end"].to_numpy()
        if touching:
            piece = np.searchsorted(lasts, start[rows], side="right")
            found[rows] = (piece < len(firsts)) & (firsts[np.minimum(piece, len(firsts) - 1)] < end[rows])
        else:
            piece = np.searchsorted(firsts, start[rows], side="right") - 1
            found[rows] = (piece >= 0) & (end[rows] <= lasts[np.maximum(piece, 0)])
    return found


def strangers(frame, genome):
    """(n,) object: NO_CONTIG where a row's chromosome is none of the genome's, "" elsewhere."""
    known = {name: genome.chromosome(name) is not None for name in frame["chrom"].unique()}
    return np.where(frame["chrom"].map(known).to_numpy(dtype=bool), "", NO_CONTIG).astype(object)


def problems(path, frame, genome, placing, rows=None, once=True):
    """Why each window cannot be used: (n,) object, "" where it can.

    Parameters
    ----------
    path : of the file that they come from. frame : windows, columns chrom, start, end, strand (where they have one).
    placing : Placing. rows : (n,) row of `path` of each, for messages; None where rows have no number.
    once : whether the same window twice is one too many.

    Raises
    ------
    InputError : with `edge: error`, the first window without a place; more than `max_dropped` of them without one,
        which says what either side calls its contigs.
    """
    chrom = frame["chrom"].to_numpy(dtype=object)
    start, end = (frame[name].to_numpy(dtype=np.int64) for name in ("start", "end"))
    reasons = np.full(len(frame), "", dtype=object)
    reasons[~inside(genome, chrom, start, end, touching=placing.edge == "pad")] = PAST_END
    elsewhere = strangers(frame, genome)
    reasons = np.where(elsewhere != "", elsewhere, reasons)
    if once:
        reasons[(reasons == "") & frame.duplicated().to_numpy()] = TWICE
    bad = np.flatnonzero(reasons != "")
    if not len(bad):
        return reasons
    place = f"row {rows[bad[0]]}: " if rows is not None else ""
    first = f"{place}window {chrom[bad[0]]}:{start[bad[0]]}-{end[bad[0]]}: {reasons[bad[0]]}"
    if placing.edge == "error":
        raise InputError(
            f"{path}: {first}; expected a place of its own on {genome.path} ({listing(genome.chromosomes)}), or edge: "
            "drop"
        )
    share = np.isin(reasons, [NO_CONTIG, PAST_END]).sum() / max(len(frame), 1)
    if share > placing.max_dropped:
        guess = fingerprint.guess(frame, genome)
        raise InputError(
            f"{path}: {100 * share:.0f}% of {len(frame)} windows have no place on {genome.path}, expected "
            f"{100 * placing.max_dropped:g}% at most (max_dropped); {first}; contigs are {listing(pd.unique(chrom))} "
            f"here and {listing(genome.chromosomes)} there{guess}"
        )
    return reasons
