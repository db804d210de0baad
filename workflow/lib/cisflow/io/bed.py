"""BED: intervals of a genome, 0-based half-open, with a name and a strand where they have one."""

from cisflow.errors import InputError
from cisflow.io.genome import Locus

COLUMNS = ("chrom", "start", "end", "name", "score", "strand")
# What a narrowPeak has behind those; `peak` is the place of the summit, counted from start, or -1.
NARROW_PEAK = ("signal", "p_value", "q_value", "peak")
STRANDS = ("+", "-", ".")


def read_bed(path):
    """Yield (row number, {column: text}) of each interval of a BED, of three columns or more.

    Columns are those of the format, unless a header line (with or without `#`) names others. They are separated by
    tabs, or by spaces where a line has no tab. Blank lines, comments and lines of a browser are skipped.

    Raises
    ------
    InputError : not a text file, a line of fewer than three columns, or no interval.
    """
    columns, empty = COLUMNS, True
    try:
        with open(path, encoding="utf-8") as handle:
            for row, line in enumerate(handle, 1):
                fields = line.rstrip("\r\n").split("\t") if "\t" in line else line.split()
                names = [fields[0].lstrip("# "), *fields[1:]] if fields else []
                if empty and set(COLUMNS[:3]) <= set(names):
                    columns = names
                elif line.strip() and not line.startswith("#") and fields[0] not in ("track", "browser"):
                    if len(fields) < 3:
                        raise InputError(f"{path}: row {row}: found {len(fields)} columns, expected chrom, start, end")
                    empty = False
                    record = dict(zip(columns, fields, strict=False))
                    if columns is COLUMNS and len(fields) == 10:
                        record |= dict(zip(NARROW_PEAK, fields[len(COLUMNS) :], strict=True))
                    yield row, record
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file, expected an unpacked BED: {error}") from error
    if empty:
        raise InputError(f"{path}: holds no interval, expected at least one")


def interval(place, record):
    """The Locus of one record of a BED, {column: text}; `place` names file and row, for messages.

    Raises
    ------
    InputError : coordinates that are not integers of 0 or more or are empty, or a strand other than +, - and `.`.
    """
    start, end = (_coordinate(place, name, record[name]) for name in ("start", "end"))
    if start >= end:
        raise InputError(f"{place}: start is {start} and end is {end}, expected start < end")
    strand = record.get("strand") or "."
    if strand not in STRANDS:
        raise InputError(f"{place}: strand is '{strand}', expected +, - or .")
    return Locus(record["chrom"], start, end, strand)


def name_of(record, locus):
    """The record's name; the locus where the name is absent, empty or `.`."""
    name = record.get("name", "").strip()
    if name not in ("", "."):
        return name
    return f"{locus.chrom}:{locus.start}-{locus.end}" + (f"({locus.strand})" if locus.strand != "." else "")


def _coordinate(place, name, text):
    if not text.strip().isdecimal():
        raise InputError(f"{place}: {name} is '{text}', expected an integer of 0 or more")
    return int(text)


def summit(place, record, locus):
    """Base of the summit of a narrowPeak's record on its chromosome; None where it has none.

    Raises
    ------
    InputError : a place that is no integer, or that lies outside the peak.
    """
    text = record.get("peak", "-1").strip()
    if text == "-1":
        return None
    offset = _coordinate(place, "peak", text)
    if offset >= locus.end - locus.start:
        raise InputError(f"{place}: peak is {offset}, expected less than {locus.end - locus.start}, or -1")
    return locus.start + offset
