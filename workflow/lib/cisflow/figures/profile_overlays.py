"""Counted profiles of held-out regions, and those that a network predicts, over each other."""

from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from cisflow.evaluation import axes as distances
from cisflow.evaluation import runs
from cisflow.figures import given, style
from cisflow.io import arrays, tables

FIGURE = {
    "of": "split",
    "label": "profiles",
    "order": 57,
    "inputs": {"runs": "runs", "folds": "split_table"},
    "reads": ["profile_predictions"],
    "tasks": ["regression"],
}
FOLD = "test"
COLUMNS, PLOTS, HEIGHT = 2, 8, 38
NAME_WIDTH = 44


def draw(inputs, settings):
    """The Figure: the test regions with most counts, each on its highest track; one model, the first by name.

    Parameters
    ----------
    inputs : runs: path of the table of runs, beside which the dataset and predictions lie; folds: of the split.
    settings : dataset, split.
    """
    given.demand("profile_overlays", "settings", settings, ("dataset", "split"))
    folder = Path(inputs["runs"]).parent
    of_split = [run for run in runs.read(inputs["runs"]) if run.split == settings["split"] and run.profiles.exists()]
    ids = tables.table(inputs["folds"], ("id", "fold"))
    held_out = np.flatnonzero((ids["fold"] == FOLD).to_numpy())
    if not of_split or not (folder / "profiles.npy").exists():
        return _nothing(settings, "no network that predicts profiles")
    counted = arrays.read_array(folder / "profiles.npy", np.float32, (len(ids), None, None), mmap=True)
    totals = np.nan_to_num(counted[held_out].sum(axis=2)) if len(held_out) else np.empty((0, 1))
    order = np.argsort(-totals.max(axis=1), kind="stable")[:PLOTS]
    order = order[totals.max(axis=1)[order] > 0]
    if not len(order):
        return _nothing(settings, f"no count in its {FOLD} fold")
    model = sorted(run.model for run in of_split)[0]
    chosen = [run.profiles for run in of_split if run.model == model]
    own = [arrays.read_array(path, np.float16, counted.shape, mmap=True) for path in chosen]
    targets = tables.table(folder / "targets.tsv", ("target",))["target"].tolist()
    columns = min(COLUMNS, len(order))
    rows = -(-len(order) // columns)
    figure = style.figure(style.SINGLE if columns == 1 else style.DOUBLE, rows * HEIGHT + 12)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, letter, place in zip(grid, style.letters(), order, strict=False):
        row, track = held_out[place], int(totals[place].argmax())
        share = np.mean([values[row, track].astype(np.float64) for values in own], axis=0)
        draw_panel(axes, counted[row, track], share)
        distance = float(distances.jensen_shannon(counted[row, track], share))
        name = style.wrap(f"{ids['id'][row]}, {targets[track]}", NAME_WIDTH)
        title = f"{name}\ndistance {distance:.2f}"
        style.panel(axes, letter, title)
    for axes in grid[len(order) :]:
        axes.set_axis_off()
    figure.supxlabel("Bin of the window, 5' to 3'", fontsize=style.TEXT)
    figure.supylabel("Counts", fontsize=style.TEXT)
    handles = [Patch(color=style.GREY, alpha=0.45, label="Counted")]
    handles.append(Line2D([], [], color=style.VERMILLION, label=f"Predicted share by {model}, times the counted total"))
    figure.legend(handles=handles, loc="outside upper center", ncols=columns)
    return figure


def _nothing(settings, why):
    text = f"No profile to draw: split '{settings['split']}' of dataset '{settings['dataset']}' has {why}."
    return style.explained(text, width=style.DOUBLE)


def draw_panel(axes, counted, share):
    """Counts as bars without gaps, and the predicted share of their total as a line."""
    edges = np.arange(len(counted) + 1)
    axes.stairs(counted, edges, fill=True, color=style.GREY, alpha=0.45, linewidth=0)
    axes.stairs(share * counted.sum(), edges, color=style.VERMILLION, linewidth=1.1)
    axes.set(xlim=(0, len(counted)), ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
