"""What the figures of merged patterns share: the table as rows and columns, logos and labels."""

from typing import NamedTuple

import numpy as np

from cisflow.figures import logos, style
from cisflow.io import meme, tables

TEXT = ("pattern", "match_id", "match_name", "note", "model", "split", "method", "output", "sign")
NUMBERS = ("n_seqlets", "n_hits", "effect", "n_seeds", "seeds", "q_value")
# A match with a larger q value is printed in grey.
SIGNIFICANT = 0.05
LABEL_WIDTH = 28


class Cell(NamedTuple):
    """A pattern in a column, both signs together.

    n_seqlets : int. n_hits : float, NaN where hits were not called. effect : float, mean over the seqlets, NaN without
    any. n_seeds, seeds : int, seeds that have it, of how many.
    """

    n_seqlets: int
    n_hits: float
    effect: float
    n_seeds: int
    seeds: int


class Row(NamedTuple):
    """A merged pattern: id, match_name ("" without one), note (such as "splice donor"), q_value, signs such as `+` or
    `+-`, and its Cell in each column.
    """

    id: str
    match_name: str
    note: str
    q_value: float
    signs: str
    cells: list


class Merged(NamedTuple):
    """rows : list of Row. labels : of the columns. groups : what the columns have but for the output. n : patterns that
    there are, shown or not. matrices : {id: (4, w)}.
    """

    rows: list
    labels: list
    groups: list
    n: int
    matrices: dict


def read(inputs, n_patterns, n_columns):
    """The first patterns as Merged; None where there is none.

    Outputs have columns of their own where there is room for all; else a column has all outputs of a method.
    """
    frame = tables.table(inputs["patterns"], TEXT, NUMBERS)
    if frame.empty:
        return None
    keys = frame[["model", "split", "method", "output"]].drop_duplicates().apply(tuple, axis=1).tolist()
    outputs = {key[:3]: [other[3] for other in keys if other[:3] == key[:3]] for key in keys}
    single = [key for key in keys if key[3] or len(outputs[key[:3]]) == 1]
    together = [key for key in keys if not key[3] or len(outputs[key[:3]]) == 1]
    columns = (single if len(single) <= n_columns else together)[:n_columns]
    names = frame["pattern"].drop_duplicates().tolist()
    found = {key: part for key, part in frame.groupby("pattern", sort=False)}
    rows = [_row(found[name], columns) for name in names[:n_patterns]]
    matrices = {motif.id: motif.matrix for motif in meme.read_meme(inputs["matrices"])}
    return Merged(rows, _labels(columns), [key[:3] for key in columns], len(names), matrices)


def _row(part, columns):
    first = part.iloc[0]
    cells = {}
    for key, rows in part.groupby(["model", "split", "method", "output"], sort=False):
        seqlets = rows["n_seqlets"].to_numpy()
        total = int(seqlets.sum())
        effect = float(np.nansum(rows["effect"] * seqlets) / total) if total else np.nan
        hits = rows["n_hits"].sum(min_count=1)
        cells[key] = Cell(total, hits, effect, int(rows["n_seeds"].max()), int(rows["seeds"].max()))
    signs = "".join(sorted(set(part["sign"]) - {""}))
    named = (first["pattern"], first["match_name"], first["note"], first["q_value"])
    return Row(*named, signs, [cells[key] for key in columns])


def _labels(columns):
    """Of each column what tells it from the others, in a line; its method where there is one column alone."""
    parts = [(model, split, style.method_label(method), output) for model, split, method, output in columns]
    differ = [place for place in range(4) if len({part[place] for part in parts}) > 1] or [2]
    return [", ".join(fitted([part[place] for place in differ if part[place]], LABEL_WIDTH)) for part in parts]


def fitted(words, width):
    """Words of at most `width` characters together, the longest of which lose their middle."""
    words = list(words)
    while sum(map(len, words)) > width:
        longest = max(range(len(words)), key=lambda place: len(words[place]))
        half = (len(words[longest]) - 2) // 2
        words[longest] = words[longest][: len(words[longest]) - 2 - half] + "\u2026" + words[longest][-half:]
    return words


def label_height(labels):
    """Millimetres that labels take when they stand upright."""
    return 3 + 1.35 * max(map(len, labels))


def row_height(n, room, most):
    """Millimetres a row, of n rows that share `room`."""
    return min(most, room / n)


def draw_logo(figure, left, top, width, height, matrix):
    """Information of a pattern, 0 to 2 bits."""
    axes = style.place(figure, left, top + 0.06 * height, width, 0.88 * height)
    logos.logo(axes, logos.information_heights(matrix), (0, 2))
    axes.set(xticks=[], yticks=[])
    axes.spines["left"].set_visible(False)


def name_of(row, width):
    """(what a pattern is called, its colour): a note, else its best match, in grey where this is like it by chance."""
    if row.note:
        return shortened(row.note, width), "black"
    known = bool(row.match_name) and row.q_value <= SIGNIFICANT
    return shortened(row.match_name or "no match", width), "black" if known else style.GREY


def shortened(text, width):
    return text if len(text) <= width else text[: width - 1] + "\u2026"


def seeds_of(cells):
    """`2/3`: the most seeds that have a pattern in any of the cells, of how many there are."""
    best = max(cells, key=lambda cell: (cell.n_seeds / cell.seeds, cell.seeds))
    return f"{best.n_seeds}/{best.seeds}"
