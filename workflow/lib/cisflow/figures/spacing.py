"""Spacing of motif pairs: how often two motifs lie at each distance, by orientation, against shuffled sites."""

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from cisflow.figures import given, merged, style
from cisflow.io import tables

FIGURE = {
    "of": "motifs",
    "label": "spacing of motif pairs",
    "order": 160,
    "inputs": {"spacing": "spacing", "distances": "distances"},
    "settings": ["n_pairs"],
}
TEXT = ("first", "second", "first_name", "second_name", "orientation")
SIGNIFICANT = 0.05
# As the tables name them -> as they are drawn.
ORIENTATIONS = {
    "first> second>": "A\u2192 B\u2192",
    "second> first>": "B\u2192 A\u2192",
    "first> <second": "A\u2192 \u2190B",
    "<second first>": "\u2190B A\u2192",
}
# Colours end at this ratio, as a power of two.
RANGE = 3
NAME_WIDTH = 9
# Millimetres.
NAMES, PANEL, GAP, RIGHT = 47, 31, 2.5, 6
HEAD, ROW, AXIS, BAR = 11, 4.6, 9, 9
PROFILE_TITLE, PROFILE, PROFILE_AXIS = 10, 26, 11


def draw(inputs, settings):
    """The Figure: heat maps of the most unlikely pairs, and all distances of the first.

    Parameters
    ----------
    inputs : spacing, distances: paths of the tables. settings : n_pairs: pairs of patterns that are shown.
    """
    given.demand("spacing", "settings", settings, ("n_pairs",))
    found = tables.table(inputs["spacing"], TEXT, ("distance", "n", "expected", "p_value", "q_value"))
    distances = tables.table(inputs["distances"], TEXT, ("distance", "n", "expected"))
    if found.empty:
        return style.explained("No two patterns lie near each other in sequences enough to ask how far they are apart.")
    pairs = distances[["first", "second"]].drop_duplicates().head(settings["n_pairs"]).apply(tuple, axis=1).tolist()
    last = int(distances["distance"].max())
    height = ROW * len(pairs)
    below = HEAD + height + AXIS + BAR
    figure = style.figure(style.DOUBLE, below + PROFILE_TITLE + PROFILE + PROFILE_AXIS, layout=None)
    style.write(figure, 2, 5, "a", fontweight="bold", fontsize=style.LETTER, va="baseline")
    style.write(figure, 2, HEAD - 1.5, "A, B", va="baseline", color=style.GREY)
    for row, pair in enumerate(pairs):
        named = found[(found["first"] == pair[0]) & (found["second"] == pair[1])].iloc[0]
        style.write(figure, 2, HEAD + ROW * (row + 0.5), label(named), va="center")
    for column, (orientation, drawn) in enumerate(ORIENTATIONS.items()):
        axes = style.place(figure, NAMES + column * (PANEL + GAP), HEAD, PANEL, height)
        draw_panel(axes, distances[distances["orientation"] == orientation], pairs, last)
        mark(axes, found[found["orientation"] == orientation], pairs)
        axes.set_title(drawn)
    middle = NAMES + 2 * PANEL + 1.5 * GAP
    style.write(figure, middle, HEAD + height + AXIS - 1, "Distance of the middles (bp)", ha="center", va="baseline")
    bar = style.place(figure, NAMES, HEAD + height + AXIS + 1.5, PANEL, 2.2)
    colours = figure.colorbar(
        ScalarMappable(Normalize(-RANGE, RANGE), "RdBu_r"), cax=bar, orientation="horizontal", ticks=(-RANGE, 0, RANGE)
    )
    colours.outline.set_linewidth(0.4)
    text = "log2 of pairs of sites over those of shuffled sites; boxes: q \u2264 0.05"
    style.write(figure, NAMES + PANEL + 5, HEAD + height + AXIS + 3.6, text, va="baseline")
    draw_profile(figure, below, found.iloc[0], distances, last)
    return figure


def label(row):
    """`M1 CTCF, M2 AP-1`."""
    names = ((row[side], merged.shortened(row[f"{side}_name"], NAME_WIDTH)) for side in ("first", "second"))
    return ", ".join(f"{pattern} {name}" for pattern, name in names)


def draw_panel(axes, part, pairs, last):
    """Ratios of one orientation, white where patterns would lie upon each other."""
    ratios = np.full((len(pairs), last + 1), np.nan)
    place = {pair: row for row, pair in enumerate(pairs)}
    for row in part.itertuples(index=False):
        if (row.first, row.second) in place:
            ratio = np.log2((row.n + 1) / (row.expected + 1))
            ratios[place[row.first, row.second], int(row.distance)] = ratio
    axes.pcolormesh(
        np.arange(last + 2) - 0.5,
        np.arange(len(pairs) + 1),
        np.ma.masked_invalid(ratios),
        cmap="RdBu_r",
        vmin=-RANGE,
        vmax=RANGE,
        rasterized=True,
    )
    axes.set(xlim=(0, last + 0.5), ylim=(len(pairs), 0), yticks=[], xticks=[0, last // 2])
    axes.spines["left"].set_visible(False)
    axes.hlines(range(1, len(pairs)), 0, last, color="white", linewidth=0.6)


def mark(axes, part, pairs):
    """A box around what is significant."""
    place = {pair: row for row, pair in enumerate(pairs)}
    for row in part[part["q_value"] <= SIGNIFICANT].itertuples(index=False):
        if (row.first, row.second) in place:
            corner = (row.distance - 1.5, place[row.first, row.second] + 0.06)
            axes.add_patch(Rectangle(corner, 3, 0.88, fill=False, edgecolor=style.BLACK, linewidth=0.7))


def draw_profile(figure, top, best, distances, last):
    """Pairs of sites at every distance of the most unlikely pair and orientation."""
    of = distances[(distances["first"] == best["first"]) & (distances["second"] == best["second"])]
    of = of[of["orientation"] == best["orientation"]]
    style.write(figure, 2, top + 5, "b", fontweight="bold", fontsize=style.LETTER, va="baseline")
    title = (
        f"{label(best)}, {ORIENTATIONS[best['orientation']]}: {best['n']:.0f} at {best['distance']:.0f} bp, expected "
    )
    title += f"{best['expected']:.2g} (q = {style.small(best['q_value'])})"
    style.write(figure, 8, top + 5, title, va="baseline")
    axes = style.place(figure, 14, top + PROFILE_TITLE - 2, style.DOUBLE - 14 - RIGHT, PROFILE)
    axes.bar(of["distance"], of["n"], width=0.9, color=style.SKY, label="Observed")
    axes.plot(of["distance"], of["expected"], color=style.BLACK, linewidth=0.8, label="Shuffled sites, mean")
    axes.set(xlim=(0, last + 1), xlabel="Distance of the middles (bp)", ylabel="Pairs of sites")
    axes.set_ylim(top=1.3 * max(of["n"].max(), of["expected"].max(), 1))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.legend(loc="upper right", ncols=2)
