"""Effects of known motifs in one genome against those in another: as measured, and as predicted."""

from itertools import combinations

import numpy as np

from cisflow.figures import given, panels, style
from cisflow.io import tables

FIGURE = {
    "of": "dataset",
    "label": "effects of motifs between genomes",
    "order": 59.5,
    "inputs": {"effects": "species_effects"},
}
NAME_WIDTH, PLOTS, HEIGHT = 30, 6, 60
TEXTS, NUMBERS = ("split", "model", "seed", "target", "genome", "motif", "of"), ("trained", "value")
LOOKS = {"measured": (style.GREY, "o", "measured"), "predicted": (style.BLUE, "^", "predicted")}


def draw(inputs, settings):
    """The Figure: a plot a model, split, target and pair of genomes, of the first seed; a point is a motif.

    Parameters
    ----------
    inputs : effects: path of species_effects.tsv. settings : dataset.
    """
    given.demand("species", "settings", settings, ("dataset",))
    frame = tables.table(inputs["effects"], TEXTS, NUMBERS).dropna(subset="value")
    frame = frame[frame["seed"] == frame.groupby(["split", "model"])["seed"].transform("first")]
    plots = []
    for key, part in frame.groupby(["split", "model", "target"], sort=True):
        wide = part.pivot_table(index="motif", columns=["of", "genome"], values="value")
        plots += [(key, pair, wide) for pair in combinations(sorted(set(part["genome"])), 2)]
    plots = plots[:PLOTS]
    if not plots:
        return style.explained(
            f"No effect to draw: no motif has one in two genomes of dataset '{settings['dataset']}'.", style.DOUBLE
        )
    figure, grid = panels.grid(len(plots), HEIGHT, 4)
    for axes, letter, ((split, model, target), (one, other), wide) in zip(grid, style.letters(), plots, strict=False):
        texts = []
        for of, (colour, marker, name) in LOOKS.items():
            if (of, one) not in wide or (of, other) not in wide:
                continue
            both = wide[[(of, one), (of, other)]].dropna().to_numpy()
            axes.plot(both[:, 0], both[:, 1], marker, color=colour, markersize=2.5, alpha=0.6, markeredgewidth=0)
            if len(both) > 2 and (np.ptp(both, axis=0) > 0).all():
                texts.append(f"{name}: r = {np.corrcoef(both.T)[0, 1]:.2f}")
        axes.axline((0, 0), slope=1, color=style.GREY, linewidth=0.6)
        axes.text(0.03, 0.97, "\n".join(texts), transform=axes.transAxes, ha="left", va="top")
        axes.set_xlabel(style.wrap(f"effect in {one}", NAME_WIDTH))
        axes.set_ylabel(style.wrap(f"effect in {other}", NAME_WIDTH))
        style.panel(axes, letter, style.wrap(f"{model}, {split}, {target}", NAME_WIDTH))
    return figure
