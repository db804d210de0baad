"""Counting over windows: which bases of each are counted, the bins that they are cut into, and what is added up there.

What is counted is a span of bases [start, end) of a contig: a base where a fragment ends, or a whole read or fragment.
A bin counts each span that it shares a base with, once. Coordinates are 0-based half-open.
"""

import tempfile

import numpy as np
import pandas as pd

from cisflow.config.settings import setting
from cisflow.data import fingerprint, ledger
from cisflow.data.targets.common import Common
from cisflow.errors import InputError, listing
from cisflow.io import arrays, contigs, disk
from cisflow.io.bed import interval, read_bed
from cisflow.io.genome import Genome, Locus
from cisflow.sequence import intervals

# Arrays of more bytes are mapped from a file; edges of bins that are looked up at once.
HELD, BLOCK = 1 << 30, 1 << 22
UNPLACED, NO_CONTIG = "window without a place on a genome", "window on a contig that the file lacks"
ELSEWHERE = "window on another genome"
OUTSIDE, BLACKLISTED = "no base of its contig once shifted", "in the blacklist"
# What becomes of a span: 0 where it counts.
OUT, BLACK = 1, 2
FATES = {BLACK: BLACKLISTED, OUT: OUTSIDE}
ENDLESS = np.iinfo(np.int64).max


class Regions(Common):
    """Which bases of a window are looked at, and in which bins."""

    bins: int = setting(
        0,
        minimum=0,
        meaning="Bins of equal width that a window's numbers are told in, from its 5' end on, on its "
        "own strand; 0: one number a window.",
    )
    count_width: int = setting(
        None, minimum=1, meaning="Bases around the middle of the window that are looked at; without it, all of them."
    )
    genome: str = setting(
        None,
        resource=True,
        meaning="Resource with the genome of the windows, that of the source without it, whose contigs must be as long "
        "as those of the files.",
    )


class Counting(Regions):
    """What of a fragment is counted, and which fragments are."""

    shift: list[int] = setting(
        [0, 0],
        min_items=2,
        max_items=2,
        meaning="Bases that 5' ends are moved by, towards higher coordinates: those on the plus strand, those on the "
        "minus strand. [4, -5] is the convention of ENCODE and 10x for Tn5: the first base of a read on the plus "
        "strand moves 4 on, that of a read on the minus strand 5 back, which leaves the two ends of one insertion a "
        "base apart; [4, -4] puts them on one base.",
    )
    fragment_length: list[int] = setting(
        None,
        min_items=2,
        max_items=2,
        items={"minimum": 1},
        meaning="Least and largest length of a fragment, before it is shifted.",
    )
    blacklist: str = setting(
        None, resource=True, meaning="Resource with regions (BED); what is counted of a fragment may not touch one."
    )
    normalise: str = setting(
        "none",
        choices=("none", "cpm"),
        meaning="`cpm`: counts per million of what counts in the whole file, in windows or not: reads or fragments, of "
        "which each is one even where both of its ends count.",
    )


