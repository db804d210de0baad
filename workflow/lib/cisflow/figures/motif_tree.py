"""A tree of the merged patterns of a dataset, with logos, names, effects on each output and seeds."""

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from scipy.cluster import hierarchy

from cisflow.figures import given, merged, style
from cisflow.motifs.similarity import similarities

FIGURE = {
    "of": "motifs",
    "label": "tree of motifs",
    "order": 155,
    "inputs": {"patterns": "merged_patterns", "matrices": "merged_matrices"},
    "settings": ["n_merged"],
}
# Millimetres from the left: tree, logos, names, effects; behind these the seqlets and the seeds.
TREE, LOGO, NAME, EFFECTS = 3, 26, 56, 90
TREE_WIDTH, LOGO_WIDTH = 21, 28
NAME_WIDTH = 17
COLUMNS, ROOM, WIDEST = 24, 58, 7
BARS, BARS_WIDTH, SEEDS = 3, 16, 22
TITLE, ROW, FOOT = 2, 9, 15
# Colour bar: its left edge, width and height.
BAR, BAR_WIDTH, BAR_HEIGHT = 55, 29, 2.2


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : patterns: path of the table of merged patterns; matrices: path of their MEME file.
    settings : n_merged: patterns that are shown, most seeds first.
    """
    given.demand("motif_tree", "settings", settings, ("n_merged",))
    found = merged.read(inputs, settings["n_merged"], COLUMNS)
    if found is None:
        return style.explained("No pattern was found by any model and method: there is no tree to draw.")
    order, segments = tree([found.matrices[row.id] for row in found.rows])
    rows = [found.rows[place] for place in order]
    head = max(TITLE + merged.label_height(found.labels), 8)
    row = merged.row_height(len(rows), style.PAGE - head - FOOT, ROW)
    column = min(WIDEST, ROOM / len(found.labels))
    behind = EFFECTS + column * len(found.labels) + BARS
    height = row * len(rows)
    figure = style.figure(behind + SEEDS + 8, head + height + FOOT, None)
    draw_tree(style.place(figure, TREE, head, TREE_WIDTH, height), segments, len(rows))
    for number, one in enumerate(rows):
        top = head + row * number
        merged.draw_logo(figure, LOGO, top, LOGO_WIDTH, row, found.matrices[one.id])
        name, colour = merged.name_of(one, NAME_WIDTH)
        style.write(figure, NAME, top + row / 2, f"{one.id} {name}", va="center", color=colour)
        seeds = merged.seeds_of(one.cells)
        style.write(figure, behind + SEEDS + 2, top + row / 2, seeds, va="center", ha="center")
    draw_effects(figure, head, rows, found, column, height)
    draw_seqlets(style.place(figure, behind, head, BARS_WIDTH, height), rows)
    heads = ((TREE, "1 \u2212 r"), (LOGO, "Logo (0\u20132 bits)"), (NAME, "Best match"), (behind, "Seqlets"))
    for left, text in heads:
        style.write(figure, left, head - 1.5, text, color=style.GREY, va="baseline")
    style.write(figure, behind + SEEDS + 2, head - 1.5, "Seeds", color=style.GREY, va="baseline", ha="center")
    foot = f"{len(rows)} of {found.n} merged patterns"
    style.write(figure, TREE, head + height + FOOT - 2.5, foot, va="baseline", color=style.GREY)
    return figure


def tree(matrices):
    """(order of the leaves, segments [(x, y), …] of the branches): average linkage of 1 - r, as patterns were merged.

    y counts rows from 0; x is the distance at which two branches meet.
    """
    if len(matrices) == 1:
        return [0], []
    r = similarities(matrices).r
    distances = np.clip(1 - (r + r.T) / 2, 0, None)[np.triu_indices(len(r), 1)]
    linkage = hierarchy.linkage(distances, "average", optimal_ordering=True)
    drawn = hierarchy.dendrogram(linkage, no_plot=True)
    # scipy puts the leaves at 5, 15, 25, …
    places = (np.array(drawn["icoord"]) - 5) / 10
    return drawn["leaves"], [list(zip(x, y, strict=True)) for x, y in zip(drawn["dcoord"], places, strict=True)]


def draw_tree(axes, segments, n):
    if not segments:
        axes.set_axis_off()
        return
    axes.add_collection(LineCollection(segments, colors=style.BLACK, linewidths=0.7))
    furthest = max(x for segment in segments for x, _ in segment)
    axes.set(xlim=(furthest * 1.03, 0), ylim=(n - 0.5, -0.5), yticks=[])
    axes.set_xticks([0, furthest], ["0", f"{furthest:.1f}"])
    axes.spines["left"].set_visible(False)


def draw_effects(figure, head, rows, found, column, height):
    """Effects as colours: of each model and method as shares of its largest, as methods have scales of their own."""
    effects = np.array([[cell.effect for cell in row.cells] for row in rows])
    for group in dict.fromkeys(found.groups):
        of = [place for place, other in enumerate(found.groups) if other == group]
        largest = np.nanmax(np.abs(effects[:, of]), initial=0)
        effects[:, of] /= largest if largest > 0 else 1
    axes = style.place(figure, EFFECTS, head, column * len(found.labels), height)
    axes.set_facecolor(style.PALE)
    scale = Normalize(-1, 1)
    axes.pcolormesh(np.ma.masked_invalid(effects), cmap="RdBu_r", norm=scale, edgecolors="white", linewidth=0.4)
    axes.set(xlim=(0, len(found.labels)), ylim=(len(rows), 0), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    for number, label in enumerate(found.labels):
        middle = EFFECTS + column * (number + 0.5)
        style.write(figure, middle, head - 1.5, label, rotation=90, ha="center", va="bottom", linespacing=1)
    bar = style.place(figure, BAR, head + height + 3, BAR_WIDTH, BAR_HEIGHT)
    colours = figure.colorbar(ScalarMappable(scale, "RdBu_r"), cax=bar, orientation="horizontal", ticks=(-1, 0, 1))
    colours.set_label("Effect, share of the largest")
    colours.outline.set_linewidth(0.4)


def draw_seqlets(axes, rows):
    """Seqlets of all columns together, on a log scale."""
    counts = [max(sum(cell.n_seqlets for cell in row.cells), 1) for row in rows]
    axes.barh(range(len(rows)), counts, height=0.6, color=style.SKY, left=0.8)
    axes.set(xscale="log", ylim=(len(rows) - 0.5, -0.5), yticks=[], xlim=(0.8, max(counts) * 1.3 + 10))
    highest = int(np.log10(max(counts) * 1.3 + 10))
    axes.set_xticks([1, 10**highest], ["1", f"10{str(highest).translate(style.SUPERSCRIPT)}"])
    axes.minorticks_off()
