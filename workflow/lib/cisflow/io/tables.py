"""Tables: TSV as cisflow writes and reads it, and the tables that users bring."""

import csv

import numpy as np
import pandas as pd

from cisflow.errors import InputError, listing
from cisflow.io import files


def write_table(path, frame):
    """Write a data frame as TSV: header, tab, `.` decimals at 8 significant digits, empty = missing."""
    with files.atomic(path) as temporary:
        frame.to_csv(temporary, sep="\t", index=False, float_format="%.8g", lineterminator="\n")


def read_table(path, columns=(), text=("id",)):
    """Read a TSV.

    Parameters
    ----------
    columns : names that must be present.
    text : columns read as strings whatever they hold (an id of `007` stays so); missing values become "".

    Raises
    ------
    InputError : the file is absent, is not a table, or lacks a column.
    """
    try:
        frame = pd.read_csv(path, sep="\t", keep_default_na=False, na_values=[""], dtype={name: str for name in text})
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a tab-separated table: {error}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise InputError(f"{path}: not a tab-separated table: its rows have more fields than its header")
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InputError(f"{path}: no column {listing(missing)}; found columns {listing(frame.columns, 12)}")
    for name in text:
        if name in frame.columns:
            frame[name] = frame[name].fillna("")
    return frame


def table(path, text=(), numbers=()):
    """Read a TSV whose columns `text` are strings and `numbers` floats.

    Raises
    ------
    InputError : a column is missing, or a value of `numbers` is not a number.
    """
    frame = read_table(path, (*text, *numbers), text)
    for name in numbers:
        values = pd.to_numeric(frame[name], errors="coerce")
        bad = np.flatnonzero(values.isna() & frame[name].notna())
        if len(bad):
            raise InputError(f"{path}: row {bad[0] + 1}: {name} is '{frame[name].iloc[bad[0]]}', expected a number")
        frame[name] = values.astype(float)
    return frame


def matching(frame, **values):
    """The rows whose columns, of strings, have the given values."""
    keep = np.ones(len(frame), dtype=bool)
    for name, value in values.items():
        keep &= (frame[name] == str(value)).to_numpy()
    return frame[keep].reset_index(drop=True)


def read_rows(path, required):
    """Read a table of a user's: CSV, or tab-separated if its first line holds a tab.

    Blank lines are skipped; the first other line is the header, with or without a leading `#`.

    Returns
    -------
    list of the row numbers (n,), counted as an editor counts its lines; dict of column name -> list (n,) of texts.

    Raises
    ------
    InputError : not a text file, no row, a row with more or fewer columns than the header, a column name that occurs
        twice, or a `required` one that does not occur.
    """
    lines = {}
    csv.field_size_limit(1 << 30)
    try:
        with open(path, encoding="utf-8-sig", newline="") as handle:
            delimiter = "\t" if "\t" in handle.readline() else ","
            handle.seek(0)
            reader = csv.reader(handle, delimiter=delimiter, strict=True)
            for fields in reader:
                if fields:
                    lines[reader.line_num] = fields
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a table of text, expected CSV or TSV: {error}") from error
    if len(lines) < 2:
        raise InputError(f"{path}: found {len(lines)} rows, expected a header line and at least one row below it")
    first = min(lines)
    header = lines.pop(first)
    header[0] = header[0].lstrip("# ")
    missing = [name for name in required if name not in header]
    if missing:
        raise InputError(f"{path}: row {first}: no column {listing(missing)}; found columns {listing(header, 12)}")
    repeated = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    if repeated:
        raise InputError(f"{path}: row {first}: column {listing(repeated)} occurs more than once, expected once")
    for row, fields in lines.items():
        if len(fields) != len(header):
            raise InputError(f"{path}: row {row}: found {len(fields)} columns, expected {len(header)} as in the header")
    return list(lines), dict(zip(header, map(list, zip(*lines.values(), strict=True)), strict=True))


def refuse_duplicates(path, ids, rows):
    """Refuse an id that is empty or occurs twice (InputError); `rows` are the rows of `path` that hold the ids."""
    first = {}
    for identifier, row in zip(ids, rows, strict=True):
        if not identifier:
            raise InputError(f"{path}: row {row}: the id is empty, expected a unique id")
        if identifier in first:
            raise InputError(f"{path}: rows {first[identifier]} and {row} have the same id '{identifier}'")
        first[identifier] = row
