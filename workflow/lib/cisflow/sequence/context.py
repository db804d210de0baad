"""Windows as a network sees them: cut from files batch by batch, in the middle of what lies around them."""

import copy

import numpy as np

from cisflow.errors import InputError
from cisflow.sequence import dna


class Cut:
    """Base codes that are made row by row when they are asked for: `[first:last]` is (last - first, length) uint8.

    A subclass sets `length`, the bases of each row, and `_rows`, the range of its row numbers, and gives `_cut(row)`,
    the codes (length,) uint8 of one row.
    """

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, rows):
        rows = self._rows[rows]
        codes = np.empty((len(rows), self.length), dtype=np.uint8)
        for place, row in enumerate(rows):
            codes[place] = self._cut(row)
        return codes

    def part(self, rows):
        """The sequences of a slice of the rows, as an object of this kind."""
        part = copy.copy(self)
        part._rows = self._rows[rows]
        return part


class Sequences(Cut):
    """Base codes of windows in their context: `sequences[first:last]` is (last - first, length) uint8.

    Each slice is read from the files anew and nothing is kept, so that memory does not grow with the windows' number.
    In the direction of reading, a window starts at base (length - its own length) // 2.

    Parameters
    ----------
    frame : one row a window: id, and chrom, start, end, strand, which may be missing where no genome is read.
    codes : the windows' own bases, read on their strand: uint8 (n, window), or a sequence of n rows with `lengths`
        (n,). None reads them from the genome; an interval longer than `length` is then cut to its middle.
    length : bases that the network sees; None for those of the windows.
    context : "none" the bare windows; "pad" no sequence around them; "genome" the real sequence around them, unknown
        past a chromosome's end.
    genome : the `Genome`, where it is needed.
    padding : what context "pad" puts around a window: dna.UNKNOWN, or dna.ABSENT, which a network reads as zeros.

    Attributes
    ----------
    ids : names of the windows (n,) str.
    length : bases of each row.

    Raises
    ------
    InputError : windows of several lengths without a `length`, one longer than `length`, or, where the genome is
        read, one without coordinates or with coordinates that the genome lacks. When it is cut: a window whose bases
        are not those of the genome at its place.
    """

    def __init__(self, frame, codes=None, length=None, context="none", genome=None, padding=dna.UNKNOWN):
        if genome is None and (codes is None or context == "genome"):
            what = "a BED holds no sequence" if codes is None else "context genome reads what lies around windows"
            raise InputError(f"{what}, expected a genome (FASTA)")
        self._ids = frame["id"].to_numpy(dtype=str)
        self._rows = range(len(frame))
        self._codes, self._genome, self._context, self._padding = codes, genome, context, padding
        if codes is None or context == "genome":
            self._read_places(frame)
        if codes is None:
            self._widths = self._ends - self._starts
        else:
            self._widths = np.broadcast_to(
                codes.shape[1] if isinstance(codes, np.ndarray) else codes.lengths, len(frame)
            )
        self.length = self._choose_length(length)

    def _read_places(self, frame):
        for identifier, chrom, start, end in frame[["id", "chrom", "start", "end"]].itertuples(index=False):
            if not chrom:
                raise InputError(
                    f"window '{identifier}' has no coordinates, so that its sequence cannot be read from "
                    f"{self._genome.path}; use context pad or none"
                )
            problem = self._genome.problem(chrom, start, end)
            if problem:
                raise InputError(f"window '{identifier}': {problem}")
        self._chroms, self._strands = (frame[name].to_numpy(dtype=object) for name in ("chrom", "strand"))
        self._starts, self._ends = (frame[name].to_numpy(dtype=np.int64) for name in ("start", "end"))

    def _choose_length(self, length):
        shortest, longest = int(self._widths.min()), int(self._widths.max())
        if length is None or self._context == "none":
            if shortest < longest:
                raise InputError(
                    f"windows have {shortest} to {longest} bases, expected one length; with context pad or genome, and "
                    "a length, a network sees as many of each"
                )
            return longest
        if self._codes is not None and longest > length:
            name = self.ids[int(self._widths.argmax())]
            raise InputError(f"context: length {length} is shorter than window '{name}', expected {longest} or more")
        return length

    @property
    def ids(self):
        return self._ids[self._rows.start : self._rows.stop]

    def _cut(self, row):
        width = int(self._widths[row])
        left = (self.length - width) // 2
        if self._context == "genome" or left < 0:
            return self._with_surroundings(row, width, left)
        padded = np.full(self.length, self._padding, dtype=np.uint8)
        padded[left : left + width] = self._fetch(row, 0, width) if self._codes is None else self._codes[row]
        return padded

    def _with_surroundings(self, row, width, left):
        # On the reverse strand the longer flank of an odd split lies on the other side.
        before = left if self._strands[row] != "-" else self.length - width - left
        cut = self._fetch(row, -before, self.length - before)
        if self._codes is not None:
            own, there = self._codes[row], cut[left : left + width]
            known = (own < dna.UNKNOWN) & (there < dna.UNKNOWN)
            # Chance alone makes a quarter agree; edited or personal sequence agrees almost everywhere.
            if 2 * (own == there)[known].sum() < known.sum():
                raise InputError(
                    f"window '{self._ids[row]}': its sequence is not that of {self._genome.path} at "
                    f"{self._chroms[row]}:{self._starts[row]}-{self._ends[row]}, expected coordinates of this assembly"
                )
            cut[left : left + width] = own
        return cut

    def _fetch(self, row, first, last):
        """Bases from `first` to `last`, counted from the window's start on the chromosome, read on its strand."""
        start = int(self._starts[row])
        return self._genome.fetch(self._chroms[row], start + first, start + last, self._strands[row], pad=True)
