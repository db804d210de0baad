"""Reads or fragments of BAM files, counted over windows; every file is read once, and needs no index."""

from collections import Counter

import numpy as np

from cisflow.config.settings import setting
from cisflow.data import counting, ledger, sheet
from cisflow.data.counting import Counting
from cisflow.data.dataset import STRAND
from cisflow.data.targets.common import DESCRIBED, Numbers
from cisflow.errors import InputError, listing
from cisflow.io import bam

FACING, ALONE = "mates that do not face each other", "mate is absent or was dropped"
# Strand of a track, and which of what is counted is its own; windows without a strand are read forward.
SIDES = {"+": "same", "-": "opposite"}
LENGTH, OTHER_MATE = "fragment of another length", "the other mate"


class Settings(Counting):
    """Alignments (BAM) of the tracks of a sheet, counted over the windows."""

    sheet: str = setting(resource=True, meaning="Resource with the sheet: a row a track, columns track and file.")
    unit: str = setting(
        "reads",
        choices=("reads", "fragments"),
        meaning="What counts once: an alignment, or a fragment, which the mates of a proper pair make, from the 5' end "
        "of that on the plus strand to the 5' end of that on the minus strand, where both pass every filter.",
    )
    count: str = setting(
        "5prime",
        choices=("5prime", "3prime", "both", "span"),
        meaning="What of it is counted: the base at its 5' end (of a fragment, the left one), that at its 3' end, both "
        "of them, each where it lies, or the whole span with deletions and introns, once in each bin that it touches.",
    )
    minimum_mapq: int = setting(0, minimum=0, maximum=255, meaning="Least mapping quality of an alignment.")
    duplicates: str = setting("drop", choices=("drop", "keep"), meaning="Alignments that are marked as duplicates.")
    secondary: str = setting("drop", choices=("drop", "keep"), meaning="Secondary alignments of a read.")
    supplementary: str = setting("drop", choices=("drop", "keep"), meaning="Supplementary alignments of a read.")
    mates: str = setting(
        "both", choices=("both", "first", "second"), meaning="Which reads of a pair count; others than of pairs all do."
    )
    strand: str = setting(
        "both",
        choices=("both", "same", "opposite"),
        meaning="Strand of what is counted, beside that of the window; a fragment has the strand of its first mate. "
        "`strand` in the sheet, + or -, is the same for single tracks: + counts the strand of the window.",
    )


def collect(settings, windows):
    """Numbers of every track of the sheet: counts, exact up to 2^24, or counts per million.

    Alignments that failed the platform's checks never count. The ledger tells of each file what became of all its
    alignments: those kept are what is counted in windows or elsewhere, of a fragment two.

    Raises
    ------
    InputError : settings that contradict each other, windows that `counting.Places` refuses or that have no strand to
        compare with, a sheet that cannot be read, a file that is no whole BAM, has none of the windows' contigs or is
        of another assembly, or of which no alignment is left.
    """
    where = f"targets '{settings.name}'"
    refuse(settings, where)
    tracks = sheet.read(settings.sheet, settings.name)
    everywhere = {genome: counting.Places(windows, settings, genome) for genome in tracks["genome"].unique()}
    if settings.strand != "both":
        if (tracks[STRAND] != "").any():
            raise InputError(f"{where}: strand is '{settings.strand}'; expected 'both' where the sheet tells strands")
        for places in everywhere.values():
            places.demand_strands(f"strand is '{settings.strand}'")
    located = [everywhere[genome] for genome in tracks["genome"]]
    blacklist = counting.Blacklist(settings.blacklist)
    headers = [bam.lengths(path) for path in tracks["file"]]
    # Of any file, what is wrong is told before the first is counted.
    rows = [
        places.on(path, lengths, settings.genome)
        for places, path, lengths in zip(located, tracks["file"], headers, strict=True)
    ]
    values, lines = located[0].values(len(tracks)), [ledger.counts(settings.sheet, "target", len(tracks), {})]
    for number, (path, track) in enumerate(zip(tracks["file"], tracks["target"], strict=True)):
        places = located[number]
        strand = SIDES.get(tracks[STRAND].iloc[number], settings.strand)
        tally, kept, dropped = count(path, headers[number], rows[number], places, settings, blacklist, strand)
        source = f"{path.name} ({track})"
        alignments = kept * (2 if settings.unit == "fragments" else 1)
        if not kept:
            reasons = listing((f"{n:,} {reason}" for reason, n in dropped.items()), 9) or "it is empty"
            raise InputError(f"{path}: no alignment is left to count, expected at least one: {reasons}")
        scale = 1e6 / kept if settings.normalise == "cpm" else 1.0
        places.fill(values[:, number], tally.counts, scale, places.reach(rows[number], headers[number]))
        lines += [ledger.counts(source, "target", alignments, dropped), places.lines(path, rows[number])]
    return Numbers(values, tracks[["target", *DESCRIBED]], ledger.join(*lines))


