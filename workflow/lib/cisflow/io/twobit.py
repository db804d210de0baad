"""2bit: UCSC's packed genomes, read piece by piece (https://genome.ucsc.edu/FAQ/FAQformat.html#format7)."""

import mmap
import struct
from pathlib import Path

import numpy as np

from cisflow.errors import InputError
from cisflow.sequence import dna

SIGNATURE = 0x1A412743
MAGICS = {struct.pack("<I", SIGNATURE): "<", struct.pack(">I", SIGNATURE): ">"}
# The two bits of a base are T, C, A, G; a byte holds four bases, the first in its highest bits.
CODE_OF_BITS = np.array([dna.BASES.index(base) for base in "TCAG"], dtype=np.uint8)
CODES_OF_BYTE = CODE_OF_BITS[(np.arange(256)[:, None] >> np.array([6, 4, 2, 0])) & 3]


def is_twobit(path):
    """Whether a file is there and begins as a 2bit does."""
    try:
        with open(path, "rb") as handle:
            return handle.read(4) in MAGICS
    except OSError:
        return False


class TwoBit:
    """Sequences of a 2bit file by name.

    Attributes
    ----------
    lengths : {name: bases}, in the order of the file.

    Raises
    ------
    InputError : the file is not a 2bit of version 0 or 1, is incomplete, or names a sequence twice.
    """

    def __init__(self, path):
        self.path = Path(path)
        try:
            with open(path, "rb") as handle:
                self._bytes = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error
        except ValueError as error:
            raise InputError(f"{path}: not a 2bit file: it is empty") from error
        self._order = MAGICS.get(self._bytes[:4])
        if self._order is None:
            raise InputError(f"{path}: not a 2bit file: it begins with {self._bytes[:4]!r}")
        version, count, _ = self._read(4, "III")
        if version > 1:
            raise InputError(f"{path}: 2bit of version {version}, expected 0 or 1")
        self.lengths, self._unknown, self._masked, self._packed = {}, {}, {}, {}
        place = 16
        for _ in range(count):
            (size,) = self._read(place, "B")
            name = self._slice(place + 1, size).decode("ascii", "replace")
            (offset,) = self._read(place + 1 + size, "Q" if version else "I")
            place += 1 + size + (8 if version else 4)
            if name in self.lengths:
                raise InputError(f"{path}: sequence '{name}' occurs more than once")
            self._place(name, offset)

    def _place(self, name, offset):
        """Note where the bases of a sequence stand, and which of them are unknown or soft-masked."""
        (length,) = self._read(offset, "I")
        offset += 4
        for blocks, what in ((self._unknown, "unknown"), (self._masked, "soft-masked")):
            (count,) = self._read(offset, "I")
            starts, sizes = (self._array(offset + 4 + 4 * count * part, count) for part in (0, 1))
            if (starts + sizes > length).any():
                raise InputError(f"{self.path}: sequence '{name}' has {what} bases behind its end of {length}")
            blocks[name] = starts, starts + sizes
            offset += 4 + 8 * count
        # Behind a reserved word.
        offset += 4
        self._slice(offset, (length + 3) // 4)
        self.lengths[name] = length
        self._packed[name] = offset

    def codes(self, name, start, end):
        """Base codes (end - start,) uint8 of part of a sequence; it must hold them."""
        first = start // 4
        packed = np.frombuffer(self._slice(self._packed[name] + first, (end + 3) // 4 - first), dtype=np.uint8)
        codes = CODES_OF_BYTE[packed].ravel()[start - 4 * first : end - 4 * first].copy()
        codes[self._inside(self._unknown[name], start, end)] = dna.UNKNOWN
        return codes

    def soft_masked(self, name, start, end):
        """Which bases (end - start,) bool of part of a sequence are soft-masked."""
        return self._inside(self._masked[name], start, end)

    @staticmethod
    def _inside(blocks, start, end):
        """Which bases (end - start,) bool lie in blocks (starts, ends)."""
        found = np.zeros(end - start, dtype=bool)
        starts, ends = blocks
        for block in np.flatnonzero((starts < end) & (start < ends)):
            found[max(starts[block] - start, 0) : ends[block] - start] = True
        return found

    def _slice(self, place, size):
        found = self._bytes[place : place + size]
        if len(found) < size:
            raise InputError(f"{self.path}: incomplete: it ends at byte {len(self._bytes)} of {place + size}")
        return found

    def _read(self, place, layout):
        layout = struct.Struct(self._order + layout)
        return layout.unpack(self._slice(place, layout.size))

    def _array(self, place, count):
        return np.frombuffer(self._slice(place, 4 * count), dtype=np.dtype("u4").newbyteorder(self._order)).astype(
            np.int64
        )
