"""How well drawn negatives match their positives: GC content in each fold, and what else was matched on."""

import numpy as np
from scipy.stats import ks_2samp

from cisflow.figures import given, style
from cisflow.io import tables

FIGURE = {
    "of": "windows",
    "label": "negatives matched to positives",
    "order": 15,
    "inputs": {"matching": "matching", "folds": "split_tables"},
    "settings": ["splits"],
}
LABELS = {
    "gc": "GC content",
    "cpg": "CpG content",
    "repeats": "soft-masked share",
    "gene_distance": "distance to a gene (bp)",
}
FOLDS = ("train", "valid", "test")
COLUMNS, HEIGHT = 3, 46
NAME_WIDTH = 30


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : matching: path of the table of what was matched on; folds: of the table of each split.
    settings : dataset; splits: their names, in the same order.

    Raises
    ------
    InputError : there are not as many tables as splits.
    """
    given.demand("negative_matching", "settings", settings, ("dataset", "splits"))
    splits = given.paired("negative_matching", inputs, "folds", settings["splits"])
    table = tables.table(inputs["matching"], ("id",), ("label", "gc"))
    if set(table["label"]) != {0, 1}:
        return style.explained(f"No match to show: dataset '{settings['dataset']}' has windows of one label only.")
    panels = []
    for split, path in splits.items():
        folds = tables.table(path, ("id", "fold")).set_index("id")["fold"]
        fold = table["id"].map(folds)
        panels += [("gc", f"{style.wrap(split, NAME_WIDTH)}\n{name}", table[fold == name]) for name in FOLDS]
    others = [name for name in LABELS if name in table.columns and name != "gc"]
    panels += [(name, "all folds", table) for name in others]
    rows = min(-(-len(panels) // COLUMNS), int(style.PAGE // HEIGHT))
    figure = style.figure(style.DOUBLE, rows * HEIGHT + 6)
    grid = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for number, (axes, (name, title, lines)) in enumerate(zip(grid, panels, strict=False)):
        draw_panel(axes, name, lines)
        style.panel(axes, "abcdefghijklmnopqrstuvwxyz"[number], title)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    figure.supylabel("Share of windows with this much or less", fontsize=style.TEXT)
    handles, labels = next(axes for axes in grid if axes.lines).get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def draw_panel(axes, name, lines):
    """Cumulative distributions of both labels, and how far apart they are."""
    values = {label: lines.loc[lines["label"] == label, name].dropna().to_numpy() for label in (1, 0)}
    axes.set(ylim=(0, 1.3), xlabel=LABELS[name])
    axes.set_yticks([0, 0.5, 1])
    for label, words, colour, dashes in (
        (1, "positives", style.BLUE, "-"),
        (0, "negatives", style.ORANGE, (0, (3, 2))),
    ):
        ordered = np.sort(values[label])
        share = np.arange(1, len(ordered) + 1) / max(len(ordered), 1)
        axes.step(ordered, share, where="post", color=colour, linestyle=dashes, label=words)
    if name == "gene_distance":
        # A table holds log10(1 + distance).
        axes.xaxis.set_major_formatter(lambda value, _: f"10{str(round(value)).translate(style.SUPERSCRIPT)}")
        axes.xaxis.set_major_locator(style.matplotlib.ticker.MaxNLocator(5, integer=True))
    if min(len(found) for found in values.values()):
        test = ks_2samp(values[1], values[0])
        text = f"n = {len(values[1]):,} and {len(values[0]):,}\n"
        text += f"KS D = {test.statistic:.3f}, p = {style.small(test.pvalue)}"
    else:
        text = "one label only"
    axes.text(0.02, 0.98, text, transform=axes.transAxes, va="top", linespacing=1.1)
