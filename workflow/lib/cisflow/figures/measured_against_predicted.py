"""Measured numbers against those that each model predicts, one small plot a model and target, on one split."""

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap
from matplotlib.ticker import MaxNLocator

from cisflow import tasks
from cisflow.evaluation import predictions, results, runs
from cisflow.figures import given, style
from cisflow.io import tables

FIGURE = {
    "of": "split",
    "label": "measured against predicted",
    "order": 55,
    "inputs": {"runs": "runs", "metrics": "metrics"},
    "reads": ["predictions"],
    "settings": ["task"],
    "tasks": ["regression"],
}
FOLD = "test"
# Plots beside each other, and how many a page has room for.
COLUMNS, PLOTS = 4, 16
NAME_WIDTH = 22
# More points than this hide each other: bins say how many there are.
POINTS, BINS = 1500, 45
# In mm: a plot with its axis, a line of its title, and what stands below all.
HEIGHT, TITLE, BELOW = 46, 3, 8
SHOWN = ("pearson", "rmse")
# Without the palest: a bin of one sequence is seen on white.
SHADES = ListedColormap(colormaps["Blues"](np.linspace(0.3, 1, 128)))


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : runs: path of the table of runs, beside which their predictions lie; metrics: path of the evaluation's.
    settings : dataset, split, task.
    """
    given.demand("measured_against_predicted", "settings", settings, ("dataset", "split", "task"))
    task = tasks.get(settings["task"])
    of_split = [run for run in runs.read(inputs["runs"]) if run.split == settings["split"]]
    found = read(of_split, task)
    n_known = 0 if found is None else int(np.isfinite(found.labels).sum())
    if not n_known:
        return style.explained(
            f"No number to draw: the {FOLD} fold of split '{settings['split']}' of dataset '{settings['dataset']}' "
            "has no sequence with a label.",
            width=style.DOUBLE,
        )
    metrics = results.metrics(inputs["metrics"], ensembles=True)
    metrics = tables.matching(metrics, dataset=settings["dataset"], split=settings["split"], fold=FOLD)
    models = results.ranked(metrics[metrics["model"].isin(list(found.values))], task.headline)
    # The first targets stand for many: figures of them all would be a book.
    targets = found.targets[: max(1, PLOTS // len(models))]
    plots = [(model, number) for number in range(len(targets)) for model in models]
    titles = [title(metrics, task, model, targets[number], len(found.targets) > 1) for model, number in plots]

    columns = min(COLUMNS, len(plots))
    rows = math.ceil(len(plots) / columns)
    height = HEIGHT + TITLE * max(text.count("\n") for text in titles)
    width = style.SINGLE if columns <= 2 else style.DOUBLE
    figure = style.figure(width, min(rows * height + BELOW, style.PAGE))
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, letter, (model, number), text in zip(panels, style.letters(), plots, titles, strict=False):
        known = np.isfinite(found.labels[number])
        labels = found.labels[number, known]
        limits = span([labels, *(values[number, known] for values in found.values.values())])
        draw_panel(axes, labels, found.values[model][number, known], limits)
        style.panel(axes, letter, text)
    for axes in panels[len(plots) :]:
        axes.set_axis_off()
    balance = results.balance(tables.matching(metrics, seed="mean"), positives=False)
    note = f"{FOLD} fold: {balance.text}"
    if len(targets) < len(found.targets):
        note += f"; the first {len(targets)} of {len(found.targets)} targets"
    figure.supxlabel(f"{task.axis} ({note})", fontsize=style.TEXT)
    figure.supylabel("Measured value", fontsize=style.TEXT)
    return figure


def read(of_split, task):
    """Predictions of the test fold, whose `values` are {model: mean over its seeds (t, n)}; None without a run."""
    first, sums = None, {}
    for run in of_split:
        one = predictions.read(run.predictions, task)
        first = first or one
        values = predictions.aligned(first, one).values[predictions.AVERAGED][0]
        sums.setdefault(run.model, []).append(values)
    if first is None:
        return None
    rows = first.folds == FOLD
    values = {model: np.mean(seeds, axis=0)[:, rows] for model, seeds in sums.items()}
    return first._replace(ids=first.ids[rows], folds=first.folds[rows], labels=first.labels[:, rows], values=values)


def title(metrics, task, model, target, several):
    """Name of the model, of the target where there are several, and SHOWN with their intervals.

    The metrics are those of what is drawn: of the mean over the seeds, where a model has several.
    """
    rows = tables.matching(metrics, model=model, target=target)
    rows = tables.matching(rows, seed="ensemble" if "ensemble" in set(rows["seed"]) else "mean").set_index("metric")
    lines = [style.wrap(model, NAME_WIDTH), *([style.wrap(target, NAME_WIDTH)] if several else [])]
    for metric in SHOWN:
        if metric in rows.index:
            name = "r" if metric == "pearson" else task.labels[metric]
            lines.append(f"{name} {style.number(*rows.loc[metric, ['value', 'lower', 'upper']], digits=2)}")
    return "\n".join(lines)


def span(parts):
    """(lowest, highest) of arrays with a margin; around a single number."""
    low, high = min(part.min() for part in parts), max(part.max() for part in parts)
    margin = 0.04 * (high - low) or 0.5
    return low - margin, high + margin


def draw_panel(axes, labels, values, limits):
    """Points, or bins where there are many, and the line on which they agree."""
    axes.plot(limits, limits, color=style.GREY, linewidth=0.8, dashes=(2, 2), zorder=1)
    if len(labels) > POINTS:
        axes.hexbin(values, labels, gridsize=BINS, extent=(*limits, *limits), bins="log", mincnt=1, cmap=SHADES)
    else:
        size = 3.0 if len(labels) <= 200 else 2.0
        axes.plot(values, labels, "o", color=style.BLUE, markersize=size, alpha=0.5, markeredgewidth=0, zorder=2)
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4))
