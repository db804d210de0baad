"""Tables: TSV as cisflow writes and reads it, and the tables that users bring."""

import csv
import re
import sys
from collections import Counter

import numpy as np
import pandas as pd

from cisflow.errors import InputError, listing
from cisflow.io import files
from cisflow.io import text as text_files

# What heads the column of an index: nothing, or what pandas calls it once it has been read and written again.
INDEX = ("", "Unnamed: 0")
MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec"
NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
DATE = re.compile(rf"\d{{1,2}}-(?:{MONTHS})|(?:{MONTHS})-\d{{2}}", re.IGNORECASE)


def write_table(path, frame):
    """Write a data frame as TSV: header, tab, `.` decimals at 8 significant digits, empty = missing."""
    with files.atomic(path) as temporary:
        frame.to_csv(temporary, sep="\t", index=False, float_format="%.8g", lineterminator="\n")


def read_table(path, columns=(), text=("id",), numbers=(), whole=()):
    """Read a TSV.

    Parameters
    ----------
    columns : names that must be present.
    text : columns read as strings whatever they hold (an id of `007` stays so); missing values become "".
    numbers : columns that, where they are present, hold numbers or nothing.
    whole : the same of whole numbers.

    Raises
    ------
    InputError : the file is absent, is not a table, or lacks a column; or a value is not of the kind of its column.
    """
    try:
        frame = pd.read_csv(path, sep="\t", keep_default_na=False, na_values=[""], dtype={name: str for name in text})
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}, expected a tab-separated table") from error
    # ParserError, EmptyDataError and UnicodeDecodeError are of this kind.
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: not a tab-separated table: {error}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise InputError(f"{path}: not a tab-separated table: its rows have more fields than its header")
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InputError(f"{path}: no column {listing(missing)}; found columns {listing(frame.columns, 12)}")
    for name in text:
        if name in frame.columns:
            frame[name] = frame[name].fillna("")
    for name in (*numbers, *whole):
        if name in frame.columns:
            frame[name] = _as_numbers(path, frame[name], name in whole)
    return frame


def _as_numbers(path, column, whole):
    """A column as numbers, of which none is a text (InputError); one that pandas read as numbers stays as it is."""
    values = pd.to_numeric(column, errors="coerce")
    bad = values.isna() & column.notna()
    if whole:
        with np.errstate(invalid="ignore"):
            bad |= values.notna() & ((values % 1 != 0) | (values.abs() > 2**53))
    places = np.flatnonzero(bad)
    if len(places):
        kind = "a whole number" if whole else "a number"
        raise InputError(f"{path}: row {places[0] + 1}: {column.name} is '{column.iloc[places[0]]}', expected {kind}")
    return values.astype(float) if values.dtype.kind not in "iuf" else values


def table(path, text=(), numbers=(), whole=()):
    """Read a TSV whose columns `text` are strings, `numbers` floats, and `whole` int64, without a missing value.

    Raises
    ------
    InputError : a column is missing, or a value of `numbers` or `whole` is not a number of this kind.
    """
    frame = read_table(path, (*text, *numbers, *whole), text, numbers, whole)
    for name in whole:
        empty = np.flatnonzero(frame[name].isna())
        if len(empty):
            raise InputError(f"{path}: row {empty[0] + 1}: {name} is empty, expected a whole number")
    return frame.astype({**dict.fromkeys(numbers, float), **dict.fromkeys(whole, np.int64)})


def matching(frame, **values):
    """The rows whose columns, of strings, have the given values."""
    keep = np.ones(len(frame), dtype=bool)
    for name, value in values.items():
        keep &= (frame[name] == str(value)).to_numpy()
    return frame[keep].reset_index(drop=True)


def read_rows(path, required):
    """Read a table of a user's: tab-separated if its first line holds a tab, else CSV with `,` or `;`, else by blanks.

    Blank lines are skipped; the first other line is the header, with or without a leading `#`. An index that pandas or
    R wrote before the columns is left out, and so is what stands behind a separator at the end of all lines; a line on
    stderr says so, and warns of dates that a spreadsheet made of the names of genes.

    Returns
    -------
    list of the row numbers (n,), counted as an editor counts its lines; dict of column name -> list (n,) of texts.

    Raises
    ------
    InputError : not a text file, no row, a row with more or fewer columns than the header, a column name that occurs
        twice, or a `required` one that does not occur.
    """
    lines = _read_lines(path)
    if len(lines) < 2:
        raise InputError(f"{path}: found {len(lines)} rows, expected a header line and at least one row below it")
    first = min(lines)
    header = lines.pop(first)
    header[0] = header[0].lstrip("# ")
    header, lines = _without_index(path, header, lines)
    missing = [name for name in required if name not in header]
    if missing:
        raise InputError(f"{path}: row {first}: no column {listing(missing)}; found columns {listing(header, 12)}")
    if "" in header:
        raise InputError(
            f"{path}: row {first}: column {header.index('') + 1} has no name, expected one for each column"
        )
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:
        raise InputError(f"{path}: row {first}: column {listing(repeated)} occurs more than once, expected once")
    for row, fields in lines.items():
        if len(fields) != len(header):
            raise InputError(f"{path}: row {row}: found {len(fields)} columns, expected {len(header)} as in the header")
    columns = dict(zip(header, map(list, zip(*lines.values(), strict=True)), strict=True))
    _warn_of_dates(path, list(lines), columns)
    return list(lines), columns


