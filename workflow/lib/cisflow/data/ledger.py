"""The ledger of a dataset: what became of every row that its source read and of every place that it drew from.

A line stands for one row of a file; lines without a row stand for `n` candidates of the genome (or lines of an
annotation) that share their fate. Of each file, and of each draw, kept and dropped lines add up to all that there was.
"""

import sys
from collections import Counter

import numpy as np
import pandas as pd

from cisflow.errors import InputError

COLUMNS = ("step", "input", "row", "name", "outcome", "id", "reason", "n")
# read: what is read before there are windows; window: a row of a file becomes one; match: a window that needs
# negatives finds them; draw: a place of the genome becomes a window; join: a further sequence of a sample finds it;
# target: a row of a file of numbers finds its window; filter: a window has numbers to learn from.
STEPS = ("read", "window", "match", "draw", "join", "target", "filter")
PLACED = ("window", "draw")
KEPT, DROPPED = "kept", "dropped"


def rows(source, numbers, names, ids, reasons, step="window"):
    """Lines of the rows of a file: frame of COLUMNS.

    Parameters
    ----------
    source : path of the file. numbers : (n,) row of each; None where rows have no number.
    names : (n,) what the file calls each. ids : (n,) of the windows; those of dropped rows are not read.
    reasons : (n,) why a row was dropped, "" where it was kept.
    """
    reasons = np.asarray(reasons, dtype=object)
    kept = reasons == ""
    return pd.DataFrame(
        {
            "step": step,
            "input": _name(source),
            "row": pd.array(list(numbers) if numbers is not None else [pd.NA] * len(reasons), dtype="Int64"),
            "name": np.asarray(names, dtype=object),
            "outcome": np.where(kept, KEPT, DROPPED),
            "id": np.where(kept, np.asarray(ids, dtype=object), ""),
            "reason": reasons,
            "n": 1,
        },
        columns=list(COLUMNS),
    )


def drawn(source, ids, dropped):
    """Lines of a draw from a genome: one for each window (its id), and one for each reason why others were not taken.

    Parameters
    ----------
    dropped : {reason: number of candidates}.
    """
    taken = rows(source, None, [""] * len(ids), ids, [""] * len(ids), step="draw")
    return pd.concat([taken, counts(source, "draw", 0, dropped)], ignore_index=True)


def filtered(ids, reasons):
    """Lines of windows that a filter leaves out, by their ids, and how many it keeps; reasons as of `rows`."""
    reasons = np.asarray(reasons, dtype=object)
    left_out = reasons != ""
    names = np.asarray(ids, dtype=object)[left_out]
    kept = counts("windows", "filter", int((~left_out).sum()), {})
    return join(kept, rows("windows", None, names, names, reasons[left_out], "filter"))


def counts(source, step, kept, dropped):
    """Lines that only count: so many kept, and so many dropped for each reason; those of none are left out."""
    lines = [("", KEPT, kept), *((reason, DROPPED, n) for reason, n in dropped.items())]
    return pd.DataFrame(
        [(step, _name(source), pd.NA, "", outcome, "", reason, n) for reason, outcome, n in lines if n],
        columns=list(COLUMNS),
    ).astype({"row": "Int64", "n": np.int64})


def annotated(path, found, reasons):
    """Lines that count those of a gene annotation: the exons that are used, and for each reason those that are not.

    Parameters
    ----------
    found : gtf.Annotation. reasons : (m,) why each of its exons is not used, "" where it is. A line that is an exon of
        several transcripts is used where one of them is.
    """
    told = pd.DataFrame({"line": found.lines, "reason": np.asarray(reasons, dtype=object)})
    # "" sorts before any reason.
    exons = told.groupby("line")["reason"].min().value_counts().to_dict()
    others = {f"{feature or 'without a feature'}, not an exon": n for feature, n in found.others.items()}
    return counts(path, "read", exons.pop("", 0), exons | others)


def join(*parts):
    """One ledger of several."""
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def check(frame, ids, path):
    """Refuse a ledger that does not tell where each window came from, once (InputError: a mistake of a source)."""
    told = Counter(frame.loc[(frame["outcome"] == KEPT) & frame["step"].isin(PLACED), "id"])
    told -= Counter(frame.loc[(frame["outcome"] == DROPPED) & (frame["step"] == "filter"), "name"])
    if told != Counter(ids):
        raise InputError(f"{path}: tells of {told.total()} windows, expected the {len(ids)} of windows.tsv, each once")


def report(frame):
    """Say in the log what became of the rows, a line for each file and step."""
    for (step, source), lines in frame.groupby(["step", "input"], sort=False):
        n = lines.groupby(["outcome", "reason"], sort=False)["n"].sum()
        kept = int(n.get((KEPT, ""), 0))
        dropped = [f"{count:,} {reason}" for (outcome, reason), count in n.items() if outcome == DROPPED]
        text = f"; dropped: {', '.join(dropped)}" if dropped else ""
        print(f"ledger: {step}: {source}: {kept:,} of {int(lines['n'].sum()):,} kept{text}", file=sys.stderr)


def _name(source):
    """A file by its name alone, so that the ledger is the same in every folder."""
    return str(source).rsplit("/", 1)[-1]
