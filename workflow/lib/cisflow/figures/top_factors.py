"""Families of factors whose motifs lie in the seqlets of more, or fewer, sequences than in matched windows."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cisflow.errors import InputError
from cisflow.figures import given, logos, scored, style
from cisflow.io import matrices

FIGURE = {
    "of": "explanation",
    "label": "top factors",
    "order": 130,
    "inputs": {"scores": "motif_scores", "database": "motif_database"},
    "settings": ["methods", "n_factors"],
}
SEQLETS, BACKGROUND = style.VERMILLION, style.SKY
# Blocks that are shown whatever the rows that are left to each; characters of a factor's name and of a block's title.
FEW, NAME_WIDTH, TITLE_WIDTH = 6, 14, 50
PERMUTED = "\u2020"
NOTE = f"{PERMUTED} Seqlets told from permuted positions: shuffled sequences hold as much, or the config asks for it."
# Millimetres: a block's width and parts from its left edge, and heights.
BLOCK, LOGO, RATIO, SHARES, Q = 91.5, 26.5, 44.5, 62.5, 75.5
LOGO_WIDTH, RATIO_WIDTH, SHARE_WIDTH = 16, 15, 11
HEADER, ROW, AXIS, KEY, FOOT = 14, 5.8, 10, 6, 20
# A motif of this width, or the widest that is shown, is as wide as its column.
WIDTH = 12
# Letters of a logo below this share of its highest are too low to be seen.
LEAST = 0.03


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : scores: motif_scores.tsv of each method; database: the motifs. settings : methods: their names, in the same
        order; n_factors.
    """
    given.demand("top_factors", "settings", settings, ("methods", "n_factors"))
    paths = given.by_method("top_factors", inputs, settings, "scores")
    if not paths:
        return style.explained("No motif was scored: there is no attribution method to score seqlets of.")
    parts = named({method: scored.read(path) for method, path in paths.items()})
    found = {name: scored.families(rows) for name, rows in parts.items()}
    chosen = [name for name, top in found.items() if len(top)]
    if not chosen:
        return style.explained(why_empty(parts), width=style.DOUBLE)
    counts = [min(len(found[name]), settings["n_factors"]) for name in chosen]
    n_blocks, n_rows = arranged(counts)
    shown, columns = chosen[:n_blocks], min(2, n_blocks)
    tops = {name: found[name].head(min(settings["n_factors"], n_rows)) for name in shown}
    bands = heights([len(top) for top in tops.values()])
    lines = notes(parts, shown, chosen, int(0.62 * BLOCK * columns))
    motifs = {motif.id: motif for motif in matrices.read_motifs(inputs["database"])}
    figure = style.figure(BLOCK * columns, sum(bands) + KEY + scored.NOTE * len(lines), layout=None)
    for i, (name, letter) in enumerate(zip(shown, style.letters(), strict=False)):
        place = BLOCK * (i % columns), sum(bands[: i // columns])
        draw_block(figure, *place, letter, name, parts[name], len(found[name]), tops[name], motifs)
    for i, line in enumerate(lines):
        style.write(figure, 2, sum(bands) + scored.NOTE * (i + 0.7), line, va="baseline")
    draw_key(figure)
    return figure


def named(frames):
    """{name of a block: rows of one method and target}: the first target of all methods, then the next.

    A method without a row is a part of its own.
    """
    targets = {method: list(dict.fromkeys(frame["target"])) for method, frame in frames.items()}
    several = any(len(names) > 1 for names in targets.values())
    found = {}
    for number in range(max(1, *map(len, targets.values()))):
        for method, frame in frames.items():
            label = style.method_label(method)
            if number < len(targets[method]):
                target = targets[method][number]
                rows = frame[frame["target"] == target].reset_index(drop=True)
                found[f"{label}: {target}" if several else label] = rows
            elif number == 0:
                found[label] = frame
    return found


def heights(counts):
    """Height in mm of each band of blocks, two beside each other, of so many rows."""
    blocks = [HEADER + ROW * (count + 0.2) + AXIS for count in counts]
    return [max(blocks[i : i + 2]) for i in range(0, len(blocks), 2)]


def arranged(counts):
    """(number of the blocks, of so many rows, that a page has room for, most rows of each).

    As many blocks as stand on it with all their rows, or the first FEW with as many rows as they can have.
    """
    room, least = style.PAGE - FOOT, min(len(counts), FEW)
    for n in range(len(counts), least - 1, -1):
        if sum(heights(counts[:n])) <= room:
            return n, max(counts[:n])
    return least, int((room / len(heights(counts[:least])) - HEADER - AXIS) / ROW - 0.2)


def why_empty(parts):
    """Why no part has a family to show."""
    tested = {name: rows for name, rows in parts.items() if len(rows)}
    if not tested:
        return "No motif occurs in the seqlets of any method, or there are none, so that there is nothing to test."
    lowest = {name: rows["family_q_value"].min() for name, rows in tested.items()}
    known = {name: q for name, q in lowest.items() if q == q}
    text = f"None of {max(rows['family'].nunique() for rows in tested.values())} families of motifs is enriched or "
    text += f"depleted at q \u2264 {scored.SIGNIFICANT:g} in the seqlets of "
    text += "any method" if len(tested) > 1 else scored.shortened(next(iter(tested)), TITLE_WIDTH)
    if not known:
        return f"{text}: no q value is known."
    best = min(known, key=known.get)
    return f"{text}: the smallest q value is {style.small(known[best])} ({scored.shortened(best, TITLE_WIDTH)})."


def notes(parts, shown, chosen, width):
    """Lines below the blocks: what is not shown though it has a family, what has none, and what a mark means."""
    at = f"a family at q \u2264 {scored.SIGNIFICANT:g}"
    lines = scored.listed(f"Not shown, with {at}", [name for name in chosen if name not in shown], width)
    lines += scored.listed(f"Without {at}", [name for name in parts if name not in chosen], width)
    if any(is_permuted(parts[name]) for name in shown):
        lines += style.wrap(NOTE, width).split("\n")
    return lines


def is_permuted(rows):
    return (rows["null"] == "permuted").any()


def draw_block(figure, left, upper, letter, name, rows, n_found, top, motifs):
    """The block of one method and target: names, logos, log2 ratios, shares of sequences, q values."""
    style.write(figure, left + 2, upper + 5, letter, fontweight="bold", fontsize=style.LETTER, va="baseline")
    style.write(figure, left + 7, upper + 5, scored.shortened(name, TITLE_WIDTH), fontweight="bold", va="baseline")
    style.write(figure, left + 7, upper + 8.6, counted(rows, n_found, len(top)), va="baseline")
    style.write(figure, left + Q, upper + HEADER - 0.6, "q", va="baseline", style="italic")
    height = ROW * (len(top) + 0.2)
    ratio = style.place(figure, left + RATIO, upper + HEADER, RATIO_WIDTH, height)
    share = style.place(figure, left + SHARES, upper + HEADER, SHARE_WIDTH, height, sharey=ratio)
    places = np.arange(len(top))
    draw_ratios(ratio, places, top)
    draw_shares(share, places, top)
    ratio.set_ylim(len(top) - 0.4, -0.6)
    ratio.set_yticks([])
    widest = max(WIDTH, *(matrix_of(row, motifs).shape[1] for row in top.itertuples(index=False)))
    for place, row in enumerate(top.itertuples(index=False)):
        middle = upper + HEADER + ROW * (place + 0.6)
        draw_name(figure, left + LOGO - 1.5, middle, row)
        matrix = matrix_of(row, motifs)
        width = LOGO_WIDTH * matrix.shape[1] / widest
        axes = style.place(figure, left + LOGO, middle - ROW / 2 + 0.4, width, ROW - 0.8)
        logos.logo(axes, logos.information_heights(matrix), (0, 2), LEAST)
        axes.set_axis_off()
        style.write(figure, left + Q, middle, style.small(row.family_q_value), va="center")


def counted(rows, n_found, n_shown):
    """`n = 122 sequences, seqlet FDR 0.2; 30 of 98 families (20 shown)`."""
    fdr = rows["seqlet_fdr"].max()
    seqlets = f"n = {rows['n_sequences'].max():,.0f} sequences"
    seqlets += f", seqlet FDR {fdr:.2g}" if fdr == fdr else ""
    mark = PERMUTED if is_permuted(rows) else ""
    part = f" ({n_shown} shown)" if n_shown < n_found else ""
    return f"{seqlets}{mark}; {n_found} of {rows['family'].nunique()} families{part}"


def draw_name(figure, right, middle, row):
    """The standing member's name, and below it how many others its family has."""
    name = scored.shortened(row.motif_name, NAME_WIDTH)
    lift = 1.35 if row.others else 0
    style.write(figure, right, middle - lift, name, ha="right", va="center")
    if row.others:
        style.write(figure, right, middle + lift, f"and {row.others} more", ha="right", va="center", color=style.GREY)


def matrix_of(row, motifs):
    if row.motif_id not in motifs:
        raise InputError(f"motif '{row.motif_id}' of the scores is not in the motif database")
    return motifs[row.motif_id].matrix


def draw_ratios(axes, places, top):
    axes.hlines(places, top["low"], top["high"], color=style.BLACK, linewidth=0.9)
    axes.plot(top["log2_ratio"], places, "o", color=style.BLACK, markersize=3.5)
    axes.axvline(0, color=style.GREY, linewidth=0.6)
    axes.set(xlabel="log2 ratio")
    few_ticks(axes)


def draw_shares(axes, places, top):
    """Shares of the sequences with a hit in seqlets and in the background."""
    in_seqlets, background = (100 * top[name] / top["n_sequences"] for name in ("n_in_seqlets", "n_background"))
    axes.hlines(places, background, in_seqlets, color=style.GREY, linewidth=0.7)
    axes.plot(background, places, "s", color=BACKGROUND, markersize=3.5)
    axes.plot(in_seqlets, places, "o", color=SEQLETS, markersize=3.5)
    most = max(in_seqlets.max(), background.max())
    axes.set_xlim(-0.08 * most, 1.08 * most)
    axes.set_xlabel("Share (%)")
    few_ticks(axes)


def few_ticks(axes):
    """Two or three, without zeros behind the point, for which a narrow axis has no room."""
    axes.xaxis.set_major_locator(MaxNLocator(2))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\u2212"))


def draw_key(figure):
    handles = [
        Line2D([], [], color=SEQLETS, marker="o", linestyle="none", markersize=3.5, label="Sequences: in a seqlet"),
        Line2D([], [], color=BACKGROUND, marker="s", linestyle="none", markersize=3.5, label="In the background"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=2)
