"""Pseudobulk of single-cell fragments: those of the cells of a group, counted over windows."""

import sys
from collections import Counter

import numpy as np
import pandas as pd

from cisflow.config.settings import setting
from cisflow.data import counting, fingerprint, ledger, sheet
from cisflow.data.counting import Counting
from cisflow.data.dataset import STRAND
from cisflow.data.targets.common import DESCRIBED, Numbers
from cisflow.errors import InputError, listing
from cisflow.io import fragments
from cisflow.io.genome import Genome
from cisflow.io.tables import read_rows

NO_GROUP, LENGTH = "barcode without a group", "fragment of another length"


class Settings(Counting):
    """Fragments (fragments.tsv.gz of 10x) of groups of cells, counted over the windows; a track a group."""

    ONE_OF = ("fragments", "sheet")
    fragments: str = setting(None, resource=True, meaning="Resource with the fragments; this or `sheet`.")
    sheet: str = setting(
        None,
        resource=True,
        meaning="Resource with a sheet of several files of fragments, columns track and file; each group of each file "
        "is a track then, called `track:group`.",
    )
    groups: str = setting(
        resource=True,
        meaning="Resource with the table of cells: columns barcode and group, and track where barcodes of the files of "
        "a sheet have groups of their own. Cells without a group do not count.",
    )
    count: str = setting(
        "both",
        choices=("5prime", "3prime", "both", "span"),
        meaning="What of a fragment is counted: the base at its left end (5prime), that at its right end, both "
        "(insertions), or the whole span, once in each bin that it touches.",
    )
    duplicates: str = setting(
        "drop",
        choices=("drop", "keep"),
        meaning="`keep` counts a fragment as often as it was sequenced, by the fifth column; `drop` once.",
    )


def collect(settings, windows):
    """Numbers of every group: counts, exact up to 2^24, or counts per million.

    Positions are those of the file, which 10x has shifted. The ledger tells of each file what became of its
    fragments: those kept are counted in windows or elsewhere.

    Raises
    ------
    InputError : windows that `counting.Places` refuses, a table or sheet that cannot be read, a file of which a row is
        bad, no contig has a window, no barcode has a group, or that reaches past the end of a contig of the genome.
    """
    where = f"targets '{settings.name}'"
    counting.demand_lengths(settings, where)
    files, lines = files_of(settings)
    everywhere = {genome: counting.Places(windows, settings, genome) for genome in {file["genome"] for file in files}}
    cells = cells_of(settings.groups, [file["target"] for file in files])
    blacklist = counting.Blacklist(settings.blacklist)
    genome = settings.genome and Genome(settings.genome)
    tracks = [
        described(file, group) for file, groups in zip(files, cells, strict=True) for group in groups.cat.categories
    ]
    values, done = next(iter(everywhere.values())).values(len(tracks)), 0
    for file, groups in zip(files, cells, strict=True):
        places = everywhere[file["genome"]]
        pile = Pile(file["file"], groups, places, settings, blacklist, genome)
        for number, tally in enumerate(pile.tallies):
            scale = 1e6 / pile.library[number] if settings.normalise == "cpm" and pile.library[number] else 1.0
            places.fill(values[:, done + number], tally.counts, scale, pile.reach)
        done += len(pile.tallies)
        source = f"{file['file'].name} ({file['target']})" if file["target"] else file["file"]
        lines.append(ledger.counts(source, "target", pile.kept, pile.dropped))
    return Numbers(values, pd.DataFrame(tracks)[["target", *DESCRIBED]], ledger.join(*lines))


def files_of(settings):
    """The files, [{target, modality, …, file}], and lines of the ledger of their sheet; without one, target is ""."""
    if settings.sheet is None:
        alone = dict.fromkeys((*DESCRIBED, "target", "genome"), "")
        alone |= {"modality": settings.name, "file": settings.fragments}
        return [alone], []
    found = sheet.read(settings.sheet, settings.name).to_dict("records")
    if stranded := [file["target"] for file in found if file[STRAND]]:
        raise InputError(f"{settings.sheet}: track '{stranded[0]}' has a strand, which fragments have not")
    return found, [ledger.counts(settings.sheet, "target", len(found), {})]


def described(file, group):
    """What is told of the track of a group of a file."""
    target = f"{file['target']}:{group}" if file["target"] else group
    return {name: file[name] for name in DESCRIBED} | {"target": target, "group": group}


def cells_of(path, files):
    """Group of each cell of each file: a list of Series of categories, whose index is barcodes.

    Parameters
    ----------
    path : of the table of cells. files : tracks of the sheet; [""] without one.

    Raises
    ------
    InputError : the table cannot be read, lacks a column, names a track that the sheet lacks or a barcode of one file
        twice, or has no group for any cell of a file.
    """
    rows, columns = read_rows(path, ("barcode", "group"))
    table = pd.DataFrame(columns, dtype=object).map(str.strip).assign(row=rows)
    parts = [table] * len(files)
    if "track" in table and files != [""]:
        strangers = table[~table["track"].isin(files)]
        if len(strangers):
            row, track = strangers[["row", "track"]].iloc[0]
            raise InputError(f"{path}: row {row}: track is '{track}', expected one of the sheet's: {listing(files)}")
        parts = [table[table["track"] == file] for file in files]
    found = []
    for file, part in zip(files, parts, strict=True):
        twice = part[part["barcode"].duplicated(keep=False)]
        if len(twice):
            barcode = twice["barcode"].iloc[0]
            here = twice.loc[twice["barcode"] == barcode, "row"].tolist()
            raise InputError(
                f"{path}: rows {here[0]} and {here[1]} have the same barcode '{barcode}', expected one row"
            )
        part = part[part["group"] != ""]
        if part.empty:
            raise InputError(f"{path}: no cell{f' of {file}' if file else ''} has a group, expected at least one")
        found.append(pd.Series(pd.Categorical(part["group"]), index=pd.Index(part["barcode"])))
    return found


