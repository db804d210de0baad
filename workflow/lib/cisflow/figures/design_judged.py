"""Designs as networks that did not design them see them, beside natural sequences."""

import numpy as np

from cisflow.figures import style
from cisflow.io import tables

FIGURE = {
    "of": "design",
    "label": "designs beside natural sequences",
    "order": 171,
    "inputs": {
        "designs": "designs",
        "scores": "design_scores",
        "networks": "design_networks",
        "motifs": "design_motifs",
    },
}
N_MOTIFS = 10
NAME_WIDTH = 26
BINS = 15


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : paths of the tables designs, scores, networks and motifs. settings : none is used.
    """
    designs = tables.table(inputs["designs"], ("design", "outcome"), ("steps", "edits", "gc", "distance", "score"))
    if designs.empty:
        return style.explained("No design to show.")
    scores = tables.table(inputs["scores"], ("design", "network", "role"), ("step", "score"))
    networks = tables.table(inputs["networks"], ("network", "role"), ("best",))
    motifs = tables.table(inputs["motifs"], ("matrix_id", "motif", "kind"), ("share", "q_value"))
    figure = style.figure(style.DOUBLE, 118)
    panels = figure.subplots(2, 3)
    letters = style.letters()
    draw_judges(panels[0, 0], designs, scores, networks, next(letters))
    for axes, name, label in (
        (panels[0, 1], "edits", "Edits"),
        (panels[0, 2], "gc", "GC content"),
        (panels[1, 0], "distance", "Distance to the nearest natural\nsequence (k-mers)"),
    ):
        values = designs[name].to_numpy()
        axes.hist(values, bins=BINS, color=style.BLUE)
        axes.set(xlabel=label, ylabel="Designs")
        style.panel(axes, next(letters))
    draw_steps(panels[1, 1], designs, next(letters))
    draw_motifs(panels[1, 2], motifs, next(letters))
    return figure


def draw_judges(axes, designs, scores, networks, letter):
    """The designer's score against that of each judge; lines are the best natural sequence of each."""
    style.panel(axes, letter)
    judges = networks.loc[networks["role"] == "judge", "network"].tolist()
    if not judges:
        style.explain(axes, "No judges: the config names none.", width=24)
        return
    last = dict(zip(designs["design"], designs["steps"], strict=True))
    final = scores[scores["step"] == scores["design"].map(last)]
    wide = final.pivot(index="design", columns="network", values="score")
    best = dict(zip(networks["network"], networks["best"], strict=True))
    designer = networks.loc[networks["role"] == "designer", "network"].iloc[0]
    for number, name in enumerate(judges, 1):
        look = style.look(number)
        label = style.wrap(name, NAME_WIDTH)
        axes.plot(
            wide[designer], wide[name], look.marker, color=look.colour, markersize=2.5, alpha=0.7, label=label, mew=0
        )
        axes.axhline(best[name], color=look.colour, linestyle=look.dashes, linewidth=0.6)
    values = np.r_[wide[[designer, *judges]].to_numpy().ravel(), [best[name] for name in judges]]
    low, high = values.min(), values.max()
    room = 0.06 * ((high - low) or 1)
    axes.axline((low, low), slope=1, color=style.GREY, linewidth=0.6)
    axes.set(xlim=(low - room, high + room), ylim=(low - room, high + room))
    axes.set(xlabel="Designer's score", ylabel="Judge's score")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.08), handletextpad=0.2)


def draw_steps(axes, designs, letter):
    """How many steps it took, by what came of it."""
    style.panel(axes, letter)
    outcomes = sorted(set(designs["outcome"]))
    values = [designs.loc[designs["outcome"] == outcome, "steps"].to_numpy() for outcome in outcomes]
    colours = [style.look(number).colour for number in range(len(outcomes))]
    axes.hist(values, bins=BINS, stacked=True, color=colours, label=outcomes)
    axes.set(xlabel="Step at which it was found", ylabel="Designs")
    axes.legend(loc="lower right", bbox_to_anchor=(1.02, 0.98), ncols=2, columnspacing=0.8)


def draw_motifs(axes, motifs, letter):
    """Shares of designs, of starts and of natural sequences with a motif, of those that differ most."""
    style.panel(axes, letter)
    wide = motifs.pivot(index="matrix_id", columns="kind", values="share") if len(motifs) else motifs
    if not len(motifs):
        style.explain(axes, "No motifs: the config names no database.", width=24)
        return
    own = motifs[motifs["kind"] == "design"].sort_values(["q_value", "matrix_id"], kind="stable").head(N_MOTIFS)
    places = np.arange(len(own))
    for kind, colour, marker in (("natural", style.GREY, "s"), ("start", style.SKY, "^"), ("design", style.BLUE, "o")):
        axes.plot(wide.loc[own["matrix_id"], kind], places, marker, color=colour, label=kind, markersize=3.5)
    names = [name if len(name) <= 14 else name[:13] + "\u2026" for name in own["motif"]]
    axes.set_yticks(places, names)
    axes.set(xlabel="Share of sequences with the motif", xlim=(-0.05, 1.05), ylim=(len(own) - 0.5, -0.5))
    axes.legend(loc="lower right", bbox_to_anchor=(1.04, 0.98), ncols=3, columnspacing=0.5, handletextpad=0.0)
