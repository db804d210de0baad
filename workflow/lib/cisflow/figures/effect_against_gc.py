"""Effect of every motif against its GC: a list of factors that is one of base composition follows a line."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath
from scipy import stats

from cisflow.figures import given, scored, style

FIGURE = {
    "of": "explanation",
    "label": "motifs' effect against their GC",
    "order": 132,
    "inputs": {"scores": "motif_scores"},
    "settings": ["methods"],
}
# Millimetres: above the axes and their height, the key, text, from a point to its label, and half a dot.
ABOVE, HEIGHT, KEY = 12, 45, 7
TEXT_HEIGHT, GAP, DOT = 2.6, 1.1, 0.5
NAME_WIDTH = 14
MOST_LABELS = 10
# So many points are too many for a vector file.
MANY = 1000
# Directions from a point to its label, in the order of preference.
SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : scores: motif_scores.tsv of each method. settings : methods: their names, in the same order.
    """
    paths = given.by_method("effect_against_gc", inputs, settings, "scores")
    frames = {method: scored.read(path) for method, path in paths.items()}
    if not any(frame["log2_ratio"].notna().any() for frame in frames.values()):
        return style.explained("No motif was scored: none occurs in seqlets or their background, or there are none.")
    drawn = np.concatenate([frame["log2_ratio"].dropna() for frame in frames.values()])
    low, high = min(0, drawn.min()), max(0, drawn.max())
    limits = low - 0.08 * (high - low) - 0.1, high + 0.08 * (high - low) + 0.1
    figure, panels = scored.panels(list(frames), ABOVE, HEIGHT, KEY)
    for method, axes, left, top in panels:
        rows = frames[method].dropna(subset=["log2_ratio", "gc"])
        if rows.empty:
            style.explain(axes, "No motif occurs in the seqlets of this method or in their background.", width=30)
            continue
        style.write(figure, left + 7, top + 8.6, correlation(rows), va="baseline")
        draw_panel(axes, rows, limits)
    draw_key(figure)
    return figure


def correlation(rows):
    """`Spearman's rho 0.03, n = 333 motifs`; of several targets that of all pairs, and its range over targets."""
    rho = spearman(rows)
    targets = [spearman(part) for _, part in rows.groupby("target", sort=False)]
    if len(targets) == 1:
        return f"Spearman\u2019s \u03c1 {style.number(rho, digits=2)}, n = {len(rows):,} motifs"
    known = [value for value in targets if value == value] or [np.nan]
    least, most = (style.number(value, digits=2) for value in (min(known), max(known)))
    return f"\u03c1 {style.number(rho, digits=2)}; of {len(targets)} targets {least} to {most}"


def spearman(rows):
    """Spearman's rank correlation of effect and GC; NaN where one of them is constant."""
    if len(rows) < 3 or rows["gc"].nunique() < 2 or rows["log2_ratio"].nunique() < 2:
        return np.nan
    return float(stats.spearmanr(rows["gc"], rows["log2_ratio"]).statistic)


def draw_panel(axes, rows, limits):
    significant = rows["q_value"] <= scored.SIGNIFICANT
    many = len(rows) > MANY
    for kept, colour, size, order in ((~significant, style.GREY, 2, 2), (significant, style.VERMILLION, 3, 3)):
        marks = {"markersize": size, "markeredgewidth": 0, "zorder": order, "rasterized": many}
        axes.plot(100 * rows.loc[kept, "gc"], rows.loc[kept, "log2_ratio"], "o", color=colour, alpha=0.6, **marks)
    axes.axhline(0, color=style.BLACK, linewidth=0.6, zorder=1)
    axes.set(xlim=(0, 100), ylim=limits, xlabel="GC of the motif (%)", ylabel="log2 ratio")
    standing = [scored.families(part) for _, part in rows.groupby("target", sort=False)]
    label(axes, [row for part in standing for row in part.itertuples(index=False)], rows)


def label(axes, standing, rows):
    """Name the members that stand for their families, the most significant first, where there is room."""
    size = axes.get_position().size * axes.figure.get_size_inches() / style.MM
    scale = size / (np.diff(axes.get_xlim())[0], np.diff(axes.get_ylim())[0])
    origin = np.array([axes.get_xlim()[0], axes.get_ylim()[0]])
    points = (np.column_stack([100 * rows["gc"], rows["log2_ratio"]]) - origin) * scale
    taken, named = [], set()
    for row in sorted(standing, key=lambda row: (row.family_q_value, row.p_value)):
        name = scored.shortened(row.motif_name, NAME_WIDTH)
        if name in named or len(named) == MOST_LABELS:
            continue
        at = (np.array([100 * row.gc, row.log2_ratio]) - origin) * scale
        box = free_box(at, text_width(name), size, taken, points)
        if box is not None:
            named.add(name)
            taken.append(box)
            middle = (box[:2] + box[2:]) / 2 / size
            axes.text(*middle, name, transform=axes.transAxes, ha="center", va="center", zorder=4)


def text_width(text):
    """Width in mm, at the size of a figure's text."""
    return TextPath((0, 0), text, size=style.TEXT).get_extents().width / 72 / style.MM


def free_box(at, width, size, taken, points):
    """The place (left, low, right, high), in mm, of a label beside a point that covers the fewest points.

    None where it would lie upon another label, or outside of the panel, wherever it stands.
    """
    half, best = np.array([width, TEXT_HEIGHT]) / 2, None
    for side in SIDES:
        middle = at + np.array(side) * (half + GAP)
        box = np.concatenate([middle - half, middle + half])
        inside = (box[:2] >= 0).all() and (box[2:] <= size).all()
        if not inside or any((np.minimum(box[2:], b[2:]) > np.maximum(box[:2], b[:2]) - 0.5).all() for b in taken):
            continue
        covered = int(((points > box[:2] - DOT) & (points < box[2:] + DOT)).all(axis=1).sum())
        if best is None or covered < best[0]:
            best = covered, box
    return None if best is None else best[1]


def draw_key(figure):
    looks = {f"q \u2264 {scored.SIGNIFICANT:g}": style.VERMILLION, "Not significant": style.GREY}
    handles = [
        Line2D([], [], color=colour, marker="o", linestyle="none", markersize=3, label=text)
        for text, colour in looks.items()
    ]
    figure.legend(handles=handles, loc="lower center", ncols=2)
