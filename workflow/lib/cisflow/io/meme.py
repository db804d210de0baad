"""Motif databases: reading a MEME file, such as the one that JASPAR offers."""

import re
import sys
from collections import Counter
from typing import NamedTuple

import numpy as np

from cisflow.errors import InputError, listing
from cisflow.io import files, text
from cisflow.sequence import dna

TOLERANCE = 0.01
# What ends a matrix, as does any line behind an empty one that does not start with a number.
BEHIND = ("URL", "---", "*", "MOTIF", "MEME")


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
    """All motifs of a MEME file (version 4 or later, DNA or RNA), in file order; of MEME's own text output too.

    An id that occurs again is numbered, as in `M1#2`. Rows of counts, which all have the same sum, are divided by it.

    Raises
    ------
    InputError : not a MEME file, another alphabet, a motif without matrix, a matrix whose rows are not four
        probabilities or not as many as its `w=` says, or no motif at all.
    """
    lines = _read_lines(path)
    starts = [number for number, line in enumerate(lines) if re.match(r"MOTIF\b(?! DIAGRAM)", line)]
    if not starts:
        raise InputError(f"{path}: holds no motif; expected lines that start with 'MOTIF'")
    for number, line in enumerate(lines[: starts[0]], 1):
        if line.startswith("letter-probability matrix"):
            raise InputError(f"{path}: line {number}: a matrix before the first line 'MOTIF id name'")
    ends = [*starts[1:], len(lines)]
    return distinct(path, [_read_motif(path, lines[a:b], a + 1) for a, b in zip(starts, ends, strict=True)])


def write_meme(path, motifs, sites):
    """Write Motifs as MEME of version 4, with as many decimals as give back the same numbers.

    Parameters
    ----------
    motifs : list of Motif; an id of theirs has `_` for blanks. sites : how many instances each was made of.
    """
    lines = ["MEME version 4", "", f"ALPHABET= {dna.BASES}", "", "strands: + -", ""]
    lines += ["Background letter frequencies", " ".join(f"{base} 0.25" for base in dna.BASES), ""]
    for motif, count in zip(motifs, sites, strict=True):
        width = motif.matrix.shape[1]
        lines += [f"MOTIF {'_'.join(motif.id.split())} {' '.join(motif.name.split())}".rstrip(), ""]
        lines += [f"letter-probability matrix: alength= 4 w= {width} nsites= {count} E= 0"]
        lines += [" ".join(map(_decimal, column)) for column in motif.matrix.T]
        lines += [""]
    files.write_text(path, "\n".join(lines))


def _decimal(value):
    return np.format_float_positional(value, min_digits=6)


def distinct(path, motifs):
    """The motifs, of which the n-th of one id, n > 1, has `#n` behind its id; a line on stderr says so."""
    seen, numbered = Counter(), []
    for motif in motifs:
        seen[motif.id] += 1
        again = seen[motif.id] > 1
        numbered.append(motif._replace(id=f"{motif.id}#{seen[motif.id]}") if again else motif)
    repeated = [name for name, count in seen.items() if count > 1]
    if repeated:
        print(f"{path}: ids that occur more than once are numbered: {listing(repeated)}", file=sys.stderr)
    names = Counter(motif.id for motif in numbered)
    clash = [name for name, count in names.items() if count > 1]
    if clash:
        raise InputError(f"{path}: motif id '{clash[0]}' occurs more than once, even with repeated ids numbered")
    return numbered


def columns(rows, counts=False):
    """The matrix (4, w) of rows of four probabilities, or of counts, or what keeps it from being one, as
    (number of the row, from 0; what was expected).

    Numbers miss a sum of 1 by what their decimals cut off; where that is more than TOLERANCE, they are scaled to it.

    Parameters
    ----------
    rows : lists of texts. counts : rows may be counts whose sums differ.
    """
    numbers = [[_number(word) for word in row] for row in rows]
    for place, row in enumerate(numbers):
        # Written so that NaN is refused as well.
        if len(row) != 4 or not all(value is not None and 0 <= value < np.inf for value in row) or not sum(row) > 0:
            return place, "four counts" if counts else "four probabilities that sum to 1"
    matrix = np.array(numbers).T
    sums = matrix.sum(axis=0)
    off = np.abs(sums - 1)
    if counts or (sums.min() > 1.5 and (matrix == matrix.round()).all() and np.ptp(sums) == 0):
        return matrix / sums
    for place, row in enumerate(rows):
        decimals = max(len(word.partition(".")[2]) for word in row)
        if off[place] > max(TOLERANCE, 2.0 * 10.0**-decimals if decimals > 1 else 0) + 1e-9:
            return place, "four probabilities that sum to 1"
    return np.where(off > TOLERANCE, matrix / sums, matrix)


def _read_lines(path):
    lines = [line.strip() for _, line in text.lines(path)]
    head = [line for line in lines if line and not line.startswith(("*", "#"))][:20]
    if not any(re.match(r"MEME\s+version\s+\d", line) for line in head):
        found = next((line for line in lines if line), "")
        raise InputError(f"{path}: not a MEME file: expected a line 'MEME version 4', found '{found[:40]}'")
    alphabet = next((line for line in lines if line.startswith("ALPHABET")), None)
    if alphabet is not None and not re.match(r'ALPHABET\s*(=\s*ACG[TU]$|"?[DR]NA\b)', alphabet):
        raise InputError(f"{path}: alphabet is '{alphabet}', expected 'ALPHABET= {dna.BASES}'")
    return lines


def _read_motif(path, lines, first):
    """One motif from its lines; `first` is the file's number (1-based) of the first of them."""
    # MEME's own output goes on with the width and the number of sites behind the names.
    words = re.split(r"\s+width\s*=", lines[0])[0].split(maxsplit=2)
    if len(words) < 2:
        raise InputError(f"{path}: line {first}: found '{lines[0]}', expected 'MOTIF id name'")
    name = words[1]
    headers = [i for i, line in enumerate(lines) if line.startswith("letter-probability matrix")]
    if len(headers) != 1:
        found = "more than one" if headers else "no"
        raise InputError(f"{path}: line {first}: motif '{name}' has {found} 'letter-probability matrix', expected one")
    header = headers[0]
    numbered = list(_rows(lines, header + 1))
    rows = [words for _, words in numbered]
    found = columns(rows) if rows else None
    if isinstance(found, tuple):
        place, expected = found
        raise InputError(
            f"{path}: line {first + numbered[place][0]}: motif '{name}': found '{' '.join(rows[place])}', expected "
            f"{expected}"
        )
    width = re.search(r"\bw\s*=\s*(\d+)", lines[header])
    expected = max(int(width[1]) if width else len(rows), 1)
    if len(rows) != expected:
        raise InputError(
            f"{path}: line {first + header}: motif '{name}': matrix has {len(rows)} rows, expected {expected}"
        )
    return Motif(name, words[2] if len(words) > 2 else name, found)


def _rows(lines, start):
    """(place, words) of each row of a matrix; people put empty lines above it, and between its rows."""
    gap = True
    for place, line in enumerate(lines[start:], start):
        words = line.split()
        if line.startswith(BEHIND) or (words and gap and _number(words[0]) is None and place > start):
            return
        gap = not words
        if words:
            yield place, words


def _number(word):
    """The number that a word is, or None."""
    try:
        return float(word)
    except ValueError:
        return None
