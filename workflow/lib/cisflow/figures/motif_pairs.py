"""Interactions of motif pairs: what both add beyond their own effects, by spacing and orientation."""

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from cisflow.figures import given, style
from cisflow.figures.motif_effects import shortened
from cisflow.io import tables

FIGURE = {
    "of": "effects",
    "label": "interactions of motif pairs",
    "order": 172,
    "inputs": {"pairs": "motif_pairs"},
    "settings": ["n_pairs"],
}
TEXT = ("target", "scale", "background", "first", "second", "orientation")
NUMBERS = ("gap", "interaction", "lower", "upper")
# As the table names them -> as they are drawn.
ORIENTATIONS = {
    "first> second>": "A\u2192 B\u2192",
    "second> first>": "B\u2192 A\u2192",
    "first> <second": "A\u2192 \u2190B",
    "<second first>": "\u2190B A\u2192",
}
TITLE_WIDTH = 80
# Millimetres.
NAMES, PANEL, GAP = 47, 31, 2.5
HEAD, ROW, AXIS, BAR = 15, 4.6, 9, 9


def draw(inputs, settings):
    """The Figure: a heat map for each orientation, of the output and the background with the strongest interaction.

    Parameters
    ----------
    inputs : pairs: path of the table. settings : n_pairs: pairs that are shown.
    """
    given.demand("motif_pairs", "inputs", inputs, ("pairs",))
    given.demand("motif_pairs", "settings", settings, ("n_pairs",))
    found = tables.table(inputs["pairs"], TEXT, NUMBERS)
    if found.empty:
        return style.explained("No two motifs were put into backgrounds together.")
    most = found.loc[found["interaction"].abs().idxmax()]
    found = found[(found["target"] == most["target"]) & (found["background"] == most["background"])]
    found = found.assign(size=found["interaction"].abs())
    sizes = found.groupby(["first", "second"], sort=False)["size"].max().sort_values(ascending=False, kind="stable")
    pairs, gaps = sizes.index[: settings["n_pairs"]].tolist(), sorted(found["gap"].unique())
    reach = sizes.iloc[0] or 1.0
    height = ROW * len(pairs)
    figure = style.figure(style.DOUBLE, HEAD + height + AXIS + BAR, layout=None)
    title = style.wrap(f"{most['target']}, backgrounds: {most['background']}", TITLE_WIDTH).split("\n")[0]
    style.write(figure, 2, 5, title, va="baseline")
    style.write(figure, 2, HEAD - 1.5, "A, B", va="baseline", color=style.GREY)
    for row, (first, second) in enumerate(pairs):
        text = f"{shortened(first)}, {shortened(second)}"
        style.write(figure, 2, HEAD + ROW * (row + 0.5), text, va="center")
    for column, (orientation, drawn) in enumerate(ORIENTATIONS.items()):
        axes = style.place(figure, NAMES + column * (PANEL + GAP), HEAD, PANEL, height)
        panel(axes, found[found["orientation"] == orientation], pairs, gaps, reach)
        axes.set_title(drawn)
    below = HEAD + height + AXIS
    middle = NAMES + 2 * PANEL + 1.5 * GAP
    style.write(figure, middle, below - 1, "Bases between the two", ha="center", va="baseline")
    bar = style.place(figure, NAMES, below + 1.5, PANEL, 2.2)
    colours = figure.colorbar(ScalarMappable(Normalize(-reach, reach), "RdBu_r"), cax=bar, orientation="horizontal")
    colours.set_ticks([-reach, 0, reach], labels=[f"{-reach:.2g}", "0", f"{reach:.2g}"])
    colours.outline.set_linewidth(0.4)
    scale = {"output": "output", "prediction": "prediction"}.get(most["scale"], f"{most['scale']} of prediction")
    text = f"Interaction ({scale}); dots: the interval leaves out 0"
    style.write(figure, NAMES + PANEL + 8, below + 3.6, text, va="baseline")
    return figure


def panel(axes, part, pairs, gaps, reach):
    """Interactions in one orientation, white where there are none."""
    row_of, column_of = ({item: place for place, item in enumerate(items)} for items in (pairs, gaps))
    values, told = np.full((len(pairs), len(gaps)), np.nan), []
    for row in part.itertuples(index=False):
        if (row.first, row.second) in row_of:
            place = row_of[row.first, row.second], column_of[row.gap]
            values[place] = row.interaction
            if row.lower > 0 or row.upper < 0:
                told.append(place)
    axes.pcolormesh(
        np.arange(len(gaps) + 1) - 0.5,
        np.arange(len(pairs) + 1),
        np.ma.masked_invalid(values),
        cmap="RdBu_r",
        vmin=-reach,
        vmax=reach,
        rasterized=True,
    )
    for row, column in told:
        axes.plot(column, row + 0.5, "o", markersize=0.9, color=style.BLACK)
    step = max(1, -(-len(gaps) // 6))
    ticks = range(0, len(gaps), step)
    axes.set(xlim=(-0.5, len(gaps) - 0.5), ylim=(len(pairs), 0), yticks=[], xticks=ticks)
    axes.set_xticklabels([f"{gaps[tick]:g}" for tick in ticks])
    axes.spines["left"].set_visible(False)
    axes.hlines(range(1, len(pairs)), -0.5, len(gaps) - 0.5, color="white", linewidth=0.6)
