"""Reference sequence by coordinate, from a FASTA of whole chromosomes or of named fragments of them."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyfaidx

from cisflow.errors import InputError, listing
from cisflow.sequence import dna

LOCUS = re.compile(r"^(?P<chrom>[^:\s]+):(?P<start>\d+)-(?P<end>\d+)(?:\((?P<strand>[+-])\))?(?P<reversed>_r(?!\w))?")
# The strand that the reverse complement of a sequence is read from; without a strand a sequence is of the plus strand.
OPPOSITE = {"+": "-", "-": "+", ".": "-"}


class Locus(NamedTuple):
    """A 0-based half-open interval; `strand` is '+', '-' or '.'."""

    chrom: str
    start: int
    end: int
    strand: str = "."


def parse_locus(name):
    """The locus at the start of a record name such as `chr3:100-300(-)`, or None where there is none.

    `_r` behind it, as in `chr3:100-300(+)_r`, says that the sequence is the reverse complement of that locus.
    """
    match = LOCUS.match(name)
    if match is None or int(match["start"]) >= int(match["end"]):
        return None
    strand = match["strand"] or "."
    return Locus(
        match["chrom"], int(match["start"]), int(match["end"]), OPPOSITE[strand] if match["reversed"] else strand
    )


class Genome:
    """Random access to base codes by chromosome coordinate (0-based, half-open).

    A FASTA record named `chrom:start-end` is a fragment: its first base is `start` of `chrom`. Any other record is
    a whole chromosome. The same code therefore serves a genome and a few megabases of one.

    Parameters
    ----------
    path : FASTA file, uncompressed; an index `<path>.fai` is made beside it if there is none.

    Raises
    ------
    InputError : the file is not a FASTA, is newer than its index, or two fragments of one chromosome overlap.
    """

    def __init__(self, path):
        self.path = Path(path)
        check_fasta(self.path)
        index = Path(f"{self.path}.fai")
        if index.exists() and index.stat().st_mtime < self.path.stat().st_mtime:
            # The offsets of another file would be read as sequence without a word.
            raise InputError(
                f"{index}: older than its FASTA, expected an index of this file; remove it to have it remade"
            )
        try:
            self._fasta = pyfaidx.Fasta(str(self.path), as_raw=True, rebuild=False)
        except (pyfaidx.FastaIndexingError, pyfaidx.FastaNotFoundError, ValueError) as error:
            raise InputError(f"{self.path}: not a readable FASTA: {error}") from error
        self._pieces = {}
        for name, sequence in self._fasta.items():
            length = len(sequence)
            locus = parse_locus(name)
            if locus is None:
                locus = Locus(name, 0, length)
            elif locus.end - locus.start != length:
                raise InputError(
                    f"{self.path}: record '{name}' holds {length} bases, its name says {locus.end - locus.start}"
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

    def regions(self):
        """All loci that the file covers, in file order of chromosomes."""
        return [Locus(chrom, start, end) for chrom, pieces in self._pieces.items() for start, end, _ in pieces]

    def problem(self, chrom, start, end):
        """Why an interval cannot be read, as a sentence; None when it can."""
        if start >= end:
            return f"start {start} is not below end {end}"
        if chrom not in self._pieces:
            return f"chromosome '{chrom}' is not in {self.path} (it has {listing(self.chromosomes)})"
        if not any(first <= start and end <= last for first, last, _ in self._pieces[chrom]):
            spans = listing(f"{first}-{last}" for first, last, _ in self._pieces[chrom])
            return f"{chrom}:{start}-{end} reaches past what {self.path} holds of {chrom} ({spans})"
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
        problem = self.problem(chrom, start, end)
        if problem and not (pad and start < end and chrom in self._pieces):
            raise InputError(problem)
        codes = np.full(end - start, dna.UNKNOWN, dtype=np.uint8)
        for first, last, record in self._pieces[chrom]:
            left, right = max(start, first), min(end, last)
            if left < right:
                text = self._fasta[record][left - first : right - first]
                codes[left - start : right - start] = dna.encode(text, f"{self.path}, record '{record}'")
        return dna.reverse_complement(codes) if strand == "-" else codes

    def soft_masked(self, chrom, start, end):
        """Which bases (end - start,) bool of an interval the file has in lower case: repeats; False outside it."""
        masked = np.zeros(end - start, dtype=bool)
        for first, last, record in self._pieces.get(chrom, ()):
            left, right = max(start, first), min(end, last)
            if left < right:
                text = np.frombuffer(self._fasta[record][left - first : right - first].encode(), dtype=np.uint8)
                masked[left - start : right - start] = text >= ord("a")
        return masked


def check_fasta(path):
    """Refuse a file that does not start with a FASTA record (InputError)."""
    try:
        with open(path, "rb") as handle:
            head = handle.read(200)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    first = head.lstrip()[:1]
    if first != b">":
        found = "an empty file" if not first else f"'{head.split()[0][:20].decode('ascii', 'replace')}'"
        raise InputError(f"{path}: not a FASTA: expected a line that starts with '>', found {found}")


class Records:
    """The records of a FASTA in order, read from the file one by one: `records[row]` is its base codes (uint8).

    Attributes
    ----------
    names : up to the first space.
    lengths : bases (n,) int64.

    Raises
    ------
    InputError : not a FASTA, a character that is no base, an empty record, or a name that occurs twice.
    """

    def __init__(self, path):
        check_fasta(path)
        self.path, self.names, lengths, self._spans = Path(path), [], [], []
        seen, parts, first, last = set(), [], 0, 0

        def close():
            if self.names:
                name = self.names[-1]
                if not parts:
                    raise InputError(f"{path}: record '{name}' has no sequence")
                lengths.append(len(self._encode(b"".join(parts), name)))
                self._spans.append((first, last))

        with open(path, "rb") as handle:
            for line in handle:
                last += len(line)
                line = line.strip()
                if line.startswith(b">"):
                    close()
                    name = (self._text(line[1:]).split() or [""])[0]
                    if name in seen:
                        raise InputError(f"{path}: record name '{name}' occurs more than once")
                    seen.add(name)
                    self.names.append(name)
                    parts, first = [], last
                elif line:
                    parts.append(line)
        close()
        self.lengths = np.array(lengths, dtype=np.int64)

    def __len__(self):
        return len(self.names)

    def __getitem__(self, row):
        first, last = self._spans[row]
        with open(self.path, "rb") as handle:
            handle.seek(first)
            # The span ends with the name of the next record.
            lines = handle.read(last - first).split(b">")[0].split()
        return self._encode(b"".join(lines), self.names[row])

    def _encode(self, sequence, name):
        return dna.encode(self._text(sequence), f"{self.path}, record '{name}'")

    @staticmethod
    def _text(line):
        # A byte that is not text becomes a character that no base has, so that `encode` refuses it.
        return line.decode("utf-8", "replace")


def read_fasta(path):
    """All records of a small FASTA as [(name, base codes)]; raises as `Records` does."""
    records = Records(path)
    return [(name, records[row]) for row, name in enumerate(records.names)]