class Pile:
    """What is counted of one file.

    Parameters
    ----------
    path : of the file. groups : Series of categories, whose index is barcodes. genome : Genome or None.

    Attributes
    ----------
    tallies : a Tally for each group. library : int64 (groups,), what counts of each, in windows or elsewhere.
    kept : fragments that count. dropped : {reason: number of fragments}.
    reach : int64 (n,), bases of the contig of each window; a contig without a fragment has 0 of them everywhere.

    Raises
    ------
    InputError : see `collect`.
    """

    def __init__(self, path, groups, places, settings, blacklist, genome):
        self.path, self.places, self.settings, self.blacklist, self.genome = path, places, settings, blacklist, genome
        names = list(groups.cat.categories)
        counts = counting.zeros((len(names), places.n, places.bins), np.int32)
        self.tallies = [counting.Tally(places, counts=part) for part in counts]
        self.library, self.kept, self.dropped = np.zeros(len(names), dtype=np.int64), 0, Counter()
        # {contig: windows on it, its bases (None: not known)}, of contigs that have occurred.
        self.contigs, barcodes = {}, []
        for chunk in fragments.read(path):
            self._add(chunk, groups)
            barcodes = barcodes or list(chunk.barcode.categories)
        if not any(len(rows) for rows, _ in self.contigs.values()):
            raise InputError(
                f"{path}: none of its contigs ({listing(self.contigs)}) has a window; windows are on "
                f"{listing(places.chromosomes)}"
            )
        if not self.kept:
            self._refuse(groups, barcodes)
        for name, n in zip(names, self.library, strict=True):
            if not n:
                print(f"WARNING: {path}: no fragment of group '{name}' counts; its track is 0", file=sys.stderr)
        rows, lengths = ({name: pair[part] for name, pair in self.contigs.items()} for part in (0, 1))
        self.reach = places.reach(rows, lengths, counting.ENDLESS)

    def _refuse(self, groups, barcodes):
        if sum(self.dropped.values()) == self.dropped[NO_GROUP]:
            raise InputError(
                f"{self.path}: no barcode has a group; they are {listing(barcodes, 3)} here and "
                f"{listing(groups.index, 3)} in {self.settings.groups}"
            )
        reasons = listing((f"{n:,} {reason}" for reason, n in self.dropped.items() if n), 9)
        raise InputError(f"{self.path}: no fragment is left to count, expected at least one: {reasons}")

    def _add(self, chunk, groups):
        place = groups.index.get_indexer(pd.Index(chunk.barcode.categories))
        group = np.where(place < 0, -1, groups.cat.codes.to_numpy()[place])[chunk.barcode.codes]
        fits = np.ones(len(group), dtype=bool)
        if self.settings.fragment_length is not None:
            least, most = self.settings.fragment_length
            length = chunk.end - chunk.start
            fits = (length >= least) & (length <= most)
        self.dropped[NO_GROUP] += int((group < 0).sum())
        self.dropped[LENGTH] += int(((group >= 0) & ~fits).sum())
        good = (group >= 0) & fits
        for code, name in enumerate(chunk.chrom.categories):
            ours = chunk.chrom.codes == code
            rows, bases = self._contig(name, chunk.end[ours].max())
            ours &= good
            self._count(name, rows, bases, chunk.start[ours], chunk.end[ours], group[ours], chunk.count[ours])

    def _contig(self, name, end):
        """Windows on a contig and its bases; refuses a fragment that ends beyond them."""
        if name not in self.contigs:
            known = self.genome and self.genome.chromosome(name)
            rows = self.places.rows([name]).get(name, np.zeros(0, dtype=np.int64))
            self.contigs[name] = rows, self.genome.lengths.get(known) if known else None
        rows, bases = self.contigs[name]
        if bases is not None and end > bases:
            raise InputError(
                f"{self.path}: a fragment of {name} ends at {end}, in {self.genome.path} it has {bases} bases"
                f"{fingerprint.said(None, fingerprint.of_genome(self.genome))}"
            )
        return rows, bases

    def _count(self, name, rows, bases, start, end, group, copies):
        span = counting.shifted(self.settings, start, end, None)
        parts, fate = counting.judged(counting.counted(self.settings.count, *span, None), name, bases, self.blacklist)
        for code, reason in counting.FATES.items():
            self.dropped[reason] += int((fate == code).sum())
        if self.settings.duplicates == "drop":
            copies = np.ones_like(copies)
        self.kept += int((fate == 0).sum())
        np.add.at(self.library, group[fate == 0], copies[fate == 0])
        for number in np.unique(group):
            for first, last, good in parts:
                ours = good & (group == number)
                self.tallies[number].add(
                    rows, np.repeat(first[ours], copies[ours]), np.repeat(last[ours], copies[ours])
                )
