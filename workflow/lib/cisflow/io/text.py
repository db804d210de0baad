"""Text files as people have them: plain or packed, with or without a byte order mark, in UTF-8 or an older encoding.

Every reader of a text format opens its file here, so that what can be said of a file before its format matters is said
once: absent, empty of text, binary, packed by something else, or a page that a server sent in place of the file.
"""

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import re
import zlib

from cisflow.errors import InputError

# What a file begins with -> how it is unpacked. bgzip writes gzip of many members, which `gzip` reads.
UNPACKED_BY = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
# What is no text of any format, by its first bytes.
OTHERS = {
    b"PK\x03\x04": "a zip archive or a spreadsheet (.xlsx); expected text: unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet (.xls); expected text: save the sheet as CSV",
    b"\x28\xb5\x2f\xfd": "packed by zstd; expected plain text, gzip, bgzip, bzip2 or xz",
    b"BAM\x01": "a BAM file; expected text",
    b"BCF\x02": "a BCF file; expected text (bcftools view -O z)",
    b"\x89HDF": "an HDF5 file; expected text",
    b"version https://git-lfs": "a pointer of git-lfs; expected the file itself (git lfs pull)",
}
PAGES = (b"<!doctype html", b"<html")
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
BROKEN = (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError)
HEAD = 64


def _latin1(error):
    """Bytes that are no UTF-8, as a name of a person or a place may hold, are read as Latin-1."""
    return error.object[error.start : error.end].decode("latin-1"), error.end


FALLBACK = "cisflow-latin1"
codecs.register_error(FALLBACK, _latin1)


@contextlib.contextmanager
def open_bytes(path):
    """A binary handle on what a file holds, unpacked where it is gzip, bgzip, bzip2 or xz.

    Raises
    ------
    InputError : the file cannot be opened, is packed otherwise or no text at all; inside the block, it is incomplete.
    """
    try:
        with open(path, "rb") as handle:
            head = handle.read(HEAD)
        opener = next((opener for magic, opener in UNPACKED_BY.items() if head.startswith(magic)), open)
        with opener(path, "rb") as handle:
            if opener is not open:
                head = handle.read(HEAD)
                handle.seek(0)
            _refuse(path, head)
            yield handle
    except BROKEN as error:
        raise InputError(f"{path}: corrupt or incomplete {opener.__module__}: {error}") from error
    except OSError as error:
        # Of an incomplete bzip2, the reason is no error of the system.
        raise InputError(f"{path}: {error.strerror or error}") from error


def _refuse(path, head):
    for magic, what in OTHERS.items():
        if head.startswith(magic):
            raise InputError(f"{path}: {what}")
    if head.removeprefix(codecs.BOM_UTF8).lstrip().lower().startswith(PAGES):
        raise InputError(f"{path}: an HTML page; expected the file itself, which the server did not send")


@contextlib.contextmanager
def open_text(path, newline=None):
    """A text handle, for `csv` with `newline=""`; bytes that are no UTF-8 are read as Latin-1, UTF-16 by its mark.

    Raises
    ------
    InputError : as `open_bytes`.
    """
    with open_bytes(path) as handle:
        mark = handle.read(2)
        handle.seek(0)
        encoding = "utf-16" if mark in UTF16 else "utf-8-sig"
        with io.TextIOWrapper(handle, encoding=encoding, errors=FALLBACK, newline=newline) as text:
            yield text


def lines(path):
    """Yield (number from 1, line without its end) of a text file; line ends of any system.

    Raises
    ------
    InputError : as `open_bytes`, or a character that no text holds.
    """
    with open_text(path) as handle:
        for number, line in enumerate(handle, 1):
            check(path, number, line)
            yield number, line.rstrip("\n")


def check(path, number, line):
    """Refuse a line that holds a character which no text does (InputError)."""
    found = CONTROL.search(line)
    if found:
        raise InputError(f"{path}: line {number}: not a text file: found the byte {ord(found[0]):#04x}, expected text")
