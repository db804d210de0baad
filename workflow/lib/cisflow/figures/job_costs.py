"""What the jobs of a run took: time, memory, memory of the GPU."""

import numpy as np

from cisflow.figures import style
from cisflow.io import tables

FIGURE = {
    "of": "run",
    "label": "time and memory of the jobs",
    "order": 170,
    "inputs": {"job_costs": "job_costs"},
}
# Column -> (label of its axis, what the numbers are divided by).
PANELS = {
    "seconds": ("Minutes a job", 60),
    "memory_mb": ("Peak memory (GB)", 1000),
    "gpu_memory_mb": ("Peak memory of the GPU (GB)", 1000),
}


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : job_costs: path of the table. settings : none is used.
    """
    table = tables.table(inputs["job_costs"], ("rule", "job"), tuple(PANELS))
    if not len(table):
        return style.explained("No job of this run has a benchmark.")
    shown = {column: look for column, look in PANELS.items() if table[column].notna().any()}
    together = table.groupby("rule")["seconds"].sum().sort_values()
    figure = style.figure(style.DOUBLE, min(22 + 5 * len(together), style.PAGE))
    panels = np.atleast_1d(figure.subplots(1, len(shown), sharey=True))
    letters = style.letters()
    for axes, (column, (label, unit)) in zip(panels, shown.items(), strict=True):
        for place, rule in enumerate(together.index):
            values = table.loc[table["rule"] == rule, column].dropna().to_numpy() / unit
            axes.plot(values, np.full(len(values), place), "o", color=style.BLUE, markersize=3, alpha=0.5)
        axes.set(xscale="log", xlabel=label)
        axes.grid(axis="x", color=style.PALE)
        style.log_ticks(axes.xaxis)
        style.panel(axes, next(letters))
    counts = table["rule"].value_counts()
    names = [f"{rule}  {counts[rule]} jobs, {hours(seconds)}" for rule, seconds in together.items()]
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(-0.6, len(names) - 0.4)
    return figure


def hours(seconds):
    """Seconds in the unit that people would say them in."""
    return (
        f"{seconds:.0f} s"
        if seconds < 100
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
