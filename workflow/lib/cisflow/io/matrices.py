"""Motif databases in the formats that they are offered in: MEME, JASPAR, TRANSFAC, HOMER and plain matrices."""

import re

import numpy as np

from cisflow.errors import InputError
from cisflow.io import meme, text
from cisflow.io.meme import Motif
from cisflow.sequence import dna

# A row of JASPAR's format: the base and what is counted of it, in brackets or not.
BASE_ROW = re.compile(r"([ACGTUacgtu])(?=[\s:|\[])\s*[:|]?\s*(\[?)\s*(.*?)\s*(\]?)")
TRANSFAC = re.compile(r"(AC|BF|CC|DE|DT|ID|NA|P0|PO|VV|XX)(\s|$)")


def read_motifs(path):
    """All motifs of a file, in its order, as `meme.Motif`; counts become probabilities.

    The format is told by what the file holds: MEME (minimal or MEME's own text output); JASPAR (a line `>id name` and
    a row a base, with or without its letter); TRANSFAC (AC, ID, P0, …, `//`); HOMER (a line `>consensus name …` and a
    row a position); or `>id` and rows of four counts or probabilities. An id that occurs again is numbered.

    Raises
    ------
    InputError : none of these, or a matrix that is not whole.
    """
    lines = [(number, line.strip()) for number, line in text.lines(path)]
    first = next((line for _, line in lines if line and not line.startswith("#")), "")
    if first.startswith("<?xml"):
        raise InputError(f"{path}: MEME's XML; expected its text output (meme.txt) or another format of motifs")
    if not first.startswith(">") and not TRANSFAC.match(first):
        return meme.read_meme(path)
    motifs = list(_headed(path, lines) if first.startswith(">") else _transfac(path, lines))
    if not motifs:
        raise InputError(f"{path}: holds no motif, expected at least one matrix")
    return meme.distinct(path, motifs)


def _headed(path, lines):
    """Motifs under lines `>…`."""
    header, rows = None, []
    for number, line in [*lines, (None, ">")]:
        if line.startswith(">"):
            if header is not None:
                yield _under(path, *header, rows)
            header, rows = (number, line[1:].strip()), []
        elif line and not line.startswith("#"):
            rows.append((number, line))


def _under(path, number, header, rows):
    """The motif of a header line and the rows below it, (number, text) each."""
    place = f"{path}: line {number}"
    if not header:
        raise InputError(f"{place}: found '>', expected '>id name'")
    if not rows:
        raise InputError(f"{place}: motif '{header[:40]}' has no matrix")
    fields = re.split(r"\t+", header) if "\t" in header else header.split(maxsplit=1)
    letters = [BASE_ROW.fullmatch(line) for _, line in rows]
    if all(letters):
        found = "".join(match[1].upper().replace("U", "T") for match in letters)
        if sorted(found) != sorted(dna.BASES):
            raise InputError(
                f"{place}: motif '{fields[0]}' has rows {', '.join(found)}, expected one each of A, C, G, T"
            )
        if any(bool(match[2]) != bool(match[4]) for match in letters):
            raise InputError(f"{place}: motif '{fields[0]}' has a row without its closing bracket")
        words = [letters[found.index(base)][3].split() for base in dna.BASES]
        return Motif(fields[0], fields[-1], _by_base(path, rows, fields[0], words))
    words = [line.split() for _, line in rows]
    widths = {len(row) for row in words}
    if len(rows) == 4 and (widths != {4} or not _sum_to_one(words)):
        return Motif(fields[0], fields[-1], _by_base(path, rows, fields[0], words))
    matrix = _by_position(path, rows, fields[0], words)
    if len(fields) < 3:
        return Motif(fields[0], fields[-1], matrix)
    # HOMER has the consensus first, then the name: BCL6(Zf)/Liver-Bcl6-ChIP-Seq(GSE31578)/Homer.
    name = fields[1].strip() or fields[0]
    return Motif(name.replace(" ", "_"), re.split(r"[(/]", name)[0] or name, matrix)


def _sum_to_one(words):
    try:
        return all(abs(sum(map(float, row)) - 1) < 0.05 for row in words)
    except ValueError:
        return False


def _by_base(path, rows, name, words):
    """Probabilities (4, w) of four rows of w counts or probabilities, A, C, G, T."""
    lengths = [len(row) for row in words]
    if len(set(lengths)) > 1 or not lengths[0]:
        number = next((rows[i][0] for i in range(4) if lengths[i] != lengths[0]), rows[0][0])
        raise InputError(
            f"{path}: line {number}: motif '{name}': rows of {', '.join(map(str, lengths))} numbers, expected as many "
            f"for A, C, G and T"
        )
    return _whole(path, rows, name, [list(column) for column in zip(*words, strict=True)], "column")


def _by_position(path, rows, name, words):
    """Probabilities (4, w) of w rows of four counts or probabilities."""
    return _whole(path, rows, name, words, "row")


def _whole(path, rows, name, words, what):
    """A matrix (4, w) of texts by position; counts may add up to other numbers at other positions."""
    found = meme.columns(words)
    if isinstance(found, tuple) and all(re.fullmatch(r"\d+(\.\d+)?", word) for row in words for word in row):
        # Probabilities that do not add up are a broken matrix, counts are not.
        large = max(sum(map(float, row)) for row in words) > 1.5
        found = meme.columns(words, counts=True) if large else found
    if isinstance(found, tuple):
        place, expected = found
        number = rows[place][0] if what == "row" else rows[0][0]
        raise InputError(
            f"{path}: line {number}: motif '{name}': {what} {place + 1} is '{' '.join(words[place])}', expected "
            f"{expected}"
        )
    return found


def _transfac(path, lines):
    """Motifs of entries that end in `//`."""
    entry, order, rows, last = {}, None, [], 0
    for number, line in [*lines, (None, "//")]:
        key, value = [*line.split(maxsplit=1), "", ""][:2]
        if line.startswith("//"):
            if order or rows:
                yield _entry(path, entry, order, rows)
            entry, order, rows = {}, None, []
        elif key in ("P0", "PO"):
            if order:
                raise InputError(f"{path}: line {number}: a second matrix, expected '//' behind the first")
            order = "".join(value.upper().replace("U", "T").split())
            if sorted(order) != sorted(dna.BASES):
                raise InputError(f"{path}: line {number}: columns are '{value}', expected A, C, G and T")
        elif re.fullmatch(r"[0-9]{1,4}", key):
            if order is None:
                raise InputError(f"{path}: line {number}: a position before the line 'P0 A C G T'")
            if int(key) != (last + 1 if rows else min(int(key), 1)):
                raise InputError(f"{path}: line {number}: position {key}, expected {last + 1 if rows else '0 or 1'}")
            last = int(key)
            rows.append((number, value))
        elif key in ("AC", "ID", "NA"):
            entry.setdefault(key, value)


def _entry(path, entry, order, rows):
    name = entry.get("AC") or entry.get("ID")
    if not name:
        raise InputError(f"{path}: line {rows[0][0] if rows else 1}: a matrix without AC or ID, expected one of them")
    if not rows:
        raise InputError(f"{path}: motif '{name}' has no matrix, expected a row a position below P0")
    # Behind the counts stands the consensus.
    words = [value.split()[:4] for _, value in rows]
    matrix = _whole(path, rows, name, words, "row")
    return Motif(name, entry.get("NA") or entry.get("ID") or name, np.ascontiguousarray(matrix[_places(order)]))


def _places(order):
    return [order.index(base) for base in dna.BASES]
