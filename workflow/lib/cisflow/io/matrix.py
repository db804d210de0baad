"""Matrices with names on both sides, such as regions x samples: tables of text and `.npz`; `.h5ad` is of `io.h5ad`."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np

from cisflow.errors import InputError, listing
from cisflow.io import arrays, h5ad, tables

# What tables have in place of a number that is missing, in lower case.
MISSING = frozenset(("", "na", "n/a", "#n/a", "nan", "null", "none", "."))
# Columns that say where a row lies, in lower case, as BED, featureCounts and tables of exons head them.
COORDINATES = {
    "chrom": ("chrom", "chr", "chromosome", "seqnames"),
    "start": ("start", "chromstart"),
    "end": ("end", "chromend", "stop"),
}
STRAND = ("strand",)
# Rows of a text that are converted at a time.
BLOCK = 4096
# What an .npz may call its array and the names of its two sides: the first is the layout of DRG.
ARRAYS = {
    "values": ("counts", "values", "matrix", "data"),
    "rows": ("names", "rows", "index", "ids"),
    "columns": ("celltypes", "columns", "tracks", "samples"),
}
# Of a locus that coordinates give.
LOCUS = "locus"


class Matrix:
    """A matrix in memory, NaN = missing.

    Attributes
    ----------
    path : its file.
    rows : {what they are called by: names (n,)}, the first by itself; columns : the same of the other side (t,).
    numbers : row of the file that holds each (n,), counted as an editor counts its lines; None where it has no lines.
    """

    def __init__(self, path, rows, columns, values, numbers=None):
        self.path, self.rows, self.columns, self.numbers = path, rows, columns, numbers
        self._values = values

    @property
    def shape(self):
        return self._values.shape[:2]

    def take(self, rows, columns):
        """Values float32 (len(rows), len(columns)), or (…, bins), of places on both sides."""
        return self._values[np.ix_(rows, columns)]


def read(path, names=None, columns=None, layer=None, group_by=None, aggregate="mean"):
    """The Matrix of a file, by what it holds: an `.h5ad`, an `.npz` or a table of text.

    Parameters
    ----------
    names : column that names the rows of a table, or, of an .h5ad, a column of `var` or `obs`; without it they are
        called by the first column, by coordinates where the header has chrom, start and end, and by each column of
        text. Of an .npz there is no choice.
    columns : names of those that must be numbers; None for all but those that name rows or hold no number.
    layer, group_by, aggregate : of an .h5ad, see `h5ad.read`.

    Raises
    ------
    InputError : no such file, a column that is absent, a text or an infinity in the place of a number, rows of unequal
        length, no row or no column.
    """
    try:
        with open(path, "rb") as handle:
            head = handle.read(8)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    if head.startswith(b"\x89HDF"):
        return h5ad.read(path, names, layer, group_by, aggregate)
    for name, value in (("layer", layer), ("group_by", group_by)):
        if value is not None:
            raise InputError(f"{path}: {name} is '{value}', but the file is no .h5ad; expected no such setting")
    matrix = _read_npz(path, names) if head.startswith(b"PK\x03\x04") else _read_text(path, names, columns)
    if 0 in matrix.shape:
        n, t = matrix.shape
        raise InputError(f"{path}: holds {n} rows and {t} columns of numbers, expected both")
    return matrix


def _read_npz(path, names):
    if names is not None:
        raise InputError(f"{path}: names is '{names}', but an .npz names its rows; expected no such setting")
    found = arrays.read_arrays(path)
    parts = {part: next((found[name] for name in known if name in found), None) for part, known in ARRAYS.items()}
    values = parts["values"]
    if values is not None and parts["columns"] is None and values.ndim > 1 and values.shape[1] == 1:
        parts["columns"] = np.array([Path(path).stem])
    for part, array in parts.items():
        if array is None:
            raise InputError(
                f"{path}: no array of {part}; found {listing(found, 12)}, expected one of {', '.join(ARRAYS[part])}"
            )
    rows, columns = (_texts(path, part, parts[part]) for part in ("rows", "columns"))
    if values.ndim not in (2, 3) or values.shape[:2] != (len(rows), len(columns)) or values.dtype.kind not in "biuf":
        raise InputError(
            f"{path}: values are {values.dtype} of shape {values.shape}; expected numbers of shape ({len(rows)}, "
            f"{len(columns)}) or ({len(rows)}, {len(columns)}, bins), as there are names"
        )
    # A number beyond float32 becomes infinite, which is refused.
    with np.errstate(over="ignore"):
        values = values.astype(np.float32, copy=False)
    bad = np.argwhere(np.isinf(values))
    if len(bad):
        row, column = bad[0][:2]
        raise InputError(
            f"{path}: row '{rows[row]}', column '{columns[column]}' is {values[tuple(bad[0])]}, expected a finite "
            f"number of float32 or NaN"
        )
    return Matrix(path, {"names": rows}, {"columns": columns}, values)


def _texts(path, part, array):
    if array.ndim != 1 or array.dtype.kind not in "USiu":
        raise InputError(
            f"{path}: the names of {part} are {array.dtype} of shape {array.shape}, expected a list of text"
        )
    texts = np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array.astype(str)
    return np.char.strip(texts).tolist()


def _read_text(path, names, columns):
    lines = tables.stream(path, preamble=True)
    first, header = next(lines, (0, []))
    start, fields = next(lines, (0, None))
    if fields is None:
        rows = int(bool(header))
        raise InputError(f"{path}: found {rows} rows, expected a header line and at least one row below it")
    header[0] = header[0].lstrip("# ")
    # deepTools writes its names in single quotes.
    header = [name.strip().strip("'") for name in header]
    if len(fields) == len(header) + 1:
        # R's write.table gives its row names no column in the header; some tools end every row in a separator.
        header = [*header, ""] if not fields[-1] else ["", *header]
    return _Text(path, first, header, names, columns).read(start, fields, lines)


class _Text:
    """The conversion of a table, row by row, so that its text is never held as a whole."""

    def __init__(self, path, first, header, names, columns):
        self.path, self.header = path, header
        lower = [name.lower() for name in header]
        self.asked = columns is not None and set(columns) <= set(header)
        self.places = {
            key: next((i for i, name in enumerate(lower) if name in known), None) for key, known in COORDINATES.items()
        }
        if None in self.places.values():
            self.places = {}
        held = set(self.places.values()) | {i for i, name in enumerate(lower) if self.places and name in STRAND}
        if names is not None and names not in header:
            raise InputError(f"{path}: row {first}: no column {names}; found columns {listing(header, 12)}")
        self.names = header.index(names) if names is not None else None
        wanted = set(columns) if self.asked else set(header)
        # The first column names the rows, or, without a name of its own, counts them.
        index = {0} if names is None or not header[0] else set()
        self.numeric = [
            i
            for i, name in enumerate(header)
            if name in wanted and (self.asked or i not in held and i not in index) and i != self.names
        ]
        # Texts of columns that may name rows: {column: list}.
        candidates = {0, *held} - set(self.numeric) if self.names is None else {self.names}
        self.texts = {i: [] for i in sorted(candidates)}
        self.blocks, self.used, self.numbers = [], BLOCK, []

    def read(self, start, fields, lines):
        self._add(start, fields)
        for number, fields in lines:
            self._add(number, fields)
        self._settle()
        return self._matrix()

    def _add(self, number, fields):
        if len(fields) != len(self.header):
            raise InputError(
                f"{self.path}: row {number}: found {len(fields)} columns, expected {len(self.header)} as in the header"
            )
        if self.used == BLOCK:
            self.blocks.append(np.full((BLOCK, len(self.header)), np.nan, np.float32))
            self.used = 0
        self.numbers.append(number)
        for column, texts in self.texts.items():
            texts.append(fields[column].strip())
        with np.errstate(over="ignore"):
            self.blocks[-1][self.used, self.numeric] = self._converted(number, fields)
        self.used += 1

    def _converted(self, number, fields):
        """Numbers of the columns that are of numbers; a column whose first value is none becomes one of text."""
        picked = [fields[column] for column in self.numeric]
        try:
            if "_" not in "".join(picked):
                return list(map(float, picked))
        except ValueError:
            pass
        for column in list(self.numeric):
            text = fields[column].strip()
            if _number(text) is not None:
                continue
            if self.asked or any(np.isfinite(block[:, column]).any() for block in self.blocks):
                raise self._no_number(number, column, text)
            self.numeric.remove(column)
            self.texts[column] = [""] * (len(self.numbers) - 1) + [text]
        return [_number(fields[column].strip()) for column in self.numeric]

    def _no_number(self, number, column, text):
        return InputError(f"{self.path}: row {number}: column '{self.header[column]}' is '{text}', expected a number")

    def _settle(self):
        """What is of text is no number by mistake, and what is of numbers is finite."""
        kept = set(self.places.values()) | {0, self.names}
        for column, texts in self.texts.items():
            if column in kept or self.header[column].lower() in STRAND:
                continue
            known = [place for place, text in enumerate(texts) if text.lower() not in MISSING]
            wrong = [place for place in known if _number(texts[place]) is None]
            if 2 * len(wrong) < len(known):
                raise self._no_number(self.numbers[wrong[0]], column, texts[wrong[0]])
        self.values = np.concatenate(self.blocks)[: len(self.numbers), self.numeric]
        self.blocks.clear()
        bad = np.argwhere(np.isinf(self.values))
        if len(bad):
            row, place = bad[0]
            raise InputError(
                f"{self.path}: row {self.numbers[row]}: column '{self.header[self.numeric[place]]}' is "
                f"{self.values[row, place]}, expected a finite number of float32"
            )

    def _matrix(self):
        # A sheet that was wider once has columns behind the last that hold nothing and have no name.
        while self.numeric and not self.header[self.numeric[-1]] and np.isnan(self.values[:, -1]).all():
            self.numeric.pop()
            self.values = self.values[:, :-1]
        columns = [self.header[column] for column in self.numeric]
        if "" in columns:
            place = self.numeric[columns.index("")]
            raise InputError(f"{self.path}: column {place + 1} has no name, expected one for each column")
        rows = {self.header[column] or "row names": texts for column, texts in self.texts.items()}
        if self.names is not None:
            rows = {self.header[self.names]: self.texts[self.names]}
        if self.places and self.names is None:
            parts = [self.texts[self.places[key]] for key in COORDINATES if self.places[key] in self.texts]
            if len(parts) == len(COORDINATES):
                located = {LOCUS: [f"{chrom}:{start}-{end}" for chrom, start, end in zip(*parts, strict=True)]}
                others = {self.header[place] for place in self.places.values()}
                rows = located | {name: texts for name, texts in rows.items() if name not in others}
        text = [self.header[column] for column in self.texts if column not in (0, self.names, *self.places.values())]
        if text and not self.asked:
            print(f"{self.path}: columns without numbers are no tracks: {listing(text)}", file=sys.stderr)
        return Matrix(self.path, rows, {"columns": columns}, self.values, self.numbers)


def _number(text):
    """The number that a text is, NaN where it is missing; None where it is something else."""
    if text.lower() in MISSING:
        return np.nan
    try:
        return float(text) if "_" not in text else None
    except ValueError:
        return None


def are_numbers(texts):
    """Whether all texts are numbers, others than those that count rows."""
    numbers = [_number(text) for text in texts]
    return None not in numbers and numbers not in (list(range(len(texts))), list(range(1, len(texts) + 1)))


def repeated(names):
    """Names that occur more than once, in order."""
    return [name for name, count in Counter(names).items() if count > 1]
