"""BED, narrowPeak and broadPeak: intervals of a genome, 0-based half-open.

Name, strand and summit are read where a file has them. Files differ in their number of columns, in what separates
them, in whether a header names them, and in the lines of a browser between them; all are read by the one function here.
"""

import re
import sys
from collections import Counter

import pandas as pd

from cisflow.errors import InputError, listing
from cisflow.io import files, text
from cisflow.io.genome import Locus

COLUMNS = ("chrom", "start", "end", "name", "score", "strand")
BED = (*COLUMNS, "thickStart", "thickEnd", "itemRgb", "blockCount", "blockSizes", "blockStarts")
NARROW_PEAK = (*COLUMNS, "signalValue", "pValue", "qValue", "peak")
BED_GRAPH = ("chrom", "start", "end", "score")
# What headers call the columns that every interval needs.
ALIASES = {
    "chrom": ("chrom", "chr", "chromosome"),
    "start": ("start", "chromstart"),
    "end": ("end", "chromend", "stop"),
}
STRANDS = {"": ".", "*": ".", ".": ".", "+": "+", "-": "-"}
# Tools of R and Python write a whole number as 1e+05 or 100000.0 where the column is not of integers.
# No chromosome needs more than twelve digits.
WHOLE = re.compile(r"(\d{1,12})(?:\.0+)?|(\d(?:\.\d{1,11})?[eE]\+?(?:0?\d|1[01]))")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?inf", re.IGNORECASE)
# Tables of genomic ranges that look like a BED with a header and count from 1.
FROM_ONE = {"seqnames": "a table of R's GenomicRanges", "abs_summit": "a table of MACS (peaks.xls)"}


def read_bed(path):
    """Yield (row number, {column: text}) of each interval of a BED of three columns or more, or of peaks.

    Columns are those of the format, unless a header line (with or without `#`) names others. They are separated by
    tabs, or by spaces where a line has no tab, or by commas where the header is. Blank lines, comments and lines of a
    browser are skipped wherever they stand. Peaks whose summit is known have `summit` (int), its position on the
    chromosome, counted from 0.

    Raises
    ------
    InputError : not a text file, a line of fewer than three columns or of another number than the first, a table that
        counts from 1, a summit outside of its peak, or no interval.
    """
    header, columns, width, kind, comma = None, None, None, "", False
    for row, line in text.lines(path):
        if not line.strip():
            continue
        fields = _fields(line, comma)
        if line.split(None, 1)[0] in ("track", "browser") and not all(map(WHOLE.fullmatch, fields[1:3] or "x")):
            found = re.search(r"\btype=[\"']?(\w+)", line)
            kind, width = (found[1].lower() if found else kind), None
            columns = header
            continue
        if width is None and (names := _header(path, row, line)):
            header = columns = names
            comma = _separated_by_commas(line)
            continue
        if line.startswith("#") or fields == header:
            continue
        if len(fields) < 3:
            raise InputError(f"{path}: row {row}: found {len(fields)} columns, expected chrom, start, end")
        if columns is None:
            columns = _columns(path, kind, fields)
        if width is None:
            width = len(header or fields)
        if len(fields) != width:
            expected = "in the header" if header else "above"
            raise InputError(f"{path}: row {row}: found {len(fields)} columns, expected {width} as {expected}")
        record = dict(zip(columns, fields, strict=False))
        if record.get("peak", "-1") != "-1":
            record["summit"] = _summit(f"{path}: row {row}", record)
        yield row, record
    if width is None:
        raise InputError(f"{path}: holds no interval, expected at least one")


def _fields(line, comma):
    line = line.rstrip("\r\n")
    separator = "," if comma else "\t" if "\t" in line else None
    return [field.strip() for field in line.split(separator)]


def _separated_by_commas(line):
    return "\t" not in line and "," in line


def _header(path, row, line):
    """The columns that a header line names, in cisflow's words; None for any other line."""
    names = _fields(line.lstrip("# ").replace('"', ""), _separated_by_commas(line))
    lower = [name.lower() for name in names]
    for column, what in FROM_ONE.items():
        if column in lower and "start" in lower:
            raise InputError(f"{path}: row {row}: {what}, which counts from 1; expected a BED, which counts from 0")
    places = {name: [i for i, found in enumerate(lower) if found in ALIASES[name]] for name in ALIASES}
    if not all(places.values()):
        return None
    for name, found in places.items():
        if len(found) > 1:
            raise InputError(f"{path}: row {row}: columns {listing(names[i] for i in found)}, expected one {name}")
        names[found[0]] = name
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise InputError(f"{path}: row {row}: column {listing(repeated)} occurs more than once, expected once")
    return names


