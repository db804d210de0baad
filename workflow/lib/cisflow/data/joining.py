"""Joining rows of a file to windows by name: which of the names that windows have, and that rows have, are the same."""

import re
import sys
from collections import defaultdict
from typing import NamedTuple

import numpy as np

from cisflow.errors import InputError, listing

# Accessions of Ensembl and RefSeq end in a version: ENSG00000012048.23. A point elsewhere, as in AT1G01010.1 or
# Y74C9A.3, is part of the name.
VERSIONED = re.compile(r"(ENS[A-Z]*\d{6,}|[NX][MR]_\d{4,})\.\d+")
# Names of regions as bedtools, Signac, ArchR and chromVAR write them.
REGION = re.compile(r"(?:chr)?([^\s:]+?)[:_-](\d+)[_-](\d+)(?:\([-+.]\))?")
UNVERSIONED, FROM_ONE = " without version", " counted from 1"
# Columns of names of windows that are regions.
REGIONS = ("locus", "interval")
NO_WINDOW = "no window of that name"


class Join(NamedTuple):
    """Which row each window has.

    Attributes
    ----------
    names : what rows are called by, the key of the side of a matrix. kind : what windows are called by.
    places : (n,) row of each window, -1 = none. matched : number of rows that have a window.
    """

    names: str
    kind: str
    places: np.ndarray
    matched: int

    @property
    def found(self):
        return int((self.places >= 0).sum())


def best(windows, sides):
    """The Join of the kinds of names that most windows are found by; the first of equals.

    Parameters
    ----------
    windows : windows.Windows of n windows. sides : {what rows are called by: names (m,)}.
    """
    known = list(_kinds(windows))
    joins = [_joined(names, kind, key, own, texts) for kind, key, own in known for names, texts in sides.items()]
    return max(joins, key=lambda join: join.found)


def _kinds(windows):
    """Yield (what windows are called by, how a row's name is read for it, names (n,))."""
    columns = {"id": windows.frame["id"]}
    if windows.names is not None:
        columns |= {name: windows.names[name] for name in windows.names.columns}
    frame = windows.frame
    if frame["start"].notna().any():
        located = frame["chrom"] + ":" + frame["start"].astype(str) + "-" + frame["end"].astype(str)
        columns["locus"] = located.where(frame["start"].notna(), "")
    for name, column in columns.items():
        texts = column.fillna("").astype(str).tolist()
        if name not in REGIONS:
            yield name, str, texts
            yield name + UNVERSIONED, _unversioned, [_unversioned(text) for text in texts]
        if any(REGION.fullmatch(text) for text in texts):
            yield name if name in REGIONS else f"{name} as a region", _region, [_region(text) for text in texts]
            yield name + FROM_ONE, _region_from_one, [_region(text) for text in texts]


def _unversioned(text):
    match = VERSIONED.fullmatch(text)
    return match[1] if match else text


def _region(text, first=0):
    """chrom, start, end of a name of a region, in any way of writing it; "" for any other name."""
    match = REGION.fullmatch(text)
    return f"{match[1]}:{int(match[2]) - first}-{int(match[3])}" if match else ""


def _region_from_one(text):
    return _region(text, first=1)


def _joined(names, kind, key, own, texts):
    row_of = {}
    for row, text in enumerate(texts):
        row_of.setdefault(key(text), row)
    row_of.pop("", None)
    places = np.array([row_of.get(name, -1) for name in own], dtype=np.int64)
    return Join(names, kind, places, len(np.unique(places[places >= 0])))


def reasons(path, windows, join, texts, numbers=None):
    """Reason (m,) why each row has no window, "" where it has one, and the id of its first window.

    Parameters
    ----------
    texts : names of the rows, by what `join` calls them. numbers : row of the file of each, or None.

    Raises
    ------
    InputError : two rows of a name that a window has.
    """
    kinds = {kind: (key, own) for kind, key, own in _kinds(windows)}
    key, own = kinds[join.kind]
    wanted = {name for name, place in zip(own, join.places, strict=True) if place >= 0}
    rows_of = defaultdict(list)
    for row, text in enumerate(texts):
        if (name := key(text)) in wanted:
            rows_of[name].append(row)
    for name, rows in rows_of.items():
        if len(rows) > 1:
            where = f"rows {numbers[rows[0]]} and {numbers[rows[1]]}" if numbers is not None else "two rows"
            raise InputError(
                f"{path}: {where} are '{texts[rows[0]]}' and '{texts[rows[1]]}', both the window '{name}'; expected "
                f"one row a name"
            )
    first = np.full(len(texts), "", dtype=object)
    ids = windows.frame["id"].to_numpy(dtype=object)
    for window in np.flatnonzero(join.places >= 0)[::-1]:
        first[join.places[window]] = ids[window]
    return np.where(first == "", NO_WINDOW, ""), first


def refuse_strangers(path, windows, *sides):
    """Refuse a file of which no name, on any side, is that of a window (InputError)."""
    found = " or ".join(
        f"{len(names):,} {what} ({listing(names, 3)})" for what, side in sides for names in [next(iter(side.values()))]
    )
    others = ""
    if windows.names is not None and len(windows.names.columns):
        others = "; their other names are " + ", ".join(
            f"{name} ({listing([text for text in windows.names[name] if text], 3)})" for name in windows.names.columns
        )
    raise InputError(
        f"{path}: none of its {found} is a window; expected names such as {listing(windows.frame['id'], 3)}{others}"
    )


def report(path, join, what, n_rows):
    """Say on stderr by which names rows and windows were joined, and how many were."""
    print(
        f"{path}: {what} joined by {join.names} to the windows' {join.kind}: {join.matched:,} of {n_rows:,} {what}, "
        f"{join.found:,} of {len(join.places):,} windows",
        file=sys.stderr,
    )
