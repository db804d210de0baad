"""One sequence for several tracks, letter by letter, beside what was measured and predicted of it."""

from typing import NamedTuple

import numpy as np
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from cisflow import tasks
from cisflow.attribution import files, scores, weighted
from cisflow.errors import InputError, listing
from cisflow.evaluation import predictions
from cisflow.figures import attribution_logos, given, logos, style
from cisflow.io import tables
from cisflow.sequence import dna

FIGURE = {
    "of": "explanation",
    "label": "tracks",
    "order": 101,
    "inputs": {"attributions": "attributions", "windows": "windows", "predictions": "explained_predictions?"},
    "settings": ["task", "methods", "outputs", "n_sequences"],
    "tasks": ["regression"],
}
LEAST, MOST = 2, 8
# Letters that there is room for; characters of an id, and of a line of a track's name.
WINDOW, ID_WIDTH, NAME_WIDTH = 54, 40, 22
# Millimetres: margins, the logos, the bars beside them, and the heights of a sequence's parts.
LEFT, LOGO, GAP, BARS = 36, 108, 8, 28
TITLE, OVERVIEW, AXIS = 7, 9, 11
LOWEST, HIGHEST = 6.8, 11
SHARE = 0.86
MEASURED, PREDICTED = style.GREY, style.BLUE


class Shown(NamedTuple):
    """One sequence of the figure, for t tracks.

    name : its id. tracks : names of those shown, of `n_tracks`. codes : (length,) uint8. scores : (t, length) at the
    base present. measured, predicted : (t,) float, NaN where unknown. start, end : the part shown letter by letter.
    coordinates : (length,) int. axis : label of the x axis. planted : nothing, as `draw_overview` asks.
    """

    name: str
    tracks: list
    n_tracks: int
    codes: np.ndarray
    scores: np.ndarray
    measured: np.ndarray
    predicted: np.ndarray
    start: int
    end: int
    coordinates: np.ndarray
    axis: str
    planted: tuple = ()


