"""The sheet of samples: a table (TSV or CSV) with a row a track, which names its file and says what it is of.

Columns are `track` and `file`, and where they are known `modality`, `class`, `group` and `replicate`; `strand`, + or -,
of tracks that are of the strand of a window or of the other one; `genome`, where windows are of several; others are not
read. Paths are absolute, or relative to the folder of the sheet or to that of the run.
"""

import sys
from pathlib import Path

import pandas as pd

from cisflow.data.dataset import STRAND
from cisflow.data.targets.common import DESCRIBED
from cisflow.errors import InputError, listing
from cisflow.io.tables import read_rows, refuse_duplicates


def read(path, modality, files=()):
    """Tracks of a modality: frame of target, modality, class, group, replicate, strand, genome (str) and file (Path).

    Rows whose column `modality` is another are left out; where it is empty or absent, a row is of any modality.

    Parameters
    ----------
    files : names of more columns that hold paths, and may be absent or empty, which is None.

    Raises
    ------
    InputError : the table cannot be read, lacks a column, names a track twice or not at all, has no row of the
        modality, says of a strand what is none, or names a file that is not there.
    """
    rows, columns = read_rows(path, ("track", "file"))
    table = pd.DataFrame(columns, dtype=object).map(str.strip)
    for name in (*DESCRIBED, "genome"):
        if name not in table:
            table[name] = ""
    ours = table["modality"].isin(["", modality])
    if not ours.any():
        raise InputError(
            f"{path}: no row of modality '{modality}', the name of these targets; found "
            f"{listing(table['modality'].unique())}"
        )
    table["row"] = rows
    table = table[ours].assign(modality=modality).reset_index(drop=True)
    first = {}
    for row, track in zip(table["row"], table["track"], strict=True):
        if not track:
            raise InputError(f"{path}: row {row}: track is empty, expected a name")
        if track in first:
            raise InputError(
                f"{path}: rows {first[track]} and {row} name the same track '{track}', expected one row each"
            )
        first[track] = row
    for row, strand in zip(table["row"], table[STRAND], strict=True):
        check_strand(path, row, strand)
    found = table.rename(columns={"track": "target"})[["target", *DESCRIBED, "genome"]]
    for column in ("file", *files):
        texts = table[column] if column in table else [""] * len(table)
        found[column] = [
            located(path, row, column, text) if text or column == "file" else None
            for row, text in zip(table["row"], texts, strict=True)
        ]
    return found


def check_strand(path, row, text):
    """Refuse what is no strand of a track (InputError)."""
    if text not in ("", "+", "-"):
        raise InputError(f"{path}: row {row}: strand is '{text}', expected +, - or nothing")


def located(sheet, row, column, text):
    """The file that a row of a sheet names (InputError where there is none)."""
    # A resource may be a link to the sheet, whose files lie beside the sheet itself.
    folders = dict.fromkeys((Path(sheet).resolve().parent, Path(sheet).absolute().parent, Path.cwd()))
    for folder in folders:
        if text and (folder / text).is_file():
            return folder / text
    raise InputError(
        f"{sheet}: row {row}: {column} is '{text}', expected a file; there is none of that name in {listing(folders)}"
    )


def described(path, tracks):
    """Tracks with what a table says of class, group, replicate and strand."""
    rows, columns = read_rows(path, ["track"])
    known = [name for name in ("class", "group", "replicate", STRAND) if name in columns]
    if not known:
        raise InputError(
            f"{path}: found columns {listing(columns)}; expected class, group, replicate or strand beside track"
        )
    for row, strand in zip(rows, columns.get(STRAND, [""] * len(rows)), strict=True):
        check_strand(path, row, strand)
    refuse_duplicates(path, columns["track"], rows)
    table = pd.DataFrame(columns, dtype=object).set_index("track")
    unknown = [name for name in table.index if name not in set(tracks["target"])]
    if unknown:
        row = rows[columns["track"].index(unknown[0])]
        raise InputError(f"{path}: row {row}: no track '{unknown[0]}'; found tracks {listing(tracks['target'], 12)}")
    silent = [name for name in tracks["target"] if name not in table.index]
    if silent:
        print(f"{path}: says nothing of {len(silent)} of {len(tracks)} tracks: {listing(silent)}", file=sys.stderr)
    for name in known:
        tracks[name] = table[name].reindex(tracks["target"]).fillna("").to_numpy()
    return tracks