def _read_lines(path):
    """{row number: fields} of the lines of a table that are not blank."""
    return dict(stream(path))


def stream(path, preamble=False):
    """Yield (row number, fields) of each line of a user's table that is not blank, the header too.

    Parameters
    ----------
    preamble : whether comments may stand above the header: lines that begin with `#`, as featureCounts writes them, and
        the two lines of a GCT. The last line with `#` is the header where the next has numbers, and as many columns or
        one more.

    Raises
    ------
    InputError : not a text file, or quotes that are not closed.
    """
    csv.field_size_limit(1 << 30)
    try:
        with text_files.open_text(path, newline="") as handle:
            skipped, head = _head(handle, preamble)
        delimiter = _delimiter(head)
        with text_files.open_text(path, newline="") as handle:
            for _ in range(skipped):
                next(handle)
            reader = csv.reader(
                _checked(path, handle, skipped), delimiter=delimiter, strict=True, skipinitialspace=delimiter == " "
            )
            for fields in reader:
                if any(fields):
                    yield reader.line_num + skipped, fields
    except csv.Error as error:
        raise InputError(f"{path}: not a table of text, expected CSV or TSV: {error}") from error


def _head(handle, preamble):
    """(lines to skip, a line that shows what separates columns) of a table."""
    numbered = ((number, line) for number, line in enumerate(handle) if line.strip())
    comments = []
    for number, line in numbered:
        if not preamble or not line.startswith("#"):
            break
        comments.append((number, line))
    else:
        return 0, comments[0][1] if comments else ""
    if comments and comments[0][1].strip() == "#1.2":
        # A GCT: its second line says how many rows and columns there are.
        following = next(numbered, None)
        return following or (number, line)
    if comments:
        delimiter = _delimiter(line)
        below, above = (next(csv.reader([text], delimiter=delimiter)) for text in (line, comments[-1][1]))
        if len(above) > 1 and len(below) - len(above) in (0, 1) and any(map(NUMBER.fullmatch, below[1:])):
            number, line = comments[-1]
    return (number if preamble else 0), line


def _delimiter(head):
    """What separates the columns of a header line: a tab where it holds one, else `,` or `;`, else blanks."""
    if "\t" in head:
        return "\t"
    columns = {mark: len(next(csv.reader([head], delimiter=mark))) for mark in ",; "}
    return max(",;", key=columns.get) if max(columns[","], columns[";"]) > 1 or columns[" "] == 1 else " "


def _checked(path, handle, skipped=0):
    for number, line in enumerate(handle, 1 + skipped):
        text_files.check(path, number, line)
        yield line


def _without_index(path, header, lines):
    """Header and rows without a column that pandas or R wrote for its index, or that is empty behind the last."""
    while (
        len(header) > 1 and not header[-1] and not any(fields[len(header) - 1 :] != [""] for fields in lines.values())
    ):
        # A sheet that was wider once.
        header, lines = header[:-1], {row: fields[:-1] for row, fields in lines.items()}
    index = None
    if len(header) > 1 and header[0].strip() in INDEX:
        # The index of pandas, and of R's write.csv, has a column without a name.
        index, header = "its first column, which has no name,", header[1:]
    elif all(len(fields) == len(header) + 1 for fields in lines.values()):
        if not any(fields[-1] for fields in lines.values()):
            return header, {row: fields[:-1] for row, fields in lines.items()}
        # R's write.table gives its row names no column in the header.
        names = [fields[0] for fields in lines.values()]
        numbered = names == [str(number) for number in range(1, len(names) + 1)]
        if numbered or len(names) > 1 and len(set(names)) == len(names):
            index = "the first value of each row, which the header has no name for,"
    if index is None:
        return header, lines
    print(f"{path}: {index} is taken for an index and left out", file=sys.stderr)
    return header, {row: fields[1:] for row, fields in lines.items()}


def _warn_of_dates(path, rows, columns):
    """Say on stderr where a column holds dates such as 2-Sep, which a spreadsheet makes of SEPT2."""
    for name, values in columns.items():
        found = [place for place, value in enumerate(values) if DATE.fullmatch(value)]
        if found and len(found) < len(values):
            print(
                f"WARNING: {path}: row {rows[found[0]]}: column '{name}' holds '{values[found[0]]}', in {len(found)} "
                f"of {len(values)} rows a date; a spreadsheet makes such dates of the names of genes (SEPT2, MARCH1)",
                file=sys.stderr,
            )


def refuse_duplicates(path, ids, rows):
    """Refuse an id that is empty or occurs twice (InputError); `rows` are the rows of `path` that hold the ids."""
    first = {}
    for identifier, row in zip(ids, rows, strict=True):
        if not identifier:
            raise InputError(f"{path}: row {row}: the id is empty, expected a unique id")
        if identifier in first:
            raise InputError(f"{path}: rows {first[identifier]} and {row} have the same id '{identifier}'")
        first[identifier] = row
