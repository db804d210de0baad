"""Marginal effects of motifs: what outputs gain where a motif is put into backgrounds, with intervals."""

import numpy as np

from cisflow.figures import given, style
from cisflow.io import tables

FIGURE = {
    "of": "effects",
    "label": "effects of motifs",
    "order": 170,
    "inputs": {"single": "motifs_singly"},
    "settings": ["n_effects"],
}
TEXT = ("target", "scale", "background", "motif", "strand")
NUMBERS = ("effect", "lower", "upper", "n_backgrounds", "n_seeds")
TARGETS = 6
COLUMNS = 3
NAME_WIDTH, TITLE_WIDTH = 14, 26
# Millimetres.
ROW, HEAD, FOOT = 3.4, 8, 14
BACKGROUNDS = {"low": style.BLUE, "shuffled": style.GREEN, "random": style.VERMILLION}


def draw(inputs, settings):
    """The Figure: a panel for each output, a row for each motif.

    Parameters
    ----------
    inputs : single: path of the table. settings : n_effects: motifs that are shown.
    """
    given.demand("motif_effects", "inputs", inputs, ("single",))
    given.demand("motif_effects", "settings", settings, ("n_effects",))
    found = tables.table(inputs["single"], TEXT, NUMBERS)
    if found.empty:
        return style.explained("No motif was put into backgrounds.")
    size = found["effect"].abs()
    targets = size.groupby(found["target"]).max().sort_values(ascending=False, kind="stable").index[:TARGETS].tolist()
    found = found[found["target"].isin(targets)]
    motifs = strongest(found, settings["n_effects"])
    columns = min(COLUMNS, len(targets))
    rows = -(-len(targets) // columns)
    figure = style.figure(style.DOUBLE, rows * (HEAD + ROW * len(motifs) + FOOT))
    for number, target in enumerate(targets):
        axes = figure.add_subplot(rows, columns, number + 1)
        panel(axes, found[found["target"] == target], motifs, names=number % columns == 0)
        axes.set_title(style.wrap(target, TITLE_WIDTH).split("\n")[0])
        axes.set_xlabel(axis(found["scale"].iloc[0]))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def axis(scale):
    """What an effect is a difference of, as the axis says it."""
    return {"output": "Effect (output)", "prediction": "Effect (prediction)"}.get(
        scale, f"Effect ({scale} of prediction)"
    )


def strongest(found, count):
    """Motifs by their largest effect on any output, of which as many as asked for, from the highest effect down."""
    size = found.assign(size=found["effect"].abs()).groupby("motif", sort=False)["size"].max()
    chosen = size.sort_values(ascending=False, kind="stable").index[:count]
    order = found[found["motif"].isin(chosen)].groupby("motif", sort=False)["effect"].mean()
    return order.sort_values(ascending=False, kind="stable").index.tolist()


def panel(axes, part, motifs, names):
    """Effects on one output."""
    place = {motif: row for row, motif in enumerate(motifs)}
    kinds = part["background"].drop_duplicates().tolist()
    axes.axvline(0, color=style.GREY, linewidth=0.6)
    for number, kind in enumerate(kinds):
        for strand, filled in (("+", True), ("-", False)):
            own = part[(part["background"] == kind) & (part["strand"] == strand) & part["motif"].isin(place)]
            shift = (number + (0.5 if filled else 1) - (len(kinds) + 0.5) / 2) / (len(kinds) + 0.5) * 0.6
            heights = own["motif"].map(place) + shift
            reach = np.abs(own[["lower", "upper"]].sub(own["effect"], axis=0).T.to_numpy())
            axes.errorbar(
                own["effect"],
                heights,
                xerr=np.nan_to_num(reach),
                fmt="o",
                markersize=2.6,
                color=BACKGROUNDS[kind],
                markerfacecolor=BACKGROUNDS[kind] if filled else "white",
                elinewidth=0.7,
                label=f"{kind}, {'forward' if filled else 'reverse'}",
            )
    axes.set(ylim=(len(motifs) - 0.4, -0.6), yticks=range(len(motifs)))
    axes.set_yticklabels([shortened(motif) for motif in motifs] if names else [])


def shortened(name):
    return name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 1] + "\u2026"
