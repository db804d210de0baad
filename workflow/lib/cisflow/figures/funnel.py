"""What became of every row: from the files of a dataset to its windows, folds and explained sequences."""

import numpy as np

from cisflow.figures import given, style
from cisflow.io import tables

FIGURE = {
    "of": "windows",
    "label": "what became of every row",
    "order": 10,
    "inputs": {"ledger": "ledger", "folds": "split_tables", "explained": "explained_ledgers?"},
    # A ledger of every seed is made, of which the first is drawn.
    "reads": ["all_explained_ledgers?"],
    "settings": ["splits", "explanations"],
}
STEPS = {
    "read": "read",
    "window": "to windows",
    "match": "matched",
    "draw": "drawn from the genome",
    "join": "joined to samples",
    "target": "to numbers",
}
# Widths in mm of the names on the left, the bars, and the words on the right.
NAMES, BARS = 48, 42
NAME_WIDTH, WORDS_WIDTH = 30, 58
LINE, GAP = 3.1, 2.4
FOLDS = {"train": style.BLUE, "valid": style.SKY, "test": style.GREEN}


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : ledger: path; folds: of the table of each split; explained: of the ledger of each explanation.
    settings : dataset; splits, explanations: their names, in the same order.

    Raises
    ------
    InputError : there are not as many tables as splits, or as explanations.
    """
    given.demand("funnel", "settings", settings, ("dataset", "splits", "explanations"))
    splits = given.paired("funnel", inputs, "folds", settings["splits"])
    explanations = given.paired("funnel", inputs, "explained", settings["explanations"])
    ledger = tables.table(inputs["ledger"], ("step", "input", "outcome", "reason"), ("n",))
    if ledger.empty:
        return style.explained(f"No row to follow: the ledger of dataset '{settings['dataset']}' is empty.")
    bars = [
        (f"{source}: {STEPS.get(step, step)}", *fates(lines))
        for (step, source), lines in ledger.groupby(["step", "input"], sort=False)
    ]
    for split, path in splits.items():
        counts = tables.table(path, ("id", "fold"))["fold"].value_counts()
        parts = [(int(counts.get(fold, 0)), colour) for fold, colour in FOLDS.items()]
        words = ", ".join(f"{fold} {n:,}" for fold, (n, _) in zip(FOLDS, parts, strict=True))
        bars.append((f"split {split}", parts, f"all {sum(n for n, _ in parts):,} windows: {words}"))
    for name, path in explanations.items():
        lines = tables.table(path, ("id", "target", "outcome", "reason"))
        bars.append((f"explained: {name}", *fates(lines.assign(n=1.0))))
    return drawn(bars)


def fates(lines):
    """[(count, colour)] of what was kept and of each reason, and the same in words."""
    counts = lines.groupby(["outcome", "reason"], sort=False)["n"].sum()
    kept = int(counts.get(("kept", ""), 0))
    dropped = [(reason, int(n)) for (outcome, reason), n in counts.items() if outcome == "dropped"]
    total = kept + sum(n for _, n in dropped)
    words = f"{kept:,} of {total:,} kept"
    if dropped:
        words += "; " + ", ".join(f"{reason}: {n:,}" for reason, n in dropped)
    shades = np.linspace(0.55, 0.9, max(len(dropped), 2))
    return [(kept, style.BLUE), *((n, str(shade)) for (_, n), shade in zip(dropped, shades, strict=False))], words


def drawn(bars):
    """The Figure of (name, [(count, colour)], words) of each bar, as many as fit a page."""
    rows = [(style.wrap(name, NAME_WIDTH), parts, style.wrap(words, WORDS_WIDTH)) for name, parts, words in bars]
    heights = [LINE * (1 + max(name.count("\n"), words.count("\n"))) + GAP for name, _, words in rows]
    shown = int(np.searchsorted(np.cumsum(heights), style.PAGE - 20, side="right"))
    more = len(rows) - shown
    height = sum(heights[:shown]) + 13 + 4 * bool(more)
    figure = style.figure(style.DOUBLE, height, layout=None)
    style.write(figure, NAMES, 2, "Share of the rows", ha="left", va="top")
    top = 7.0
    for (name, parts, words), room in zip(rows[:shown], heights[:shown], strict=True):
        axes = style.place(figure, NAMES, top, BARS, LINE)
        axes.set_axis_off()
        axes.set(xlim=(0, 1), ylim=(0, 1))
        total, left = max(sum(n for n, _ in parts), 1), 0.0
        for n, colour in parts:
            axes.barh(0.5, n / total, 1, left=left, color=colour, linewidth=0)
            left += n / total
        style.write(figure, NAMES - 2, top, name, ha="right", va="top", linespacing=1.1)
        style.write(figure, NAMES + BARS + 2, top, words, ha="left", va="top", linespacing=1.1)
        top += room
    if more:
        style.write(figure, NAMES, top, f"and {more} more, in the ledgers", color=style.GREY, va="top")
    return figure
