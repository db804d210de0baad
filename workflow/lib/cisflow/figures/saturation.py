"""Saturation mutagenesis: what every base of a region does, as a heat map."""

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from cisflow.figures import given, style
from cisflow.io import tables

FIGURE = {
    "of": "saturation",
    "label": "saturation mutagenesis",
    "order": 174,
    "inputs": {"saturation": "saturation"},
}
BASES = "ACGT"
MAPS = 6
TITLE_WIDTH = 90
# Millimetres.
LEFT, HEAD, ROW, FOOT, BAR = 8, 8, 3.2, 9, 10


def draw(inputs, settings):
    """The Figure: for each region the output that changes most there, a row a base and a column a position.

    Parameters
    ----------
    inputs : saturation: path of the table. settings : not used.
    """
    given.demand("saturation", "inputs", inputs, ("saturation",))
    found = tables.table(inputs["saturation"], ("region", "reference", "base", "target"), ("position", "effect"))
    if found.empty:
        return style.explained("No base of a region was changed.")
    sizes = found["effect"].abs().groupby([found["region"], found["target"]], sort=False).max()
    best = sizes.groupby("region", sort=False).idxmax().tolist()[:MAPS]
    own = [found[(found["region"] == region) & (found["target"] == target)] for region, target in best]
    reach = max(part["effect"].abs().max() for part in own) or 1.0
    each = HEAD + 4 * ROW + FOOT
    figure = style.figure(style.DOUBLE, each * len(own) + BAR, layout=None)
    for number, (part, (region, target)) in enumerate(zip(own, best, strict=True)):
        title = style.wrap(f"{region}: {target}", TITLE_WIDTH).split("\n")[0]
        style.write(figure, LEFT, number * each + 5, title, va="baseline")
        axes = style.place(figure, LEFT, number * each + HEAD, style.DOUBLE - LEFT - 4, 4 * ROW)
        heat_map(axes, part, reach)
    top = each * len(own)
    bar = style.place(figure, LEFT, top + 1, 40, 2.2)
    colours = figure.colorbar(ScalarMappable(Normalize(-reach, reach), "RdBu_r"), cax=bar, orientation="horizontal")
    colours.set_ticks([-reach, 0, reach], labels=[f"{-reach:.2g}", "0", f"{reach:.2g}"])
    colours.outline.set_linewidth(0.4)
    style.write(
        figure, LEFT + 46, top + 3.2, "Output with the base less that without it; dots: the base there", va="baseline"
    )
    return figure


def heat_map(axes, part, reach):
    """Effects of one region on one output; a dot where the base is the one there."""
    first, last = int(part["position"].min()), int(part["position"].max())
    values = np.zeros((4, last - first + 1))
    column = (part["position"] - first).to_numpy(dtype=int)
    row = part["base"].map(BASES.index).to_numpy()
    values[row, column] = part["effect"]
    axes.pcolormesh(
        np.arange(first, last + 2) - 0.5,
        np.arange(5) - 0.5,
        values,
        cmap="RdBu_r",
        vmin=-reach,
        vmax=reach,
        rasterized=True,
    )
    there = part.drop_duplicates("position")
    places = [BASES.index(base) if base in BASES else np.nan for base in there["reference"]]
    axes.plot(there["position"], places, ".", color=style.GREY, markersize=1.2)
    axes.set(ylim=(3.5, -0.5), yticks=range(4), xlabel="Position (bp from the start of what the network reads)")
    axes.set_yticklabels(list(BASES))
    axes.tick_params(axis="y", length=0)
