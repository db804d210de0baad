"""Tables: TSV as cisflow writes and reads it."""

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
