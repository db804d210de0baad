"""How well a region is predicted against how much like the training fold it is."""

import numpy as np
from scipy import stats

from cisflow.evaluation import track_results
from cisflow.evaluation.track_folds import TRACK_MEAN
from cisflow.figures import given, style, units
from cisflow.io import tables

FIGURE = {
    "of": "dataset",
    "label": "correlation against similarity to training sequences",
    "order": 56,
    "inputs": {"similarity": "similarity"},
    "settings": ["baselines"],
    "tasks": ["regression"],
}
NAME_WIDTH = 26
COLUMNS, PLOTS, HEIGHT = 3, 9, 50
# Regions in each of the bins that the line joins.
BINS = 8
POINTS = 1500


def draw(inputs, settings):
    """The Figure: a plot a model and split; the line joins the means of equally many regions.

    Parameters
    ----------
    inputs : similarity: path of the table of the evaluation. settings : dataset; baselines: {model: k}.
    """
    given.demand("similarity", "settings", settings, ("dataset", "baselines"))
    frame = tables.matching(track_results.read_similarity(inputs["similarity"]), metric="pearson")
    frame = frame[(frame["model"] != TRACK_MEAN) & ~frame["model"].isin(list(settings["baselines"]))]
    frame = units.of_all_tracks(frame.dropna(subset=["similarity", "value"]))
    plots = list(frame.groupby(["split", "model", "modality"], sort=True))[:PLOTS]
    if not plots:
        return style.explained(
            f"No correlation to draw: no test region of dataset '{settings['dataset']}' has tracks enough for one.",
            width=style.DOUBLE,
        )
    columns = min(COLUMNS, len(plots))
    rows = -(-len(plots) // columns)
    figure = style.figure(style.SINGLE if columns == 1 else style.DOUBLE, rows * HEIGHT + 8)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, letter, ((split, model, modality), part) in zip(grid, style.letters(), plots, strict=False):
        title = f"{style.wrap(model, NAME_WIDTH)}\n{style.wrap(f'{split}, {modality}', NAME_WIDTH)}"
        draw_panel(axes, part)
        style.panel(axes, letter, title)
    for axes in grid[len(plots) :]:
        axes.set_axis_off()
    figure.supxlabel("Largest share of k-mers in common with a training sequence", fontsize=style.TEXT)
    figure.supylabel("Pearson's r of the region across tracks", fontsize=style.TEXT)
    return figure


def draw_panel(axes, part):
    """Regions as points, at most POINTS of them, the means of bins of equally many, and the rank correlation."""
    x, y = part["similarity"].to_numpy(), part["value"].to_numpy()
    shown = np.linspace(0, len(x) - 1, min(len(x), POINTS)).astype(int)
    axes.plot(x[shown], y[shown], "o", color=style.BLUE, markersize=2, alpha=0.35, markeredgewidth=0)
    order = np.argsort(x, kind="stable")
    parts = np.array_split(order, min(BINS, len(order)))
    axes.plot([x[rows].mean() for rows in parts], [y[rows].mean() for rows in parts], "o-", color=style.VERMILLION)
    text = f"n = {len(x):,}"
    if len(x) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0:
        text += f", \u03c1 = {style.number(stats.spearmanr(x, y).statistic, digits=2)}"
    axes.text(0.98, 0.02, text, transform=axes.transAxes, ha="right", va="bottom")
