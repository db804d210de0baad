"""How far attribution methods agree: correlation of every pair of them, sequence by sequence."""

from itertools import combinations

import numpy as np
from matplotlib.lines import Line2D
from scipy.stats import rankdata
from tqdm import tqdm

from cisflow.attribution import files, scores
from cisflow.figures import given, style

FIGURE = {
    "of": "explanation",
    "label": "agreement of methods",
    "order": 110,
    "inputs": {"attributions": "attributions"},
    "least": {"attributions": 2},
    "settings": ["methods"],
}
PANELS = ("All four bases (hypothetical scores)", "Base present")
COEFFICIENTS = (("Pearson", style.BLUE, "o"), ("Spearman", style.VERMILLION, "s"))
# More points than this hide each other; the box and the median are those of all.
POINTS = 150


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : attributions: one file a method. settings : methods: their names, in the same order.
    """
    paths = given.by_method("method_agreement", inputs, settings, "attributions")
    if len(paths) < 2:
        return style.explained("Agreement needs at least two attribution methods; this run has fewer.")
    parts = files.read_common(paths)
    n_rows = len(next(iter(parts.values())).ids)
    if not n_rows:
        return style.explained("The attribution methods share no sequence, so that there is nothing to compare.")
    values = correlations(list(parts.values()))
    pairs = list(combinations(map(style.method_label, parts), 2))

    figure = style.figure(style.DOUBLE, min(26 + 9.5 * len(pairs), style.PAGE))
    panels = figure.subplots(1, 2, sharey=True)
    for which, (axes, letter, title) in enumerate(zip(panels, "ab", PANELS, strict=True)):
        draw_panel(axes, values[which])
        style.panel(axes, letter, title)
    lowest = min(0.0, np.nanmin(values, initial=0.0))
    for axes in panels:
        axes.set(xlim=(max(-1.03, lowest - 0.06), 1.03), xlabel="Correlation per sequence")
    panels[0].set_yticks(np.arange(len(pairs)), ["\nvs ".join(pair) for pair in pairs])
    panels[0].set_ylim(len(pairs) - 0.5, -0.5)
    draw_key(figure, f"n = {n_rows:,} sequence\u2013target pairs")
    return figure


def correlations(parts):
    """Correlations of every pair of methods in each row.

    Parameters
    ----------
    parts : Attributions on the same m rows.

    Returns
    -------
    (2, 2, pairs, m) float64: hypothetical scores or those at the base present; Pearson or Spearman; pairs in the
    order of `combinations`. NaN where a method gives a row one score throughout.
    """
    first, second = np.triu_indices(len(parts), 1)
    values = np.full((2, 2, len(first), len(parts[0].ids)), np.nan)
    for row in tqdm(range(values.shape[-1]), desc="correlations", unit="row", disable=None):
        codes = parts[0].codes[row]
        full = np.array([scores.transform(part.multipliers[row], codes, "hypothetical") for part in parts], dtype=float)
        for which, vectors in enumerate((full.reshape(len(parts), -1), scores.observed(full, codes))):
            values[which, 0, :, row] = pearson(vectors)[first, second]
            values[which, 1, :, row] = pearson(rankdata(vectors, axis=1))[first, second]
    return values


def pearson(vectors):
    """Correlation matrix (k, k) of vectors (k, p); NaN for a constant one."""
    centred = vectors - vectors.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1)
    # What rounding leaves of a constant is no signal.
    lengths[lengths <= 1e-12 * np.abs(vectors).max(axis=1) * np.sqrt(vectors.shape[1])] = np.nan
    unit = centred / np.where(lengths > 0, lengths, np.nan)[:, None]
    return unit @ unit.T


def draw_panel(axes, values):
    """Boxes, points and medians; values (2, pairs, m)."""
    for place in range(0, values.shape[1], 2):
        axes.axhspan(place - 0.5, place + 0.5, color=style.PALE, linewidth=0, zorder=0)
    axes.axvline(0, color=style.GREY, linewidth=0.6, zorder=1)
    for i, (_, colour, marker) in enumerate(COEFFICIENTS):
        for pair, column in enumerate(values[i]):
            draw_distribution(axes, column[np.isfinite(column)], pair + (i - 0.5) * 0.46, colour, marker)
    axes.tick_params(axis="y", length=0)


def draw_distribution(axes, values, height, colour, marker, digits=2):
    """Box, points and median of correlations at a height; the median in numbers of so many digits at the right."""
    if not len(values):
        axes.text(0.02, height, "undefined: constant scores", va="center", color=style.GREY)
        return
    ordered = np.sort(values)
    shown = ordered[np.unique(np.linspace(0, len(ordered) - 1, POINTS).round().astype(int))]
    spread = np.random.default_rng(0).uniform(-0.13, 0.13, len(shown))
    axes.plot(shown, height + spread, ".", color=colour, markersize=2.5, markeredgewidth=0, alpha=0.5, zorder=2)
    low, median, high = np.percentile(values, [25, 50, 75])
    axes.fill_between([low, high], height - 0.15, height + 0.15, color=colour, alpha=0.25, linewidth=0, zorder=2)
    axes.plot([median], [height], marker, color=colour, markersize=4, zorder=4)
    axes.annotate(
        f"{median:.{digits}f}",
        (1.0, height),
        xycoords=("axes fraction", "data"),
        xytext=(2, 0),
        textcoords="offset points",
        va="center",
        color=colour,
    )


def draw_key(figure, counted):
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="none", label=f"{name}: median (number at the right)")
        for name, colour, marker in COEFFICIENTS
    ]
    handles.append(Line2D([], [], color=style.GREY, alpha=0.35, linewidth=6, label="Middle half of the sequences"))
    handles.append(Line2D([], [], color=style.GREY, marker=".", markersize=3, linestyle="none", label="One sequence"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, title=counted, title_fontsize=style.TEXT)
