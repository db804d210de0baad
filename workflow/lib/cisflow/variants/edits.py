"""Edits: changes of the genome within windows, and the sequences that a network sees of them."""

from typing import NamedTuple

import numpy as np

from cisflow.errors import InputError
from cisflow.features.variants import trim
from cisflow.sequence import dna
from cisflow.sequence.context import Cut


class Edit(NamedTuple):
    """Bases [start, end) of a chromosome are replaced, within a window that begins at `window` and is read on `strand`.

    alt : the bases in their place, on the forward strand; None leaves the genome as it is.
    """

    chrom: str
    window: int
    strand: str
    start: int
    end: int
    alt: str | None

    @property
    def reference(self):
        return self._replace(alt=None)

    def shifted(self, bases):
        """The same edit in a window that lies so many bases further along its own strand."""
        return self._replace(window=self.window + (bases if self.strand != "-" else -bases))

    def fits(self, length):
        """Whether a window of this length holds what is replaced."""
        return self.window <= self.start and self.end <= self.window + length

    def position(self, length):
        """First base of the window, read on its strand, that is replaced or that an insertion stands before."""
        return self.start - self.window if self.strand != "-" else self.window + length - self.end


def simple(chrom, start, ref, alt, window, strand="+"):
    """The Edit of an allele, without the bases that REF and ALT share at their ends."""
    start, ref, alt = trim(start, ref, alt)
    return Edit(chrom, window, strand, start, start + len(ref), alt)


def centred(chrom, start, ref, alt, length):
    """The Edit of an allele in the middle of its window, as docs/variants.md has it."""
    found = simple(chrom, start, ref, alt, 0)
    return found._replace(window=found.start - (length - (found.end - found.start)) // 2)


def joined(edits, genome):
    """One Edit that makes all of several in one window.

    Parameters
    ----------
    edits : of the same window, in any order. genome : `Genome`, which gives the bases between them.

    Raises
    ------
    InputError : two of them change the same bases.
    """
    edits = sorted(edits, key=lambda edit: (edit.start, edit.end))
    first, last = edits[0], max(edits, key=lambda edit: edit.end)
    parts, at = [], first.start
    for number, edit in enumerate(edits):
        insertions = number and edit.start == edit.end == edits[number - 1].start == edits[number - 1].end
        if edit.start < at or insertions:
            raise InputError(f"variants at {edit.chrom}:{edit.start + 1} change the same bases; expected one of them")
        between = genome.fetch(edit.chrom, at, edit.start) if at < edit.start else np.empty(0, dtype=np.uint8)
        parts += [dna.decode(between), edit.alt]
        at = edit.end
    return first._replace(end=last.end, alt="".join(parts))


class Edited(Cut):
    """Base codes of edited windows: `[first:last]` is (last - first, length) uint8, cut when they are asked for.

    What replaces bases lies where they lay. Where it is longer or shorter, the window loses or gains as many bases at
    either end, to within one, as a variant in the middle of its window does (`features.variants.Alleles`); at the edge
    of a window what one end lacks comes from the other. Bases past the ends of the genome are unknown.

    Parameters
    ----------
    edits : list of Edit, which fit their windows. genome : `Genome`. length : bases of a window.
    """

    def __init__(self, edits, genome, length):
        self._edits, self._genome, self.length = edits, genome, length
        self._rows = range(len(edits))

    def _cut(self, row):
        edit, length = self._edits[row], self.length
        if edit.alt is None:
            codes = self._genome.fetch(edit.chrom, edit.window, edit.window + length, pad=True)
        else:
            replaced, new = edit.end - edit.start, len(edit.alt)
            if new > length:
                raise InputError(f"{edit.chrom}:{edit.start + 1}: an allele of {new} bases, the network sees {length}")
            left = edit.start - edit.window + (length - new) // 2 - (length - replaced) // 2
            left = min(max(left, 0), length - new)
            codes = np.concatenate(
                [
                    self._flank(edit.chrom, edit.start - left, edit.start),
                    dna.encode(edit.alt),
                    self._flank(edit.chrom, edit.end, edit.end + length - new - left),
                ]
            )
        return dna.reverse_complement(codes) if edit.strand == "-" else codes

    def _flank(self, chrom, start, end):
        if start == end:
            return np.empty(0, dtype=np.uint8)
        return self._genome.fetch(chrom, start, end, pad=True)
