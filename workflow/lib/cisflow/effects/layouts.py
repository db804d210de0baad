"""Layouts: where elements are put into a sequence, singly, at each position, and two at each spacing."""

import itertools
from typing import NamedTuple

import numpy as np

from cisflow.sequence import dna
from cisflow.sequence.context import Cut

# How the second of two motifs lies to the first, as `motifs.spacing` has it: behind it or before it, read on the first
# one's strand, then on the other strand.
ORIENTATIONS = ("first> second>", "second> first>", "first> <second", "<second first>")


class Site(NamedTuple):
    """An element by its number, the first base that it takes, and its strand, "+" or "-"."""

    element: int
    start: int
    strand: str = "+"


class Pair(NamedTuple):
    """Two elements together: their numbers, one of ORIENTATIONS, the bases between them, and the Site of each."""

    first: int
    second: int
    orientation: str
    gap: int
    sites: tuple

    def distance(self, widths):
        """Bases between their middles, rounded down."""
        return (widths[self.first] + widths[self.second]) // 2 + self.gap


def middle(element, width, twice, strand="+"):
    """The Site of an element around base `twice` / 2; on the other strand it takes the bases that mirror these."""
    start = (twice - width) // 2
    return Site(element, start if strand == "+" else twice - width - start, strand)


def along(element, width, length, step, strand="+"):
    """Sites of an element every `step` bases, from one end of a sequence to the other."""
    return [Site(element, start, strand) for start in range(0, length - width + 1, step)]


def pairs(chosen, widths, length, gaps, same=False, twice=None):
    """Pairs of elements around one place of a sequence, in every orientation and at every gap that fits.

    Parameters
    ----------
    chosen : numbers of the elements that are paired. widths : (n,) of all elements. gaps : bases between the two.
    same : an element with itself too. Of two alike on one strand, either may be called the first: they have no
        second orientation.
    twice : twice the base that pairs lie around; that of the middle without it.
    """
    found, twice = [], length if twice is None else twice
    for first, second in itertools.combinations_with_replacement(chosen, 2):
        if first == second and not same:
            continue
        for orientation in ORIENTATIONS:
            if first == second and orientation == ORIENTATIONS[1]:
                continue
            for gap in gaps:
                whole = widths[first] + gap + widths[second]
                start = (twice - whole) // 2
                if start >= 0 and start + whole <= length:
                    found.append(_pair(first, second, orientation, gap, widths, start))
    return found


def _pair(first, second, orientation, gap, widths, start):
    strand = "-" if "<second" in orientation else "+"
    if orientation.startswith("first"):
        sites = Site(first, start), Site(second, start + widths[first] + gap, strand)
    else:
        sites = Site(first, start + widths[second] + gap), Site(second, start, strand)
    return Pair(first, second, orientation, gap, sites)


class Inserted(Cut):
    """Backgrounds with elements put in place of their bases: row c * B + b is background b with the sites of layout c.

    Parameters
    ----------
    backgrounds : (B, length) uint8. instances : [(B, w) uint8], of each element the bases to put into each background.
    layouts : tuples of Sites, which share no base; an empty one leaves a background as it is.
    """

    def __init__(self, backgrounds, instances, layouts):
        self._backgrounds, self._layouts = backgrounds, layouts
        self._instances = {"+": instances, "-": [dna.reverse_complement(bases) for bases in instances]}
        self.length = backgrounds.shape[1]
        self._rows = range(len(backgrounds) * len(layouts))

    def _cut(self, row):
        layout, background = divmod(row, len(self._backgrounds))
        codes = self._backgrounds[background].copy()
        for element, start, strand in self._layouts[layout]:
            bases = self._instances[strand][element][background]
            codes[start : start + len(bases)] = np.where(bases == dna.UNKNOWN, codes[start : start + len(bases)], bases)
        return codes
