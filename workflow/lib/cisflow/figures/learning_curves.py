"""Loss and validation AUROC of every network by epoch, one small plot a model and split."""

import math
from itertools import groupby

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cisflow.figures import reading, style

NUMBERS = ("epoch", "train_loss", "valid_loss", "valid_auroc", "best")
# Plots beside each other: few of them leave more room for each.
COLUMNS, MOST_COLUMNS, FEW = 4, 5, 16
# In mm: a plot and a line of its title where there is room, and the key.
HEIGHT, TITLE, KEY = 46, 3, 12
NAME_WIDTH = 25
TRAIN, VALID, AUROC = style.BLACK, style.ORANGE, style.BLUE


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : histories: [{model, split, seed, path of history.tsv}, ...].
    settings : dataset.
    """
    reading.demand("learning_curves", "inputs", inputs, ("histories",))
    reading.demand("learning_curves", "settings", settings, ("dataset",))
    for source in inputs["histories"]:
        reading.demand("learning_curves", "inputs, histories", source, ("model", "split", "seed", "path"))
    runs = [(source, reading.table(source["path"], numbers=NUMBERS)) for source in inputs["histories"]]
    runs = [run for run in runs if len(run[1])]
    if not runs:
        return style.explained(
            f"No learning curve to draw: dataset '{settings['dataset']}' trains no network "
            "(classifiers have no epochs)."
        )
    runs.sort(key=lambda run: (run[0]["model"], run[0]["split"], int(run[0]["seed"])))
    cells = [(key, [frame for _, frame in cell]) for key, cell in groupby(runs, key=lambda run: cell_key(run[0]))]
    titles = [f"{style.wrap(model, NAME_WIDTH)}\n{style.wrap(split, NAME_WIDTH)}" for (model, split), _ in cells]

    columns = min(COLUMNS if len(cells) <= FEW else MOST_COLUMNS, len(cells))
    rows = math.ceil(len(cells) / columns)
    width = style.SINGLE if columns <= 2 else style.DOUBLE
    natural = HEIGHT + TITLE * max(title.count("\n") for title in titles)
    figure = style.figure(width, min(rows * natural + KEY, style.PAGE))
    grid = figure.add_gridspec(rows, columns)
    limits = auroc_limits([frame for _, frame in runs])
    for i, ((_, frames), title) in enumerate(zip(cells, titles, strict=True)):
        upper, lower = grid[divmod(i, columns)].subgridspec(2, 1, height_ratios=[1.25, 1]).subplots(sharex=True)
        draw_cell(upper, lower, frames, title, limits)
        if i % columns == 0:
            upper.set_ylabel("Loss")
            lower.set_ylabel("AUROC")
            figure.align_ylabels([upper, lower])
    draw_key(figure, width)
    return figure


def cell_key(source):
    return source["model"], source["split"]


def auroc_limits(frames):
    """One scale of AUROC for all plots, from 0.5 or lower to 1."""
    values = np.concatenate([frame["valid_auroc"].to_numpy() for frame in frames])
    lowest = np.nanmin(values) if np.isfinite(values).any() else 0.5
    return min(0.5, lowest) - 0.02, 1.02


def draw_cell(upper, lower, frames, title, limits):
    """One small plot: losses above, AUROC below."""
    upper.set_title(title, linespacing=1.1)
    for frame in frames:
        draw_run(upper, lower, frame.sort_values("epoch"))
    lower.set(ylim=limits, xlabel="Epoch")
    lower.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    upper.yaxis.set_major_locator(MaxNLocator(4))
    lower.yaxis.set_major_locator(MaxNLocator(3))


def draw_run(upper, lower, frame):
    """The curves of one seed; a diamond marks the epoch whose weights were kept."""
    thin = {"linewidth": 0.9, "alpha": 0.85}
    upper.plot(frame["epoch"], frame["train_loss"], color=TRAIN, linestyle=(0, (3, 1.2)), **thin)
    upper.plot(frame["epoch"], frame["valid_loss"], color=VALID, **thin)
    lower.plot(frame["epoch"], frame["valid_auroc"], color=AUROC, **thin)
    best = frame[frame["best"] == 1]
    mark = {"marker": "D", "markersize": 3, "markeredgecolor": "black", "markeredgewidth": 0.5, "linestyle": "none"}
    upper.plot(best["epoch"], best["valid_loss"], color=VALID, zorder=4, **mark)
    lower.plot(best["epoch"], best["valid_auroc"], color=AUROC, zorder=4, **mark)


def draw_key(figure, width):
    best = {"marker": "D", "markersize": 3, "markeredgecolor": "black", "markeredgewidth": 0.5, "linestyle": "none"}
    handles = [
        Line2D([], [], color=TRAIN, linestyle=(0, (3, 1.2)), label="Training loss"),
        Line2D([], [], color=VALID, label="Validation loss"),
        Line2D([], [], color=AUROC, label="Validation AUROC"),
        Line2D([], [], color="white", label="Best epoch (kept)", **best),
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=4 if width == style.DOUBLE else 2,
        title="One line a seed",
        title_fontsize=style.TEXT,
    )