def refuse(settings, where):
    """Refuse settings that contradict each other (InputError)."""
    if settings.unit == "fragments":
        for name, expected in (("secondary", "drop"), ("supplementary", "drop"), ("mates", "both")):
            if (given := getattr(settings, name)) != expected:
                raise InputError(
                    f"{where}: {name} is '{given}'; a fragment is of the primary alignments of both mates, expected "
                    f"'{expected}', or unit: reads"
                )
    elif settings.fragment_length is not None:
        raise InputError(f"{where}: fragment_length is given, expected unit: fragments beside it")
    counting.demand_lengths(settings, where)


def count(path, lengths, rows, places, settings, blacklist, strand):
    """Count one file.

    Parameters
    ----------
    lengths : {contig: bases} of its header. rows : {contig: windows on it}. places : Places.
    strand : as of `Settings`.

    Returns
    -------
    Tally; number of reads or fragments that count anywhere; {reason: number of alignments dropped}.
    """
    tally, kept, dropped = counting.Tally(places, strand), 0, Counter()
    names, pairs = list(lengths), Pairs()
    nowhere = np.zeros(0, dtype=np.int64)
    fragments = settings.unit == "fragments"
    for chunk in bam.read(path):
        left = passing(chunk, settings, dropped)
        contig, start, end, minus = pairs.join(chunk, left, dropped) if fragments else single(chunk, left)
        if settings.fragment_length is not None:
            least, most = settings.fragment_length
            fits = (end - start >= least) & (end - start <= most)
            dropped[LENGTH] += 2 * int((~fits).sum())
            contig, start, end, minus = (column[fits] for column in (contig, start, end, minus))
        for number in np.unique(contig):
            here, name = contig == number, names[number]
            side = minus[here]
            read = None if fragments else side
            span = counting.shifted(settings, start[here], end[here], read)
            parts, fate = counting.judged(counting.counted(settings.count, *span, read), name, lengths[name], blacklist)
            kept += int((fate == 0).sum())
            for code, reason in counting.FATES.items():
                dropped[reason] += (1 + fragments) * int((fate == code).sum())
            for first, last, good in parts:
                tally.add(rows.get(name, nowhere), first[good], last[good], side[good])
    dropped[ALONE] += len(pairs.waiting)
    return tally, kept, {reason: n for reason, n in dropped.items() if n}


def passing(chunk, settings, dropped):
    """Which alignments (n,) bool of a chunk pass every filter that looks at one alone; adds the others to `dropped`."""
    flag, fragments = chunk.flag, settings.unit == "fragments"
    paired = (flag & bam.PAIRED) > 0
    other = {"both": 0, "first": bam.SECOND, "second": bam.FIRST}[settings.mates]
    filters = {
        "unmapped": ((flag & bam.UNMAPPED) > 0) | (chunk.contig < 0) | (chunk.start < 0),
        "failed the platform's checks": (flag & bam.FAILED) > 0,
        "secondary": (flag & bam.SECONDARY) > 0 if settings.secondary == "drop" else None,
        "supplementary": (flag & bam.SUPPLEMENTARY) > 0 if settings.supplementary == "drop" else None,
        "duplicate": (flag & bam.DUPLICATE) > 0 if settings.duplicates == "drop" else None,
        f"mapping quality below {settings.minimum_mapq}": chunk.quality < settings.minimum_mapq,
        OTHER_MATE: paired & ((flag & other) > 0) if other else None,
        "not of a proper pair": ~(paired & ((flag & bam.PROPER) > 0)) if fragments else None,
    }
    left = np.ones(len(flag), dtype=bool)
    for reason, bad in filters.items():
        if bad is not None:
            dropped[reason] += int((left & bad).sum())
            left &= ~bad
    return left


def single(chunk, left):
    """contig, start, end and minus of the alignments of a chunk that are left: (m,) each."""
    return chunk.contig[left], chunk.start[left], chunk.end[left], (chunk.flag[left] & bam.REVERSE) > 0


class Pairs:
    """Mates, joined by the names that they share, wherever in the file they stand.

    Attributes
    ----------
    waiting : {name: (contig, start, end, flag)} of alignments whose mate has not been met.
    """

    def __init__(self):
        self.waiting = {}

    def join(self, chunk, left, dropped):
        """contig, start, end and minus (of the first mate), (m,) each, of fragments that are complete with a chunk.

        A fragment begins with the 5' end of the mate on the plus strand, and ends with that of the one on the minus
        strand. Mates for which there are no such ends, or not in that order, are added to `dropped`.
        """
        found = []
        columns = (column[left].tolist() for column in (chunk.contig, chunk.start, chunk.end, chunk.flag))
        names = [chunk.names[row] for row in np.flatnonzero(left)]
        for name, *mate in zip(names, *columns, strict=True):
            other = self.waiting.pop(name, None)
            if other is None:
                self.waiting[name] = mate
                continue
            plus, minus = (other, mate) if mate[3] & bam.REVERSE else (mate, other)
            facing = plus[0] == minus[0] and not plus[3] & bam.REVERSE and minus[3] & bam.REVERSE
            if facing and plus[1] < minus[2]:
                found.append((plus[0], plus[1], minus[2], minus[3] & bam.FIRST > 0))
            else:
                dropped[FACING] += 2
        columns = np.array(found, dtype=np.int64).reshape(-1, 4).T
        return *columns[:3], columns[3] > 0
