"""Every attribution method against a reference: how well they correlate, at which cost, and effect by effect."""

import numpy as np
from matplotlib.lines import Line2D

from cisflow.attribution import files
from cisflow.attribution.comparison import agreement
from cisflow.errors import InputError, listing
from cisflow.figures import given, style
from cisflow.figures.method_agreement import draw_distribution
from cisflow.io import tables

FIGURE = {
    "of": "comparison",
    "label": "methods against the reference",
    "order": 140,
    "inputs": {"agreement": "agreement", "cost": "cost", "attributions": "attributions"},
    "settings": ["methods", "reference"],
}
KINDS = (("all bases", style.BLUE, "o"), ("base present", style.VERMILLION, "s"))
COLUMNS = 4
POINTS = 4000
# A key below its panel, where it hides no point.
BELOW = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.17)}
# In mm: a line of a key.
ENTRY = 4.2


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : agreement, cost: paths of tables; attributions: one a method, of one seed.
    settings : reference; methods: those of the attributions, in their order.

    Raises
    ------
    InputError : the reference or a method of the agreement has no cost or no attributions.
    """
    given.demand("attribution_agreement", "settings", settings, ("reference",))
    reference = settings["reference"]
    found = tables.table(inputs["agreement"], ("method", "scores"), ("seed", "pearson"))
    methods = list(dict.fromkeys(found["method"]))
    found = found.dropna(subset=["pearson"])
    cost = tables.table(inputs["cost"], ("method",), ("seconds_per_sequence",))
    if not len(found):
        return style.explained("No sequence has a correlation with the reference.")
    parts = files.read_common(given.by_method("attribution_agreement", inputs, settings, "attributions"))
    for where, there in (("cost", set(cost["method"])), ("attributions", set(parts))):
        if absent := [method for method in [reference, *methods] if method not in there]:
            raise InputError(
                f"figure attribution_agreement: {where}: no method '{absent[0]}'; expected the reference and those of "
                f"the agreement: {listing([reference, *methods], 9)}"
            )
    rows = -(-len(methods) // COLUMNS)

    top = 68 + ENTRY * (len(methods) + 2)
    figure = style.figure(style.DOUBLE, top + 48 * rows)
    upper, lower = figure.subfigures(2, 1, height_ratios=(top, 48 * rows))
    left, right = upper.subplots(1, 2, width_ratios=(1, 1.1))
    letters = style.letters()
    draw_cost(left, found[found["scores"] == "all bases"], cost, methods, reference)
    style.panel(left, next(letters), "Correlation against cost")
    draw_distributions(right, found, methods)
    style.panel(right, next(letters), f"Correlation with {style.method_label(reference)}")
    grid = lower.subplots(rows, COLUMNS, squeeze=False)
    for axes, method in zip(grid.flat, methods, strict=False):
        draw_scatter(axes, parts[method], parts[reference])
        style.panel(axes, next(letters), style.wrap(style.method_label(method), 24))
    for axes in grid.flat[len(methods) :]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel(f"{style.method_label(reference)}: effect on the output")
    return figure


def draw_cost(axes, found, cost, methods, reference):
    """Median and middle half of the correlations, at the median and the range of the milliseconds."""
    looks = style.method_looks([*methods, reference])
    milliseconds = 1000 * cost.groupby("method")["seconds_per_sequence"].agg(["min", "median", "max"])
    for method in [reference, *methods]:
        low, middle, high = milliseconds.loc[method]
        look, name = looks[method], style.method_label(method)
        values = found.loc[found["method"] == method, "pearson"] if method != reference else np.ones(1)
        if not len(values):
            axes.plot([], [], look.marker, color=look.colour, label=f"{name}: undefined, {middle:.3g} ms")
            continue
        quarters = np.percentile(values, [5, 25, 50, 75, 95])
        axes.plot([middle] * 2, quarters[[0, 4]], color=look.colour, linewidth=0.7)
        axes.plot([middle] * 2, quarters[[1, 3]], color=look.colour, linewidth=3, alpha=0.4, solid_capstyle="butt")
        axes.plot([low, high], quarters[[2, 2]], color=look.colour, linewidth=0.7)
        label = f"{name}: {values.mean():.3f}, {middle:.3g} ms"
        axes.plot([middle], [quarters[2]], look.marker, color=look.colour, linestyle="none", label=label)
    axes.set(xscale="log", xlabel="Milliseconds a sequence", ylabel="Correlation, all bases")
    style.log_ticks(axes.xaxis)
    axes.legend(**BELOW, title="Mean correlation, median time", title_fontsize=style.TEXT)


def draw_distributions(axes, found, methods):
    for i, (kind, colour, marker) in enumerate(KINDS):
        for place, method in enumerate(methods):
            values = found.loc[(found["method"] == method) & (found["scores"] == kind), "pearson"].to_numpy()
            draw_distribution(axes, values, place + (i - 0.5) * 0.46, colour, marker, digits=3)
    axes.set_yticks(range(len(methods)), [style.wrap(style.method_label(method), 18) for method in methods])
    axes.set(ylim=(len(methods) - 0.5, -0.5), xlabel="Correlation per sequence, target and seed")
    axes.tick_params(axis="y", length=0)
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="none", label=kind.capitalize())
        for kind, colour, marker in KINDS
    ]
    axes.legend(handles=handles, **BELOW, ncols=2)


def draw_scatter(axes, part, reference):
    """Effect of putting each other base at each position; a sample of all sequences."""
    if not len(part.ids):
        style.explain(axes, "No effect to show: of the first seed the methods share no sequence.", width=24)
        return
    effects = [agreement.views(each.multipliers, each.codes)["all bases"].ravel() for each in (part, reference)]
    # At the base present both are 0.
    changed = np.flatnonzero((effects[0] != 0) | (effects[1] != 0))
    if not len(changed):
        style.explain(axes, "No effect to show: all are 0 in the first seed.", width=24)
        return
    (r,) = agreement.correlation(*(values[None, changed] for values in effects))
    shown = np.random.default_rng(0).permutation(changed)[:POINTS]
    limits = [min(values[shown].min() for values in effects), max(values[shown].max() for values in effects)]
    axes.plot(limits, limits, color=style.GREY, linewidth=0.6)
    axes.plot(effects[0][shown], effects[1][shown], ".", color=style.BLUE, markersize=1.5, markeredgewidth=0, alpha=0.4)
    axes.text(0.05, 0.95, f"r = {style.number(r, digits=2)}", transform=axes.transAxes, va="top")
    axes.set_xlabel("Effect on the output")
    axes.set_box_aspect(1)
