"""Factors whose motifs lie in the seqlets of more sequences than in windows elsewhere in them."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cisflow.figures import given, style
from cisflow.io import tables

FIGURE = {
    "of": "explanation",
    "label": "top factors",
    "order": 130,
    "inputs": {"scores": "motif_scores"},
    "settings": ["methods", "n_factors"],
}
SIGNIFICANT = 0.05
TEXT_COLUMNS = ("motif_id", "motif_name")
NUMBERS = ("n_sequences", "n_in_seqlets", "n_background", "log2_ratio", "p_value", "q_value")
SEQLETS, BACKGROUND = style.VERMILLION, style.SKY
NAME_WIDTH = 16
# Millimetres: a block's width and parts from its left edge, and heights.
BLOCK, RATIO, SHARES, Q = 91.5, 31, 55, 75.5
PLOT_WIDTH = 19
HEADER, ROW, AXIS, EMPTY, KEY = 13, 3.4, 10, 18, 6


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : scores: motif_scores.tsv of each method. settings : methods: their names, in the same order; n_factors.
    """
    given.demand("top_factors", "settings", settings, ("methods", "n_factors"))
    scores = given.by_method("top_factors", inputs, settings, "scores")
    if not scores:
        return style.explained("No motif was scored: there is no attribution method to score seqlets of.")
    frames = [tables.table(path, TEXT_COLUMNS, NUMBERS) for path in scores.values()]
    tops = [significant(frame).head(settings["n_factors"]) for frame in frames]
    columns = min(2, len(frames))
    heights = [HEADER + (ROW * (len(top) + 0.4) + AXIS if len(top) else EMPTY) for top in tops]
    bands = [max(heights[i : i + columns]) for i in range(0, len(frames), columns)]
    figure = style.figure(BLOCK * columns, sum(bands) + KEY, layout=None)
    for i, (method, letter) in enumerate(zip(scores, style.letters(), strict=False)):
        left, upper = BLOCK * (i % columns), sum(bands[: i // columns])
        draw_method(figure, left, upper, letter, method, frames[i], tops[i])
    if any(len(top) for top in tops):
        draw_key(figure)
    return figure


def significant(frame):
    """Rows with a q value of at most SIGNIFICANT, most significant first."""
    kept = frame[frame["q_value"] <= SIGNIFICANT]
    return kept.sort_values(["p_value", "motif_id"], kind="stable").reset_index(drop=True)


def draw_method(figure, left, upper, letter, method, table, top):
    """The block of one method: log2 ratios, shares of sequences, q values; or why there is nothing to show."""
    style.write(figure, left + 2, upper + 5, letter, fontweight="bold", fontsize=style.LETTER, va="baseline")
    style.write(figure, left + 8, upper + 5, style.method_label(method), fontweight="bold", va="baseline")
    if top.empty:
        axes = style.place(figure, left + 8, upper + 7, BLOCK - 14, EMPTY)
        style.explain(axes, why_empty(table), width=46)
        return
    n, n_significant = int(table["n_sequences"].max()), len(significant(table))
    counted = f"n = {n:,} sequences; {n_significant} of {len(table)} factors with q \u2264 {SIGNIFICANT:g}"
    style.write(figure, left + 8, upper + 8.6, counted, va="baseline")
    style.write(figure, left + Q, upper + HEADER - 0.6, "q", va="baseline", style="italic")
    height = ROW * (len(top) + 0.4)
    ratio = style.place(figure, left + RATIO, upper + HEADER, PLOT_WIDTH, height)
    share = style.place(figure, left + SHARES, upper + HEADER, PLOT_WIDTH, height, sharey=ratio)
    places = np.arange(len(top))
    draw_ratios(ratio, places, top["log2_ratio"])
    draw_shares(share, places, top)
    names = top["motif_name"].where(top["motif_name"] != "", top["motif_id"])
    ratio.set_yticks(places, [shortened(name) for name in names])
    ratio.set_ylim(len(top) - 0.4, -0.8)
    for axes in (ratio, share):
        axes.tick_params(axis="y", length=0)
    share.tick_params(axis="y", labelleft=False)
    for place, q in zip(places, top["q_value"], strict=True):
        style.write(figure, left + Q, upper + HEADER + ROW * (place + 0.8), style.small(q), va="center")


def shortened(name):
    return name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 1] + "\u2026"


def why_empty(table):
    if table.empty:
        return "No motif occurs in the seqlets of this method, so that there is nothing to test."
    lowest = table["q_value"].min()
    known = "no q value is known" if lowest != lowest else f"the smallest q value is {style.small(lowest)}"
    return f"None of {len(table)} factors is enriched or depleted at q \u2264 {SIGNIFICANT:g}: {known}."


def draw_ratios(axes, places, ratios):
    axes.hlines(places, 0, ratios, color=style.BLACK, linewidth=0.9)
    axes.plot(ratios, places, "o", color=style.BLACK, markersize=3.5)
    axes.axvline(0, color=style.GREY, linewidth=0.6)
    axes.set(xlabel="log2 ratio")
    axes.xaxis.set_major_locator(MaxNLocator(3))


def draw_shares(axes, places, top):
    """Shares of the sequences with a hit in seqlets and in the background."""
    in_seqlets, background = top["n_in_seqlets"] / top["n_sequences"], top["n_background"] / top["n_sequences"]
    axes.hlines(places, background, in_seqlets, color=style.GREY, linewidth=0.7)
    axes.plot(background, places, "s", color=BACKGROUND, markersize=3.5)
    axes.plot(in_seqlets, places, "o", color=SEQLETS, markersize=3.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("Share of sequences")
    axes.xaxis.set_major_locator(MaxNLocator(2))


def draw_key(figure):
    handles = [
        Line2D([], [], color=SEQLETS, marker="o", linestyle="none", markersize=3.5, label="Motif in a seqlet"),
        Line2D([], [], color=BACKGROUND, marker="s", linestyle="none", markersize=3.5, label="Motif in the background"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=2)