def draw(inputs, settings):
    """The Figure: the first method, on the sequences that are explained for most tracks.

    Parameters
    ----------
    inputs : attributions: one file a method; windows: path of windows.tsv, for genome coordinates; predictions: path of
        those of the network, where it has any.
    settings : task; methods: their names, in the order of the files; outputs: entries of `explain`, None for every
        output; n_sequences.
    """
    given.demand("track_logos", "settings", settings, ("task", "methods", "outputs", "n_sequences"))
    of_methods = given.by_method("track_logos", inputs, settings, "attributions")
    method = next(iter(of_methods), None)
    shown = []
    if method is not None:
        part = files.read(of_methods[method])
        measured, predicted = values(part, inputs.get("predictions"), settings)
        shown = gather(part, measured, predicted, inputs["windows"], settings["n_sequences"])
    if not shown:
        return style.explained(
            "No tracks to compare: it takes a sequence that is explained for at least two of them.", width=style.DOUBLE
        )
    most = max(len(item.tracks) for item in shown)
    fixed = TITLE + OVERVIEW + AXIS
    shown = shown[: int(style.PAGE // (fixed + LOWEST * most))]
    height = min(HIGHEST, (style.PAGE / len(shown) - fixed) / most)
    blocks = [fixed + height * len(item.tracks) for item in shown]
    figure = style.figure(style.DOUBLE, sum(blocks), layout=None)
    for i, (item, letter) in enumerate(zip(shown, style.letters(), strict=False)):
        draw_sequence(figure, sum(blocks[:i]), item, letter, style.method_label(method), height)
    return figure


def values(part, path, settings):
    """(measured (m,), predicted (m,)) of the rows of Attributions.

    A row for a mean or a contrast has the same weighted sum of what was measured of its outputs, and of what was
    predicted of them.

    Parameters
    ----------
    path : of the network's predictions. Without it nothing is known to be measured on the scale of its outputs, and
        predicted is what the attributions say, which is no prediction of a contrast.
    """
    entries = settings["outputs"]
    groups = weighted.members(entries if entries is not None else sorted(set(part.targets.tolist())))
    if path is None:
        has_own = {name for name, weights in groups.items() if min(weights.values()) >= 0}
        known = np.array([target in has_own for target in part.targets.tolist()], dtype=bool)
        return np.full(len(part.ids), np.nan), np.where(known, part.prediction, np.nan)
    found = predictions.read(path, tasks.get(settings["task"]))
    row_of = {name: row for row, name in enumerate(found.targets)}
    place_of = {name: place for place, name in enumerate(found.ids.tolist())}
    if unknown := [name for name in part.ids.tolist() if name not in place_of]:
        raise InputError(f"{path}: no row of id '{unknown[0]}', which is explained; expected one of each such id")
    every = np.array([place_of[name] for name in part.ids.tolist()], dtype=int)
    measured, predicted = np.full((2, len(part.ids)), np.nan)
    for target in dict.fromkeys(part.targets.tolist()):
        weights = groups.get(target, {target: 1.0})
        if unknown := [output for output in weights if output not in row_of]:
            raise InputError(
                f"{path}: no target '{unknown[0]}', which is explained; expected one of {listing(found.targets, 12)}"
            )
        rows = np.flatnonzero(part.targets == target)
        outputs, factors = [row_of[output] for output in weights], np.array(list(weights.values()))
        measured[rows] = factors @ found.labels[np.ix_(outputs, every[rows])]
        predicted[rows] = factors @ found.values[predictions.AVERAGED][0][np.ix_(outputs, every[rows])]
    return measured, predicted


def gather(part, measured, predicted, path, n_sequences):
    """[Shown] of the sequences chosen of Attributions, whose rows have the values (m,); path : of windows.tsv."""
    rows_of = {}
    for row, name in enumerate(part.ids.tolist()):
        rows_of.setdefault(name, []).append(row)
    windows = tables.table(path, ("id", "chrom", "strand"), ("start", "end"))
    shown = []
    for name in choose(rows_of, spread(part, predicted), n_sequences):
        rows = rows_of[name][:MOST]
        codes = part.codes[rows[0]]
        present = np.array(
            [scores.observed(scores.transform(part.multipliers[row], codes, "hypothetical"), codes) for row in rows]
        )
        start, end = attribution_logos.busiest(present, WINDOW)
        shown.append(
            Shown(
                name,
                part.targets[rows].tolist(),
                len(rows_of[name]),
                codes,
                present,
                measured[rows],
                predicted[rows],
                start,
                end,
                *attribution_logos.coordinates(windows, path, name, len(codes)),
            )
        )
    return shown


def spread(part, predicted):
    """(m,) predictions in standard deviations of their track from its mean, 0 where they do not vary or are unknown."""
    found = np.zeros(len(predicted))
    for target in dict.fromkeys(part.targets.tolist()):
        rows = np.flatnonzero((part.targets == target) & np.isfinite(predicted))
        if len(rows) and (sd := predicted[rows].std()) > 0:
            found[rows] = (predicted[rows] - predicted[rows].mean()) / sd
    return found


def choose(rows_of, standardised, n_sequences):
    """Ids that are explained for most tracks, those first whose predictions differ most between them."""
    enough = [name for name, rows in rows_of.items() if len(rows) >= LEAST]
    order = sorted(enough, key=lambda name: (-len(rows_of[name]), -standardised[rows_of[name]].std().round(9), name))
    return [name for name in order if len(rows_of[name]) == len(rows_of[order[0]])][:n_sequences]


def draw_sequence(figure, top, item, letter, method, height):
    """One sequence: title, overview, a logo a track, each `height` mm, and the bars beside them."""
    draw_title(figure, top + 4, item, letter, method)
    axes = style.place(figure, LEFT, top + TITLE, LOGO, OVERVIEW - 4)
    attribution_logos.draw_overview(axes, item)
    top += TITLE + OVERVIEW
    limits = y_limits(item)
    for j, track in enumerate(item.tracks):
        axes = style.place(figure, LEFT, top + (j + (1 - SHARE) / 2) * height, LOGO, height * SHARE)
        draw_logo(axes, item, j, limits)
        axes.text(-0.012, 0.5, label(track), transform=axes.transAxes, ha="right", va="center", linespacing=1.0)
    attribution_logos.draw_positions(axes, item)
    draw_bars(style.place(figure, LEFT + LOGO + GAP, top, BARS, height * len(item.tracks)), item)


def draw_title(figure, baseline, item, letter, method):
    name = item.name if len(item.name) <= ID_WIDTH else item.name[: ID_WIDTH - 1] + "\u2026"
    style.write(figure, 1, baseline, letter, fontweight="bold", fontsize=style.LETTER, va="baseline")
    part = item.scores[:, item.start : item.end]
    low, high = (f"{value:.2g}".replace("-", "\u2212") for value in (part.min(), part.max()))
    title = f"{name}   {method}, {low} to {high}"
    if item.n_tracks > len(item.tracks):
        title += f"   first {len(item.tracks)} of {item.n_tracks} tracks"
    style.write(figure, LEFT, baseline, title, va="baseline")


def label(track):
    """The name of a track on at most two lines; of a long one the beginning and the end."""
    first, *others = style.wrap(track, NAME_WIDTH).split("\n")
    if len(others) > 1:
        # Names of tracks differ at their ends.
        others = ["\u2026" + track[1 - NAME_WIDTH :]]
    return "\n".join([first, *others])


def y_limits(item):
    """(lower, upper) of all logos of a sequence, in the unit of the network's outputs."""
    part = item.scores[:, item.start : item.end]
    size = np.abs(part).max() or 1.0
    return min(part.min() * 1.04, -0.12 * size), max(part.max() * 1.04, 0.12 * size)


def draw_logo(axes, item, j, limits):
    """One track: letters of the bases present, as high as their score on the scale of all."""
    shown = slice(item.start, item.end)
    present = dna.one_hot(item.codes[shown]) * (item.codes[shown] < dna.UNKNOWN)
    logos.logo(axes, present * item.scores[j, shown], limits)
    axes.set(xticks=[], yticks=[])
    axes.patch.set_visible(False)


def draw_bars(axes, item):
    """Measured and predicted value of each track, beside its logo."""
    places = np.arange(len(item.tracks))
    for shift, color, numbers in ((-0.19, MEASURED, item.measured), (0.19, PREDICTED, item.predicted)):
        known = np.isfinite(numbers)
        axes.barh(places[known] + shift, numbers[known], height=0.34, color=color, linewidth=0)
    axes.axvline(0, color="black", linewidth=0.6)
    everything = np.concatenate([[0.0], item.measured, item.predicted])
    low, high = np.nanmin(everything), np.nanmax(everything)
    margin = 0.04 * (high - low) or 1.0
    axes.set(xlim=(low - margin * (low < 0), high + margin), ylim=(len(places) - 0.5, -0.5), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(axis="x", pad=3)
    axes.set_xlabel("Value of the track")
    handles = [Patch(color=MEASURED, label="Measured"), Patch(color=PREDICTED, label="Predicted")]
    if not np.isfinite(item.measured).any():
        handles = handles[1:]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, handlelength=1.2)
