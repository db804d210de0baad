"""The same sequences under every attribution method, letter by letter."""

from typing import NamedTuple

import numpy as np

from cisflow import tasks
from cisflow.attribution import files, scores
from cisflow.errors import InputError
from cisflow.figures import given, logos, style
from cisflow.io import tables
from cisflow.sequence import dna

FIGURE = {
    "of": "explanation",
    "label": "logos",
    "order": 100,
    "inputs": {"attributions": "attributions", "windows": "windows", "seqlets": "seqlets?", "truth": "truth?"},
    "settings": ["task", "methods", "n_sequences"],
}
WINDOW = 72
ID_WIDTH = 48
METHOD_WIDTH = 21
# Millimetres: margins, and the heights of a sequence's parts.
LEFT, RIGHT = 36, 3
TITLE, OVERVIEW, MARKS, AXIS = 7, 8, 7.5, 11
INNER = style.DOUBLE - LEFT - RIGHT
MINUS = {"-": "\u2212"}
# Of the names of planted motifs: height of a line and width of a character, mm.
NAME_LINE, NAME_CHARACTER = 2.9, 1.5


class Span(NamedTuple):
    """An interval of a window, 0-based half-open, and what is written over it."""

    start: int
    end: int
    name: str = ""


class Shown(NamedTuple):
    """One sequence of the figure.

    key : (id, target). codes : (length,) uint8. scores : (methods, length) at the base present, unscaled.
    start, end : the part that is shown letter by letter. planted : [Span]. seqlets : [Span] per method.
    coordinates : (length,) int. axis : label of the x axis.
    """

    key: tuple
    prediction: float
    codes: np.ndarray
    scores: np.ndarray
    start: int
    end: int
    planted: list
    seqlets: list
    coordinates: np.ndarray
    axis: str


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : attributions: one file a method; windows: path of windows.tsv, for genome coordinates. Optional: truth:
        path of truth.tsv; seqlets: one table a method.
    settings : task; methods: their names, in the order of the files; n_sequences.
    """
    given.demand("attribution_logos", "settings", settings, ("task", "methods", "n_sequences"))
    parts = files.read_common(given.by_method("attribution_logos", inputs, settings, "attributions"))
    if not parts or not len(next(iter(parts.values())).ids):
        return style.explained("No logo to draw: the attribution methods share no sequence.", width=style.DOUBLE)
    seqlets = given.by_method("attribution_logos", inputs, settings, "seqlets") if "seqlets" in inputs else {}
    shown = gather(parts, inputs, seqlets, settings["n_sequences"])
    predicted = tasks.get(settings["task"]).axis.lower()
    height = max(8.5, min(12.0, 44 / len(parts)))
    marks = MARKS if "truth" in inputs else 1
    block = TITLE + OVERVIEW + marks + height * len(parts) + AXIS
    figure = style.figure(style.DOUBLE, block * len(shown), layout=None)
    for i, (item, letter) in enumerate(zip(shown, style.letters(), strict=False)):
        draw_sequence(figure, i * block, item, letter, list(parts), marks, height, predicted)
    return figure


def draw_sequence(figure, top, item, letter, methods, marks, height, predicted):
    """One sequence: title, overview, and a logo a method, each `height` mm, below `marks` mm for planted motifs."""
    draw_title(figure, top + 4, item, letter, predicted)
    draw_overview(style.place(figure, LEFT, top + TITLE, INNER, OVERVIEW - 3), item)
    top += TITLE + OVERVIEW
    total = marks + height * len(methods)
    draw_planted(style.place(figure, LEFT, top, INNER, total), item, marks, total)
    scales = peaks(item)
    limits = y_limits(item, scales)
    for j, (method, scale) in enumerate(zip(methods, scales, strict=True)):
        axes = style.place(figure, LEFT, top + marks + (j + 0.06) * height, INNER, height * 0.88)
        draw_logo(axes, item, j, limits, scale)
        unit = f"(1 = {scale:.2g})" if np.any(item.scores[j, item.start : item.end]) else "(all 0)"
        label = f"{style.wrap(style.method_label(method), METHOD_WIDTH)}\n{unit}"
        axes.text(-0.037, 0.5, label, transform=axes.transAxes, ha="right", va="center", linespacing=1.1)
    draw_positions(axes, item)


def gather(parts, inputs, seqlets, n_sequences):
    """What is shown of the chosen rows.

    Parameters
    ----------
    parts : {method: Attributions} on the same rows. seqlets : {method: path}.
    """
    truth = read_spans(inputs["truth"], ("target", "matrix_id", "strand")) if "truth" in inputs else None
    seqlets = {method: read_spans(path) for method, path in seqlets.items()}
    first = next(iter(parts.values()))
    windows = None
    if "windows" in inputs:
        windows = tables.table(inputs["windows"], ("id", "chrom", "strand"), ("start", "end"))
    shown = []
    for row in choose(first, truth, n_sequences):
        key, codes = (first.ids[row], first.targets[row]), first.codes[row]
        values = [
            scores.observed(scores.transform(part.multipliers[row], codes, "hypothetical"), codes)
            for part in parts.values()
        ]
        start, end = busiest(np.array(values))
        shown.append(
            Shown(
                key,
                float(first.prediction[row]),
                codes,
                np.array(values),
                start,
                end,
                spans_of(truth, key),
                [spans_of(seqlets.get(method), key) for method in parts],
                *coordinates(windows, inputs.get("windows"), key[0], len(codes)),
            )
        )
    return shown


def read_spans(path, names=()):
    """A table of intervals; `names` are the columns that make their label."""
    frame = tables.table(path, ("id", "target", *names), ("start", "end"))
    frame["name"] = ""
    if names:
        frame["name"] = [" ".join(MINUS.get(word, word) for word in words) for words in frame[list(names)].to_numpy()]
    return frame


def spans_of(frame, key):
    """The Spans of one (id, target), left to right."""
    if frame is None:
        return []
    rows = tables.matching(frame, id=key[0], target=key[1]).sort_values(["start", "end"])
    return [Span(int(row.start), int(row.end), row.name) for row in rows.itertuples(index=False)]


def choose(part, truth, n_sequences):
    """Rows of the sequences with the highest prediction, one an id; those with planted motifs first."""
    planted = set() if truth is None else set(zip(truth["id"], truth["target"], strict=True))
    keys = list(zip(part.ids.tolist(), part.targets.tolist(), strict=True))
    order = sorted(range(len(keys)), key=lambda row: (keys[row] not in planted, -part.prediction[row], keys[row]))
    first = {}
    for row in order:
        first.setdefault(keys[row][0], row)
    return list(first.values())[:n_sequences]


def busiest(values, window=WINDOW):
    """(start, end) of the `window` bases with most of the |score|, each method (methods, length) counting the same.

    Weights that fall towards the ends of the window put what counts into its middle.
    """
    weight = relative(values)
    width = min(window, len(weight))
    sums = np.convolve(weight, np.hanning(width + 2)[1:-1], mode="valid")
    start = int(np.argmax(sums.round(9)))
    return start, start + width


def relative(values):
    """|score| as a share of each method's sum over the sequence, mean over methods: (methods, length) -> (length,)."""
    sizes = np.abs(values).astype(float)
    return (sizes / np.maximum(sizes.sum(axis=1, keepdims=True), np.finfo(float).tiny)).mean(axis=0)