def _columns(path, kind, fields):
    """The columns of a file without a header, by what a track says, by the file's name, or by the first interval."""
    name = str(path).lower()
    if kind == "bedgraph" and len(fields) == 4:
        return BED_GRAPH
    values = fields[6:10]
    numbers = all(NUMBER.fullmatch(value) for value in values)
    if len(fields) == 10:
        narrow = kind == "narrowpeak" or "narrowpeak" in name or (numbers and re.fullmatch(r"-1|\d+", fields[9]))
        return NARROW_PEAK if narrow else BED
    if len(fields) == 9 and (kind == "broadpeak" or "broadpeak" in name or (numbers and "," not in fields[8])):
        return NARROW_PEAK[:9]
    return BED


def _summit(place, record):
    start, end = (_coordinate(place, name, record[name]) for name in ("start", "end"))
    offset = _coordinate(place, "peak", record["peak"])
    if start < end <= start + offset:
        raise InputError(
            f"{place}: peak is {offset}, expected -1 or the offset of a summit within the {end - start} bp of the peak"
        )
    return start + offset


def interval(place, record):
    """The Locus of one record of a BED, {column: text}; `place` names file and row, for messages.

    Raises
    ------
    InputError : coordinates that are not integers of 0 or more or are empty, or a strand other than +, -, `.` and `*`.
    """
    chrom = record["chrom"]
    if len(chrom.split()) != 1:
        raise InputError(f"{place}: chrom is {repr(chrom) if chrom else 'empty'}, expected a name without blanks")
    start, end = (_coordinate(place, name, record[name]) for name in ("start", "end"))
    if start >= end:
        raise InputError(f"{place}: start is {start} and end is {end}, expected start < end")
    strand = (record.get("strand") or "").strip()
    if strand not in STRANDS:
        raise InputError(f"{place}: strand is '{strand}', expected +, - or .")
    return Locus(chrom, start, end, STRANDS[strand])


def ids(path, records, loci):
    """Ids (n,) of intervals: the name, or the locus where there is none or where several rows share it.

    A name that rows share is a class, such as a state of ChromHMM, and no name of an interval; a line on stderr says
    so. What is repeated then is an interval, and left to the caller.

    Parameters
    ----------
    records : {column: text} of each. loci : their Locus.
    """
    names = [name_of(record, locus) for record, locus in zip(records, loci, strict=True)]
    shared = {name for name, count in Counter(names).items() if count > 1}
    places = [name_of({}, locus) for locus in loci]
    classes = [name for name, place in zip(names, places, strict=True) if name in shared and name != place]
    if classes:
        print(
            f"{path}: {len(classes)} rows share their name with others, as '{classes[0]}'; their id is their locus",
            file=sys.stderr,
        )
    return [place if name in shared else name for name, place in zip(names, places, strict=True)]


def name_of(record, locus):
    """The record's name; the locus where the name is absent, empty or `.`."""
    name = record.get("name", "").strip()
    if name not in ("", "."):
        return name
    return f"{locus.chrom}:{locus.start}-{locus.end}" + (f"({locus.strand})" if locus.strand != "." else "")


def _coordinate(place, name, value):
    if value.isascii() and value.isdecimal() and len(value) <= 12:
        return int(value)
    match = WHOLE.fullmatch(value.strip()) if value.isascii() else None
    whole = match and (int(match[1]) if match[1] else float(match[2]))
    if match is None or whole != int(whole):
        raise InputError(f"{place}: {name} is '{value}', expected an integer of 0 or more")
    return int(whole)


def write_bed(path, frame, nothing):
    """Write intervals as BED, sorted by chromosome, start and end as UCSC's tools sort.

    Parameters
    ----------
    frame : columns of BED from the first on, at least three; names have `_` for blanks, and score is of 0 to 1000.
    nothing : what a comment says in a file of no interval, which browsers take for broken without a line.
    """
    frame = frame.sort_values(list(frame.columns[:3]), kind="stable")
    if "name" in frame:
        names = frame["name"].map(lambda name: "_".join(str(name).split()) or ".")
        frame = frame.assign(name=names)
    with files.atomic(path) as temporary:
        if len(frame):
            pd.DataFrame(frame).to_csv(temporary, sep="\t", header=False, index=False, lineterminator="\n")
        else:
            temporary.write_text(f"# {nothing}\n")
