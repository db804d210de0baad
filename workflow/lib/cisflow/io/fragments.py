"""Fragments of single-cell ATAC-seq, `fragments.tsv.gz` of 10x: chrom, start, end, barcode and count, tab-separated.

Start is 0-based, end exclusive: the two bases at which the transposase cut, start and end - 1, as the aligner's
pipeline has shifted them. Comments (#) may stand before the rows and between them. An index of tabix is not needed.
"""

import io
import os
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.errors import InputError
from cisflow.io import text

CHUNK = 1 << 25
COLUMNS = ("chrom", "start", "end", "barcode", "count")


class Fragments(NamedTuple):
    """Rows of a file, n of them: chrom and barcode as Categorical, the others int64; count is 1 where there is none."""

    chrom: pd.Categorical
    start: np.ndarray
    end: np.ndarray
    barcode: pd.Categorical
    count: np.ndarray


def read(path, size=CHUNK):
    """Yield Fragments of about `size` bytes of text, in the order of the file, with a bar of its rows.

    Columns behind the fifth are not read.

    Raises
    ------
    InputError : the file cannot be read, has no row, or a row (it is named) has fewer than four columns or another
        number than the first, a start or count that is no integer of 0 or more, or an end that is not behind its start.
    """
    width, before = None, 0
    with text.open_bytes(path) as handle, tqdm(desc=os.path.basename(path), unit="fragment", unit_scale=True) as bar:
        while lines := handle.readlines(size):
            rows = [line for line in lines if line.strip() and not line.startswith(b"#")]
            if rows:
                width = width or rows[0].count(b"\t") + 1
                found = _parsed(rows, width)
                if found is None:
                    raise InputError(f"{path}: {_problem(lines, before, width)}")
                yield found
                bar.update(len(rows))
            before += len(lines)
    if width is None:
        raise InputError(f"{path}: holds no fragment, expected rows of {', '.join(COLUMNS)}")


def _parsed(rows, width):
    """Fragments of rows of that many columns; None where one of them is bad."""
    content = b"".join(rows)
    if width < 4 or content.count(b"\t") != (width - 1) * len(rows):
        return None
    used = min(width, len(COLUMNS))
    types = {"chrom": "category", "start": np.int64, "end": np.int64, "barcode": "category", "count": np.int64}
    try:
        frame = pd.read_csv(
            io.BytesIO(content),
            sep="\t",
            header=None,
            names=[*COLUMNS, *range(width)][:width] if width > used else list(COLUMNS[:used]),
            usecols=list(COLUMNS[:used]),
            dtype={name: types[name] for name in COLUMNS[:used]},
            index_col=False,
            quoting=3,
            na_filter=False,
            encoding_errors="replace",
        )
    except (ValueError, OverflowError):
        return None
    found = {name: frame[name].to_numpy() for name in ("start", "end")}
    count = frame["count"].to_numpy() if used == 5 else np.ones(len(frame), dtype=np.int64)
    whole = len(frame) == len(rows) and (found["start"] >= 0).all() and (found["end"] > found["start"]).all()
    if not whole or (count < 0).any() or "" in frame["barcode"].cat.categories or "" in frame["chrom"].cat.categories:
        return None
    return Fragments(frame["chrom"].array, found["start"], found["end"], frame["barcode"].array, count)


def _problem(lines, before, width):
    """What is wrong of the first bad one of lines of which `before` stand before them in the file."""
    for number, line in enumerate(lines, before + 1):
        if not line.strip() or line.startswith(b"#"):
            continue
        fields = line.decode("utf-8", "replace").rstrip("\r\n").split("\t")
        if len(fields) != width or width < 4:
            expected = "4 or more, tab-separated" if width < 4 else f"{width} as in the first row"
            return f"row {number}: found {len(fields)} columns, expected {expected} ({', '.join(COLUMNS)})"
        record = dict(zip(COLUMNS, fields, strict=False))
        for name in ("start", "end", "count"):
            if name in record and not (record[name].isascii() and record[name].isdecimal() and len(record[name]) < 19):
                return f"row {number}: {name} is '{record[name]}', expected an integer of 0 or more"
        if int(record["end"]) <= int(record["start"]):
            return f"row {number}: start is {record['start']} and end is {record['end']}, expected start < end"
        for name in ("chrom", "barcode"):
            if not record[name]:
                return f"row {number}: {name} is empty, expected a name"
    return f"rows {before + 1} to {before + len(lines)}: not a table of fragments"