def coordinates(windows, path, name, length):
    """(coordinate of each base, label of the axis): on the genome where the table of windows gives a place."""
    rows = [] if windows is None else list(tables.matching(windows, id=name).itertuples(index=False))
    if not rows or not rows[0].chrom:
        return np.arange(length), "Position in the window (bp, 0-based)"
    row = rows[0]
    start, end = int(row.start), int(row.end)
    if end - start > length:
        raise InputError(f"{path}: id '{name}': spans {end - start} bases, its sequence {length}; expected no more")
    # A network with a context of its own sees so many bases before the window, in the direction of reading.
    left = (length - (end - start)) // 2
    if row.strand == "-":
        first = end + left
        return np.arange(first, first - length, -1), f"Position on {row.chrom}, minus strand (bp, 1-based)"
    first = start - left + 1
    return np.arange(first, first + length), f"Position on {row.chrom} (bp, 1-based)"


def peaks(item):
    """Largest |score| of each method in the part shown; 1 where all are zero."""
    largest = np.abs(item.scores[:, item.start : item.end]).max(axis=1)
    return np.where(largest > 0, largest, 1.0)


def y_limits(item, scale):
    """One scale for all methods of a sequence, in units of each method's peak."""
    values = item.scores[:, item.start : item.end] / scale[:, None]
    return min(values.min() * 1.04, -0.12), max(values.max() * 1.04, 0.12)


