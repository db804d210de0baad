"""Places: in which windows a variant is seen, what kind of change it is, and which others are like it."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from cisflow.errors import InputError
from cisflow.sequence import dna
from cisflow.variants import edits

OUTSIDE = "outside_windows"
WINDOW = ("id", "chrom", "start", "end", "strand")


class Kind(NamedTuple):
    """What two variants must share to be compared.

    change : `A[C>T]G`, read on the window's strand, or how many bases are lost and gained, as `2>0`.
    part : in which of equal parts of the window it lies, from 0, or -1 where all lie in the middle.
    frequency : number of the bin of its frequency, or -1.
    """

    change: str
    part: int = -1
    frequency: int = -1

    def told(self, parts, edges):
        """In words, for the tables."""
        found = [self.change]
        if self.part >= 0:
            found.append(f"part {self.part + 1} of {parts}")
        if self.frequency >= 0:
            bounds = [0, *edges, 1]
            found.append(f"AF {bounds[self.frequency]:g}-{bounds[self.frequency + 1]:g}")
        return ", ".join(found)


def windows_of(dataset, genome, path):
    """Frame of the windows of a dataset that lie on a genome, chromosomes as it names them, with their codes' rows.

    Raises
    ------
    InputError : samples of several sequences, no window with coordinates, or windows that are not the genome's bases.
    """
    if dataset.inputs:
        raise InputError(f"{path}: a sample has {len(dataset.inputs)} sequences; expected one, which variants lie in")
    frame = dataset.frame.reset_index(names="row")
    frame = frame[frame["chrom"].fillna("").ne("") & frame["start"].notna()]
    names = {chrom: genome.chromosome(chrom) for chrom in frame["chrom"].unique()}
    frame = frame.assign(chrom=frame["chrom"].map(names))
    frame = frame[frame["chrom"].notna()].astype({"start": int, "end": int}).reset_index(drop=True)
    length = dataset.codes.shape[1]
    frame = frame[frame["end"] - frame["start"] == length].reset_index(drop=True)
    if frame.empty:
        raise InputError(
            f"{path}: no window of {length} bp lies on {genome.path}; expected windows with coordinates there"
        )
    alike = 0
    checked = frame.iloc[:: max(1, len(frame) // 50)]
    for window in checked.itertuples():
        there = genome.fetch(window.chrom, window.start, window.end, window.strand or "+", pad=True)
        alike += 2 * (there == dataset.codes[window.row]).sum() > length
    if 2 * alike < len(checked):
        raise InputError(f"{path}: windows are not the bases of {genome.path}; expected the genome that they are of")
    return frame


def place(variants, windows, length, placement):
    """The Edits of variants, each in every window that it is seen in.

    Parameters
    ----------
    variants : frame of `features.variants.read`, those that are scored. windows : of `windows_of`.
    placement : "windows", those of the dataset that hold what is changed; "centre", one with the variant in its middle.

    Returns
    -------
    (list of Edit, frame with `variant`, the row of each among `variants` by position, and `window`, its id or "").
    """
    found, rows = [], []
    # Windows by chromosome, sorted, so that those around a place are a run.
    groups = {chrom: part.sort_values("start", kind="stable") for chrom, part in windows.groupby("chrom", sort=False)}
    for number, row in enumerate(variants.itertuples(index=False)):
        start = row.pos - 1
        if placement == "centre":
            found.append(edits.centred(row.chrom, start, row.ref, row.alt, length))
            rows.append((number, ""))
            continue
        part = groups.get(row.contig)
        if part is None:
            continue
        starts = part["start"].to_numpy()
        edit = edits.simple(row.contig, start, row.ref, row.alt, 0)
        first = np.searchsorted(starts, edit.end - length, side="left")
        last = np.searchsorted(starts, edit.start, side="right")
        for window in part.iloc[first:last].itertuples(index=False):
            placed = edit._replace(window=window.start, strand=window.strand or "+")
            if placed.fits(length):
                found.append(placed)
                rows.append((number, window.id))
    return found, pd.DataFrame(rows, columns=["variant", "window"])


def kinds(found, genome, length, parts, frequencies=None, edges=()):
    """The Kind of each Edit.

    Parameters
    ----------
    parts : equal parts of a window, or 0 where places in it do not count. frequencies : (n,) of the alternatives, NaN
        where unknown, or None where they do not count. edges : bounds of the bins of frequencies.
    """
    result = []
    for number, edit in enumerate(found):
        part = min(edit.position(length) * parts // length, parts - 1) if parts else -1
        rate = np.nan if frequencies is None else frequencies[number]
        frequency = -1 if np.isnan(rate) else int(np.searchsorted(edges, rate, side="right"))
        result.append(Kind(change(edit, genome), part, frequency))
    return result


def change(edit, genome):
    """`A[C>T]G` of a single base between its neighbours, on the window's strand; of others the numbers of bases."""
    if edit.end - edit.start != 1 or len(edit.alt) != 1:
        return f"{edit.end - edit.start}>{len(edit.alt)}"
    around = genome.fetch(edit.chrom, edit.start - 1, edit.end + 1, pad=True)
    new = dna.encode(edit.alt)
    if edit.strand == "-":
        around, new = dna.reverse_complement(around), dna.reverse_complement(new)
    left, base, right = dna.decode(around)
    return f"{left}[{base}>{dna.decode(new)}]{right}"
