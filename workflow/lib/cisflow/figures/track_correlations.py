"""How well each model ranks regions within a track, and tracks within a region, beside baselines and ceiling."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from cisflow.evaluation.track_folds import TRACK_MEAN
from cisflow.figures import given, style, units

FIGURE = {
    "of": "dataset",
    "label": "correlations per track and region",
    "order": 52,
    "inputs": {"tracks": "tracks"},
    "settings": ["baselines"],
    "tasks": ["regression"],
}
NAME_WIDTH = 22
# Panels and models that a page has room for; in mm, a model, a line of its name, what stands above and below a panel,
# and the key.
MOST, MODELS = 6, 12
ROW, LINE, AROUND, KEY = 5.5, 3.4, 17, 11


class Panel(NamedTuple):
    """Correlations of one split, modality and axis: rows of its tracks or regions, and of their means."""

    title: str
    rows: pd.DataFrame
    means: pd.DataFrame

    @classmethod
    def of(cls, frame, split, modality, axis):
        part = frame[(frame["split"] == split) & (frame["modality"] == modality)]
        title = f"{style.wrap(f'{split}, {modality}', 40)}\n{units.AXES[axis]}"
        return cls(title, units.single(part, axis), units.means(part, axis))


def draw(inputs, settings):
    """The Figure: one panel a split, modality and axis; a box a model, over its tracks or regions.

    Parameters
    ----------
    inputs : tracks: path of the table of the evaluation on two axes. settings : dataset; baselines: {model: k}.
    """
    given.demand("track_correlations", "settings", settings, ("dataset", "baselines"))
    frame = units.read(inputs["tracks"])
    # Both axes of a split and modality stand beside each other.
    keys = list(dict.fromkeys(zip(frame["split"], frame["modality"], strict=True)))
    panels = [panel for key in keys for axis in units.AXES if len((panel := Panel.of(frame, *key, axis)).rows)]
    if not panels:
        return style.explained(
            f"No correlation to draw: no track and no region of dataset '{settings['dataset']}' is tested.",
            width=style.DOUBLE,
        )
    shown = panels[:MOST]
    rows = -(-len(shown) // 2)
    models = min(MODELS, max(panel.rows["model"].nunique() for panel in shown))
    names = {style.wrap(model, NAME_WIDTH) for panel in shown for model in panel.rows["model"]}
    line = max(ROW, LINE * (1 + max(name.count("\n") for name in names)))
    height = min(rows * (models * line + AROUND) + KEY, style.PAGE)
    figure = style.figure(style.DOUBLE, height)
    grid = figure.subplots(rows, 2, squeeze=False).ravel()
    weak = {*settings["baselines"], TRACK_MEAN}
    for axes, letter, panel in zip(grid, style.letters(), shown, strict=False):
        draw_panel(axes, panel.rows, panel.means, weak)
        style.panel(axes, letter, panel.title)
    for axes in grid[len(shown) :]:
        axes.set_axis_off()
    draw_key(figure, any(panel.means["ceiling"].notna().any() for panel in shown))
    return figure


def draw_panel(axes, part, own, weak):
    """Boxes from quartile to quartile with the median, whiskers over 90%, and the mean with its interval."""
    models = units.ranked(part)[:MODELS]
    for place, model in enumerate(models):
        values = part.loc[part["model"] == model, "value"].to_numpy()
        colour = style.GREY if model in weak else style.BLUE
        low, first, median, third, high = np.percentile(values, [5, 25, 50, 75, 95])
        axes.plot([low, high], [place, place], color=colour, linewidth=0.8, zorder=1)
        axes.barh(place, third - first, 0.55, left=first, color=colour, alpha=0.35, linewidth=0, zorder=2)
        axes.plot([median, median], [place - 0.27, place + 0.27], color=colour, linewidth=1.2, zorder=3)
        for row in own[own["model"] == model].head(1).itertuples():
            axes.plot([row.lower, row.upper], [place, place], color=style.BLACK, linewidth=1.4, zorder=4)
            axes.plot(row.value, place, "D", color=style.BLACK, markersize=2.6, zorder=5)
    axes.axvline(0, color=style.GREY, linewidth=0.6, dashes=(1, 2), zorder=0)
    if own["ceiling"].notna().any():
        axes.axvline(own["ceiling"].mean(), color=style.VERMILLION, linewidth=1, dashes=(4, 2), zorder=0)
    n = int(part.groupby("model")["unit"].nunique().max())
    axes.set(ylim=(len(models) - 0.4, -0.6), xlabel=f"Pearson's r (n = {n:,})")
    axes.set_yticks(range(len(models)), [style.wrap(model, NAME_WIDTH) for model in models])
    axes.tick_params(axis="y", length=0)


def draw_key(figure, ceiling):
    handles = [
        Line2D([], [], color=style.BLUE, linewidth=4, alpha=0.35, label="Model: quartiles"),
        Line2D([], [], color=style.GREY, linewidth=4, alpha=0.35, label="Baseline"),
        Line2D([], [], color=style.BLACK, marker="D", markersize=2.6, label="Mean, 95% interval"),
    ]
    if ceiling:
        handles.append(Line2D([], [], color=style.VERMILLION, dashes=(4, 2), label="Replicate ceiling"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
