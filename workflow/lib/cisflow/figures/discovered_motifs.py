"""What TF-MoDISco found in the attributions of each method, beside the JASPAR motif that is most like it."""

import numpy as np

from cisflow.errors import InputError, listing
from cisflow.figures import given, logos, style
from cisflow.io import files, matrices, tables
from cisflow.motifs import modisco

FIGURE = {
    "of": "explanation",
    "label": "discovered motifs",
    "order": 120,
    "inputs": {
        "modisco": "modisco",
        "summary": "discovery",
        "patterns": "patterns",
        "recovery": "recovery?",
        "database": "motif_database",
    },
    "settings": ["methods", "n_patterns"],
}
# As the patterns were trimmed before they were named: columns below this share of the highest one are cut from both
# ends, but for FLANK columns.
TRIM, FLANK = 0.3, 1
# A match with a larger q value is printed in grey.
SIGNIFICANT = 0.05
# Millimetres.
HEADER, ROW, EMPTY = 16, 10.2, 24
BLOCK = 91.5
COUNT, LOGO, NAME = 2, 18, 75
LOGO_WIDTH = 26
STRIP_TITLE, STRIP_ROW = 10, 4.2


def draw(inputs, settings):
    """The Figure.

    Parameters
    ----------
    inputs : modisco, summary, patterns: one file a method; database: path of a MEME file. Optional: recovery: one
        table a method.
    settings : methods: their names, in the order of the files; n_patterns.
    """
    given.demand("discovered_motifs", "settings", settings, ("methods", "n_patterns"))
    kinds = ("modisco", "summary", "patterns", *(["recovery"] if "recovery" in inputs else []))
    paths = {kind: given.by_method("discovered_motifs", inputs, settings, kind) for kind in kinds}
    if not settings["methods"]:
        return style.explained("No motif discovery was asked for: there is no pattern to show.")
    motifs = {motif.id: motif for motif in matrices.read_motifs(inputs["database"])}
    runs = [
        (method, *read_run(paths["summary"][method], paths["patterns"][method], settings["n_patterns"]))
        for method in settings["methods"]
    ]
    recovery = read_recovery(paths["recovery"]) if "recovery" in paths else None

    columns = min(2, len(runs))
    heights = [HEADER + (ROW * len(patterns) if len(patterns) else EMPTY) for _, _, patterns in runs]
    bands = [max(heights[i : i + columns]) for i in range(0, len(runs), columns)]
    strip = 0 if recovery is None else STRIP_TITLE + STRIP_ROW * (len(recovery) + 1)
    figure = style.figure(BLOCK * columns, sum(bands) + strip + 2, layout=None)
    letters = style.letters()
    for i, (method, summary, patterns) in enumerate(runs):
        left, top = BLOCK * (i % columns), sum(bands[: i // columns])
        draw_run(figure, left, top, next(letters), method, summary, patterns, paths["modisco"][method], motifs)
    if recovery is not None:
        draw_recovery(figure, sum(bands), next(letters), recovery, BLOCK * columns)
    return figure


def read_run(summary_path, patterns_path, n_patterns):
    """(summary, the first rows of the patterns found in the attributions)."""
    summary = files.read_record(summary_path)
    given.demand("discovered_motifs", summary_path, summary, ("n_patterns", "control_n_patterns", "explanation"))
    text = ("run", "target", "pattern", "match_id", "match_name", "note")
    patterns = tables.table(patterns_path, text, ("n_seqlets", "q_value"))
    patterns = tables.matching(patterns, run="attributions").sort_values("n_seqlets", ascending=False, kind="stable")
    return summary, patterns.head(n_patterns).reset_index(drop=True)


def read_recovery(paths):
    """Planted motifs by method: {(target, matrix id): {method: row}}, of {method: path}."""
    found = {}
    for method, path in paths.items():
        text = ("target", "matrix_id", "matrix_name", "pattern", "match_name", "how")
        for row in tables.table(path, text, ("found",)).itertuples(index=False):
            found.setdefault((row.target, row.matrix_id), {})[method] = row
    return found


def contributions(path, pattern):
    """Mean contribution of each base (4, w) over the seqlets of a pattern such as `pos_0`, trimmed at both ends."""
    with modisco.opened(path) as store:
        if pattern not in modisco.names(path, store):
            raise InputError(f"{path}: pattern '{pattern}' not found among {listing(modisco.names(path, store))}")
        weights = modisco.array(path, store, f"{modisco.group_of(pattern)}/contrib_scores", "iuf", (None, 4)).T
    sizes = np.abs(weights).sum(axis=0)
    kept = np.flatnonzero(sizes >= TRIM * sizes.max())
    return weights[:, max(kept[0] - FLANK, 0) : kept[-1] + 1 + FLANK]


def draw_run(figure, left, top, letter, method, summary, patterns, modisco, motifs):
    """The block of one method."""
    style.write(figure, left + COUNT, top + 6, letter, fontweight="bold", fontsize=style.LETTER, va="baseline")
    title = style.method_label(method)
    style.write(figure, left + LOGO, top + 6, title, fontweight="bold", va="baseline")
    style.write(figure, left + LOGO, top + 9.6, counted(summary), va="baseline")
    if patterns.empty:
        axes = style.place(figure, left + LOGO, top + HEADER - 3, BLOCK - LOGO - 4, EMPTY - 2)
        style.explain(axes, summary["explanation"] or "No pattern was found.", width=44)
        return
    for x, text in ((LOGO, "Contribution"), (LOGO + LOGO_WIDTH + 2, "JASPAR (0\u20132 bits)"), (NAME, "Name, q")):
        style.write(figure, left + x, top + HEADER - 1.6, text, color=style.GREY, va="baseline")
    several = patterns["target"].nunique() > 1
    for i, row in enumerate(patterns.itertuples(index=False)):
        row = row._replace(target=row.target if several else "")
        draw_pattern(figure, left, top + HEADER + i * ROW, row, contributions(modisco, row.pattern), motifs)


def counted(summary):
    """`7 patterns; in shuffled sequences: 1`; in shuffled attributions where the former were not explained."""
    found, control = summary["n_patterns"], ("attributions", summary["control_n_patterns"])
    if "shuffled_n_patterns" in summary:
        control = "sequences", summary["shuffled_n_patterns"]
    return f"{found} pattern{'' if found == 1 else 's'}; in shuffled {control[0]}: {control[1]}"


def draw_pattern(figure, left, top, row, weights, motifs):
    """One pattern: its name, output and seqlets, its contributions, the matching motif, name and q value.

    A splice site is named as such, whatever motif it is most like.
    """
    middle = top + ROW / 2
    text = "\n".join(filter(None, (row.target[:11], row.pattern, f"n = {row.n_seqlets:,.0f}")))
    style.write(figure, left + COUNT, middle, text, va="center", linespacing=1.15)
    if row.match_id and row.match_id not in motifs:
        raise InputError(f"pattern '{row.pattern}': its match '{row.match_id}' is not in the motif database")
    motif = motifs.get(row.match_id)
    heights = None if motif is None else logos.information_heights(motif.matrix)
    sign = -1.0 if row.pattern.startswith("neg") else 1.0
    oriented, offset, reverse = (weights[:, :0], 0, False) if motif is None else logos.align(sign * weights, heights)
    first, last = min(0, offset), max(weights.shape[1], offset + oriented.shape[1])
    axes = style.place(figure, left + LOGO, top + 0.8, LOGO_WIDTH, ROW - 1.6)
    draw_letters(axes, weights, -first, last - first, letter_limits(weights))
    if motif is None:
        text = f"no match\n{row.note}" if row.note else "no match"
        style.write(figure, left + LOGO + LOGO_WIDTH + 2, middle, text, color=style.GREY, va="center")
        return
    axes = style.place(figure, left + LOGO + LOGO_WIDTH + 2, top + 0.8, LOGO_WIDTH, ROW - 1.6)
    draw_letters(axes, oriented, offset - first, last - first, (0, 2))
    name = style.wrap(f"{row.match_name}{' (rc)' if reverse else ''}", 11)
    text = f"{name}\n{style.small(row.q_value)}"
    colour = "black" if row.q_value <= SIGNIFICANT else style.GREY
    if row.note:
        text, colour = style.wrap(row.note, 11), "black"
    style.write(figure, left + NAME, middle, text, va="center", linespacing=1.05, color=colour)


def letter_limits(heights):
    """Lowest and highest stack of letters, with zero."""
    return np.minimum(heights, 0).sum(axis=0).min(), np.maximum(heights, 0).sum(axis=0).max()


def draw_letters(axes, heights, offset, width, limits):
    """Letters from column `offset` of a frame `width` columns wide, without axes."""
    frame = np.zeros((4, width))
    frame[:, offset : offset + heights.shape[1]] = heights
    logos.logo(axes, frame, limits)
    axes.set(xticks=[], yticks=[])
    axes.spines["left"].set_visible(False)


def draw_recovery(figure, top, letter, recovery, width):
    """Which planted motifs were found again: a row a motif, a column a method."""
    style.write(figure, COUNT, top + 6, letter, fontweight="bold", fontsize=style.LETTER, va="baseline")
    n_found = sum(any(row.found == 1 for row in rows.values()) for rows in recovery.values())
    title = f"Planted motifs found again by any method: {n_found} of {len(recovery)}"
    style.write(figure, LOGO, top + 6, title, fontweight="bold", va="baseline")
    methods = list(dict.fromkeys(method for rows in recovery.values() for method in rows))
    label = 36
    step = (width - label - 4) / max(len(methods), 1)
    axes = style.place(figure, 0, top + STRIP_TITLE - 2, width, STRIP_ROW * (len(recovery) + 1))
    axes.set_axis_off()
    axes.set(xlim=(0, width), ylim=(len(recovery) + 0.5, -0.5))
    for column, method in enumerate(methods):
        axes.text(label + column * step, 0, style.method_label(method), va="center")
    several = len({target for target, _ in recovery}) > 1
    for place, ((target, name), rows) in enumerate(sorted(recovery.items()), start=1):
        axes.text(COUNT, place, f"{name} ({target})" if several else name, va="center")
        for column, method in enumerate(methods):
            draw_cell(axes, label + column * step, place, rows.get(method))


def draw_cell(axes, x, y, row):
    """A filled dot and how a planted motif was found, or an open dot."""
    found = row is not None and row.found == 1
    face = style.GREEN if found else "white"
    axes.plot([x + 1], [y], "o", markerfacecolor=face, markeredgecolor=style.GREEN if found else style.GREY)
    text = f"{row.pattern} ({row.how})" if found else "not found"
    axes.text(x + 3, y, text, va="center", color="black" if found else style.GREY)
