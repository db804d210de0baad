"""Variants of a VCF file, plain or packed: read as text, row by row, with 0-based positions."""

import re
from typing import NamedTuple

from cisflow.errors import InputError, listing
from cisflow.io import text

COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT")
# INFO among the fields behind ALT, and the first sample among all.
INFO, SAMPLES = 2, 9
MISSING = "."
# ExPecto's example has a hyphen for no ID.
NO_NAME = (MISSING, "-")
DIGITS = 12  # No chromosome needs more.


class Record(NamedTuple):
    """One row: its line in the file (from 1), chromosome, 0-based start, ID ("" where it is `.` or `-`), REF, all ALTs.

    Alleles are in upper case unless they are symbolic. A row without an alternative has an empty `alts`. `others` are
    the fields behind ALT as they stand: QUAL, FILTER, INFO, FORMAT and a genotype for each sample, or fewer.
    """

    line: int
    chrom: str
    start: int
    name: str
    ref: str
    alts: tuple
    others: tuple = ()


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
    others = tuple(fields[len(COLUMNS) :])
    return Record(number, chrom, int(position) - 1, "" if name in NO_NAME else name, ref.upper(), upper, others)


def samples(path):
    """Names of the samples of the line `#CHROM`, in order; empty where there is none."""
    for _, line in text.lines(path):
        if line.startswith(COLUMNS[0]):
            return line.split("\t")[SAMPLES:]
        if not line.startswith("#"):
            break
    return []


def frequencies(path, record):
    """(alts,) frequency of each alternative by the key AF of INFO; NaN where there is none.

    Raises
    ------
    InputError : AF is no list of as many numbers from 0 to 1.
    """
    info = record.others[INFO] if len(record.others) > INFO else MISSING
    given = next((item[3:] for item in info.split(";") if item.startswith("AF=")), None)
    if given is None:
        return [float("nan")] * len(record.alts)
    try:
        found = [float("nan") if value == MISSING else float(value) for value in given.split(",")]
    except ValueError:
        found = []
    # NaN compares as neither.
    if len(found) != len(record.alts) or any(value < 0 or value > 1 for value in found):
        expected = f"expected {len(record.alts)} from 0 to 1, one for each alternative"
        raise InputError(f"{path}: line {record.line}: AF is '{given[:40]}', {expected}")
    return found


class Genotype(NamedTuple):
    """Alleles of one sample (0 is REF, None is not called), whether their order says which haplotype has which, and
    the phase set within which it does ("" where there is one alone).
    """

    alleles: tuple
    phased: bool
    phase_set: str


def genotype(path, record, place):
    """The Genotype of the sample at a place among `samples`.

    Raises
    ------
    InputError : the row has no such sample, no GT, or a GT that is none.
    """
    where = f"{path}: line {record.line}"
    column = SAMPLES - len(COLUMNS) + place
    if len(record.others) <= column:
        raise InputError(f"{where}: no genotype; expected FORMAT and a column for each sample")
    keys, values = (record.others[number].split(":") for number in (SAMPLES - len(COLUMNS) - 1, column))
    known = dict(zip(keys, values, strict=False))
    found = known.get("GT", "")
    parts = re.split(r"[|/]", found)
    if not all(part == MISSING or (part.isdigit() and int(part) <= len(record.alts)) for part in parts):
        raise InputError(f"{where}: GT is '{found[:40]}', expected alleles from 0 to {len(record.alts)}, such as 0|1")
    alleles = tuple(None if part == MISSING else int(part) for part in parts)
    phase_set = known.get("PS", MISSING)
    return Genotype(alleles, "/" not in found, "" if phase_set == MISSING else phase_set)


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
