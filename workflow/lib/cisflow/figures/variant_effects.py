"""Effects of variants: the strongest beside their nulls, how all of them stand among these, and haplotypes."""

import numpy as np

from cisflow.figures import given, style
from cisflow.io import tables

FIGURE = {
    "of": "variant_effects",
    "label": "effects of variants",
    "order": 173,
    "inputs": {"effects": "variant_effects", "null": "variant_null", "haplotypes": "haplotypes"},
    "settings": ["n_variants"],
}
TEXT = ("id", "status", "window", "target", "scale", "kind")
NUMBERS = ("effect", "lower", "upper", "percentile", "absolute_percentile", "n_null")
SHOWN = 0.95
NAME_WIDTH = 22
BINS = 20
# Millimetres.
ROW, HEAD, FOOT, LOWER = 3.4, 9, 13, 52


def draw(inputs, settings):
    """The Figure: the strongest effects, percentiles of all, and haplotypes against the sums of their variants.

    Parameters
    ----------
    inputs : effects, null, haplotypes: paths of the tables. settings : n_variants: variants that are shown.
    """
    given.demand("variant_effects", "inputs", inputs, ("effects", "null", "haplotypes"))
    given.demand("variant_effects", "settings", settings, ("n_variants",))
    found = tables.table(inputs["effects"], TEXT, NUMBERS)
    null = tables.table(inputs["null"], ("kind", "target"), ("effect",))
    haplotypes = tables.table(inputs["haplotypes"], ("target",), ("n_variants", "effect", "sum_of_variants"))
    found = found[found["status"] == "scored"]
    if found.empty:
        return style.explained("No variant of the file could be scored.")
    order = found["effect"].abs().sort_values(ascending=False, kind="stable").index
    shown = found.loc[order].drop_duplicates(["id", "target"]).head(settings["n_variants"])
    upper = HEAD + ROW * len(shown) + FOOT
    figure = style.figure(style.DOUBLE, upper + LOWER)
    top, bottom = figure.subfigures(2, 1, height_ratios=(upper, LOWER))
    letters = style.letters()
    axes = top.add_subplot()
    strongest(axes, shown, null)
    style.panel(axes, next(letters))
    left, right = bottom.subplots(1, 2)
    percentiles(left, found)
    style.panel(left, next(letters))
    against_sums(right, haplotypes)
    style.panel(right, next(letters))
    return figure


def strongest(axes, shown, null):
    """The effects of some variants with their intervals, and in grey where most of the null of their kind lies."""
    groups = dict(list(null.groupby(["kind", "target"])["effect"]))
    axes.axvline(0, color=style.GREY, linewidth=0.6)
    names = []
    several = shown["target"].nunique() > 1
    for row, variant in enumerate(shown.itertuples(index=False)):
        effects = groups.get((variant.kind, variant.target))
        if effects is not None and not np.isnan(variant.percentile):
            low, high = np.quantile(effects, [(1 - SHOWN) / 2, (1 + SHOWN) / 2])
            axes.barh(row, high - low, left=low, height=0.7, color="#D9D9D9")
        if not np.isnan(variant.lower):
            axes.plot([variant.lower, variant.upper], [row, row], color=style.BLUE, linewidth=0.7)
        axes.plot(variant.effect, row, "o", color=style.BLUE, markersize=2.8)
        name = variant.id if len(variant.id) <= NAME_WIDTH else variant.id[: NAME_WIDTH - 1] + "\u2026"
        names.append(f"{name}, {variant.target[:NAME_WIDTH]}" if several else name)
    axes.set(ylim=(len(shown) - 0.4, -0.6), yticks=range(len(shown)))
    axes.set_yticklabels(names)
    scale = shown["scale"].iloc[0]
    what = scale if scale in ("output", "prediction") else f"{scale} of prediction"
    axes.set_xlabel(f"Effect ({what}); grey: 95% of the null of the same kind")


def percentiles(axes, found):
    """How many variants have which place among their nulls, by the size of their effects."""
    known = found["absolute_percentile"].dropna()
    if known.empty:
        style.explain(axes, "No variant has a null of its kind that is large enough.", 30)
        return
    axes.hist(known, bins=np.linspace(0, 100, BINS + 1), color=style.SKY)
    axes.axhline(len(known) / BINS, color=style.BLACK, linewidth=0.8, linestyle=(0, (3, 2)))
    axes.set(xlim=(0, 100), xlabel="Percentile of the absolute effect", ylabel="Variants and outputs")
    axes.set_ylim(top=1.05 * max(axes.get_ylim()[1], len(known) / BINS))


def against_sums(axes, haplotypes):
    """What haplotypes do against the sum of what their variants do alone."""
    haplotypes = haplotypes[haplotypes["n_variants"] > 1]
    if haplotypes.empty:
        style.explain(axes, "No haplotype with several variants in a window was scored.", 30)
        return
    axes.plot(haplotypes["sum_of_variants"], haplotypes["effect"], "o", color=style.BLUE, markersize=2.4)
    both = haplotypes[["sum_of_variants", "effect"]].to_numpy()
    ends = [both.min(), both.max()]
    axes.plot(ends, ends, color=style.GREY, linewidth=0.7)
    axes.set(xlabel="Sum over the variants alone", ylabel="Effect of the haplotype")
