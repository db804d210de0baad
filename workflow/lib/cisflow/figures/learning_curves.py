"""Loss and validation score of every network by epoch, one small plot a model and split."""

import math
from itertools import groupby
from typing import NamedTuple

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
# Lines of the key for which that is enough, and the height of another.
KEY_LINES, KEY_LINE = 2, 4.2
NAME_WIDTH = 25
TRAIN, VALID, SCORE = style.BLACK, style.ORANGE, style.BLUE
TRAIN_DASHES = (0, (3, 1.2))
BEST = {"marker": "D", "markersize": 3, "markeredgecolor": "black", "markeredgewidth": 0.5, "linestyle": "none"}
# What an axis of scores has beyond its ends.
MARGIN = 0.02
# How a history names the losses of one of several modalities.
OF_MODALITY = "train_loss_"


class Curves(NamedTuple):
    """The columns of a history that are drawn together, each with its colour; modality "" is the whole network."""

    modality: str
    train: str
    valid: str
    score: str
    colours: tuple


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
    histories = [(run, read(run.history, numbers)) for run in networks]
    histories = [(run, frame) for run, frame in histories if len(frame)]
    if not histories:
        return style.explained(
            f"No learning curve to draw: dataset '{settings['dataset']}' trains no network "
            "(classifiers have no epochs)."
        )
    histories.sort(key=lambda item: (item[0].model, item[0].split, item[0].seed))
    curves, n_modalities = curves_of(histories[0][1], metric)
    groups = groupby(histories, key=lambda item: (item[0].model, item[0].split))
    cells = [(key, [frame for _, frame in cell]) for key, cell in groups]
    titles = [f"{style.wrap(model, NAME_WIDTH)}\n{style.wrap(split, NAME_WIDTH)}" for (model, split), _ in cells]

    columns = min(COLUMNS if len(cells) <= FEW else MOST_COLUMNS, len(cells))
    rows = math.ceil(len(cells) / columns)
    width = style.SINGLE if columns <= 2 else style.DOUBLE
    natural = HEIGHT + TITLE * max(title.count("\n") for title in titles)
    handles, key_title = key(label, curves, n_modalities)
    key_columns = 4 if width == style.DOUBLE else 2
    key_height = KEY + KEY_LINE * max(0, key_lines(handles, key_columns) - KEY_LINES)
    figure = style.figure(width, min(rows * natural + key_height, style.PAGE))
    grid = figure.add_gridspec(rows, columns)
    limits = score_limits([frame for _, frames in cells for frame in frames], curves, task.chance[metric])
    for i, ((_, frames), title) in enumerate(zip(cells, titles, strict=True)):
        upper, lower = grid[divmod(i, columns)].subgridspec(2, 1, height_ratios=[1.25, 1]).subplots(sharex=True)
        draw_cell(upper, lower, frames if n_modalities < 2 else rescaled(frames, curves), curves, title, limits)
        if i % columns == 0:
            upper.set_ylabel("Loss" if n_modalities < 2 else "Loss,\nrescaled")
            lower.set_ylabel(label)
            figure.align_ylabels([upper, lower])
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=key_columns,
        title=key_title,
        title_fontsize=style.TEXT,
    )
    return figure


def read(path, numbers):
    """A history, with the columns of its modalities where there are several."""
    frame = tables.table(path, numbers=numbers)
    more = [name for name in frame.columns if name.startswith((OF_MODALITY, "valid_")) and name not in numbers]
    return tables.table(path, numbers=(*numbers, *more)) if more else frame


def curves_of(frame, metric):
    """([Curves], number of modalities): of the first modalities where there are several, else of the network."""
    names = [name.removeprefix(OF_MODALITY) for name in frame.columns if name.startswith(OF_MODALITY)]
    if not names:
        return [Curves("", "train_loss", "valid_loss", f"valid_{metric}", (TRAIN, VALID, SCORE))], 1
    shown = [
        Curves(name, OF_MODALITY + name, f"valid_loss_{name}", f"valid_{metric}_{name}", (colour,) * 3)
        for name, colour in zip(names, style.COLOURS, strict=False)
    ]
    return shown, len(names)


def rescaled(frames, curves):
    """The histories of one plot, with the losses of each modality on one scale.

    Losses of modalities have units of their own: each is shifted and scaled so that its validation loss, of all seeds
    together, goes from 0 to 1.
    """
    changes = [{} for _ in frames]
    for curve in curves:
        valid = np.concatenate([frame[curve.valid].to_numpy() for frame in frames])
        known = valid[np.isfinite(valid)]
        low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
        for change, frame in zip(changes, frames, strict=True):
            for name in (curve.train, curve.valid):
                change[name] = (frame[name] - low) / (high - low or 1.0)
    return [frame.assign(**change) for frame, change in zip(frames, changes, strict=True)]


def score_limits(frames, curves, chance):
    """One scale of the score for all plots, from what no skill scores or lower to 1."""
    values = np.concatenate([frame[curve.score].to_numpy() for frame in frames for curve in curves])
    lowest = np.nanmin(values) if np.isfinite(values).any() else chance
    return min(chance, lowest) - MARGIN, 1 + MARGIN


def draw_cell(upper, lower, frames, curves, title, limits):
    """One small plot: losses above, the score below."""
    upper.set_title(title, linespacing=1.1)
    for frame in frames:
        for curve in curves:
            draw_run(upper, lower, frame.sort_values("epoch"), curve)
    lower.set(ylim=limits, xlabel="Epoch")
    lower.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    upper.yaxis.set_major_locator(MaxNLocator(4))
    lower.yaxis.set_major_locator(MaxNLocator(3))


def draw_run(upper, lower, frame, curve):
    """The curves of one seed; a diamond marks the epoch whose weights were kept."""
    thin = {"linewidth": 0.9, "alpha": 0.85}
    train, valid, score = curve.colours
    upper.plot(frame["epoch"], frame[curve.train], color=train, linestyle=TRAIN_DASHES, **thin)
    upper.plot(frame["epoch"], frame[curve.valid], color=valid, **thin)
    lower.plot(frame["epoch"], frame[curve.score], color=score, **thin)
    best = frame[frame["best"] == 1]
    upper.plot(best["epoch"], best[curve.valid], color=valid, zorder=4, **BEST)
    lower.plot(best["epoch"], best[curve.score], color=score, zorder=4, **BEST)


def key(score, curves, n_modalities):
    """(handles, title) of the key."""
    title = "One line a seed"
    if n_modalities < 2:
        train, valid, of_score = curves[0].colours
        handles = [
            Line2D([], [], color=train, linestyle=TRAIN_DASHES, label="Training loss"),
            Line2D([], [], color=valid, label="Validation loss"),
            Line2D([], [], color=of_score, label=f"Validation {score}"),
        ]
    else:
        handles = [
            *(Line2D([], [], color=curve.colours[0], label=style.wrap(curve.modality, NAME_WIDTH)) for curve in curves),
            Line2D([], [], color=style.GREY, linestyle=TRAIN_DASHES, label="Training"),
            Line2D([], [], color=style.GREY, label="Validation"),
        ]
        title += " and modality"
        if n_modalities > len(curves):
            title += f"; the first {len(curves)} of {n_modalities} modalities"
    return [*handles, Line2D([], [], color="white", label="Best epoch (kept)", **BEST)], title


def key_lines(handles, columns):
    """Lines of the highest column of a key, which is filled column by column."""
    lines = [handle.get_label().count("\n") + 1 for handle in handles]
    height = math.ceil(len(lines) / columns)
    return max(sum(lines[start : start + height]) for start in range(0, len(lines), height))
