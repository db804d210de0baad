"""Time and memory of attribution methods against length, number of sequences and number of targets."""

import numpy as np

from cisflow.figures import style
from cisflow.io import tables

FIGURE = {
    "of": "run",
    "label": "time and memory",
    "order": 160,
    "inputs": {"timing": "timing"},
}
VARIED = (("length", "Length (bp)"), ("n_sequences", "Sequences"), ("n_targets", "Targets"))
GUIDE = "tism"


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : timing: path of the table. settings : none is used.
    """
    numbers = ("length", "n_sequences", "n_targets", "seconds", "peak_mb")
    table = tables.table(inputs["timing"], ("method", "varied"), numbers)
    if not len(table):
        return style.explained("No method was timed.")
    methods = list(dict.fromkeys(table["method"]))
    looks = style.method_looks(methods)
    figure = style.figure(style.DOUBLE, 122)
    panels = figure.subplots(2, 3, sharex="col", sharey="row")
    letters = style.letters()
    for column, (varied, label) in enumerate(VARIED):
        rows = table[table["varied"] == varied]
        for axes, name in zip(panels[:, column], ("seconds", "peak_mb"), strict=True):
            draw_panel(axes, rows, varied, name, methods, looks)
            style.panel(axes, next(letters), fixed(rows, varied))
        draw_guide(panels[0, column], rows, varied)
        panels[1, column].set_xlabel(label)
        ticks = sorted(set(rows[varied]))
        panels[1, column].set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks], minor=False)
        panels[1, column].minorticks_off()
        if len(ticks) == 1:
            # A log axis of a single number has no limits that hold it.
            panels[1, column].set_xlim(ticks[0] / 2, ticks[0] * 2)
    panels[0, 0].set_ylabel("Seconds, all sequences")
    panels[1, 0].set_ylabel("Peak memory (MiB)")
    for axes in panels[:, 0]:
        style.log_ticks(axes.yaxis)
    if table["peak_mb"].isna().all():
        for axes in panels[1]:
            style.explain(axes, "No memory to show: the system does not tell its peak.", width=30)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def fixed(rows, varied):
    """What is kept while a size varies, in words."""
    first = rows.iloc[0]
    units = {"length": "bp", "n_sequences": "sequence", "n_targets": "target"}
    plural = {name: "s" if unit != "bp" and first[name] != 1 else "" for name, unit in units.items()}
    words = [f"{first[name]:,.0f} {unit}{plural[name]}" for name, unit in units.items() if name != varied]
    return ", ".join(words)


def draw_panel(axes, rows, varied, name, methods, looks):
    """Median over the repeats, and their range."""
    for method in methods:
        of_method = rows[rows["method"] == method].groupby(varied)[name].agg(["median", "min", "max"])
        # Less than a page of memory cannot be told from none.
        of_method = of_method.clip(lower=0.1) if name == "peak_mb" else of_method
        middle = of_method["median"]
        spread = np.abs(of_method[["min", "max"]].sub(middle, axis=0)).T.to_numpy()
        look = looks[method]
        axes.errorbar(
            middle.index,
            middle,
            spread,
            color=look.colour,
            linestyle=look.dashes,
            marker=look.marker,
            label=style.method_label(method),
            elinewidth=0.8,
            capsize=1.5,
        )
    axes.set(xscale="log", yscale="log")


def draw_guide(axes, rows, varied):
    """What one pass for each mutant would take, were TISM one pass: its time times 3 lengths.

    TISM makes a backward pass for each target; one pass of a mutant serves them all, so that of targets the time for
    the fewest counts.
    """
    guide = rows[rows["method"] == GUIDE].groupby(varied)[["seconds", "length"]].median()
    if len(guide):
        seconds = guide["seconds"].iloc[0] if varied == "n_targets" else guide["seconds"]
        values = 3 * guide["length"] * seconds
        label = f"3 \u00b7 length \u00b7 {style.method_label(GUIDE)}"
        # A single number has no line.
        look = {"marker": "_", "markersize": 14} if len(guide) == 1 else {}
        axes.plot(guide.index, values, color=style.GREY, linewidth=0.8, linestyle="--", label=label, **look)
