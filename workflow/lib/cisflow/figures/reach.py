"""How far networks look: what lies within a distance of the middle, against how far their layers let them look."""

from matplotlib.lines import Line2D

from cisflow.figures import given, panels, style
from cisflow.io import tables

FIGURE = {"of": "dataset", "label": "how far networks look", "order": 59, "inputs": {"reach": "reach"}}
NAME_WIDTH, PLOTS, HEIGHT = 30, 6, 55
TEXTS = ("split", "model", "seed", "of")
NUMBERS = ("low", "high", "cumulative", "effective", "architectural", "length")
# What a gradient is of -> colour and name.
LOOKS = {"position": (style.BLUE, "middle of the last layer"), "output": (style.VERMILLION, "outputs")}


def draw(inputs, settings):
    """The Figure: a plot a model and split, of the first seed; lines are shares of the contribution within a distance.

    Parameters
    ----------
    inputs : reach: path of reach.tsv. settings : dataset.
    """
    given.demand("reach", "settings", settings, ("dataset",))
    frame = tables.table(inputs["reach"], TEXTS, NUMBERS).dropna(subset="cumulative")
    frame = frame[frame["seed"] == frame.groupby(["split", "model"])["seed"].transform("first")]
    plots = list(frame.groupby(["split", "model"], sort=True))[:PLOTS]
    if not plots:
        return style.explained(
            f"No reach to draw: no output of a network of dataset '{settings['dataset']}' depends on a base.",
            width=style.DOUBLE,
        )
    figure, grid = panels.grid(len(plots), HEIGHT, 16)
    for axes, letter, ((split, model), part) in zip(grid, style.letters(), plots, strict=False):
        for of, rows in part.groupby("of", sort=True):
            colour = LOOKS[of][0]
            axes.plot([0, *rows["high"] - 0.5], [0, *rows["cumulative"]], "-", color=colour, linewidth=1)
            axes.axvline(rows["effective"].iloc[0], color=colour, linestyle="--", linewidth=0.8)
            axes.axvline(rows["architectural"].iloc[0], color=colour, linestyle=":", linewidth=1.2)
        axes.set_xscale("symlog", linthresh=10)
        axes.set_xlim(0, part["length"].iloc[0] / 2 * 1.1)
        axes.set_ylim(0, 1.02)
        axes.set_xticks([tick for tick in (0, 10, 100, 1000, 10_000, 100_000) if tick <= part["length"].iloc[0] / 2])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.minorticks_off()
        style.panel(axes, letter, f"{style.wrap(model, NAME_WIDTH)}\n{style.wrap(split, NAME_WIDTH)}")
    handles = [Line2D([], [], color=colour, label=name) for colour, name in LOOKS.values()]
    handles += [
        Line2D([], [], color=style.GREY, linestyle="--", label="effective"),
        Line2D([], [], color=style.GREY, linestyle=":", label="architectural"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2 if len(plots) == 1 else 4)
    panels.label(grid, "Distance from the middle (bp)", "Share of the contribution within")
    return figure
