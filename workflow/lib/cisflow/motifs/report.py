"""An HTML page of discovered patterns: their logos beside those of the most similar known motifs."""

import html
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from cisflow.errors import InputError
from cisflow.io import files, matrices
from cisflow.io.tables import read_table
from cisflow.motifs import naming

N_MATCHES = 3
# Columns shown on either side of a pattern beyond its trimmed ends.
CONTEXT = 4
# Inches and dots per inch: 240 x 72 pixels.
SIZE, RESOLUTION = (4.0, 1.2), 60

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Motifs found by TF-MoDISco</title>
<style>
body {{ font-family: sans-serif; font-size: 14px; margin: 2em; }}
table {{ border-collapse: collapse; }}
th, td {{ border-bottom: 1px solid #ccc; padding: 4px 10px; text-align: left; }}
</style>
</head>
<body>
<h1>Motifs found by TF-MoDISco</h1>
{body}
</body>
</html>
"""


def write_report(modisco, summary, database, output, names=None):
    """Write the folder `output`: motifs.html and `logos/`.

    Each pattern shows its mean contributions on both strands and the motifs of the database that match it best, with
    the q-values of `cisflow name-motifs`. Without patterns the page says why.

    Parameters
    ----------
    modisco : `.h5` file. summary : discovery.json. database : MEME file. names : patterns.tsv, for the output and
        the note of each pattern; None to leave them out.
    """
    counts = read_summary(summary)
    patterns = naming.read_patterns(modisco)
    told = {} if names is None else read_told(names)
    with files.atomic(output) as folder:
        folder.mkdir()
        body = [paragraph(counts, bool(patterns))]
        if patterns:
            (folder / "logos").mkdir()
            body.append(table(patterns, matrices.read_motifs(database), folder, told))
        (folder / "motifs.html").write_text(PAGE.format(body="\n".join(body)), encoding="utf-8")


def read_summary(path):
    """The counts of discovery.json (InputError: one is missing)."""
    counts = files.read_record(path)
    for name in ("n_rows", "n_patterns", "n_seqlets", "control_n_patterns", "explanation"):
        if name not in counts:
            raise InputError(f"{path}: no entry '{name}', expected the summary that 'cisflow discover' wrote")
    return counts


def read_told(path):
    """{name: (output, note)} of the patterns of the attributions in patterns.tsv."""
    columns = ["run", "target", "pattern", "note"]
    table = read_table(path, columns, text=columns)
    own = table[table["run"] == "attributions"]
    return {row.pattern: (row.target, row.note) for row in own.itertuples(index=False)}


def paragraph(counts, any_pattern):
    control = f"The same search of shuffled attributions finds {counts['control_n_patterns']}."
    if "shuffled_n_patterns" in counts:
        control = (
            f"The same search of the attributions of {counts['shuffled_n_rows']} shuffled sequences finds "
            f"{counts['shuffled_n_patterns']}, that of shuffled attributions {counts['control_n_patterns']}: as many "
            f"are by chance."
        )
    if not any_pattern:
        return f"<p>No pattern was found. {html.escape(counts['explanation'])} {control}</p>"
    return (
        f"<p>{counts['n_patterns']} patterns of {counts['n_seqlets']} seqlets in the attributions of "
        f"{counts['n_rows']} rows (sequence and target). {control}</p>"
    )


def table(patterns, motifs, folder, told):
    """The HTML table of Patterns; draws the logos that it shows into `folder`."""
    compared = naming.compare([pattern.trimmed().sequence for pattern in patterns], motifs)
    header = ["Pattern", "Output", "Note", "Seqlets", "Contributions", "Reverse complement"]
    header += [title for rank in range(1, N_MATCHES + 1) for title in (f"Match {rank}", "q", "Logo")]
    rows, drawn = [], {}
    for pattern, p, q in zip(tqdm(patterns, desc="logos", unit="pattern"), *compared, strict=True):
        weights = pattern.trimmed(CONTEXT).contributions
        forward = draw_logo(weights, folder, f"{pattern.name}.png")
        reverse = draw_logo(weights[::-1, ::-1], folder, f"{pattern.name}_reverse.png")
        cells = [pattern.name, *map(html.escape, told.get(pattern.name, ("", "")))]
        cells += [str(pattern.n_seqlets), image(forward), image(reverse)]
        for index in naming.nearest(p, motifs, N_MATCHES):
            matrix = motifs[index].matrix
            if index not in drawn:
                # Ids may hold characters that no file name or URL should.
                heights = matrix * naming.column_information(matrix)
                drawn[index] = draw_logo(heights, folder, f"motif_{index + 1}.png")
            name = html.escape(f"{motifs[index].name} ({motifs[index].id})")
            cells += [name, f"{q[index]:.2g}", image(drawn[index])]
        rows.append(cells + [""] * (len(header) - len(cells)))
    lines = [row_of("th", header), *(row_of("td", cells) for cells in rows)]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def row_of(tag, cells):
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"


def image(path):
    return f'<img src="{path}" alt="logo" width="{int(SIZE[0] * RESOLUTION)}">'


def draw_logo(heights, folder, name):
    """Draw letters of heights (4, w) as a PNG in `folder`/logos; its path relative to `folder`."""
    # Not pyplot, which would look for a display.
    figure = Figure(figsize=SIZE, dpi=RESOLUTION)
    axes = figure.add_axes((0, 0.02, 1, 0.96))
    lower, upper = np.minimum(heights, 0).sum(axis=0).min(), np.maximum(heights, 0).sum(axis=0).max()
    if upper > lower:
        # Here, as it takes torch with it: a page of no patterns does without.
        from tangermeme.plot import plot_logo

        plot_logo(heights, ax=axes, ylim=(lower, upper))
    axes.set_axis_off()
    path = Path("logos") / name
    figure.savefig(folder / path)
    return path.as_posix()
