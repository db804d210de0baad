"""The variants that change a sequence class most, with their score for every class."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from cisflow.figures import given, style
from cisflow.io import tables

FIGURE = {
    "of": "variants",
    "label": "sequence classes of variants",
    "order": 170,
    "inputs": {"scores": "class_scores"},
    "settings": ["n_variants"],
}
TEXT_COLUMNS = ("id", "record", "chrom", "ref", "alt")
NUMBERS = ("pos", "max_abs_class_score")
# More columns than Sei's classes would be too narrow for their names.
MAX_CLASSES = 40
NAME_WIDTH = 30
# Millimetres: room for the names of variants, size of a cell, and what lies above, below and at the right.
LEFT, CELL, ROW, TOP, BOTTOM, RIGHT = 52, 2.9, 3.4, 16, 17, 12


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : scores: path of class_scores.tsv. settings : n_variants.
    """
    given.demand("variant_classes", "settings", settings, ("n_variants",))
    table = tables.table(inputs["scores"], TEXT_COLUMNS, NUMBERS)
    names = [name for name in table.columns if name not in (*TEXT_COLUMNS, *NUMBERS)]
    table = tables.table(inputs["scores"], TEXT_COLUMNS, (*NUMBERS, *names))
    if table.empty:
        return style.explained("No variant was scored, so that there is nothing to show.")
    top = table.sort_values("max_abs_class_score", ascending=False, kind="stable").head(settings["n_variants"])
    scores = top[names].to_numpy()
    shown = np.sort(np.argsort(-np.abs(scores).max(axis=0), kind="stable")[:MAX_CLASSES])
    width, height = CELL * len(shown), ROW * len(top)
    figure = style.figure(max(LEFT + width + RIGHT, style.SINGLE + 30), TOP + height + BOTTOM, layout=None)
    counted = f"{len(top):,} of {len(table):,} variants, by their largest absolute score"
    style.write(figure, 2, 5, counted, va="baseline")
    axes = style.place(figure, LEFT, TOP, width, height)
    limit = float(np.abs(scores).max()) or 1.0
    cells = axes.pcolormesh(scores[:, shown], cmap="RdBu_r", vmin=-limit, vmax=limit, edgecolors="white", linewidth=0.2)
    axes.invert_yaxis()
    axes.set_yticks(np.arange(len(top)) + 0.5, [shortened(name) for name in top["id"]])
    axes.set_xticks(np.arange(len(shown)) + 0.5, [names[column].split()[0] for column in shown], rotation=90)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    bar = style.place(figure, LEFT, TOP + height + 4, min(width, 50), 2.5)
    figure.colorbar(cells, cax=bar, orientation="horizontal", label="Class score, alternative \u2212 reference")
    bar.xaxis.set_major_locator(MaxNLocator(3))
    return figure


def shortened(name):
    return name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 1] + "\u2026"
