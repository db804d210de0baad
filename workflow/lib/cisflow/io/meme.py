"""Motif databases: reading a MEME file, such as the one that JASPAR offers."""

import re
from typing import NamedTuple

import numpy as np

from cisflow.errors import InputError
from cisflow.sequence import dna

TOLERANCE = 0.01


class Motif(NamedTuple):
    """A position probability matrix.

    Attributes
    ----------
    id : accession, e.g. `MA0139.2`.
    name : e.g. `CTCF`; the id where the file gives no name.
    matrix : float64 (4, w), rows A, C, G, T; each column sums to 1 as far as the file's decimals go.
    """

    id: str
    name: str
    matrix: np.ndarray


def column_information(matrix):
    """Information (w,) of each column of a (4, w) probability matrix in bits, against uniform bases.

    It is 2 + sum p log2 p, with 0 log2 0 = 0.
    """
    logarithms = np.log2(matrix, out=np.zeros_like(matrix, dtype=np.float64), where=matrix > 0)
    return 2 + (matrix * logarithms).sum(axis=0)


def read_meme(path):
    """All motifs of a MEME file (version 4 or later, DNA), in file order.

    Raises
    ------
    InputError : not a MEME file, another alphabet, a motif without matrix, a matrix whose rows are not four
        probabilities or not as many as its `w=` says, an id that occurs twice, or no motif at all.
    """
    lines = _read_lines(path)
    starts = [number for number, line in enumerate(lines) if line.startswith("MOTIF")]
    if not starts:
        raise InputError(f"{path}: holds no motif; expected lines that start with 'MOTIF'")
    motifs = {}
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        motif = _read_motif(path, lines[start:end], start + 1)
        if motif.id in motifs:
            raise InputError(f"{path}: line {start + 1}: motif id '{motif.id}' occurs more than once")
        motifs[motif.id] = motif
    return list(motifs.values())


def _read_lines(path):
    try:
        with open(path, encoding="utf-8") as handle:
            lines = [line.strip() for line in handle]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file, expected an unpacked MEME file: {error}") from error
    first = next((line for line in lines if line), "")
    if not first.startswith("MEME version"):
        raise InputError(f"{path}: not a MEME file: expected a first line 'MEME version 4', found '{first[:40]}'")
    alphabet = next((line for line in lines if line.startswith("ALPHABET")), None)
    if alphabet is not None and not re.match(r'ALPHABET\s*(=\s*ACGT$|"?DNA\b)', alphabet):
        raise InputError(f"{path}: alphabet is '{alphabet}', expected 'ALPHABET= {dna.BASES}'")
    return lines


def _read_motif(path, lines, first):
    """One motif from its lines; `first` is the file's number (1-based) of the first of them."""
    words = lines[0].split(maxsplit=2)
    if len(words) < 2:
        raise InputError(f"{path}: line {first}: found '{lines[0]}', expected 'MOTIF id name'")
    name = words[1]
    header = next((i for i, line in enumerate(lines) if line.startswith("letter-probability matrix")), None)
    if header is None:
        raise InputError(f"{path}: line {first}: motif '{name}' has no 'letter-probability matrix'")
    rows = []
    for offset, line in enumerate(lines[header + 1 :], start=first + header + 1):
        row = _numbers(line)
        if row is None:
            break
        # Written so that NaN is refused as well.
        if len(row) != 4 or min(row) < 0 or not abs(sum(row) - 1) <= TOLERANCE:
            raise InputError(
                f"{path}: line {offset}: motif '{name}': found '{line}', expected four probabilities that sum to 1"
            )
        rows.append(row)
    width = re.search(r"\bw=\s*(\d+)", lines[header])
    expected = int(width[1]) if width else max(len(rows), 1)
    if len(rows) != expected:
        raise InputError(
            f"{path}: line {first + header}: motif '{name}': matrix has {len(rows)} rows, expected {expected}"
        )
    return Motif(name, words[2] if len(words) > 2 else name, np.array(rows).T.copy())


def _numbers(line):
    """The numbers of a line, or None where it is not a line of numbers."""
    try:
        return [float(word) for word in line.split()] or None
    except ValueError:
        return None
