"""Which targets of an extractor a classifier goes by: the largest weights, and their sums by group, sample, family."""

import numpy as np
import pandas as pd
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from cisflow.errors import InputError
from cisflow.features import families
from cisflow.figures import given, style
from cisflow.io import tables
from cisflow.io.tables import read_table
from cisflow.published import numbers as published

FIGURE = {
    "of": "classifier",
    "label": "targets that carry the signal",
    "order": 90,
    "inputs": {"weights": "weights", "targets": "feature_targets", "published": "published_targets?"},
    "settings": ["n_factors", "weights", "published_targets"],
    "tasks": ["binary"],
}
COLOURS = {
    "Pol II": style.BLUE,
    "MYC": style.VERMILLION,
    "zinc finger": style.GREEN,
    "CTCF": style.ORANGE,
    "histone": style.PURPLE,
    "accessibility": style.SKY,
    "other": style.GREY,
}
LABELS = {
    "Pol II": "Pol II (POLR2A and others)",
    "zinc finger": "Zinc finger (ZNF, ZBTB and others)",
    "histone": "Histone",
    "accessibility": "Accessibility",
    "other": "Other",
}
WEIGHTS = {"logistic_regression": "Weight", "lightgbm": "Splits that use the target"}
FAMILY = "By factor family"
# Lowest weights shown below the highest, and bars of a panel of sums at most.
LOWEST, BARS = 5, 8
NAME_WIDTH, GROUP_WIDTH = 32, 22
# In mm: a bar. In bars: the gap below a panel.
ROW, GAP = 3.7, 4.2
MARGIN, LEFT, TITLE = 2, 50, 8
# In mm: where panels begin from the left, and how wide those of shares are, below each other and side by side.
RIGHT, WIDE = 142, 36
SIDE, STEP, NARROW = 36, 59, 27


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : weights: paths of weights.tsv, one a seed, of which the mean is shown; targets: path of the features'
        targets.tsv, for groups; published: path of published targets, if wanted.
    settings : model, split, classifier; n_factors: how many of the highest weights; standardised: whether a weight is
        per standard deviation of its target; with published targets also published_model (whose they are) and where
        (what they were measured on, in words).
    """
    given.demand("top_targets", "settings", settings, ("model", "split", "classifier", "n_factors"))
    table = signal(given.several(inputs, "weights"), inputs["targets"])
    if not table["size"].sum():
        return style.explained(
            f"No target carries a signal: all {len(table)} weights of model '{settings['model']}' on split "
            f"'{settings['split']}' are zero.",
            width=style.DOUBLE,
        )
    shown = chosen(table, settings["n_factors"])
    parts = [("By group", shares(table, "group")), (FAMILY, shares(table, "family"))]
    if (table["biosample"] != "").any():
        parts.append(("By biosample", shares(table, "biosample")))
    beside = None
    if "published" in inputs:
        given.demand("top_targets", "settings", settings, ("published_model", "where"))
        beside = published_targets(inputs["published"], settings["published_model"])
    present = set(table["family"]) | set([] if beside is None else beside["family"])
    key = 4.0 * -(-len(present) // 3) + (6 if beside is None else 9)
    if beside is None:
        rows = max(len(shown) + 1, sum(len(part) for _, part in parts) + GAP * (len(parts) - 1))
        below = 0
    else:
        rows = max(len(shown), len(beside)) + 1
        below = GAP + 1 + max(len(part) for _, part in parts)
    figure = style.figure(style.DOUBLE, MARGIN + TITLE + ROW * (rows + below) + 10 + key, layout=None)
    bars = style.place(figure, MARGIN + LEFT, TITLE, 48, ROW * rows)
    label = WEIGHTS[settings["classifier"]]
    draw_targets(bars, shown, rows, f"{label} per standard deviation" if settings.get("standardised") else label)
    style.panel(bars, "a", "Highest and lowest weights" if (shown["weight"] < 0).any() else "Highest weights")
    notes = [
        f"{len(shown)} of {len(table):,} targets in a. Bars of panels of shares: share of the sum of |weight|; black "
        "line: share of the targets."
    ]
    if beside is not None:
        axes = style.place(figure, RIGHT, TITLE, WIDE, ROW * rows)
        draw_targets(axes, beside, rows, label)
        style.panel(axes, "b", "As published")
        notes.append(f"b: the {len(beside)} highest of {settings['published_model']}, {settings['where']}.")
    # Below each other on the right, or side by side below.
    left, top, width = (RIGHT, TITLE, WIDE) if beside is None else (SIDE, TITLE + ROW * (rows + GAP + 1), NARROW)
    for letter, (title, part) in zip("bcd" if beside is None else "cde", parts, strict=False):
        axes = style.place(figure, left, top, width, ROW * len(part))
        draw_shares(axes, part, by_family=title == FAMILY, last=beside is not None or title == parts[-1][0])
        style.panel(axes, letter, title)
        if beside is None:
            top += ROW * (len(part) + GAP)
        else:
            left += STEP
    draw_key(figure, present, notes)
    return figure


def published_targets(path, model):
    """Frame of name, weight and family of the published targets of a model, highest first."""
    rows = published.top_targets(path, model)
    names = [f"{row.biosample} | {row.target} | published" for row in rows.itertuples()]
    found = {"name": names, "weight": rows["value"].to_numpy(), "family": [families.family(name) for name in names]}
    return pd.DataFrame(found)


def signal(paths, targets):
    """Frame of name, weight (mean over seeds), size (mean absolute weight), group, biosample and family.

    Raises
    ------
    InputError : the weights of two seeds, or the weights and the targets, do not name the same targets.
    """
    frames = [tables.table(path, ("name",), ("weight",)) for path in paths]
    for path, table in zip(paths, frames, strict=True):
        if table["name"].tolist() != frames[0]["name"].tolist():
            raise InputError(f"{path}: its targets are not those of {paths[0]}, in their order")
    known = read_table(targets, ("name", "group"), ("name", "group"))
    groups = dict(zip(known["name"], known["group"], strict=True))
    names = frames[0]["name"]
    absent = [name for name in names if name not in groups]
    if absent:
        raise InputError(f"{paths[0]}: target '{absent[0]}' is not in {targets} ({len(absent)} are not)")
    values = np.array([table["weight"].to_numpy() for table in frames])
    return pd.DataFrame(
        {
            "name": names,
            "weight": values.mean(axis=0),
            "size": np.abs(values).mean(axis=0),
            "group": [groups[name] for name in names],
            "biosample": [families.biosample(name) for name in names],
            "family": [families.family(name) for name in names],
        }
    )


def chosen(table, n):
    """The n highest weights, then the LOWEST lowest ones below zero, highest first."""
    ordered = table.sort_values(["weight", "name"], ascending=[False, True], kind="stable")
    high = ordered[ordered["weight"] != 0].head(n)
    rest = ordered.drop(high.index)
    return pd.concat([high, rest[rest["weight"] < 0].tail(LOWEST)], ignore_index=True)


def shares(table, column):
    """Rows of the values of a column with the largest share of the signal: share, of_targets and the name."""
    total = table.groupby(column).agg(size=("size", "sum"), n=("name", "size")).reset_index(names="label")
    total = total.sort_values(["size", "label"], ascending=[False, True], kind="stable")
    total["share"], total["of_targets"] = total["size"] / total["size"].sum(), total["n"] / total["n"].sum()
    return total.head(BARS).reset_index(drop=True)


def draw_targets(axes, shown, rows, label):
    places = np.arange(len(shown))
    axes.barh(places, shown["weight"], 0.72, color=[COLOURS[family] for family in shown["family"]], linewidth=0)
    axes.axvline(0, color=style.GREY, linewidth=0.6)
    axes.set_yticks(places, [_title(name) for name in shown["name"]])
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(axis="y", length=0)


def _title(name):
    """`HepG2 ZNF274` of `HepG2 | ZNF274 | ENCODE`; a long sample is cut before what it measures."""
    measured = shortened(families.assay(name), NAME_WIDTH if "|" not in name else 18)
    return f"{shortened(families.biosample(name), NAME_WIDTH - 1 - len(measured))} {measured}".strip()


def draw_shares(axes, part, by_family, last):
    places = np.arange(len(part))
    colours = [COLOURS[label] if by_family else style.SKY for label in part["label"]]
    axes.barh(places, part["share"], 0.72, color=colours, linewidth=0)
    axes.plot(part["of_targets"], places, "|", color=style.BLACK, markersize=9, markeredgewidth=1.6)
    axes.set_yticks(places, [shortened(label or "none", GROUP_WIDTH) for label in part["label"]])
    axes.set_ylim(len(part) - 0.5, -0.5)
    axes.set_xlim(0, max(0.05, 1.08 * part[["share", "of_targets"]].to_numpy().max()))
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(axis="y", length=0)
    if last:
        axes.set_xlabel("Share of all")


def shortened(name, width):
    return name if len(name) <= width else name[: width - 1] + "\u2026"


def draw_key(figure, present, notes):
    shown = [family for family in COLOURS if family in present]
    handles = [Patch(color=COLOURS[family], label=LABELS.get(family, family)) for family in shown]
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=3,
        title="\n".join(notes),
        title_fontsize=style.TEXT,
        alignment="left",
    )
