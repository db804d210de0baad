"""Published numbers beside ours: as published, judged as they should be, and on a held-out split."""

import textwrap
from typing import NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from cisflow.evaluation import results
from cisflow.figures import given, style
from cisflow.figures.model_comparison import TOLERANCE
from cisflow.io import tables
from cisflow.published import numbers as published

FIGURE = {
    "of": "study",
    "label": "published and rerun",
    "order": 70,
    "inputs": {"metrics": "metrics", "comparisons": "comparisons", "published": "published_metrics"},
    "settings": ["study", "baselines"],
    "tasks": ["binary"],
}
FOLD = "test"
# Metric as published and as it should be, title of the panel.
PANELS = (("auroc", "auroc", "AUROC"), ("auprc_trapezoid", "average_precision", "AUPRC"))
NUMBERS = ("value", "lower", "upper", "minimum", "maximum", "n_seeds", "n", "n_positive")
NAME_WIDTH, KEY_WIDTH, NOTE_WIDTH = 28, 54, 118
BAND_HATCHES = ("////", "....", "xxxx")


class Kind(NamedTuple):
    """One way to measure: rows of the metrics, which of a panel's metrics, how it is drawn and called."""

    rows: object
    published: bool
    colour: str
    marker: str
    label: str


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : metrics, comparisons: paths of the evaluation's tables; published: path of the published numbers.
    settings : dataset; study: splits, published and same_data as in the config; baselines: {model: k of its k-mers}.
    """
    given.demand("study_comparison", "settings", settings, ("dataset", "study"))
    study, baselines = settings["study"], settings.get("baselines", {})
    splits = study["splits"]
    everything = tables.table(inputs["metrics"], results.METRIC_COLUMNS, NUMBERS)
    everything = tables.matching(everything, dataset=settings["dataset"], fold=FOLD, seed="mean")
    everything = everything[everything["split"].isin(splits.values())]
    if not everything["value"].notna().any():
        return style.explained(
            f"No number to set beside the published ones: no model of dataset '{settings['dataset']}' was evaluated "
            f"on a {FOLD} fold of split '{splits['published']}' or '{splits['held_out']}'.",
            width=style.DOUBLE,
        )
    target = results.headline_target(everything, inputs["metrics"])
    balances = {split: _balance(everything, split) for split in dict.fromkeys(splits.values())}
    metrics = tables.matching(everything, target=target)
    averaged = tables.matching(metrics, strands="averaged")
    models = [model for model in results.ranked(averaged) if model not in baselines] or results.ranked(averaged)
    beside = published.read(inputs["published"], study.get("published", {}))
    same = tables.matching(metrics, split=splits["published"])
    kinds = [
        Kind(
            published.as_published(same),
            True,
            style.ORANGE,
            "s",
            f"Split {splits['published']}, as published: strands as rows, trapezoids",
        ),
        Kind(
            tables.matching(same, strands="averaged"),
            False,
            style.BLUE,
            "o",
            f"Split {splits['published']}: strands averaged, average precision",
        ),
        Kind(
            tables.matching(averaged, split=splits["held_out"]),
            False,
            style.VERMILLION,
            "^",
            f"Split {splits['held_out']}: strands averaged, average precision",
        ),
    ]

    names = [style.wrap(model, NAME_WIDTH) for model in models]
    spacing = max(13.0, 2 + 2.9 * max(name.count("\n") + 1 for name in names))
    spacing = min(spacing, max(8.0, 190 / len(models)))
    means = averaged[averaged["split"].isin(balances)]
    notes = results.notes_on_skill(inputs["comparisons"], settings["dataset"], target, means, baselines)
    lines = _notes(balances, study, published.rates(beside), notes)
    labels = len(kinds) + len(baselines) + 3
    height = 24 + spacing * len(models) + 3.6 * (len(lines) + labels)
    figure = style.figure(style.DOUBLE, min(height, 245))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, letter, number in zip(panels, "ab", range(2), strict=True):
        draw_panel(axes, number, kinds, models, {model: pair[number] for model, pair in beside.items()})
        draw_bands(axes, PANELS[number][1], tables.matching(averaged, split=splits["held_out"]), baselines)
        draw_chance(axes, PANELS[number][1], balances)
        style.panel(axes, letter, PANELS[number][2])
    panels[0].set_yticks(np.arange(len(models)), names, linespacing=1.0)
    panels[0].set_ylim(len(models) - 0.5, -0.5)
    draw_key(figure, kinds, beside, study, baselines, lines)
    return figure


def _balance(metrics, split):
    return results.balance(tables.matching(metrics, split=split, strands="averaged"))


def _notes(balances, study, rates, on_baselines):
    """Lines above the key: the folds, whose data it is, and what is to be said of the baselines."""
    folds = "; ".join(f"{split}: {balance.text}" for split, balance in balances.items())
    notes = [f"{FOLD.capitalize()} fold of {folds}."]
    if study.get("published") and not study.get("same_data"):
        notes.append("The published numbers were measured on other data: they are no target for ours.")
    if rates:
        notes.append(f"Base rate behind the published AUPRC: {rates}.")
    return [line for note in notes + on_baselines for line in textwrap.wrap(note, NOTE_WIDTH, break_on_hyphens=False)]


def draw_panel(axes, number, kinds, models, beside):
    """Published number, and below it one marker, interval and range over seeds for each kind."""
    for place in range(0, len(models), 2):
        axes.axhspan(place - 0.5, place + 0.5, color=style.PALE, linewidth=0, zorder=0)
    rows = len(kinds) + 1
    place = {model: i for i, model in enumerate(models)}
    found = [(value, place[model] + _offset(0, rows)) for model, value in beside.items() if model in place]
    axes.plot(*zip(*found, strict=True) if found else ((), ()), "D", color=style.BLACK, markersize=3.6, zorder=4)
    for i, kind in enumerate(kinds, 1):
        metric = PANELS[number][0 if kind.published else 1]
        table = tables.matching(kind.rows, metric=metric)
        table = table[table["model"].isin(models)]
        heights = table["model"].map(place).astype(float) + _offset(i, rows)
        several = table["n_seeds"] > 1
        axes.hlines(
            heights[several],
            table.loc[several, "minimum"],
            table.loc[several, "maximum"],
            color=kind.colour,
            linewidth=4.5,
            alpha=0.3,
            zorder=2,
        )
        axes.hlines(heights, table["lower"], table["upper"], color=kind.colour, linewidth=1.0, zorder=3)
        axes.plot(table["value"], heights, kind.marker, color=kind.colour, markersize=3.8, zorder=4)
    axes.set_xlabel(PANELS[number][2])
    axes.xaxis.set_major_locator(MaxNLocator(6, min_n_ticks=3))
    axes.margins(x=0.06)
    axes.tick_params(axis="y", length=0)


def _offset(i, rows):
    return 0.84 * ((i + 0.5) / rows - 0.5)


def draw_bands(axes, metric, metrics, baselines):
    """Behind the models, the interval of each baseline on the held-out split."""
    for i, model in enumerate(baselines):
        for row in tables.matching(metrics, model=model, metric=metric).itertuples():
            if row.lower == row.lower:
                axes.axvspan(row.lower, row.upper, zorder=1, **_band(i))
            axes.axvline(row.value, color=style.GREY, linewidth=0.8, zorder=1)


def _band(i):
    """How the band of a baseline is drawn."""
    hatch = BAND_HATCHES[i % len(BAND_HATCHES)]
    return {"facecolor": "none", "edgecolor": style.GREY, "hatch": hatch, "linewidth": 0, "alpha": 0.55}


def draw_chance(axes, metric, balances):
    """What no skill scores: on each split where they differ."""
    guides = [results.no_skill(metric, balance.rates) for balance in balances.values()]
    guides = guides if max(guides) - min(guides) > TOLERANCE else [np.mean(guides)]
    for guide in guides:
        axes.axvline(guide, color=style.GREY, linewidth=0.8, dashes=(2, 2), zorder=1)


def draw_key(figure, kinds, beside, study, baselines, lines):
    handles = []
    if beside:
        where = f" (split {study['splits']['published']})" if study.get("same_data") else " (other data)"
        handles.append(_line(style.BLACK, "D", f"Published{where}"))
    handles += [_line(kind.colour, kind.marker, kind.label, linewidth=1.0) for kind in kinds]
    handles.append(Line2D([], [], color=style.GREY, linewidth=4.5, alpha=0.4, label="Range over seeds"))
    for i, (model, k) in enumerate(baselines.items()):
        label = f"{model}: {results.sees(k)}, {study['splits']['held_out']}, 95% interval"
        handles.append(Patch(label=style.wrap(label, KEY_WIDTH), **_band(i)))
    handles.append(Line2D([], [], color=style.GREY, linewidth=0.8, dashes=(2, 2), label="No skill (AUPRC: base rate)"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=2,
        title="\n".join(lines),
        title_fontsize=style.TEXT,
        alignment="left",
    )


def _line(colour, marker, label, linewidth=0):
    return Line2D(
        [], [], color=colour, marker=marker, markersize=3.8, linewidth=linewidth, label=style.wrap(label, KEY_WIDTH)
    )
