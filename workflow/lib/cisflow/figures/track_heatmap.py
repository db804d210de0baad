"""Measured and predicted numbers of held-out regions on all tracks, side by side."""

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from scipy.cluster import hierarchy

from cisflow import tasks
from cisflow.evaluation import results, runs
from cisflow.figures import given, measured_against_predicted, style
from cisflow.io import tables

FIGURE = {
    "of": "split",
    "label": "measured and predicted tracks",
    "order": 54,
    "inputs": {"runs": "runs", "metrics": "metrics"},
    "reads": ["predictions"],
    "settings": ["task", "baselines"],
    "tasks": ["regression"],
}
# Rows and columns that are told apart on paper, and names that there is room for.
REGIONS, TRACKS, NAMES = 600, 200, 20
NAME_WIDTH = 30
LEAST = 2


def draw(inputs, settings):
    """The Figure: the regions that vary most over the tracks, in the order of a tree of what was measured.

    Parameters
    ----------
    inputs : runs: path of the table of runs, beside which their predictions lie; metrics: path of the evaluation's.
    settings : dataset, split, task; baselines: {model: k}.
    """
    given.demand("track_heatmap", "settings", settings, ("dataset", "split", "task", "baselines"))
    task = tasks.get(settings["task"])
    of_split = [run for run in runs.read(inputs["runs"]) if run.split == settings["split"]]
    found = measured_against_predicted.read(of_split, task)
    rows = np.array([], int) if found is None else np.flatnonzero(np.isfinite(found.labels).all(axis=0))
    if len(rows) < LEAST or len(found.targets) < LEAST:
        return style.explained(
            f"No heat map to draw: it needs at least two test regions measured on all of at least two tracks; split "
            f"'{settings['split']}' of dataset '{settings['dataset']}' has {len(rows)}.",
            width=style.DOUBLE,
        )
    metrics = tables.matching(results.metrics(inputs["metrics"]), split=settings["split"], fold="test")
    strong = metrics[metrics["model"].isin(list(found.values)) & ~metrics["model"].isin(list(settings["baselines"]))]
    model = results.ranked(strong if len(strong) else metrics, task.headline)[0]
    tracks = slice(0, TRACKS)
    measured, predicted = found.labels[tracks, rows].T, found.values[model][tracks, rows].T
    variable = np.sort(np.argsort(-measured.var(axis=1), kind="stable")[:REGIONS])
    measured, predicted = measured[variable], predicted[variable]
    order = tree_order(measured)
    figure = style.figure(style.DOUBLE, 130)
    grid = figure.subplots(1, 2, sharey=True)
    titles = ("Measured", f"Predicted by {style.wrap(model, NAME_WIDTH)}")
    for axes, letter, title, values in zip(grid, style.letters(), titles, (measured, predicted), strict=False):
        draw_panel(figure, axes, values[order], found.targets[tracks])
        style.panel(axes, letter, title)
    grid[0].set_ylabel(f"{len(order):,} test regions that vary most, of {found.labels.shape[1]:,}")
    return figure


def tree_order(values):
    """Rows (n, t) in the order of a tree by average linkage of their correlations; of equal rows as they stand."""
    centred = values - values.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = np.divide(centred, norm, out=np.zeros_like(centred), where=norm > 0)
    return hierarchy.leaves_list(hierarchy.linkage(unit, "average"))


def draw_panel(figure, axes, values, targets):
    """One matrix with colours of its own: the 2nd to the 98th percentile, alike on both sides of 0 where it has both.

    A prediction spreads less than what was measured, so that one scale for both would leave it pale.
    """
    low, high = np.percentile(values, [2, 98])
    both = low < 0 < high
    limits = (-max(-low, high), max(-low, high)) if both else (low, high)
    scale = Normalize(*limits if limits[0] < limits[1] else (limits[0] - 1, limits[0] + 1))
    colours = "RdBu_r" if both else "viridis"
    axes.imshow(values, aspect="auto", interpolation="nearest", cmap=colours, norm=scale)
    named = np.unique(np.linspace(0, len(targets) - 1, min(NAMES, len(targets))).astype(int))
    axes.set_xticks(named, [style.wrap(targets[place], 18) for place in named], rotation=90)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    figure.colorbar(ScalarMappable(scale, colours), ax=axes, location="bottom", shrink=0.6, aspect=30)
