"""Loss and validation score of every network by epoch, one small plot a model and split."""

import math
from itertools import groupby

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cisflow import tasks
from cisflow.evaluation import runs
from cisflow.figures import given, style
from cisflow.io import tables

FIGURE = {
    "of": "dataset",
    "label": "learning curves",
    "order": 60,
    "inputs": {"runs": "runs"},
    "reads": ["histories"],
    "settings": ["task"],
}
NUMBERS = ("epoch", "train_loss", "valid_loss")
# Plots beside each other: few of them leave more room for each.
COLUMNS, MOST_COLUMNS, FEW = 4, 5, 16
# In mm: a plot and a line of its title where there is room, and the key.
HEIGHT, TITLE, KEY = 46, 3, 12
NAME_WIDTH = 25
TRAIN, VALID, SCORE = style.BLACK, style.ORANGE, style.BLUE
# What an axis of scores has beyond its ends.
MARGIN = 0.02


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : runs: path of the table of runs, beside which their histories lie. settings : dataset, task.
    """
    given.demand("learning_curves", "settings", settings, ("dataset", "task"))
    task = tasks.get(settings["task"])
    metric, label = task.score, task.labels[task.score]
    numbers = (*NUMBERS, f"valid_{metric}", "best")
    networks = [run for run in runs.read(inputs["runs"]) if run.kind == "network"]
    histories = [(run, tables.table(run.history, numbers=numbers)) for run in networks]
    histories = [(run, frame) for run, frame in histories if len(frame)]
    if not histories:
        return style.explained(
            f"No learning curve to draw: dataset '{settings['dataset']}' trains no network "
            "(classifiers have no epochs)."
        )
    histories.sort(key=lambda item: (item[0].model, item[0].split, item[0].seed))
    groups = groupby(histories, key=lambda item: (item[0].model, item[0].split))
    cells = [(key, [frame.rename(columns={f"valid_{metric}": "score"}) for _, frame in cell]) for key, cell in groups]
    titles = [f"{style.wrap(model, NAME_WIDTH)}\n{style.wrap(split, NAME_WIDTH)}" for (model, split), _ in cells]

    columns = min(COLUMNS if len(cells) <= FEW else MOST_COLUMNS, len(cells))
    rows = math.ceil(len(cells) / columns)
    width = style.SINGLE if columns <= 2 else style.DOUBLE
    natural = HEIGHT + TITLE * max(title.count("\n") for title in titles)
    figure = style.figure(width, min(rows * natural + KEY, style.PAGE))
    grid = figure.add_gridspec(rows, columns)
    limits = score_limits([frame for _, frames in cells for frame in frames], task.chance[metric])
    for i, ((_, frames), title) in enumerate(zip(cells, titles, strict=True)):
        upper, lower = grid[divmod(i, columns)].subgridspec(2, 1, height_ratios=[1.25, 1]).subplots(sharex=True)
        draw_cell(upper, lower, frames, title, limits)
        if i % columns == 0:
            upper.set_ylabel("Loss")
            lower.set_ylabel(label)
            figure.align_ylabels([upper, lower])
    draw_key(figure, width, label)
    return figure


def score_limits(frames, chance):
    """One scale of the score for all plots, from what no skill scores or lower to 1."""
    values = np.concatenate([frame["score"].to_numpy() for frame in frames])
    lowest = np.nanmin(values) if np.isfinite(values).any() else chance
    return min(chance, lowest) - MARGIN, 1 + MARGIN


def draw_cell(upper, lower, frames, title, limits):
    """One small plot: losses above, the score below."""
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
    lower.plot(frame["epoch"], frame["score"], color=SCORE, **thin)
    best = frame[frame["best"] == 1]
    mark = {"marker": "D", "markersize": 3, "markeredgecolor": "black", "markeredgewidth": 0.5, "linestyle": "none"}
    upper.plot(best["epoch"], best["valid_loss"], color=VALID, zorder=4, **mark)
    lower.plot(best["epoch"], best["score"], color=SCORE, zorder=4, **mark)


def draw_key(figure, width, score):
    best = {"marker": "D", "markersize": 3, "markeredgecolor": "black", "markeredgewidth": 0.5, "linestyle": "none"}
    handles = [
        Line2D([], [], color=TRAIN, linestyle=(0, (3, 1.2)), label="Training loss"),
        Line2D([], [], color=VALID, label="Validation loss"),
        Line2D([], [], color=SCORE, label=f"Validation {score}"),
        Line2D([], [], color="white", label="Best epoch (kept)", **best),
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=4 if width == style.DOUBLE else 2,
        title="One line a seed",
        title_fontsize=style.TEXT,
    )
