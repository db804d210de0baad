"""Merged patterns of a dataset: which model, method and output shows which, how often and with how many seeds."""

import numpy as np
from matplotlib import colormaps
from matplotlib.patches import Rectangle

from cisflow.figures import given, merged, style

FIGURE = {
    "of": "motifs",
    "label": "patterns across models, methods and seeds",
    "order": 150,
    "inputs": {"patterns": "merged_patterns", "matrices": "merged_matrices"},
    "settings": ["n_merged"],
}
# Millimetres from the left: name, sign, logo, q, cells.
NAME, SIGN, LOGO, Q, CELLS = 2, 25, 28, 56, 70
LOGO_WIDTH = 26
NAME_WIDTH = 14
# Columns whose cells have room for text, and columns at all.
WRITTEN, COLUMNS = 7, 36
CELL, NARROW = 15, 2.9
TITLE, ROW, FOOT = 2, 7.2, 8
# Shades of the most and the fewest seqlets, of matplotlib's Blues.
SHADES = 0.1, 0.6


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : patterns: path of the table of merged patterns; matrices: path of their MEME file.
    settings : n_merged: patterns that are shown, most seeds first, as far as a page reaches.
    """
    given.demand("pattern_table", "settings", settings, ("n_merged",))
    found = merged.read(inputs, settings["n_merged"], COLUMNS)
    if found is None:
        return style.explained("No pattern was found by any model and method: there is nothing to put together.")
    head = TITLE + merged.label_height(found.labels)
    rows = found.rows[: int((style.PAGE - head - FOOT) // ROW)]
    written = len(found.labels) <= WRITTEN
    width = CELL if written else NARROW
    figure = style.figure(max(style.SINGLE, CELLS + width * len(found.labels) + 6), head + ROW * len(rows) + FOOT, None)
    draw_head(figure, head, found.labels, width)
    most = max(cell.n_seqlets for row in rows for cell in row.cells)
    for number, row in enumerate(rows):
        draw_row(figure, head + ROW * number, row, found.matrices[row.id], width, most, written)
    foot = f"{len(rows)} of {found.n} merged patterns. "
    foot += "Cells: seqlets, seeds." if written else f"Shade: 1 (pale) to {most:,} seqlets, on a log scale."
    bottom = head + ROW * len(rows) + FOOT - 3
    style.write(figure, NAME, bottom, foot, va="baseline", color=style.GREY)
    return figure


def draw_head(figure, head, labels, width):
    for left, text in ((NAME, "Pattern"), (LOGO, "Logo (0\u20132 bits)"), (Q, "q")):
        style.write(figure, left, head - 1.5, text, color=style.GREY, va="baseline")
    for number, label in enumerate(labels):
        middle = CELLS + width * (number + 0.5)
        style.write(figure, middle, head - 1.5, label, rotation=90, ha="center", va="bottom", linespacing=1)


def draw_row(figure, top, row, matrix, width, most, written):
    middle = top + ROW / 2
    name, colour = merged.name_of(row, NAME_WIDTH)
    style.write(figure, NAME, middle, f"{row.id}\n{name}", va="center", linespacing=1.1, color=colour)
    style.write(figure, SIGN, middle, row.signs.replace("-", "\u2212").replace("+\u2212", "\u00b1"), va="center")
    merged.draw_logo(figure, LOGO, top, LOGO_WIDTH, ROW, matrix)
    style.write(
        figure,
        Q,
        middle,
        style.small(row.q_value) if row.match_name and not row.note else "",
        va="center",
        color=colour,
    )
    axes = style.place(figure, CELLS, top, width * len(row.cells), ROW)
    axes.set(xlim=(0, len(row.cells)), ylim=(0, 1), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    for number, cell in enumerate(row.cells):
        axes.add_patch(Rectangle((number + 0.03, 0.04), 0.94, 0.92, color=shade(cell.n_seqlets, most)))
        if written:
            axes.text(number + 0.5, 0.5, told(cell), ha="center", va="center", linespacing=1.1)


def shade(n, most):
    """Colour of a number of seqlets, on a log scale up to the most of the figure."""
    if not n:
        return style.PALE
    share = np.log(n) / np.log(most) if most > 1 else 1
    return colormaps["Blues"](SHADES[0] + (SHADES[1] - SHADES[0]) * share)


def told(cell):
    """Seqlets and seeds, and below them hits, where they were called; a dash where there is neither."""
    if not cell.n_seqlets and not cell.n_hits > 0:
        return "\u2013"
    hits = f"\n{short(cell.n_hits)} hits" if cell.n_hits == cell.n_hits else ""
    return f"{short(cell.n_seqlets)}, {cell.n_seeds}/{cell.seeds}{hits}"


def short(n):
    """`870`, `1.2k`, `12k`."""
    return f"{n:.0f}" if n < 1000 else f"{n / 1000:.{1 if n < 9950 else 0}f}k"
