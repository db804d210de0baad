"""Files that a sheet of samples names, so that a run knows what its jobs read: `data.sheet` reads it and refuses it."""

import csv
import os

COLUMNS = ("file", "file_minus")


def files(path):
    """Paths of the files that a sheet names, each once; those that are not there, or of a sheet that is none, are not
    told: the job that reads it says what is wrong.
    """
    try:
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as handle:
            lines = [line for line in handle if line.strip()]
        head = lines[0].lstrip("# ") if lines else ""
        mark = "\t" if "\t" in head else max(",;", key=head.count)
        rows = list(csv.DictReader([head, *lines[1:]], delimiter=mark))
    except (OSError, csv.Error):
        return []
    named = [(row.get(column) or "").strip() for row in rows for column in COLUMNS]
    return list(dict.fromkeys(found for name in named if name and (found := _located(path, name))))


def _located(sheet, name):
    """The file of a name: beside the sheet, which may be a link, or in the folder of the run."""
    folders = (os.path.dirname(os.path.realpath(sheet)), os.path.dirname(sheet), "")
    return next((path for folder in folders if os.path.isfile(path := os.path.join(folder, name))), None)