class Places:
    """The bases of each of n windows that are looked at.

    Parameters
    ----------
    windows : windows.Windows; those without coordinates have no place. settings : Regions.
    genome : name of the genome whose windows have places, where there are several; not looked at where there is one.

    Attributes
    ----------
    chrom (n,) str, start, end (n,) int64 : of the bases; end is not after start where a window has no place.
    minus (n,) bool : windows on the minus strand. bins : of each, at least 1.

    Raises
    ------
    InputError : no window has a place, the genome is none of theirs, `count_width` is more than a window holds, or its
        bases do not make `bins` equal bins.
    """

    def __init__(self, windows, settings, genome=""):
        self.where = where = f"targets '{settings.name}'"
        self.frame, self.elsewhere = _on_genome(windows, genome, where)
        frame, self.n = self.frame, len(self.frame)
        placed = (frame["chrom"] != "").to_numpy(dtype=bool) & frame["start"].notna().to_numpy(dtype=bool)
        if not placed.any():
            raise InputError(f"{where}: no window has a place on a genome; expected a source with chrom, start and end")
        self.chrom = np.where(placed, frame["chrom"].to_numpy(dtype=object), "")
        self.start, self.end = (frame[name].fillna(0).to_numpy(dtype=np.int64) for name in ("start", "end"))
        self.minus = (frame["strand"] == "-").to_numpy(dtype=bool)
        self.bins, self._told = max(settings.bins, 1), settings.bins > 0
        width = self.end - self.start
        if settings.count_width is not None:
            self._demand(placed & (width < settings.count_width), f"count_width is {settings.count_width}")
            self.start = np.where(placed, (self.start + self.end) // 2 - settings.count_width // 2, 0)
            self.end = np.where(placed, self.start + settings.count_width, 0)
            width = self.end - self.start
        self._demand(placed & (width % self.bins > 0), f"bins is {settings.bins}", "a divisor of the bases counted")
        self._step = width // self.bins

    @property
    def chromosomes(self):
        """Names of the contigs that have windows."""
        return [name for name in pd.unique(self.chrom) if name]

    def _demand(self, bad, given, expected="the bases of a window at most"):
        if bad.any():
            row = np.flatnonzero(bad)[0]
            bases = self.end[row] - self.start[row]
            raise InputError(
                f"{self.where}: {given}, expected {expected}; window '{self.frame['id'].iloc[row]}' has {bases}"
            )

    def demand_strands(self, setting):
        """Refuse windows without a strand, which a setting of this name asks for (InputError)."""
        bare = np.flatnonzero((self.chrom != "") & ~self.frame["strand"].isin(["+", "-"]).to_numpy(dtype=bool))
        if len(bare):
            raise InputError(
                f"{self.where}: {setting}; window '{self.frame['id'].iloc[bare[0]]}' has no strand, expected + or -"
            )

    def edges(self, rows):
        """Edges of the bins of windows, int64 (rows, bins + 1), ascending on the contig."""
        return self.start[rows, None] + self._step[rows, None] * np.arange(self.bins + 1)

    def rows(self, names):
        """{name: rows of the windows on it} of names of contigs, in whatever style they are, that have windows."""
        found = contigs.mapping(names, self.chromosomes)
        return {name: np.flatnonzero(self.chrom == other) for name, other in found.items()}

    def on(self, path, lengths, genome=None):
        """`rows` of the contigs of a file, {contig: bases}.

        Parameters
        ----------
        genome : path of that of the windows, or None.

        Raises
        ------
        InputError : the file has none of the windows' contigs, or they are of another assembly.
        """
        found = self.rows(lengths)
        if not found:
            raise InputError(
                f"{path}: none of its contigs ({listing(lengths)}) has a window; windows are on "
                f"{listing(self.chromosomes)}"
            )
        known = {self.chrom[rows[0]]: lengths[name] for name, rows in found.items()}
        fingerprint.refuse_contigs(path, known, self.frame[self.chrom != ""], genome and Genome(genome))
        return found

    def reach(self, found, lengths, otherwise=0):
        """Bases of each window's contig that a file speaks of, int64 (n,); 0 for windows without a place.

        Parameters
        ----------
        found : {name: rows}, as `rows`. lengths : {name: bases}; None where a contig's end is not known.
        otherwise : of windows on contigs that are not found.
        """
        bases = np.where(self.chrom == "", 0, otherwise)
        for name, rows in found.items():
            bases[rows] = ENDLESS if lengths[name] is None else lengths[name]
        return bases

    def fill(self, numbers, counts, scale, reach):
        """Write counts (n, bins), ascending on the contig, times `scale` into the numbers of a track; NaN where a bin
        has no base within the `reach` of its contig.

        Parameters
        ----------
        numbers : (n,) or (n, bins) float32, of what `values` gives.
        """
        step = max(1, BLOCK // self.bins)
        for rows in (np.arange(first, min(first + step, self.n)) for first in range(0, self.n, step)):
            edges = self.edges(rows)
            outside = (edges[:, 1:] <= 0) | (edges[:, :-1] >= reach[rows, None])
            numbers[rows] = self.in_order(np.where(outside, np.nan, counts[rows] * scale), rows)

    def in_order(self, values, rows):
        """Values (m, bins) of windows as the settings ask for them: from the 5' end on, and (m,) of no bins."""
        if not self._told:
            return values[:, 0]
        return np.where(self.minus[rows, None], values[:, ::-1], values)

    def values(self, tracks):
        """An array for the numbers of that many tracks, float32 (n, tracks) or (n, tracks, bins)."""
        return zeros((self.n, tracks, self.bins) if self._told else (self.n, tracks), np.float32)

    def lines(self, path, found):
        """Lines of the ledger of windows that a file cannot speak of; none where there are none."""
        unplaced = int((self.chrom == "").sum())
        held = sum(map(len, found.values()))
        lost = {UNPLACED: unplaced - self.elsewhere, ELSEWHERE: self.elsewhere, NO_CONTIG: self.n - unplaced - held}
        return ledger.counts(f"windows in {path.name}", "target", held if any(lost.values()) else 0, lost)


def _on_genome(windows, genome, where):
    """Frame of windows of which those of one genome, of several, have a place, and the number of the others."""
    if windows.genomes is None:
        return windows.frame, 0
    ours = windows.genomes == genome
    if not ours.any():
        raise InputError(
            f"{where}: genome is '{genome}', expected in the column genome of a sheet one of the windows': "
            f"{listing(pd.unique(windows.genomes))}"
        )
    chrom = windows.frame["chrom"].str.removeprefix(f"{genome}:").where(ours, "")
    return windows.frame.assign(chrom=chrom), int((~ours).sum())


def zeros(shape, kind):
    """An array of zeros; one that is large is mapped from a file that is gone with it."""
    size = np.dtype(kind).itemsize * int(np.prod(shape, dtype=np.int64))
    if size <= HELD:
        return np.zeros(shape, dtype=kind)
    with tempfile.TemporaryFile() as file, disk.writing(tempfile.gettempdir()):
        arrays.reserve(file, size)
        return np.memmap(file, dtype=kind, mode="w+", shape=shape)


class Tally:
    """What is counted in the bins of windows, added part by part.

    Parameters
    ----------
    places : Places. strand : "both", or "same" or "opposite" as the window's.
    counts : int32 (n, bins) zeros to add to, bins ascending on the contig; made where there are none.
    """

    def __init__(self, places, strand="both", counts=None):
        self.places, self.strand = places, strand
        self.counts = zeros((places.n, places.bins), np.int32) if counts is None else counts

    def add(self, rows, start, end, minus=None):
        """Count spans, int64 (m,) each, that lie on the contig of the windows `rows`; minus (m,) bool: their strand,
        which is not looked at where both count.
        """
        if self.strand == "both":
            return self._add(rows, start, end)
        for side in (False, True):
            ours = minus == (side == (self.strand == "same"))
            self._add(rows[self.places.minus[rows] == side], start[ours], end[ours])

    def _add(self, rows, start, end):
        if not len(start):
            return
        start, end = np.sort(start), np.sort(end)
        near = rows[(self.places.end[rows] > start[0]) & (self.places.start[rows] < end[-1])]
        step = max(1, BLOCK // self.places.bins)
        for some in (near[first : first + step] for first in range(0, len(near), step)):
            edges = self.places.edges(some)
            # Spans that begin before a bin ends, but for those that have ended where it begins.
            self.counts[some] += np.searchsorted(start, edges[:, 1:]) - np.searchsorted(
                end, edges[:, :-1], side="right"
            )


class Blacklist:
    """Regions in which nothing is counted; of no path, none.

    Raises
    ------
    InputError : the file cannot be read, or is no BED.
    """

    def __init__(self, path):
        self.known = {}
        if path is not None:
            found = [interval(f"{path}: row {row}", record) for row, record in read_bed(path)]
            merged = intervals.merged(pd.DataFrame(found, columns=Locus._fields))
            for name, rows in merged.groupby("chrom"):
                self.known[name] = tuple(rows[side].to_numpy(dtype=np.int64) for side in ("start", "end"))

    def touches(self, contig, start, end):
        """Which spans (m,) bool of a contig, named in any style, share a base with a region."""
        name = contigs.mapping([contig], self.known).get(contig)
        if name is None:
            return np.zeros(len(start), dtype=bool)
        starts, ends = self.known[name]
        place = np.searchsorted(ends, start, side="right")
        return (place < len(starts)) & (starts[np.minimum(place, len(starts) - 1)] < end)


def shifted(settings, left, right, minus):
    """Spans whose 5' ends are moved: left, right int64 (m,).

    Parameters
    ----------
    minus : (m,) bool, the strand of reads, of which one end is a 5' end; None of fragments, of which both are.
    """
    plus_shift, minus_shift = settings.shift
    if minus is None:
        return left + plus_shift, right + minus_shift
    return left + plus_shift * ~minus, right + minus_shift * minus


def counted(count, left, right, minus):
    """What of each span is counted: a list of (start, end), int64 (m,) each; parameters as of `shifted`.

    Parameters
    ----------
    count : "span", or its ends as bases: "5prime", "3prime" or "both". Of fragments, the 5' end is the left one.
    """
    if count == "span":
        return [(left, right)]
    ends = np.stack([left, right - 1])
    if minus is not None:
        ends = np.where(minus, ends[::-1], ends)
    chosen = {"5prime": ends[:1], "3prime": ends[1:], "both": ends}[count]
    return [(end, end + 1) for end in chosen]


def judged(parts, contig, length, blacklist):
    """Parts of spans that count, and what becomes of each span.

    Parameters
    ----------
    parts : list of (start, end), as `counted` gives them. length : bases of their contig; None: not known.

    Returns
    -------
    list of (start, end, good), cut to the contig; fate (m,) int8: 0 where a part is good, else a key of FATES.
    """
    found, fates = [], []
    for start, end in parts:
        start = np.maximum(start, 0)
        end = end if length is None else np.minimum(end, length)
        fate = np.where(blacklist.touches(contig, start, end), BLACK, 0)
        fate = np.where(start < end, fate, OUT)
        found.append((start, end, fate == 0))
        fates.append(fate)
    fates = np.stack(fates)
    return found, np.where((fates == 0).any(axis=0), 0, fates.max(axis=0)).astype(np.int8)


def demand_lengths(settings, where):
    """Refuse a `fragment_length` whose least is more than its largest (InputError)."""
    if settings.fragment_length is not None and settings.fragment_length[0] > settings.fragment_length[1]:
        least, most = settings.fragment_length
        raise InputError(f"{where}: fragment_length is [{least}, {most}], expected the least length first")
