"""Bases, codes and strands. Channels are A, C, G, T everywhere; sequences are (n, 4, length) in memory.

On disk and between functions a sequence is a row of base codes (uint8): 0-3 = A, C, G, T, 4 = any other base; 5 = no
base, around a window that a network sees within nothing, or where a gene is shorter than its window.
"""

import numpy as np

from cisflow.errors import InputError

BASES = "ACGT"
UNKNOWN = 4
ABSENT = 5
AMBIGUOUS = "NRYSWKMBDHV"

# Row = code. An unknown base is spread evenly, as Sei and selene do.
ONE_HOT = np.vstack([np.eye(4), np.full((1, 4), 0.25), np.zeros((1, 4))]).astype(np.float32)
COMPLEMENT = np.array([3, 2, 1, 0, UNKNOWN, ABSENT], dtype=np.uint8)

_INVALID = 255
_CODE_OF_BYTE = np.full(256, _INVALID, dtype=np.uint8)
for _code, _base in enumerate(BASES):
    _CODE_OF_BYTE[[ord(_base), ord(_base.lower())]] = _code
_CODE_OF_BYTE[[ord("U"), ord("u")]] = BASES.index("T")
for _base in AMBIGUOUS:
    _CODE_OF_BYTE[[ord(_base), ord(_base.lower())]] = UNKNOWN
_BYTE_OF_CODE = np.frombuffer(b"ACGTNN", dtype=np.uint8)


def encode(sequence, name="sequence"):
    """Base codes (length,) uint8 of one string. Lower case counts as upper, U as T, IUPAC ambiguity codes as unknown.

    Raises
    ------
    InputError : any other character; names it, its position (1-based) and `name`.
    """
    # "replace" turns any non-ASCII character into "?", which no table entry accepts.
    codes = _CODE_OF_BYTE[np.frombuffer(sequence.encode("ascii", "replace"), dtype=np.uint8)]
    bad = np.flatnonzero(codes == _INVALID)
    if len(bad):
        raise InputError(
            f"{name}: character '{sequence[bad[0]]}' at position {bad[0] + 1} is not a base; "
            f"expected A, C, G, T, U or an IUPAC code ({AMBIGUOUS}), upper or lower case"
        )
    return codes


def decode(codes):
    """The string of base codes (length,); unknown and absent bases become N."""
    return _BYTE_OF_CODE[codes].tobytes().decode()


def one_hot(codes):
    """(…, length) codes -> (…, 4, length) float32; an unknown base is 0.25 in each channel, an absent one 0."""
    return np.ascontiguousarray(np.moveaxis(ONE_HOT[codes], -1, -2))


def reverse_complement(codes):
    """Reverse complement along the last axis of an array of base codes."""
    return COMPLEMENT[codes][..., ::-1]


def gc_content(codes):
    """Fraction of G and C among the known bases along the last axis; NaN where no base is known."""
    known = (codes < UNKNOWN).sum(axis=-1)
    strong = ((codes == 1) | (codes == 2)).sum(axis=-1)
    return np.divide(strong, known, out=np.full(np.shape(known), np.nan), where=known > 0)
