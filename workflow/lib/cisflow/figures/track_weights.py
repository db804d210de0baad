"""Which numbers of a track's vector a network reads."""

import numpy as np

from cisflow.figures import given, panels, style
from cisflow.io import tables

FIGURE = {
    "of": "dataset",
    "label": "features of tracks that matter",
    "order": 58,
    "inputs": {"weights": "track_weights"},
    "tasks": ["regression"],
}
NAME_WIDTH, PLOTS, FEATURES = 26, 6, 16
TEXTS, NUMBERS = ("split", "model", "seed", "modality", "feature"), ("mean", "importance", "lower", "upper", "n")


def draw(inputs, settings):
    """The Figure: a plot a model and split, of the features of the largest importance, the mean over seeds.

    Parameters
    ----------
    inputs : weights: path of track_weights.tsv. settings : dataset.
    """
    given.demand("track_weights", "settings", settings, ("dataset",))
    frame = tables.table(inputs["weights"], TEXTS, NUMBERS).dropna(subset="importance")
    plots = list(frame.groupby(["split", "model", "modality"], sort=True))[:PLOTS]
    if not plots:
        return style.explained(
            f"No weight to draw: no network of dataset '{settings['dataset']}' reads vectors of tracks.", style.DOUBLE
        )
    most = min(FEATURES, max(part["feature"].nunique() for _, part in plots))
    figure, grid = panels.grid(len(plots), 18 + 4 * most)
    for axes, letter, ((split, model, modality), part) in zip(grid, style.letters(), plots, strict=False):
        means = part.groupby("feature", sort=True)[["importance", "lower", "upper", "mean"]].mean()
        means = means.sort_values("importance", ascending=False, kind="stable").iloc[:FEATURES]
        place = np.arange(len(means))
        # What raises predictions on the whole, and what lowers them.
        colours = np.where(means["mean"] >= 0, style.BLUE, style.VERMILLION)
        axes.barh(place, means["importance"], 0.7, color=colours, linewidth=0)
        axes.hlines(place, means["lower"], means["upper"], color=style.BLACK, linewidth=0.8)
        axes.set_yticks(place, [style.wrap(name, 16) for name in means.index])
        axes.set_ylim(most - 0.5, -0.5)
        where = split if modality in ("", "signal") else f"{split}, {modality}"
        style.panel(axes, letter, f"{style.wrap(model, NAME_WIDTH)}\n{style.wrap(where, NAME_WIDTH)}")
    figure.supxlabel("Standard deviation of the feature's weight over test regions", fontsize=style.TEXT)
    return figure
