"""One model against another, track by track and region by region."""

import itertools
import textwrap

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap

from cisflow.evaluation import track_results
from cisflow.evaluation.track_folds import TRACK_MEAN
from cisflow.evaluation.tracks import ALL
from cisflow.figures import given, style, units

FIGURE = {
    "of": "dataset",
    "label": "model against model",
    "order": 53,
    "inputs": {"tracks": "tracks", "comparisons": "track_comparisons"},
    "settings": ["baselines"],
    "tasks": ["regression"],
}
NAME_WIDTH = 24
PAIRS, HEIGHT = 3, 62
# Characters of a line below the plots, and its height in mm.
WORDS, LINE = 125, 3.2
POINTS, BINS = 1500, 40
SHADES = ListedColormap(colormaps["Blues"](np.linspace(0.3, 1, 128)))


def draw(inputs, settings):
    """The Figure: the best model against the next, and the best baseline; left per track, right per region.

    Parameters
    ----------
    inputs : tracks, comparisons: paths of the tables of the evaluation on two axes.
    settings : dataset; baselines: {model: k}.
    """
    given.demand("model_against_model", "settings", settings, ("dataset", "baselines"))
    frame = units.read(inputs["tracks"])
    values = {axis: units.single(frame, axis) for axis in units.AXES}
    pairs = list(itertools.islice(chosen(values["track"], settings["baselines"]), PAIRS))
    if not pairs:
        return style.explained(
            f"No pair of models to draw: dataset '{settings['dataset']}' needs at least two with a correlation.",
            width=style.DOUBLE,
        )
    sentences = verdicts(track_results.read_comparisons(inputs["comparisons"]), pairs)
    lines = "\n".join(textwrap.fill(sentence, WORDS) for sentence in sentences)
    figure = style.figure(style.DOUBLE, min(len(pairs) * HEIGHT + LINE * (1 + lines.count("\n")) + 3, style.PAGE))
    grid = figure.subplots(len(pairs), 2, squeeze=False)
    letters = style.letters()
    for row, (split, modality, a, b) in zip(grid, pairs, strict=True):
        for axes, (axis, words) in zip(row, units.AXES.items(), strict=True):
            part = values[axis]
            part = part[(part["split"] == split) & (part["modality"] == modality)]
            title = f"{style.wrap(f'{split}, {modality}', 40)}\n{words}"
            draw_panel(axes, part, a, b, title, next(letters))
    figure.supxlabel(lines, fontsize=style.TEXT, x=0.01, ha="left", linespacing=1.15)
    return figure


def verdicts(comparisons, pairs):
    """Sentences that say which model of each pair wins on which axis, of all tracks of a modality."""
    found = []
    for split, modality, a, b in pairs:
        rows = comparisons[(comparisons["split"] == split) & (comparisons["modality"] == modality)]
        rows = rows[rows["model_a"].isin([a, b]) & rows["model_b"].isin([a, b])]
        rows = rows[rows["class"] == ALL] if (rows["class"] == ALL).any() else rows
        found += track_results.verdicts(rows)[:1]
    return found


def chosen(rows, baselines):
    """Yield (split, modality, model, other model) of what is worth a look."""
    for (split, modality), part in rows.groupby(["split", "modality"], sort=False):
        order = [model for model in units.ranked(part) if model != TRACK_MEAN]
        weak = [model for model in order if model in baselines]
        strong = [model for model in order if model not in baselines]
        others = [*strong[1:2], *weak[:1]] if strong else order[1:2]
        for other in others:
            yield split, modality, (strong or order)[0], other


def draw_panel(axes, part, a, b, title, letter):
    """Points, or bins where there are many, and the diagonal; the title tells how often each model is better."""
    both = part.pivot_table(index=["class", "unit"], columns="model", values="value").reindex(columns=[a, b]).dropna()
    style.panel(axes, letter, title)
    if both.empty:
        style.explain(axes, f"No unit with a correlation of both {a} and {b}.", width=34)
        return
    x, y = both[b].to_numpy(), both[a].to_numpy()
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    margin = 0.05 * (high - low) or 0.1
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, color=style.GREY, linewidth=0.8, dashes=(2, 2), zorder=1)
    if len(x) > POINTS:
        axes.hexbin(x, y, gridsize=BINS, extent=(*limits, *limits), bins="log", mincnt=1, cmap=SHADES)
    else:
        axes.plot(x, y, "o", color=style.BLUE, markersize=3, alpha=0.6, markeredgewidth=0, zorder=2)
    better, worse = int((y > x).sum()), int((y < x).sum())
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.set_xlabel(f"r of {style.wrap(b, NAME_WIDTH)} (higher: {worse:,})")
    axes.set_ylabel(f"r of {style.wrap(a, NAME_WIDTH)}\n(higher: {better:,})")
