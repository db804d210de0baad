"""Attribution methods judged: by the planted truth, by the network as bases go, and by another seed."""

from cisflow.attribution.comparison import agreement
from cisflow.figures import style
from cisflow.io import tables

FIGURE = {
    "of": "comparison",
    "label": "methods judged",
    "order": 150,
    "inputs": {"summary": "summary", "planted": "planted", "perturbation": "perturbation"},
}
PERCENT = 100
# In mm: a line of a key.
ENTRY = 4.2


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : summary, planted, perturbation: paths of tables.
    settings : none is used.
    """
    summary = tables.table(inputs["summary"], ("measure", "method", "seed"), ("value", "lower", "upper"))
    planted = tables.table(inputs["planted"], ("method",), ("base_rate_fixed_gc",))
    table = tables.table(inputs["perturbation"], ("id", "target", "method", "curve"), ("seed", "share", "output"))
    if not len(table):
        return style.explained("No sequence is explained by every method, so that there is nothing to judge.")
    methods = list(dict.fromkeys(table["method"]))
    curves = agreement.oriented(table).groupby(["curve", "method", "seed"]).mean()
    upper, lower = 7 * len(methods) + 10, 68 + ENTRY * (len(methods) + 1)
    figure = style.figure(style.DOUBLE, upper + lower)
    # Names of methods beside the upper panels take no room from the curves.
    parts = figure.subfigures(2, 1, height_ratios=(upper, lower))
    (a, b), (c, d) = (part.subplots(1, 2) for part in parts)
    recovered = summary[summary["measure"] == "planted_average_precision_fixed_gc"]
    draw_intervals(a, recovered, methods, "No motif was planted for what is explained.", chance=True)
    a.set_xlabel("Average precision of planted positions, at fixed GC")
    if len(planted):
        rate = planted["base_rate_fixed_gc"].mean()
        a.axvline(rate, color=style.GREY, linewidth=0.8, linestyle="--")
        a.annotate(
            "planted share", (rate, 1), (3, -1), ("data", "axes fraction"), "offset points", va="top", color=style.GREY
        )
    style.panel(a, "a", "Planted motifs")
    nothing = "Nothing to compare: a single seed, or no sequence that two seeds explain."
    draw_intervals(b, summary[summary["measure"] == "seed_correlation"], methods, nothing)
    b.set_xlabel("Correlation between two seeds, base present")
    style.panel(b, "b", "Between seeds")
    for axes, letter, curve in ((c, "c", "deletion"), (d, "d", "insertion")):
        areas = summary[(summary["measure"] == f"{curve}_area") & (summary["seed"] == "all")]
        draw_curves(axes, curves.loc[curve], methods, areas.set_index("method"))
        style.panel(axes, letter, curve.capitalize())
    c.set_xlabel("Positions replaced, most supporting first (%)")
    d.set_xlabel("Positions given back, most supporting first (%)")
    c.set_ylabel("Output, towards that of the whole")
    return figure


def look_of(method, looks):
    return looks[method]._replace(colour=style.GREY) if method == agreement.RANDOM else looks[method]


def draw_intervals(axes, rows, methods, nothing, chance=False):
    """Each seed with its interval over sequences, above them the mean with its interval over seeds; `chance` from 0.

    Without rows the panel says `nothing`.
    """
    if not len(rows):
        style.explain(axes, nothing, width=30)
        return
    looks = style.method_looks(methods)
    shown = [method for method in methods if method in set(rows["method"])]
    for place, method in enumerate(shown):
        colour = look_of(method, looks).colour
        of_method = rows[rows["method"] == method]
        seeds = of_method[of_method["seed"] != "all"]
        for number, row in enumerate(seeds.itertuples(index=False)):
            height = place + 0.12 + 0.28 * number / max(1, len(seeds) - 1)
            axes.plot([row.lower, row.upper], [height] * 2, color=colour, linewidth=0.8)
            axes.plot([row.value], [height], "o", color=colour, markersize=2)
        for row in of_method[of_method["seed"] == "all"].itertuples(index=False):
            axes.plot([row.lower, row.upper], [place - 0.15] * 2, color=colour, linewidth=2)
            axes.plot([row.value], [place - 0.15], "D", color=colour, markersize=4)
            axes.annotate(
                style.number(row.value, row.lower, row.upper),
                (1, place - 0.1),
                (2, 0),
                ("axes fraction", "data"),
                "offset points",
                va="center",
                color=colour,
            )
    axes.set_yticks(range(len(shown)), [style.method_label(method) for method in shown])
    axes.set(ylim=(len(shown) - 0.4, -0.6), xlim=(min(0, rows["lower"].min()) if chance else None, 1))
    axes.tick_params(axis="y", length=0)


def draw_curves(axes, means, methods, areas):
    """Mean over the seeds, and the range of their means.

    Parameters
    ----------
    means : frame with method and seed as its index and a column for each share: mean over sequences.
    areas : frame with method as its index, and value, lower and upper.
    """
    looks = style.method_looks(methods)
    for method in methods:
        look = look_of(method, looks)
        seeds = means.loc[method]
        area = areas.loc[method]
        label = f"{style.method_label(method)}: {style.number(area['value'], area['lower'], area['upper'], digits=2)}"
        shares = PERCENT * seeds.columns.to_numpy()
        axes.plot(shares, seeds.mean(), color=look.colour, linestyle=look.dashes, label=label)
        axes.fill_between(shares, seeds.min(), seeds.max(), color=look.colour, alpha=0.12, linewidth=0)
    axes.set_xlim(0, PERCENT)
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.17),
        title="Area: mean of seeds (interval)",
        title_fontsize=style.TEXT,
    )
