"""What figures of motifs in seqlets share: tables of one method and all its targets, and panels of one method."""

import math

from cisflow.figures import style
from cisflow.io import tables

SIGNIFICANT = 0.05
TEXT_COLUMNS = ("target", "motif_id", "motif_name", "family", "null")
NUMBERS = (
    *("stands", "gc", "n_sequences", "n_in_seqlets", "n_background", "log2_ratio", "low", "high"),
    *("p_value", "q_value", "family_q_value", "seqlet_fdr"),
)
# Methods that have a panel of their own; the others are named below them.
MOST_PANELS = 9
# Millimetres: a note's line, and the room of an axis with its label beside and below a panel.
NOTE, SIDE, BELOW = 3.4, 13.5, 11


def read(path):
    """The rows of motif_scores.tsv; a motif without a name has its id for one."""
    frame = tables.table(path, TEXT_COLUMNS, NUMBERS)
    return frame.assign(motif_name=frame["motif_name"].where(frame["motif_name"] != "", frame["motif_id"]))


def families(frame):
    """Of the rows of one target, the members that stand for a significant family, the most significant first.

    Returns
    -------
    frame with a column `others`: how many other members of the family were tested.
    """
    others = frame.groupby("family")["motif_id"].transform("size") - 1
    kept = frame.assign(others=others)[(frame["stands"] == 1) & (frame["family_q_value"] <= SIGNIFICANT)]
    return kept.sort_values(["family_q_value", "p_value", "motif_id"], kind="stable").reset_index(drop=True)


def shortened(name, width):
    """A name of at most so many characters."""
    return name if len(name) <= width else name[: width - 1] + "\u2026"


def listed(what, names, width):
    """Lines `what: a, b and 7 more`, of as many names as one line of so many characters has room for."""
    for shown in range(len(names), 0, -1):
        more = len(names) - shown
        text = f"{what}: {', '.join(names[:shown])}{f' and {more} more' if more else ''}."
        if len(text) <= width:
            return [text]
    return [f"{what}: {len(names)}."] if names else []


def panels(methods, above, height, foot):
    """A Figure with axes of a panel for each of the first methods, and a line that names the others.

    Parameters
    ----------
    above : mm from a panel's upper edge to its axes, of which the title takes 6. height : of the axes, in mm. foot : mm
        that are kept free below all.

    Returns
    -------
    (figure, [(method, axes, left, top)]), the place of a panel in mm.
    """
    shown = methods[:MOST_PANELS]
    columns = {1: 1, 2: 2, 4: 2}.get(len(shown), 3)
    width, rows = (style.SINGLE if columns == 1 else style.DOUBLE / columns), math.ceil(len(shown) / columns)
    names = [style.method_label(method) for method in methods[MOST_PANELS:]]
    notes = listed("Not shown", names, int(0.62 * width * columns))
    deep = above + height + BELOW
    figure = style.figure(width * columns, rows * deep + NOTE * len(notes) + foot, layout=None)
    found = []
    for i, (method, letter) in enumerate(zip(shown, style.letters(), strict=False)):
        left, top = width * (i % columns), deep * (i // columns)
        style.write(figure, left + 2, top + 5, letter, fontweight="bold", fontsize=style.LETTER, va="baseline")
        style.write(figure, left + 7, top + 5, style.method_label(method), fontweight="bold", va="baseline")
        axes = style.place(figure, left + SIDE, top + above, width - SIDE - 4, height)
        found.append((method, axes, left, top))
    for i, note in enumerate(notes):
        style.write(figure, 2, rows * deep + NOTE * (i + 0.7), note, va="baseline")
    return figure, found
