"""Windows: the rows of a data set with their sequences and labels, gathered by one of `cisflow.data.sources`.

A source is a module of that package with `collect(source, length, inputs, seed) -> Windows`, chosen by its name,
`kind` in the data set's settings. Coordinates are 0-based half-open. In messages, the rows of a file are counted as
an editor counts its lines, so that a header is row 1.
"""

import csv
import importlib
import pkgutil
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.data import sources
from cisflow.errors import InputError, listing
from cisflow.io.arrays import write_array
from cisflow.io.genome import Locus, parse_locus
from cisflow.io.manifests import manifest
from cisflow.io.tables import read_table, write_table
from cisflow.sequence import dna

COLUMNS = ("id", "chrom", "start", "end", "strand")
BED_COLUMNS = ("chrom", "start", "end", "name", "score", "strand")
CHUNK = 1 << 24


class Windows(NamedTuple):
    """What a source gathers.

    Attributes
    ----------
    frame : one row a window, columns id, chrom, start, end, strand; coordinates are empty where they are unknown.
    codes : uint8 base codes (n, length).
    labels : float32 (n, t) of 0, 1 and NaN = missing.
    targets : names of the t label columns.
    dropped : reason -> number of windows that were left out for it.
    truth : of planted windows, one row an instance: id, target, matrix_id, start, end, strand (within the window).
    """

    frame: pd.DataFrame
    codes: np.ndarray
    labels: np.ndarray
    targets: list
    dropped: dict
    truth: pd.DataFrame | None = None


def build(directory, dataset, source, length, inputs, seed):
    """Gather the windows of a data set and write them, with a manifest, to a directory.

    Parameters
    ----------
    source : settings with `kind`, the name of a module of `cisflow.data.sources`.
    length : bases of a window.
    inputs : name of a resource, as the settings use it -> its file.

    Raises
    ------
    InputError : unknown kind, a length below 1, or whatever the source or `write` refuses.
    """
    if length < 1:
        raise InputError(f"dataset '{dataset}': window is {length}, expected 1 or more bases")
    kinds = sorted(module.name for module in pkgutil.iter_modules(sources.__path__))
    if source.get("kind") not in kinds:
        raise InputError(
            f"dataset '{dataset}': source: kind is '{source.get('kind')}', expected one of {listing(kinds, 9)}"
        )
    module = importlib.import_module(f"cisflow.data.sources.{source['kind']}")
    settings = {"dataset": dataset, "source": source, "window": length}
    with manifest(Path(directory) / "manifest.json", settings, inputs.values(), seed) as record:
        windows = module.collect(source, length, inputs, seed)
        write(directory, windows)
        record["n"] = len(windows.frame)
        record["dropped"] = windows.dropped


def write(directory, windows):
    """Write windows.tsv, sequences.npy, targets.npy, targets.tsv and, where there is a truth, truth.tsv.

    Raises
    ------
    InputError : no windows, an empty or repeated id, or a target name that windows.tsv cannot hold.
    """
    directory = Path(directory)
    check(directory / "windows.tsv", windows)
    frame = windows.frame.loc[:, list(COLUMNS)]
    labels = pd.DataFrame(windows.labels, columns=windows.targets, index=frame.index).astype("Int64")
    write_table(directory / "windows.tsv", pd.concat([frame, labels], axis=1))
    write_array(directory / "sequences.npy", windows.codes)
    write_array(directory / "targets.npy", windows.labels)
    counts = {
        "target": windows.targets,
        "n_positive": (windows.labels == 1).sum(axis=0),
        "n_negative": (windows.labels == 0).sum(axis=0),
        "n_missing": np.isnan(windows.labels).sum(axis=0),
    }
    write_table(directory / "targets.tsv", pd.DataFrame(counts))
    if windows.truth is not None:
        write_table(directory / "truth.tsv", windows.truth)


