"""Variants of a VCF file, plain or packed: read as text, row by row, with 0-based positions."""

import re
from typing import NamedTuple

from cisflow.errors import InputError, listing
from cisflow.io import text

COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT")
MISSING = "."
# ExPecto's example has a hyphen for no ID.
NO_NAME = (MISSING, "-")
DIGITS = 12  # No chromosome needs more.


class Record(NamedTuple):
    """One row: its line in the file (from 1), chromosome, 0-based start, ID ("" where it is `.` or `-`), REF, all ALTs.

    Alleles are in upper case unless they are symbolic. A row without an alternative has an empty `alts`.
    """

    line: int
    chrom: str
    start: int
    name: str
    ref: str
    alts: tuple


def read(path):
    """Yield the Record of every row, in the file's order; rows need not be sorted.

    A file without a `#CHROM` line, as Sei's and ExPecto's examples are, has its columns in the same order.

    Raises
    ------
    InputError : the file cannot be read or has neither rows nor a `#CHROM` line, that line has other columns, or a row
        has another number of fields, a position that is no whole number, an empty allele or a REF that is no bases.
        Names the line.
    """
    width = None
    for number, line in text.lines(path):
        where = f"{path}: line {number}"
        if not line or (line.startswith("#") and not line.upper().startswith(COLUMNS[0])):
            continue
        fields = line.split("\t")
        if line.startswith("#"):
            if tuple(fields[: len(COLUMNS)]) != COLUMNS:
                raise InputError(
                    f"{where}: columns {listing(fields, 8)}; expected {' '.join(COLUMNS)} first, tab-separated"
                )
            width = len(fields)
            continue
        if width is None and len(fields) < len(COLUMNS):
            raise InputError(
                f"{where}: '{line[:40]}'; expected a header line '#CHROM POS ID REF ALT …', or a row with a tab "
                "between these"
            )
        width = width or len(fields)
        if len(fields) != width:
            raise InputError(f"{where}: {len(fields)} tab-separated fields, expected {width} as above")
        yield _record(where, number, fields)
    if width is None:
        raise InputError(f"{path}: no row and no header line '#CHROM POS ID REF ALT …'; expected a VCF file")


def _record(where, number, fields):
    chrom, position, name, ref, alt = fields[: len(COLUMNS)]
    if not (position.isascii() and position.isdigit() and len(position) <= DIGITS):
        raise InputError(f"{where}: POS is '{position}', expected a whole number, counted from 1")
    if not chrom or " " in chrom:
        raise InputError(f"{where}: CHROM is '{chrom}', expected a name without spaces")
    if not ref or not set(ref.upper()) <= set("ACGTNRYSWKMBDHV"):
        raise InputError(f"{where}: REF is '{ref[:40]}', expected bases")
    alts = () if alt == MISSING else tuple(alt.split(","))
    if "" in alts:
        raise InputError(f"{where}: ALT is '{alt[:40]}', expected alleles separated by single commas")
    upper = tuple(allele.upper() if allele.isalpha() else allele for allele in alts)
    return Record(number, chrom, int(position) - 1, "" if name in NO_NAME else name, ref.upper(), upper)


CONTIG = re.compile(r"##contig=<.*\bID=([^,>]+).*\blength=(\d{1,12})")


def contigs(path):
    """{contig: bases} of the lines `##contig` of a header; empty where it has none."""
    found = {}
    for _, line in text.lines(path):
        if not line.startswith("#"):
            break
        if match := CONTIG.match(line):
            found[match[1]] = int(match[2])
    return found
