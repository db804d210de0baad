"""What the folds of each split have in common: windows, sequences, genes, and what Sei has seen."""

from matplotlib.patches import Patch

from cisflow.figures import given, style
from cisflow.io import tables

FIGURE = {
    "of": "windows",
    "label": "leakage between folds",
    "order": 20,
    "inputs": {"leakage": "leakage"},
    "settings": ["splits"],
}
PANELS = (
    ("overlap", "Overlapping windows", "windows that share a base with the other fold (%)"),
    ("near_duplicate", "Near-duplicates", "windows with a near-duplicate in the other fold (%)"),
    ("shared_gene", "Shared genes", "windows on a gene of the other fold (%)"),
    ("sei_trained", "Seen by Sei", "windows on chromosomes that Sei trained on (%)"),
)
PAIRS = (("test", "train"), ("valid", "train"), ("test", "valid"))
FOLDS = (("test", ""), ("valid", ""), ("train", ""))
NAME_WIDTH = 40
# The number behind a bar stands to the right of 100%.
ROOM = 1.52


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : leakage: path of the table of each split. settings : dataset; splits: their names, in the same order.

    Raises
    ------
    InputError : there are not as many tables as splits.
    """
    given.demand("leakage", "settings", settings, ("dataset", "splits"))
    paths = given.paired("leakage", inputs, "leakage", settings["splits"])
    columns, numbers = ("check", "fold", "other"), ("count", "n", "fraction")
    found = {split: tables.table(path, columns, numbers) for split, path in paths.items()}
    if not found:
        return style.explained(f"No leakage to show: dataset '{settings['dataset']}' has no split.", style.DOUBLE)
    bars = 3 * len(found)
    figure = style.figure(style.DOUBLE, min(2 * (18 + max(3.6 * bars, 24)) + 5 * (1 + len(found) // 3), 245))
    panels = figure.subplots(2, 2).ravel()
    for axes, letter, (check, title, label) in zip(panels, style.letters(), PANELS, strict=False):
        groups = FOLDS if check == "sei_trained" else PAIRS
        for place, (fold, other) in enumerate(groups):
            draw_group(axes, place, [tables.matching(t, check=check, fold=fold, other=other) for t in found.values()])
        names = [f"{fold} / {other}" if other else fold for fold, other in groups]
        axes.set_yticks(range(len(groups)), names)
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.set_xlim(0, ROOM)
        axes.set_xticks([0, 0.5, 1], ["0", "50", "100"])
        axes.set_xlabel(label)
        axes.spines["bottom"].set_bounds(0, 1)
        axes.tick_params(axis="y", length=0)
        style.panel(axes, letter, title)
    handles = [
        Patch(color=style.COLOURS[number % len(style.COLOURS)], label=style.wrap(split, NAME_WIDTH))
        for number, split in enumerate(found)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def draw_group(axes, place, rows):
    """One bar a split for a pair of folds, with its count and share, or that they are not known."""
    height = 0.84 / len(rows)
    for number, row in enumerate(rows):
        middle = place - 0.42 + (number + 0.5) * height
        known = len(row) and row["fraction"].notna().all()
        fraction = row["fraction"].iloc[0] if known else 0
        if known:
            colour = style.COLOURS[number % len(style.COLOURS)]
            axes.barh(middle, fraction, 0.9 * height, color=colour, linewidth=0)
        text = f"{row['count'].iloc[0]:,.0f} ({share(fraction)})" if known else "not known"
        axes.text(fraction + 0.015, middle, text, va="center", ha="left", color=style.BLACK if known else style.GREY)


def share(fraction):
    """A percentage that does not call a small share none, nor a large one all."""
    if 0 < fraction < 0.001:
        return "<0.1%"
    if 0.999 < fraction < 1:
        return ">99.9%"
    return f"{100 * fraction:.1f}%"