def draw_title(figure, baseline, item, letter, predicted):
    name = item.key[0] if len(item.key[0]) <= ID_WIDTH else item.key[0][: ID_WIDTH - 1] + "\u2026"
    style.write(figure, 1, baseline, letter, fontweight="bold", fontsize=style.LETTER, va="baseline")
    title = f"{name}   target {item.key[1]}   {predicted} {item.prediction:.2f}"
    style.write(figure, LEFT, baseline, title, va="baseline")


def draw_overview(axes, item):
    """The whole sequence: mean |score| of the methods, the part shown below in grey, planted motifs as bars."""
    weight = relative(item.scores)
    axes.axvspan(item.start, item.end, color=style.GREY, alpha=0.25, linewidth=0)
    axes.fill_between(np.arange(len(weight)) + 0.5, weight, color="black", linewidth=0.3, step="mid")
    top = max(weight.max(), np.finfo(float).tiny)
    for span in item.planted:
        axes.plot([span.start, span.end], [1.15 * top] * 2, color=style.PURPLE, linewidth=2, solid_capstyle="butt")
    axes.set(xlim=(0, len(weight)), ylim=(0, 1.3 * top), xticks=[], yticks=[])
    axes.spines["left"].set_visible(False)
    axes.text(-0.012, 0.5, f"All {len(weight):,} bp, mean |score|", transform=axes.transAxes, ha="right", va="center")


def draw_planted(axes, item, top, total):
    """Where motifs were planted: shading behind all logos from `top` to `total` mm, names above it."""
    axes.set_axis_off()
    axes.set(xlim=(item.start, item.end), ylim=(total, 0))
    spans = [span for span in item.planted if span.start < item.end and span.end > item.start]
    for span, level in zip(spans, name_levels(spans, item), strict=True):
        left, right = max(span.start, item.start), min(span.end, item.end)
        axes.fill_between([left, right], top, total, color=style.PURPLE, alpha=0.15, linewidth=0)
        axes.plot([left + 0.1, right - 0.1], [top, top], color=style.PURPLE, linewidth=1.5, solid_capstyle="butt")
        if level is not None:
            axes.text(name_middle(span, item), top - 2 - level * NAME_LINE, span.name, ha="center", va="center")


def name_middle(span, item):
    """Where the name of a span is centred: over the part of it that is shown, within the axes."""
    half = name_width(span, item) / 2
    middle = (max(span.start, item.start) + min(span.end, item.end)) / 2
    return min(max(middle, item.start + half), item.end - half)


def name_width(span, item):
    """Width of a span's name in bases."""
    return (len(span.name) + 1) * NAME_CHARACTER * (item.end - item.start) / INNER


def name_levels(spans, item):
    """Line 0 or 1 for the name of each span, so that none overlaps; None where neither has room."""
    reached, levels = [item.start, item.start], []
    for span in spans:
        left = name_middle(span, item) - name_width(span, item) / 2
        level = next((level for level in (0, 1) if reached[level] <= left + 1e-9), None)
        if level is not None:
            reached[level] = left + name_width(span, item)
        levels.append(level)
    return levels


def draw_logo(axes, item, j, limits, scale):
    """One method: letters of the bases present, as high as their score, and its seqlets as bars below."""
    shown = slice(item.start, item.end)
    present = dna.one_hot(item.codes[shown]) * (item.codes[shown] < dna.UNKNOWN)
    logos.logo(axes, present * (item.scores[j, shown] / scale), limits)
    for span in item.seqlets[j]:
        left, right = max(span.start, item.start) - item.start, min(span.end, item.end) - item.start
        if left < right:
            axes.plot([left, right], [limits[0]] * 2, color="black", linewidth=2, solid_capstyle="butt", clip_on=False)
    ticks = [tick for tick in (-1, 0, 1) if limits[0] <= tick <= limits[1]]
    axes.set(xticks=[], yticks=ticks)
    for tick, label in zip(ticks, axes.get_yticklabels(), strict=True):
        # Within the panel: that of the next method begins where it ends.
        label.set_verticalalignment({-1: "bottom", 0: "center", 1: "top"}[tick])
    axes.patch.set_visible(False)


def draw_positions(axes, item):
    """Position axis below the last method: a tick every ten bases, but where its number would leave the figure."""
    values = item.coordinates[item.start : item.end]
    ticks = np.flatnonzero(values % 10 == 0)
    ticks = ticks[ticks < len(values) - 2]
    axes.set_xticks(ticks + 0.475, [f"{value:,}" for value in values[ticks]])
    axes.tick_params(axis="x", pad=3)
    axes.set_xlabel(item.axis)
