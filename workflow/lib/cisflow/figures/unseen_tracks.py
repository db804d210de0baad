"""Tracks that no training saw: how well their vectors predict them, against the seen track that is nearest."""

import numpy as np
from matplotlib.lines import Line2D

from cisflow.data.track_features import UNSEEN
from cisflow.evaluation import unseen_tracks
from cisflow.evaluation.predictions import ENSEMBLE
from cisflow.figures import given, panels, style
from cisflow.io import tables

FIGURE = {
    "of": "dataset",
    "label": "tracks never seen",
    "order": 57,
    "inputs": {"tracks": "unseen_tracks"},
    "tasks": ["regression"],
}
NAME_WIDTH, PLOTS, HEIGHT = 26, 9, 60
NUMBERS = ("distance", "value", "lower", "upper", "n")
# Other predictor -> colour, marker and name.
LOOKS = {
    unseen_tracks.NEAREST: (style.BLUE, "o", "nearest vector"),
    unseen_tracks.ALIKE: (style.VERMILLION, "^", "most alike (bound)"),
    unseen_tracks.MEAN_TRACK: (style.GREEN, "s", "mean track"),
}


def draw(inputs, settings):
    """The Figure: a plot a model and split; a point is an unseen track under two predictors.

    Parameters
    ----------
    inputs : tracks: path of unseen_tracks.tsv. settings : dataset.
    """
    given.demand("unseen_tracks", "settings", settings, ("dataset",))
    names = [name for name in unseen_tracks.COLUMNS if name not in NUMBERS]
    frame = tables.table(inputs["tracks"], names, NUMBERS)
    frame = tables.matching(frame, tracks=UNSEEN, metric="pearson", of=unseen_tracks.PREDICTED)
    several = set(frame.loc[frame["seed"] == ENSEMBLE, "model"])
    first = frame.groupby("model")["seed"].transform("first")
    frame = frame[np.where(frame["model"].isin(several), frame["seed"] == ENSEMBLE, frame["seed"] == first)]
    frame = frame.dropna(subset="value")
    plots = list(frame.groupby(["split", "model", "modality"], sort=True))[:PLOTS]
    if not plots:
        return style.explained(
            f"No unseen track to draw: no track of dataset '{settings['dataset']}' that is held out has a correlation.",
            width=style.DOUBLE,
        )
    figure, grid = panels.grid(len(plots), HEIGHT)
    for axes, letter, ((split, model, modality), part) in zip(grid, style.letters(), plots, strict=False):
        wide = part.pivot_table(index="track", columns="predictor", values="value")
        draw_panel(axes, wide)
        place = split if modality in ("", "signal") else f"{split}, {modality}"
        style.panel(axes, letter, f"{style.wrap(model, NAME_WIDTH)}\n{style.wrap(place, NAME_WIDTH)}")
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=3, label=name)
        for colour, marker, name in LOOKS.values()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    panels.label(grid, "Pearson's r of the other, as the network predicts it", "Pearson's r from the track's vector")
    return figure


def draw_panel(axes, wide):
    """Points of each other predictor, the diagonal, and on how many tracks the vector is better than the nearest."""
    own = wide.get(unseen_tracks.MODEL)
    shown = [own]
    for predictor, (colour, marker, _) in LOOKS.items():
        if own is not None and predictor in wide:
            axes.plot(wide[predictor], own, marker, color=colour, markersize=3, alpha=0.7, markeredgewidth=0)
            shown.append(wide[predictor])
    values = np.concatenate([part.to_numpy() for part in shown if part is not None])
    low, high = np.nanmin(values), np.nanmax(values)
    room = 0.06 * (high - low) or 0.1
    axes.plot([low - room, high + room], [low - room, high + room], "-", color=style.GREY, linewidth=0.6)
    axes.set_xlim(low - room, high + room)
    axes.set_ylim(low - room, high + room)
    if own is not None and unseen_tracks.NEAREST in wide:
        both = wide[[unseen_tracks.MODEL, unseen_tracks.NEAREST]].dropna()
        wins = int((both[unseen_tracks.MODEL] > both[unseen_tracks.NEAREST] + unseen_tracks.TIE).sum())
        axes.text(0.98, 0.02, f"above on {wins} of {len(both)}", transform=axes.transAxes, ha="right", va="bottom")
