"""Reliability diagrams: of the sequences given a probability, how many are positive, for each model on one split."""

import math

import numpy as np

from cisflow.evaluation import results
from cisflow.figures import given, style
from cisflow.io import tables

FIGURE = {
    "of": "split",
    "label": "calibration",
    "order": 50,
    "inputs": {"calibration": "calibration", "metrics": "metrics"},
    "tasks": ["binary"],
}
NUMBERS = ("bin_from", "bin_to", "predicted", "observed", "lower", "upper", "n", "n_positive")
COLUMNS = 4
NAME_WIDTH = 24
# Height of the tallest bar of the counts, on the scale of the shares.
BARS = 0.2


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : calibration, metrics: paths of the evaluation's tables.
    settings : dataset, split.
    """
    given.demand("calibration", "settings", settings, ("dataset", "split"))
    where = {"dataset": settings["dataset"], "split": settings["split"], "fold": "test"}
    bins = tables.table(inputs["calibration"], (*results.CLASSES, "seed"), NUMBERS)
    bins = tables.matching(bins, **where)
    if not bins["n"].sum():
        return style.explained(
            f"No calibration to draw: the test fold of split '{settings['split']}' of dataset "
            f"'{settings['dataset']}' has no sequence with a label.",
            width=style.DOUBLE,
        )
    metrics = tables.matching(results.metrics(inputs["metrics"], ensembles=True), **where)
    models = sorted(set(bins["model"]))
    columns = min(COLUMNS, len(models))
    names = [style.wrap(model, NAME_WIDTH) for model in models]
    rows = math.ceil(len(models) / columns)
    lines = max(name.count("\n") for name in names)
    figure = style.figure(style.DOUBLE, min(245, 4 + rows * (53 + 3.2 * lines)))
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, letter, model, name in zip(panels.flat, style.letters(), models, names, strict=False):
        draw_panel(
            axes, letter, name, pooled(tables.matching(bins, model=model)), tables.matching(metrics, model=model)
        )
    for axes in panels.flat[len(models) :]:
        axes.set_axis_off()
    # A column that ends early shows its scale under its last panel.
    for number in range(len(models)):
        if number + columns >= len(models):
            panels.flat[number].tick_params(labelbottom=True)
    balance = results.balance(tables.matching(metrics, seed="mean"))
    figure.supxlabel(f"Predicted probability (test fold: {balance.text})", fontsize=style.TEXT)
    figure.supylabel("Share of positives", fontsize=style.TEXT)
    return figure


def pooled(bins):
    """Rows of one model's bins, of the ensemble where there is one, summed over targets; `single`: of one target."""
    seeds = sorted(set(bins["seed"]))
    bins = tables.matching(bins, seed="ensemble" if "ensemble" in seeds else seeds[0])
    targets = bins["target"].nunique()
    if targets == 1:
        return bins.assign(targets=1)
    sums = bins.assign(predicted=bins["predicted"].fillna(0) * bins["n"])
    sums = sums.groupby("bin_from")[["predicted", "n", "n_positive"]].sum().reset_index()
    n = sums["n"].where(sums["n"] > 0)
    return sums.assign(
        seed=bins["seed"].iloc[0],
        predicted=sums["predicted"] / n,
        observed=sums["n_positive"] / n,
        lower=np.nan,
        upper=np.nan,
        targets=targets,
    )


def draw_panel(axes, letter, name, bins, metrics):
    axes.plot([0, 1], [0, 1], color=style.GREY, linewidth=0.8, dashes=(2, 2), zorder=1)
    axes.bar(
        bins["bin_from"] + 0.05, BARS * bins["n"] / bins["n"].max(), width=0.09, color=style.SKY, alpha=0.5, linewidth=0
    )
    known = bins[bins["n"] > 0]
    axes.vlines(known["predicted"], known["lower"], known["upper"], color=style.BLUE, linewidth=0.9)
    axes.plot(known["predicted"], known["observed"], "o-", color=style.BLUE, markersize=3.2, linewidth=0.9)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    target = "mean" if bins["targets"].iloc[0] > 1 else metrics["target"].iloc[0]
    shown = tables.matching(metrics, target=target, seed=bins["seed"].iloc[0]).set_index("metric")["value"]
    text = "\n".join(
        f"{label} {style.number(shown.get(metric, np.nan), digits=2)}"
        for label, metric in (("Error", "calibration_error"), ("Slope", "calibration_slope"))
    )
    axes.text(0.02, 0.98, text, transform=axes.transAxes, va="top", linespacing=1.1)
    style.panel(axes, letter, name)
