"""How far the folds of a split are from independent: what a held-out window may be known from already."""

import numpy as np
import pandas as pd
import pybedtools

from cisflow.data.dataset import FOLDS
from cisflow.sequence import intervals

# (fold, other): the windows of `fold` that have a partner in `other` are counted.
PAIRS = (("valid", "train"), ("test", "train"), ("test", "valid"))
# Sei's own hold-outs (Chen et al. 2022, doi 10.1038/s41588-022-01102-2).
SEI_VALID, SEI_TEST = ("10",), ("8", "9")
HUMAN = (*map(str, range(1, 23)), "X", "Y")
NO_COORDINATES = "windows have no coordinates"


def report(frame, folds, near, genes=None):
    """The leakage of a split: frame of check, fold, other, count, n, fraction and note.

    Checks, each counting the windows of `fold`: `overlap`, those that share a base of the genome with a window of
    `other`; `near_duplicate`, those with a near-duplicate in `other`; `shared_gene`, those on a gene that has a window
    of `other` as well; `sei_trained`, those on a chromosome that Sei was trained on. n is the number of windows that
    the check could look at. Where there is none, count and fraction are missing, and `note` says why.

    Parameters
    ----------
    frame : windows with id, chrom, start, end.
    folds : (n,) fold of each.
    near : rows of near-duplicates, frame of first and second.
    genes : chrom, start, end, gene; None where they are not known.
    """
    located = (frame["chrom"] != "").to_numpy()
    human = frame["chrom"].str.removeprefix("chr").isin(HUMAN).to_numpy()
    held_out = frame["chrom"].str.removeprefix("chr").isin(SEI_VALID + SEI_TEST).to_numpy()
    everywhere = np.ones(len(frame), dtype=bool)
    no_genes = "no gene annotation given" if genes is None else NO_COORDINATES
    pairs = gene_pairs(frame, located, genes) if genes is not None and located.any() else None
    rows = []
    for fold, other in PAIRS:
        one, two = folds == fold, folds == other
        overlap = np.zeros(len(frame), dtype=bool)
        overlap[one & located] = intervals.overlapping(frame[one & located], frame[two & located])
        rows.append(counted("overlap", fold, other, overlap, one, located, NO_COORDINATES))
        twin = np.zeros(len(frame), dtype=bool)
        for left, right in ((near["first"], near["second"]), (near["second"], near["first"])):
            twin[left[two[right]]] = True
        rows.append(counted("near_duplicate", fold, other, twin, one, everywhere, ""))
        shared = np.zeros(len(frame), dtype=bool)
        if pairs is not None:
            window, gene = pairs
            shared[window[np.isin(gene, gene[two[window]])]] = True
        rows.append(counted("shared_gene", fold, other, shared, one, located & (pairs is not None), no_genes))
    for fold in FOLDS:
        note = "no coordinates on human chromosomes"
        rows.append(counted("sei_trained", fold, "", human & ~held_out, folds == fold, human, note))
    table = pd.DataFrame(rows).sort_values("check", kind="stable", ignore_index=True)
    return table.astype({"count": "Int64"})


def counted(check, fold, other, leaks, members, known, note):
    """One row of the report: the members that leak, of the members of which it is known."""
    n = int((members & known).sum())
    count = int((members & known & leaks).sum()) if n else None
    share = count / n if n else None
    absent = int((members & ~known).sum())
    note = note if absent and not n else f"not known of {absent} windows: {note}" if absent else ""
    return {"check": check, "fold": fold, "other": other, "count": count, "n": n, "fraction": share, "note": note}


def gene_pairs(frame, located, genes):
    """(rows of windows (m,), genes (m,) str): which window shares a base with which gene, on either strand."""
    windows = frame.loc[located, ["chrom", "start", "end"]].assign(row=np.flatnonzero(located))
    # Where other windows have no coordinates, these are read as floats, which are no BED.
    windows = windows.astype({"start": np.int64, "end": np.int64})
    both = pybedtools.BedTool.from_dataframe(windows).intersect(
        pybedtools.BedTool.from_dataframe(genes[["chrom", "start", "end", "gene"]]), wa=True, wb=True
    )
    rows, names = [], []
    for interval in both:
        rows.append(int(interval.fields[3]))
        names.append(interval.fields[7])
    return np.array(rows, dtype=np.int64), np.array(names, dtype=str)
