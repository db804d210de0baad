"""Scores of designs by their steps, of the designer and of the judges, and logos along the way of the best."""

import numpy as np

from cisflow.figures import logos, style
from cisflow.io import tables
from cisflow.sequence import dna

FIGURE = {
    "of": "design",
    "label": "trajectories",
    "order": 170,
    "inputs": {"scores": "design_scores", "networks": "design_networks", "logos": "design_logos"},
}
# Millimetres: margins, the plot of scores, and the rows of logos.
LEFT, RIGHT, TOP = 24, 3, 7
PLOT, PLOT_WIDTH, AXIS = 48, 92, 13
TITLE, LOGO, FOOT = 6, 11, 9
INNER = style.DOUBLE - LEFT - RIGHT
# Letters of a row; of longer sequences the part that changes most is drawn.
LETTERS = 100
NAME_WIDTH = 34
MOST_ROWS = 9


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : paths of the tables scores, networks and logos. settings : none is used.
    """
    scores = tables.table(inputs["scores"], ("design", "network", "role"), ("step", "score"))
    if scores.empty or not scores["step"].max():
        return style.explained("No trajectory to draw: nothing better than the starts was found.")
    networks = tables.table(inputs["networks"], ("network", "role"), ("best", "mean"))
    letters = tables.table(inputs["logos"], ("design", "base"), ("step", "position", "contribution"))
    letters = letters.astype({"step": int, "position": int})
    rows = list(letters[["design", "step"]].drop_duplicates().itertuples(index=False))[:MOST_ROWS]
    of_designs = list(dict.fromkeys(row.design for row in rows))
    height = TOP + PLOT + AXIS + TITLE * len(of_designs) + LOGO * len(rows) + FOOT * bool(rows)
    figure = style.figure(style.DOUBLE, height, layout=None)
    draw_scores(figure, scores, networks)
    if rows:
        style.write(figure, 1, TOP + PLOT + AXIS + 3, "b", fontweight="bold", fontsize=style.LETTER, va="baseline")
        draw_logos(figure, letters, rows, TOP + PLOT + AXIS)
    return figure


def draw_scores(figure, scores, networks):
    """Mean and standard deviation over the designs, each at the last of its sequences until a step."""
    axes = style.place(figure, LEFT, TOP, PLOT_WIDTH, PLOT)
    style.panel(axes, "a")
    steps = np.arange(int(scores["step"].max()) + 1)
    looks = {name: style.look(number) for number, name in enumerate(networks["network"])}
    best = dict(zip(networks["network"], networks["best"], strict=True))
    for name, look in looks.items():
        wide = tables.matching(scores, network=name).pivot(index="step", columns="design", values="score")
        wide = wide.reindex(steps).ffill()
        mean, spread = wide.mean(axis=1).to_numpy(), wide.std(axis=1, ddof=0).to_numpy()
        axes.fill_between(steps, mean - spread, mean + spread, color=look.colour, alpha=0.15, linewidth=0)
        label = style.wrap(name, NAME_WIDTH)
        axes.plot(steps, mean, color=look.colour, linestyle=look.dashes, label=label)
        axes.axhline(best[name], color=look.colour, linestyle=look.dashes, linewidth=0.6)
    axes.set(xlabel="Step", ylabel="Score", xlim=(0, steps[-1]))
    axes.plot([], [], color=style.GREY, linewidth=0.6, label="Best natural sequence, same colour")
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), title="Network", alignment="left")


def draw_logos(figure, letters, rows, top):
    """One logo a step: contributions of the bases that are there, on one scale for each design."""
    design = None
    for row in rows:
        part = tables.matching(letters, design=row.design)
        if row.design != design:
            design, top = row.design, top + TITLE
            span = shown(part)
            inside = part[part["position"].between(span.start, span.stop - 1)]
            low, high = min(inside["contribution"].min(), 0), max(inside["contribution"].max(), 0)
            limits = (low * 1.05, high * 1.05) if low < high else (-1.0, 1.0)
            style.write(figure, LEFT, top - 2, f"{design}, bases {span.start} to {span.stop}", va="baseline")
        own = part[(part["step"] == row.step) & part["position"].isin(span)]
        heights = np.zeros((4, len(span)))
        codes = [dna.BASES.index(base) for base in own["base"]]
        heights[codes, own["position"].to_numpy() - span.start] = own["contribution"]
        axes = style.place(figure, LEFT, top, INNER, LOGO - 1.5)
        logos.logo(axes, heights, limits)
        axes.set(xticks=[], yticks=[])
        axes.spines["left"].set_visible(False)
        axes.text(-0.01, 0.5, f"step {row.step}", transform=axes.transAxes, ha="right", va="center")
        top += LOGO
    ticks = [tick for tick in range(span.start, span.stop, 10) if tick + 3 < span.stop]
    axes.set_xticks([tick - span.start + 0.475 for tick in ticks], [str(tick) for tick in ticks])
    axes.spines["bottom"].set_visible(True)
    axes.set_xlabel("Position (bp, 0-based)")


def shown(part):
    """The positions of a design that are drawn: all, or the LETTERS with most contribution at its last step."""
    first, last = int(part["position"].min()), int(part["position"].max()) + 1
    if last - first <= LETTERS:
        return range(first, last)
    final = part[part["step"] == part["step"].max()]
    weight = np.zeros(last - first)
    weight[final["position"].to_numpy() - first] = final["contribution"].abs()
    start = first + int(np.convolve(weight, np.ones(LETTERS), "valid").round(9).argmax())
    return range(start, start + LETTERS)
