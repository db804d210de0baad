"""Reference sequence by coordinate, from a FASTA or 2bit of whole chromosomes or of named fragments of them."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cisflow.errors import InputError, listing
from cisflow.io import contigs, indexed, text, twobit
from cisflow.sequence import dna

# chr3:100-300, with a strand or a mark of reversal behind it; the contigs of HLA have colons in their own names.
LOCUS = re.compile(
    r"^(?P<chrom>\S+?):(?P<start>\d{1,12})-(?P<end>\d{1,12})"
    r"(?:\((?P<strand>[-+.])\)|(?P<rc>/rc(?!\w)))?(?P<reversed>_r(?!\w))?"
)
# What UCSC writes behind the name of a sequence, counted from 1.
UCSC = re.compile(
    r"\srange=(?P<chrom>\S+):(?P<start>\d{1,12})-(?P<end>\d{1,12})(?=\s|$)(?:.*\sstrand=(?P<strand>[+-]))?"
)
# The strand that the reverse complement of a sequence is read from; without a strand a sequence is of the plus strand.
OPPOSITE = {"+": "-", "-": "+", ".": "-"}


class Locus(NamedTuple):
    """A 0-based half-open interval; `strand` is '+', '-' or '.'."""

    chrom: str
    start: int
    end: int
    strand: str = "."


def parse_locus(name):
    """The locus that the name of a record gives, or None where it gives none.

    It stands at the start, as in `chr3:100-300(-)`, or behind `::`, as in `peak1::chr3:100-300(-)` of bedtools
    getfasta, 0-based half-open; or it is the `range=chr3:101-300 … strand=-` of UCSC, which counts from 1. `_r` or
    `/rc` behind a locus, as in `chr3:100-300(+)_r`, says that the sequence is the reverse complement of that locus.
    """
    match = UCSC.search(name)
    first = 1 if match else 0
    if match is None:
        match = LOCUS.match(name.rpartition("::")[2]) or LOCUS.match(name)
    if match is None:
        return None
    start, end, strand = int(match["start"]) - first, int(match["end"]), match["strand"] or "."
    if not 0 <= start < end:
        return None
    reverse = not first and (match["reversed"] or match["rc"])
    return Locus(match["chrom"], start, end, OPPOSITE[strand] if reverse else strand)


def placed(locus, length):
    """(locus, whether it counts from 1) of a sequence of that many bases; (None, False) where the two do not agree.

    `chr1:1-200` of samtools faidx, counted from 1, holds 200 bases, one more than its numbers differ by.
    """
    bases = locus.end - locus.start
    if bases == length:
        return locus, False
    if bases + 1 == length and locus.start >= 1:
        return locus._replace(start=locus.start - 1), True
    return None, False


class Genome:
    """Random access to base codes by chromosome coordinate (0-based, half-open).

    A FASTA record named `chrom:start-end` is a fragment: its first base is `start` of `chrom`. Any other record is
    a whole chromosome. The same code therefore serves a genome and a few megabases of one. Chromosomes may be asked for
    in another style than the file's: `1` or `NC_000001.11` for `chr1`.

    Parameters
    ----------
    path : FASTA, plain or packed, or 2bit. An index `<path>.fai` is made beside a FASTA if there is none, or in the
        run's own cache where it cannot be, or is older than the FASTA.

    Raises
    ------
    InputError : the file is neither, a record is not as long as its name says, or two fragments of one chromosome
        overlap.
    """

    def __init__(self, path):
        self.path = Path(path)
        if twobit.is_twobit(path):
            self._twobit = twobit.TwoBit(path)
            lengths = self._twobit.lengths
        else:
            self._twobit, self._fasta = None, indexed.open_fasta(path)
            lengths = {name: len(sequence) for name, sequence in self._fasta.items()}
        self._pieces, self._known = {}, {}
        for name, length in lengths.items():
            found = parse_locus(name)
            locus, _ = placed(found, length) if found else (Locus(name, 0, length), False)
            if locus is None:
                raise InputError(
                    f"{self.path}: record '{name}' holds {length} bases, its name says {found.end - found.start}"
                )
            self._pieces.setdefault(locus.chrom, []).append((locus.start, locus.end, name))
        for chrom, pieces in self._pieces.items():
            pieces.sort()
            for left, right in zip(pieces, pieces[1:], strict=False):
                if right[0] < left[1]:
                    raise InputError(f"{self.path}: records '{left[2]}' and '{right[2]}' of {chrom} overlap")

    @property
    def chromosomes(self):
        return list(self._pieces)

    @property
    def lengths(self):
        """{chromosome: bases} of those that the file holds whole."""
        return {chrom: pieces[0][1] for chrom, pieces in self._pieces.items() if pieces[0][2] == chrom}

    def chromosome(self, name):
        """What the file calls a chromosome, in whatever style `name` writes it; None where it has none."""
        if name in self._pieces:
            return name
        if name not in self._known:
            self._known[name] = contigs.mapping([name], self._pieces).get(name)
        return self._known[name]

    def regions(self):
        """All loci that the file covers, in file order of chromosomes."""
        return [Locus(chrom, start, end) for chrom, pieces in self._pieces.items() for start, end, _ in pieces]

    def problem(self, chrom, start, end):
        """Why an interval cannot be read, as a sentence; None when it can."""
        if start >= end:
            return f"start {start} is not below end {end}"
        name = self.chromosome(chrom)
        if name is None:
            return f"chromosome '{chrom}' is not in {self.path} (it has {listing(self.chromosomes)})"
        if not any(first <= start and end <= last for first, last, _ in self._pieces[name]):
            spans = listing(f"{first}-{last}" for first, last, _ in self._pieces[name])
            return f"{chrom}:{start}-{end} reaches past what {self.path} holds of {name} ({spans})"
        return None

    def fetch(self, chrom, start, end, strand="+", pad=False):
        """Base codes (end - start,) uint8 of an interval; reverse-complemented where `strand` is '-'.

        Parameters
        ----------
        pad : fill what lies outside the file's sequence with unknown bases instead of refusing it.

        Raises
        ------
        InputError : chromosome unknown, start >= end, or (without `pad`) an interval that the file does not cover.
        """
        name, problem = self.chromosome(chrom), self.problem(chrom, start, end)
        if problem and not (pad and start < end and name is not None):
            raise InputError(problem)
        codes = np.full(end - start, dna.UNKNOWN, dtype=np.uint8)
        for first, last, record in self._pieces[name]:
            left, right = max(start, first), min(end, last)
            if left < right:
                codes[left - start : right - start] = self._read(record, left - first, right - first)
        return dna.reverse_complement(codes) if strand == "-" else codes

    def soft_masked(self, chrom, start, end):
        """Which bases (end - start,) bool of an interval are soft-masked, in lower case in a FASTA: repeats. False
        outside the file's sequence.
        """
        masked = np.zeros(end - start, dtype=bool)
        for first, last, record in self._pieces.get(self.chromosome(chrom), ()):
            left, right = max(start, first), min(end, last)
            if left >= right:
                continue
            if self._twobit:
                masked[left - start : right - start] = self._twobit.soft_masked(record, left - first, right - first)
            else:
                text = np.frombuffer(self._fasta[record][left - first : right - first].encode(), dtype=np.uint8)
                masked[left - start : right - start] = text >= ord("a")
        return masked

    def _read(self, record, start, end):
        if self._twobit:
            return self._twobit.codes(record, start, end)
        return dna.encode(self._fasta[record][start:end], f"{self.path}, record '{record}'")


class Records:
    """The records of a FASTA in order, read from the file one by one: `records[row]` is its base codes (uint8).

    Attributes
    ----------
    names : up to the first space. descriptions : the whole lines, without `>`.
    lengths : bases (n,) int64.

    Raises
    ------
    InputError : not a FASTA, a character that is no base, an empty record, or a name that occurs twice.
    """

    def __init__(self, path):
        self.path, self.names, self.descriptions, lengths, self._spans = Path(path), [], [], [], []
        self._plain = indexed.plain(path)
        seen, parts, first, last = set(), [], 0, 0

        def close():
            if self.names:
                name = self.names[-1]
                if not parts:
                    raise InputError(f"{path}: record '{name}' has no sequence")
                lengths.append(len(self._encode(b"".join(parts), name)))
                self._spans.append((first, last))

        with open(self._plain, "rb") as handle:
            for line in handle:
                last += len(line)
                header, line = line.startswith(b">"), line.strip()
                if header:
                    close()
                    description = self._text(line[1:])
                    name = (description.split() or [""])[0]
                    if UCSC.search(description):
                        # Of the browser's own sequences, all are called by the assembly or the track alone.
                        name = name if name not in seen else _locus_name(parse_locus(description))
                    if name in seen:
                        raise InputError(f"{path}: record name '{name}' occurs more than once")
                    seen.add(name)
                    self.names.append(name)
                    self.descriptions.append(description)
                    parts, first = [], last
                elif line and not self.names:
                    raise InputError(f"{path}: found '{self._text(line)[:20]}', expected a line '>name' first")
                elif line:
                    parts.append(line)
        close()
        self.lengths = np.array(lengths, dtype=np.int64)

    def __len__(self):
        return len(self.names)

    def __getitem__(self, row):
        first, last = self._spans[row]
        with open(self._plain, "rb") as handle:
            handle.seek(first)
            # The span ends with the name of the next record.
            lines = handle.read(last - first).split(b">")[0].split()
        return self._encode(b"".join(lines), self.names[row])

    def _encode(self, sequence, name):
        return dna.encode(self._text(sequence), f"{self.path}, record '{name}'")

    @staticmethod
    def _text(line):
        # A byte that is not text becomes a character that no base has, so that `encode` refuses it.
        return line.decode("utf-8", text.FALLBACK)


def _locus_name(locus):
    return f"{locus.chrom}:{locus.start}-{locus.end}" + (f"({locus.strand})" if locus.strand != "." else "")


def read_fasta(path):
    """All records of a small FASTA as [(name, base codes)]; raises as `Records` does."""
    records = Records(path)
    return [(name, records[row]) for row, name in enumerate(records.names)]
