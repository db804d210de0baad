"""Known motifs ranked as in the intron retention study, against matched scoring and against what GC content gives."""

import textwrap

import numpy as np
from matplotlib.lines import Line2D
from scipy import stats

from cisflow.figures import given, style
from cisflow.io import tables

FIGURE = {
    "of": "explanation",
    "label": "published against matched scoring",
    "order": 135,
    "inputs": {"scores": "published_scores", "classes": "published_classes"},
}
TEXT_COLUMNS = ("target", "motif_id", "motif_name")
NUMBERS = ("rank", "difference", "p_adjusted", "gc_difference", "matched_log2_ratio", "matched_q_value", "stands")
SIGNIFICANT = 0.05
# Targets drawn, motifs named of each, and the size of a row of panels in mm.
TARGETS, NAMED = 3, 7
HEIGHT, KEY, LINE = 56, 9, 3.2
WORDS, NAME_WIDTH = 125, 14
GC_ALONE = "Difference by GC content alone"


def draw(inputs, settings):
    """The Figure: three panels a target, of the first TARGETS.

    Parameters
    ----------
    inputs : scores, classes: published.tsv and published_classes.tsv. settings : dataset.
    """
    given.demand("published_against_matched", "settings", settings, ("dataset",))
    scores = tables.table(inputs["scores"], TEXT_COLUMNS, NUMBERS)
    classes = tables.table(inputs["classes"], ("target", "class", "explanation"), ("hot_spots", "counted", "gc"))
    if scores.empty:
        why = dict.fromkeys(f"{row.target}: {row.explanation}" for row in classes.itertuples() if row.explanation)
        return style.explained(
            " ".join(why) or f"No row of dataset '{settings['dataset']}' has a label.", width=style.DOUBLE
        )
    targets = list(dict.fromkeys(scores["target"]))[:TARGETS]
    rows = {target: scores[scores["target"] == target].reset_index(drop=True) for target in targets}
    text = "\n".join(textwrap.fill(sentence(target, rows[target], classes), WORDS) for target in targets)
    figure = style.figure(style.DOUBLE, (HEIGHT + KEY) * len(targets) + LINE * (1 + text.count("\n")) + 2)
    figure.supxlabel(text, fontsize=style.TEXT, x=0.01, ha="left", linespacing=1.15)
    letters = style.letters()
    parts = figure.subfigures(len(targets), 1, squeeze=False)[:, 0]
    for part, (target, table) in zip(parts, rows.items(), strict=True):
        draw_target(part, letters, target if len(targets) > 1 else "", table)
    return figure


def sentence(target, table, classes):
    """How many motifs each scoring calls, and how GC-rich the windows of the classes are."""
    of_target = classes[classes["target"] == target].set_index("class")
    gc = {name: f"{of_target.loc[name, 'gc']:.0%}" for name in ("control", "positive")}
    called = int((table["p_adjusted"] <= SIGNIFICANT).sum())
    text = f"{target}: published scoring calls {called:,} of {len(table):,} motifs at adjusted p \u2264 {SIGNIFICANT:g}"
    if matched(table).any():
        standing = int((table["matched_q_value"] <= SIGNIFICANT).sum())
        text += f", matched scoring {standing:,} at q \u2264 {SIGNIFICANT:g} ({len(first(table))} coloured)"
    return f"{text}. Windows around hot spots: GC content {gc['positive']} (positive) and {gc['control']} (control)."


def matched(table):
    return table["matched_log2_ratio"].notna()


def first(table):
    """The most significant motifs of matched scoring, those that stand for their families where families are known."""
    standing = table[(table["matched_q_value"] <= SIGNIFICANT) & (table["stands"].fillna(1) == 1)]
    return standing.sort_values(["matched_q_value", "motif_id"], kind="stable").head(NAMED)


def draw_target(part, letters, target, table):
    left, middle, right = part.subplots(1, 3)
    named = first(table)
    with_target = f"{style.wrap(target, 24)}\n" if target else ""
    style.panel(left, next(letters), f"{with_target}Matched effect by published rank")
    style.panel(middle, next(letters), f"Published: \u03c1 with GC alone {correlation(table, 'difference')}")
    style.panel(right, next(letters), f"Matched: \u03c1 with GC alone {correlation(table, 'matched_log2_ratio')}")
    scatter(left, table, named, "rank", "matched_log2_ratio")
    scatter(middle, table, named, "gc_difference", "difference")
    scatter(right, table, named, "gc_difference", "matched_log2_ratio")
    for axes, x, y in (
        (left, "Published rank", "Matched log2 ratio"),
        (middle, GC_ALONE, "Published difference"),
        (right, GC_ALONE, "Matched log2 ratio"),
    ):
        if axes.axison:
            axes.set(xlabel=x, ylabel=y)
    if len(named):
        handles = [
            Line2D([], [], color=style.look(i).colour, marker=style.look(i).marker, linestyle="none", label=label)
            for i, label in enumerate(map(name, named.itertuples()))
        ]
        part.legend(handles=handles, loc="outside lower center", ncols=NAMED, columnspacing=1, handletextpad=0.2)


def name(motif):
    text = motif.motif_name or motif.motif_id
    return text if len(text) <= NAME_WIDTH else text[: NAME_WIDTH - 1] + "\u2026"


def correlation(table, column):
    """Spearman's correlation with what GC content alone makes, as text."""
    known = table[["gc_difference", column]].dropna()
    if len(known) < 3 or (known.nunique() < 2).any():
        return "n/a"
    return style.number(stats.spearmanr(known["gc_difference"], known[column]).statistic, digits=2)


def scatter(axes, table, named, x, y):
    """All motifs in grey, the named ones each with a look of its own."""
    if table[y].isna().all():
        style.explain(axes, "No matched scores of these motifs.", width=26)
        return
    axes.axhline(0, color=style.GREY, linewidth=0.6)
    axes.plot(table[x], table[y], "o", color=style.GREY, markersize=2, alpha=0.5, markeredgewidth=0)
    for i, row in enumerate(named.index):
        look = style.look(i)
        point = np.array([table.loc[row, x]]), np.array([table.loc[row, y]])
        axes.plot(*point, look.marker, color=look.colour, markersize=4.5)