def check(path, windows):
    """Refuse windows that the table `path` cannot hold (InputError)."""
    if not len(windows.frame):
        reasons = listing(f"{reason}: {count}" for reason, count in windows.dropped.items()) or "none"
        raise InputError(f"{path}: no window is left, expected at least one (dropped: {reasons})")
    refuse_duplicates(path, windows.frame["id"], range(2, len(windows.frame) + 2))
    for target in windows.targets:
        if not target or target in COLUMNS or windows.targets.count(target) > 1:
            raise InputError(
                f"{path}: target name '{target}' cannot be a column; expected distinct names, none empty and none of "
                f"{listing(COLUMNS)}"
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


def read(path):
    """Read windows.tsv: (frame with the coordinate columns and one column per target, target names)."""
    frame = read_table(path, COLUMNS, text=("id", "chrom", "strand"))
    return frame, [name for name in frame.columns if name not in COLUMNS]


def resource(inputs, name):
    """The file of a resource that the settings name (InputError where there is none)."""
    if name not in inputs:
        raise InputError(f"the source names resource '{name}'; expected one of {listing(inputs) or '(none given)'}")
    return Path(inputs[name])


def read_rows(path, required):
    """Read a table of a user's: CSV, or tab-separated if its first line holds a tab.

    Blank lines are skipped; the first other line is the header, with or without a leading `#`.

    Returns
    -------
    list of the row numbers (n,); dict of column name -> list (n,) of texts.

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


def read_bed(path):
    """Yield (row number, {column: text}) of each interval of a BED, of three columns or more.

    Columns are those of the format, unless a header line (with or without `#`) names others. They are separated by
    tabs, or by spaces where a line has no tab. Blank lines, comments and lines of a browser are skipped.

    Raises
    ------
    InputError : not a text file, a line of fewer than three columns, or no interval.
    """
    columns, found = BED_COLUMNS, False
    try:
        with open(path, encoding="utf-8") as handle:
            for row, line in enumerate(handle, 1):
                fields = line.rstrip("\r\n").split("\t") if "\t" in line else line.split()
                names = [fields[0].lstrip("# "), *fields[1:]] if fields else []
                if not found and set(BED_COLUMNS[:3]) <= set(names):
                    columns = names
                elif line.strip() and not line.startswith("#") and fields[0] not in ("track", "browser"):
                    if len(fields) < 3:
                        raise InputError(f"{path}: row {row}: found {len(fields)} columns, expected chrom, start, end")
                    found = True
                    yield row, dict(zip(columns, fields, strict=False))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file, expected an unpacked BED: {error}") from error
    if not found:
        raise InputError(f"{path}: holds no interval, expected at least one")


def require_bedtools():
    """Refuse to go on without the bedtools binary, which pybedtools misses only at its first operation."""
    if shutil.which("bedtools") is None:
        raise InputError(
            "bedtools is not on PATH; install it with 'conda install -c conda-forge -c bioconda bedtools' "
            "or 'sudo apt-get install bedtools'"
        )


def table(ids, loci):
    """Frame of the columns COLUMNS; coordinates are empty where a locus is None."""
    unknown = Locus("", pd.NA, pd.NA, "")
    frame = pd.DataFrame([locus or unknown for locus in loci], columns=list(COLUMNS[1:]))
    frame.insert(0, "id", list(ids))
    return frame.astype({"id": object, "chrom": object, "start": "Int64", "end": "Int64", "strand": object})


def locate(path, names, rows, length):
    """Frame of windows whose ids are names such as `chr3:100-300(-)`; coordinates are empty for any other name.

    Parameters
    ----------
    length : bases of every window, or of each (n,).

    Raises
    ------
    InputError : a name that speaks of another length than `length` (`rows` says where each name stands).
    """
    loci = [parse_locus(name) for name in names]
    for name, locus, row, bases in zip(names, loci, rows, np.broadcast_to(length, len(names)), strict=True):
        if locus is not None and locus.end - locus.start != bases:
            raise InputError(
                f"{path}: {row}: the name '{name}' speaks of {locus.end - locus.start} bases, the sequence has "
                f"{bases}; expected chrom:start-end, 0-based half-open (samtools faidx counts from 1)"
            )
    return table(names, loci)


def interval(where, record):
    """The locus of one record of a BED, {column: text}; `where` is its place, for messages."""
    start, end = (_integer(where, name, record[name]) for name in ("start", "end"))
    if start >= end:
        raise InputError(f"{where}: start is {start} and end is {end}, expected start < end")
    strand = record.get("strand") or "."
    if strand not in ("+", "-", "."):
        raise InputError(f"{where}: strand is '{strand}', expected +, - or .")
    return Locus(record["chrom"], start, end, strand)


def name_of(record, locus):
    """The record's name; the locus where the name is absent, empty or `.`."""
    name = record.get("name", "").strip()
    if name not in ("", "."):
        return name
    return f"{locus.chrom}:{locus.start}-{locus.end}" + (f"({locus.strand})" if locus.strand != "." else "")


def _integer(where, name, text):
    if not text.strip().isdecimal():
        raise InputError(f"{where}: {name} is '{text}', expected an integer of 0 or more")
    return int(text)


def centred(start, end, length):
    """Start of the window of `length` bases around the middle of [start, end); `start` itself if it is as long."""
    return (start + end) // 2 - length // 2


def grid(genome, length):
    """All windows of a genome on a grid without unknown bases.

    The grid starts at the first base of each region and leaves no gaps.

    Returns
    -------
    frame with columns chrom, start, end and gc (fraction), in the order of the genome's regions; dict of the numbers
    of windows dropped.
    """
    step = max(1, CHUNK // length) * length
    regions = genome.regions()
    parts, unknown, short = [], 0, 0
    total = sum((region.end - region.start) // length for region in regions)
    with tqdm(total=total, desc="grid", unit="window") as bar:
        for region in regions:
            short += (region.end - region.start) % length > 0
            for start in range(region.start, region.end - length + 1, step):
                count = min(step, region.end - start) // length
                codes = genome.fetch(region.chrom, start, start + count * length).reshape(count, length)
                known = (codes < dna.UNKNOWN).all(axis=1)
                starts = start + length * np.flatnonzero(known)
                gc = dna.gc_content(codes[known])
                parts.append(pd.DataFrame({"chrom": region.chrom, "start": starts, "end": starts + length, "gc": gc}))
                unknown += int((~known).sum())
                bar.update(count)
    if not parts:
        raise InputError(f"{genome.path}: holds no window of {length} bp; its regions are shorter")
    return pd.concat(parts, ignore_index=True), {"unknown bases": unknown, "past the end of a region": short}


def fetch(genome, frame, length):
    """Base codes (n, length) of the windows of a frame, each read on its strand."""
    codes = np.empty((len(frame), length), dtype=np.uint8)
    loci = zip(frame["chrom"], frame["start"], frame["end"], frame["strand"], strict=True)
    for row, locus in enumerate(tqdm(loci, total=len(frame), desc="sequences", unit="window")):
        codes[row] = genome.fetch(*locus)
    return codes


def read_labels(path, column, texts, rows):
    """Labels float32 (n,) from a column's texts: 0, 1, or empty = missing.

    Raises
    ------
    InputError : any other text; names the row and the column.
    """
    texts = pd.Series(list(texts), dtype=object).str.strip()
    labels = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float32, na_value=np.nan)
    bad = np.flatnonzero(~np.isin(labels, (0, 1)) & (texts != "").to_numpy())
    if len(bad):
        raise InputError(f"{path}: row {rows[bad[0]]}: column '{column}' is '{texts[bad[0]]}', expected 0, 1 or empty")
    return labels
