"""Metrics of every model against how much of a test window the training fold holds."""

from matplotlib.lines import Line2D

from cisflow.figures import given, panels, style
from cisflow.io import tables

FIGURE = {
    "of": "dataset",
    "label": "metrics against similarity to training sequences",
    "order": 56.5,
    "inputs": {"homology": "homology"},
}
NAME_WIDTH, LEGEND_WIDTH, PLOTS, MODELS, HEIGHT = 30, 36, 6, 12, 55
NUMBERS = ("low", "high", "similarity", "value", "lower", "upper", "n")
TEXTS = ("split", "model", "metric")
WORDS = {"auroc": "AUROC", "pearson": "Pearson's r"}


def draw(inputs, settings):
    """The Figure: a plot a split; a line a model, a point a bin of similarity with its interval.

    Parameters
    ----------
    inputs : homology: path of homology.tsv. settings : dataset.
    """
    given.demand("homology", "settings", settings, ("dataset",))
    frame = tables.table(inputs["homology"], TEXTS, NUMBERS).dropna(subset="value")
    metric = next((name for name in WORDS if name in set(frame["metric"])), None)
    frame = frame[frame["metric"] == metric]
    plots = list(frame.groupby("split", sort=True))[:PLOTS]
    if not plots:
        return style.explained(
            f"No metric to draw: no bin of similarity of dataset '{settings['dataset']}' has windows enough.",
            width=style.DOUBLE,
        )
    models = sorted(set(frame["model"]))[:MODELS]
    looks = style.looks(models)
    names = [style.wrap(model, LEGEND_WIDTH) for model in models]
    lines = -(-len(models) // 2) * max(name.count("\n") + 1 for name in names)
    figure, grid = panels.grid(len(plots), HEIGHT, 8 + 4 * lines)
    for axes, letter, (split, part) in zip(grid, style.letters(), plots, strict=False):
        for model in models:
            rows = part[part["model"] == model].sort_values("similarity")
            look = looks[model]
            errors = [(rows["value"] - rows["lower"]).clip(lower=0), (rows["upper"] - rows["value"]).clip(lower=0)]
            axes.errorbar(
                rows["similarity"],
                rows["value"],
                yerr=errors,
                color=look.colour,
                linestyle=look.dashes,
                marker=look.marker,
                markersize=3,
                linewidth=1,
                elinewidth=0.6,
            )
        axes.set_xlim(-0.03, 1.03)
        style.panel(axes, letter, style.wrap(split, NAME_WIDTH))
    handles = [
        Line2D(
            [],
            [],
            color=looks[model].colour,
            linestyle=looks[model].dashes,
            marker=looks[model].marker,
            markersize=3,
            label=name,
        )
        for model, name in zip(models, names, strict=True)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=1 if len(plots) == 1 else 2)
    panels.label(
        grid, "Largest share of k-mers in common with a training sequence", f"{WORDS[metric]} on the windows of a bin"
    )
    return figure
