"""The headline metric of all models where it may differ: by split, by strands, by GC content and by chromosome."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cisflow import tasks
from cisflow.evaluation import results
from cisflow.figures import given, style
from cisflow.io import tables

FIGURE = {
    "of": "split",
    "label": "where performance differs",
    "order": 40,
    "inputs": {"strata": "strata", "metrics": "metrics"},
    "settings": ["task"],
}
FOLD = "test"
NAME_WIDTH, KEY_WIDTH = 24, 20
STRANDS = {"averaged": "Both, averaged", "separate": "Each by itself"}
THIRDS = ("low", "middle", "high")
COLOURS = (style.BLUE, style.VERMILLION, style.GREEN, style.PURPLE, style.BLACK, style.ORANGE, style.SKY)
NUMBERS = ("gc_from", "gc_to", "value", "lower", "upper", "n", "n_positive")


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : metrics, strata: paths of the evaluation's tables.
    settings : task, dataset, split: that of all panels but the first, which shows every split.
    """
    given.demand("robustness", "settings", settings, ("task", "dataset", "split"))
    task = tasks.get(settings["task"])
    metric, label, positives = task.headline, task.labels[task.headline], bool(task.classes)
    where = {"dataset": settings["dataset"], "fold": FOLD}
    split = settings["split"]
    metrics = {kind: results.metrics(inputs["metrics"], strands=kind) for kind in STRANDS}
    metrics = {kind: tables.matching(table, **where, metric=metric) for kind, table in metrics.items()}
    both = metrics["averaged"]
    if not tables.matching(both, split=split)["value"].notna().any():
        return style.explained(
            f"No {label} to show: no model of dataset '{settings['dataset']}' has one on the {FOLD} fold of split "
            f"'{split}'.",
            width=style.DOUBLE,
        )
    target = results.headline_target(both, inputs["metrics"])
    metrics = {kind: tables.matching(table, target=target, seed="mean") for kind, table in metrics.items()}
    strata = tables.table(inputs["strata"], (*results.CLASSES, "kind", "stratum", "metric"), NUMBERS)
    strata = tables.matching(strata, **where, metric=metric, target=target, split=split)
    models = results.ranked(tables.matching(metrics["averaged"], split=split), metric)

    splits = sorted(set(metrics["averaged"]["split"]), key=lambda name: (name != split, name))
    gc, chromosomes = (tables.matching(strata, kind=kind) for kind in ("gc", "chromosome"))
    parts = [(name, tables.matching(metrics["averaged"], split=name)) for name in splits]
    groups = [
        [(f"{name}: {counts(rows, positives)}", rows) for name, rows in parts],
        [(name, tables.matching(metrics[kind], split=split)) for kind, name in STRANDS.items()],
        [(third_label(gc, name, positives), tables.matching(gc, stratum=name)) for name in THIRDS],
    ]
    names = [style.wrap(model, NAME_WIDTH) for model in models]
    spacing = max(3.6 * max(map(len, groups)), 2 + 2.9 * max(name.count("\n") + 1 for name in names))
    keys = 3.6 + max(sum(4 + 2.8 * key_label(label).count("\n") for label, _ in group) for group in groups)
    figure = style.figure(style.DOUBLE, 22 + spacing * len(models) + keys)
    figure.get_layout_engine().set(wspace=0.05)
    panels = figure.subplots(1, 4, sharex=True, sharey=True)
    titles = ("Split", f"Strands ({style.wrap(split, 18)})", "GC content", "Chromosome")
    for axes, letter, title, parts in zip(panels, style.letters(), titles, groups, strict=False):
        draw_groups(axes, parts, models, label)
        style.panel(axes, letter, title)
    draw_chromosomes(panels[3], chromosomes, models, label)
    style.panel(panels[3], "d", titles[3])
    panels[0].set_yticks(np.arange(len(models)), names, linespacing=1.0)
    panels[0].set_ylim(len(models) - 0.5, -0.5)
    return figure


def third_label(gc, name, positives):
    """`Low, 31-42%: 130 of 400 positive`, or the name alone where no sequence is in the third."""
    rows = tables.matching(gc, stratum=name)
    if rows.empty:
        return name
    low, high = (100 * rows[bound].iloc[0] for bound in ("gc_from", "gc_to"))
    return f"{name.capitalize()}, {low:.0f}\u2013{high:.0f}%: {counts(rows, positives)}"


def counts(rows, positives):
    """`400 of 1,200 positive`, of the first row; `n = 1,200` where nothing is positive or not."""
    if not positives:
        return f"n = {rows['n'].iloc[0]:,.0f}"
    return f"{rows['n_positive'].iloc[0]:,.0f} of {rows['n'].iloc[0]:,.0f} positive"


def draw_groups(axes, groups, models, metric):
    """One marker and interval for each model and group, and the key of the groups below."""
    stripes(axes, models, metric)
    handles = []
    for i, (label, rows) in enumerate(groups):
        colour, marker = COLOURS[i % len(COLOURS)], style.MARKERS[i % len(style.MARKERS)]
        offset = 0.84 * ((i + 0.5) / len(groups) - 0.5)
        heights = rows["model"].map({model: place + offset for place, model in enumerate(models)}).astype(float)
        axes.hlines(heights, rows["lower"], rows["upper"], color=colour, linewidth=1.0, zorder=2)
        axes.plot(rows["value"], heights, marker, color=colour, markersize=3.6, zorder=3)
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=3.6, label=key_label(label)))
    key(axes, handles)


def draw_chromosomes(axes, rows, models, metric):
    """One dot for each model and chromosome."""
    stripes(axes, models, metric)
    heights = rows["model"].map({model: place for place, model in enumerate(models)}).astype(float)
    axes.plot(rows["value"], heights, "o", color=style.BLACK, markersize=2.6, alpha=0.5, markeredgewidth=0, zorder=3)
    n = rows["stratum"].nunique()
    label = f"One of {n} chromosomes" if n != 1 else str(rows["stratum"].iloc[0])
    key(axes, [Line2D([], [], color=style.BLACK, marker="o", markersize=2.6, linestyle="none", label=label)])


def stripes(axes, models, metric):
    for place in range(0, len(models), 2):
        axes.axhspan(place - 0.5, place + 0.5, color=style.PALE, linewidth=0, zorder=0)
    axes.set_xlabel(metric)
    axes.xaxis.set_major_locator(MaxNLocator(3, min_n_ticks=2))
    axes.margins(x=0.08)
    axes.tick_params(axis="y", length=0)


def key_label(label):
    return style.wrap(label, KEY_WIDTH)


def key(axes, handles):
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.02), borderaxespad=4.2, handlelength=1.6)
