"""P-values of motifs where there is nothing to find, against those of a test that holds what it says."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from scipy import stats

from cisflow.figures import given, scored, style
from cisflow.io import tables

FIGURE = {
    "of": "explanation",
    "label": "p-values of motifs under two nulls",
    "order": 134,
    "inputs": {"nulls": "motif_nulls"},
    "settings": ["methods"],
}
NULLS = {"composition": ("Composition", style.VERMILLION), "sides": ("Sides", style.BLUE)}
TESTS = {"p_value": ("", "o"), "p_unmatched": (", unmatched", "^")}
# Of the order statistics of uniform p-values.
BAND = 0.95
# Quantiles that are drawn of many, and how many times as high as the smallest expected p-value a panel is at most.
QUANTILES, HIGHEST = 150, 3
# A p-value of zero is one too small for a float.
SMALLEST = 1e-300
# Millimetres: above the axes and their height, and the key.
ABOVE, HEIGHT, KEY = 25, 42, 7


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : nulls: motif_nulls.tsv of each method. settings : methods: their names, in the same order.
    """
    paths = given.by_method("motif_nulls", inputs, settings, "nulls")
    frames = {method: tables.table(path, ("target", "null"), tuple(TESTS)) for method, path in paths.items()}
    if not any(len(frame) for frame in frames.values()):
        return style.explained("No p-value under a null: no window of a seqlet was matched, or there is no seqlet.")
    figure, panels = scored.panels(list(frames), ABOVE, HEIGHT, KEY)
    for method, axes, left, top in panels:
        frame = frames[method]
        if frame.empty:
            style.explain(axes, "No p-value under a null: no window of a seqlet was matched.", width=30)
            continue
        targets = frame["target"].nunique()
        pooled = f"; {targets} targets" if targets > 1 else ""
        style.write(figure, left + 7, top + 8.6, f"KS distance, share p \u2264 0.05{pooled}", va="baseline")
        draw_panel(axes, frame)
    draw_key(figure)
    return figure


def quantiles(values):
    """(expected, observed) -log10 p of (n,) p-values, of QUANTILES ranks at most, the lowest of them all."""
    n = len(values)
    ranks = np.unique(np.geomspace(1, n, min(n, QUANTILES)).round().astype(int)) if n else np.zeros(0, int)
    ordered = np.sort(np.maximum(values, SMALLEST))
    return -np.log10(ranks / (n + 1)), -np.log10(ordered[ranks - 1])


def draw_panel(axes, frame):
    n = int(frame["null"].value_counts().max())
    furthest = -np.log10(1 / (n + 1))
    draw_band(axes, n)
    axes.plot([0, furthest], [0, furthest], color=style.GREY, linewidth=0.7, zorder=1)
    handles, largest = [], 0
    for null, (name, colour) in NULLS.items():
        for test, (addition, marker) in TESTS.items():
            values = frame.loc[frame["null"] == null, test].dropna().to_numpy()
            if not len(values):
                continue
            expected, observed = quantiles(values)
            largest = max(largest, observed.max())
            face = colour if test == "p_value" else "none"
            look = {"color": colour, "marker": marker, "markerfacecolor": face, "markersize": 2.8, "linestyle": "none"}
            look |= {"markeredgewidth": 0.6}
            # A panel is so high at most: what lies above it stands on its edge.
            axes.plot(expected, np.minimum(observed, HIGHEST * furthest), zorder=3, clip_on=False, **look)
            distance = stats.kstest(values, "uniform").statistic
            share = (values <= 0.05).mean()
            handles.append(Line2D([], [], label=f"{name}{addition}: {distance:.2f}, {share:.0%}", **look))
    top = max(1.15 * furthest, min(largest, HIGHEST * furthest) * 1.04)
    if largest > HIGHEST * furthest:
        axes.text(1, 0.93, f"up to {largest:.0f}", transform=axes.transAxes, ha="right", va="top", color=style.GREY)
    axes.set(xlim=(0, 1.05 * furthest), ylim=(0, top))
    axes.set(xlabel="Expected \u2212log10 p", ylabel="Observed \u2212log10 p")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, integer=furthest > 2))
    # From where the title begins, which is left of the axes.
    begin = (7 - scored.SIDE) * style.MM / (axes.get_position().width * axes.figure.get_size_inches()[0])
    look = {"handlelength": 1, "labelspacing": 0.25, "handletextpad": 0.4, "borderpad": 0}
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(begin, 1.01), **look)


def draw_band(axes, n):
    """Between the quantiles of each order statistic of n independent uniform p-values, Beta(i, n + 1 - i)."""
    ranks = np.unique(np.geomspace(1, n, min(n, QUANTILES)).round().astype(int))
    low, high = (stats.beta.ppf(share, ranks, n + 1 - ranks) for share in ((1 - BAND) / 2, (1 + BAND) / 2))
    axes.fill_between(-np.log10(ranks / (n + 1)), -np.log10(high), -np.log10(low), color="0.87", linewidth=0, zorder=0)


def draw_key(figure):
    handles = [
        Line2D([], [], color=style.GREY, linewidth=0.7, label="Uniform p-values"),
        Line2D([], [], color="0.87", linewidth=5, label=f"{BAND:.0%} band, motifs independent"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=2)
