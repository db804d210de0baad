"""Metrics of all models side by side, with intervals, single seeds and what no skill would score."""

import textwrap

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cisflow import tasks
from cisflow.evaluation import results
from cisflow.figures import given, style
from cisflow.io import tables

FIGURE = {
    "of": "dataset",
    "label": "models side by side",
    "order": 10,
    "inputs": {"metrics": "metrics", "comparisons": "comparisons"},
    "settings": ["task", "baselines"],
}
FOLD = "test"
# Guides of two splits that are closer than this are drawn as one.
TOLERANCE = 0.01
NAME_WIDTH = 26
NOTE_WIDTH = 125
COLOURS = (style.BLUE, style.VERMILLION, style.GREEN, style.PURPLE, style.BLACK, style.ORANGE, style.SKY)


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : metrics, comparisons: paths of the evaluation's tables.
    settings : dataset, task; baselines: {model: k of its k-mers}, if there are any.
    """
    given.demand("model_comparison", "settings", settings, ("dataset", "task"))
    task = tasks.get(settings["task"])
    metrics = results.metrics(inputs["metrics"])
    metrics = tables.matching(metrics, dataset=settings["dataset"], fold=FOLD)
    if not metrics["value"].notna().any():
        return style.explained(
            f"No metric to compare: no model of dataset '{settings['dataset']}' was evaluated on a {FOLD} fold.",
            width=style.DOUBLE,
        )
    target = results.headline_target(metrics, inputs["metrics"])
    splits = sorted(set(metrics["split"]))
    positives = bool(task.classes)
    balances = [results.balance(tables.matching(metrics, split=split), positives) for split in splits]
    shown = tables.matching(metrics, target=target)
    drawn = [metric for metric in task.labels if metric in set(shown["metric"])]
    models = results.ranked(shown, task.headline)

    names = [style.wrap(model, NAME_WIDTH) for model in models]
    spacing = max(3.6 * len(splits), 2 + 2.9 * max(name.count("\n") + 1 for name in names), 5)
    means, baselines = tables.matching(shown, seed="mean"), settings.get("baselines", {})
    notes = results.notes_on_skill(inputs["comparisons"], settings["dataset"], target, means, baselines, task.headline)
    notes = [line for note in notes for line in textwrap.wrap(note, NOTE_WIDTH, break_on_hyphens=False)]
    lines = (len(splits) + 1) // 2 + 1 + len(notes)
    figure = style.figure(style.DOUBLE, min(24 + spacing * len(models) + 3.6 * lines, style.PAGE))
    figure.get_layout_engine().set(wspace=0.05)
    panels = figure.subplots(1, len(drawn), sharey=True, squeeze=False)[0]
    for axes, letter, metric in zip(panels, style.letters(), drawn, strict=False):
        draw_panel(axes, task, letter, metric, shown, models, splits, balances)
    panels[0].set_yticks(np.arange(len(models)), names, linespacing=1.0)
    panels[0].set_ylim(len(models) - 0.5, -0.5)
    draw_key(figure, splits, balances, notes)
    return figure


def draw_panel(axes, task, letter, metric, metrics, models, splits, balances):
    rows = tables.matching(metrics, metric=metric)
    for place in range(0, len(models), 2):
        axes.axhspan(place - 0.5, place + 0.5, color=style.PALE, linewidth=0, zorder=0)
    guides = [results.no_skill(metric, balance.rates) for balance in balances]
    same = not max(guides) - min(guides) > TOLERANCE
    for i, (split, guide) in enumerate(zip(splits, guides, strict=True)):
        colour = COLOURS[i % len(COLOURS)]
        if i == 0 or not same:
            axes.axvline(
                np.mean(guides) if same else guide,
                color=style.GREY if same else colour,
                linewidth=0.8,
                dashes=(2, 2),
                zorder=1,
            )
        offset = (i + 0.5) / len(splits) - 0.5
        of_split = tables.matching(rows, split=split)
        draw_split(axes, of_split, models, 0.84 * offset, 0.2 / len(splits), colour, style.MARKERS[i % 7])
    axes.set_xlabel("lower is better" if metric in task.lower else "higher is better")
    axes.xaxis.set_major_locator(MaxNLocator(4, min_n_ticks=3))
    axes.margins(x=0.08)
    axes.tick_params(axis="y", length=0)
    style.panel(axes, letter, task.labels[metric])


def draw_split(axes, rows, models, offset, gap, colour, marker):
    """One marker and interval a model, and below it a small dot for each seed."""
    place = {model: i + offset for i, model in enumerate(models)}
    means = tables.matching(rows, seed="mean")
    heights = means["model"].map(place).astype(float) - gap
    seeds = rows[rows["seed"] != "mean"]
    axes.hlines(heights, means["lower"], means["upper"], color=colour, linewidth=1.1, zorder=2)
    axes.plot(means["value"], heights, marker, color=colour, markersize=4, zorder=3)
    below = seeds["model"].map(place).astype(float) + gap
    axes.plot(seeds["value"], below, "o", color=colour, markersize=2.2, alpha=0.6, markeredgewidth=0, zorder=2)


def draw_key(figure, splits, balances, notes):
    handles = [
        Line2D(
            [],
            [],
            color=COLOURS[i % len(COLOURS)],
            marker=style.MARKERS[i % 7],
            label=f"{split} ({FOLD} fold: {balance.text})",
        )
        for i, (split, balance) in enumerate(zip(splits, balances, strict=True))
    ]
    handles.append(Line2D([], [], color=style.GREY, marker="o", markersize=2.2, linestyle="none", label="One seed"))
    handles.append(Line2D([], [], color=style.GREY, linewidth=0.8, dashes=(2, 2), label="No skill"))
    # The notes are the title of the key, below which nothing else is laid out.
    title = {"title": "\n".join(notes), "title_fontsize": style.TEXT, "alignment": "left"} if notes else {}
    figure.legend(handles=handles, loc="outside lower center", ncols=2, **title)
