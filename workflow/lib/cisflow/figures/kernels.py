"""First-layer kernels of a network: what excites each, which motif that is, and what it does to each output."""

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from cisflow.errors import InputError
from cisflow.figures import given, merged, style
from cisflow.io import files, meme, tables

FIGURE = {
    "of": "explanation",
    "label": "first-layer kernels",
    "order": 152,
    "inputs": {"kernels": "kernels", "matrices": "kernel_matrices", "summary": "kernel_summary"},
    "settings": ["n_kernels"],
}
TEXT = ("kernel", "output", "match_name", "metric")
NUMBERS = ("n_lmers", "q_value", "effect", "change")
# Millimetres from the left: names, logos, best matches, effects; behind these the change of the metric.
NAME, LOGO, MATCH, EFFECTS = 3, 15, 53, 77
LOGO_WIDTH, MATCH_WIDTH = 36, 14
COLUMNS, ROOM, WIDEST = 24, 58, 7
BARS, BARS_WIDTH = 6, 26
TITLE, ROW, FOOT = 2, 9, 15
BAR_WIDTH, BAR_HEIGHT = 29, 2.2
METRICS = {"cross_entropy": "Gain of loss (nats)", "1-pearson": "Loss of r"}


def draw(inputs, settings):
    """The Figure: the kernels that do most to some output.

    Parameters
    ----------
    inputs : paths of kernels (table), matrices (MEME) and summary (JSON). settings : n_kernels that are shown.
    """
    given.demand("kernels", "settings", settings, ("n_kernels",))
    frame = tables.table(inputs["kernels"], TEXT, NUMBERS)
    if frame.empty:
        why = files.read_record(inputs["summary"]).get("explanation", "")
        return style.explained(f"No kernels to show. {why}".rstrip())
    matrices = {motif.id: motif.matrix for motif in meme.read_meme(inputs["matrices"])}
    names, outputs = frame["kernel"].drop_duplicates().tolist(), frame["output"].drop_duplicates().tolist()
    if absent := [name for name in names if name not in matrices]:
        raise InputError(f"{inputs['matrices']}: no kernel '{absent[0]}', which {inputs['kernels']} has")
    index = frame.set_index(["kernel", "output"])
    wide = {key: index[key].unstack().reindex(index=names, columns=outputs) for key in ("effect", "change")}
    alive = frame.groupby("kernel")["n_lmers"].first() > 0
    strength = wide["effect"].abs().max(axis=1)
    shown = strength[alive[names]].sort_values(ascending=False, kind="stable").index[: settings["n_kernels"]].tolist()
    if not shown:
        return style.explained("No kernel of the first layer responds to any sequence more than to another.")
    # The outputs on which these kernels differ most, in their order.
    kept = wide["effect"].loc[shown].abs().max().sort_values(ascending=False, kind="stable").index[:COLUMNS]
    columns = [output for output in outputs if output in set(kept)]
    labels = [merged.fitted([output], merged.LABEL_WIDTH)[0] for output in columns]
    effect, change = (wide[key].loc[shown, columns].to_numpy() for key in ("effect", "change"))
    several = len(columns) > 1
    head = max(TITLE + merged.label_height(labels), 8) if several else 8
    row = merged.row_height(len(shown), style.PAGE - head - FOOT, ROW)
    column = min(WIDEST, ROOM / len(columns))
    width = column * len(columns) if several else BARS_WIDTH
    behind, height = EFFECTS + width + BARS, row * len(shown)
    figure = style.figure(behind + BARS_WIDTH + 5, head + height + FOOT, None)
    first = frame.groupby("kernel").first()
    for number, name in enumerate(shown):
        top = head + row * number
        merged.draw_logo(figure, LOGO, top, LOGO_WIDTH, row, matrices[name])
        text, known = first["match_name"][name], first["q_value"][name] <= merged.SIGNIFICANT
        style.write(figure, NAME, top + row / 2, name, va="center")
        match = merged.shortened(text or "no match", MATCH_WIDTH)
        style.write(figure, MATCH, top + row / 2, match, va="center", color="black" if text and known else style.GREY)
    if several:
        draw_map(figure, head, effect, labels, column, height)
    else:
        draw_bars(style.place(figure, EFFECTS, head, width, height), effect[:, 0], "Effect", style.BLUE)
    largest = np.where(np.isfinite(change), change, -np.inf).max(axis=1)
    largest[~np.isfinite(largest)] = np.nan
    title = METRICS.get(frame["metric"][0], frame["metric"][0]) + (", largest" if several else "")
    draw_bars(style.place(figure, behind, head, BARS_WIDTH, height), largest, title, style.ORANGE)
    for left, text in ((LOGO, "Logo (0\u20132 bits)"), (MATCH, "Best match")):
        style.write(figure, left, head - 1.5, text, color=style.GREY, va="baseline")
    foot = f"{len(shown)} of {len(names)} kernels"
    foot += f", {len(columns)} of {len(outputs)} outputs" if len(columns) < len(outputs) else ""
    style.write(figure, NAME, head + height + FOOT - 2.5, foot, va="baseline", color=style.GREY)
    return figure


def draw_map(figure, head, effect, labels, column, height):
    """Effects of kernels (rows) on outputs (columns) as colours on one scale."""
    axes = style.place(figure, EFFECTS, head, column * len(labels), height)
    largest = float(np.abs(effect).max()) or 1.0
    scale = Normalize(-largest, largest)
    axes.pcolormesh(effect, cmap="RdBu_r", norm=scale, edgecolors="white", linewidth=0.4)
    axes.set(xlim=(0, len(labels)), ylim=(len(effect), 0), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    for number, label in enumerate(labels):
        middle = EFFECTS + column * (number + 0.5)
        style.write(figure, middle, head - 1.5, label, rotation=90, ha="center", va="bottom", linespacing=1)
    bar = style.place(figure, EFFECTS - BAR_WIDTH - 4, head + height + 3, BAR_WIDTH, BAR_HEIGHT)
    ticks = [-largest, 0, largest]
    colours = figure.colorbar(ScalarMappable(scale, "RdBu_r"), cax=bar, orientation="horizontal")
    colours.set_ticks(ticks, labels=[f"{tick:.2g}".replace("-", "\u2212") for tick in ticks])
    colours.set_label("Effect")
    colours.outline.set_linewidth(0.4)


def draw_bars(axes, values, label, colour):
    """One bar a kernel; nothing where a value is not known."""
    if not np.isfinite(values).any():
        axes.set_axis_off()
        return
    known = np.nan_to_num(values)
    axes.barh(range(len(values)), known, height=0.6, color=colour)
    axes.axvline(0, color="black", linewidth=0.6)
    low, high = min(known.min(), 0), max(known.max(), 0)
    if low == high:
        high = 1.0
    room = 0.08 * (high - low)
    axes.set(xlim=(low - room, high + room), ylim=(len(values) - 0.5, -0.5), yticks=[])
    ticks = [tick for tick in (low, high) if abs(tick) > 0.3 * (high - low)]
    axes.set_xticks(sorted({0.0, *ticks}), [f"{tick:.2g}".replace("-", "\u2212") for tick in sorted({0.0, *ticks})])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(label)
