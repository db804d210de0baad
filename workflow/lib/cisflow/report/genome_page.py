"""One HTML page an explanation: regions of the genome with the tracks of every method, logos, seqlets and hits.

The page holds its numbers, as the bytes of float32, and draws them itself; it reads nothing from anywhere. A region is
the sequence of one window on the plus strand of its chromosome, where it has a place there (`attribution.places`); a
window of the minus strand is turned, its bases complemented, its seqlets and hits with it.
"""

import base64
import html
import json
import sys

import numpy as np

from cisflow.attribution import files, places, scores
from cisflow.io import files as plain_files
from cisflow.io import tables
from cisflow.report.genome_template import PAGE
from cisflow.sequence import dna

# As the project's figures have them.
BASE_COLOURS = {"A": "#009E73", "C": "#0072B2", "G": "#E69F00", "T": "#D55E00"}
# Numbers that all regions hold together, 5.3 bytes each, so that a page stays below 2 MB; tracks of one region.
NUMBERS = 240_000
TRACKS = 24


def write_page(attributions, seqlets, hits, folder, n_regions, title, output):
    """Write the page.

    Parameters
    ----------
    attributions, seqlets, hits : {method: path}; the last two may be empty.
    folder : of the dataset. n_regions : at most so many. title : of the page. output : path.
    """
    parts = files.read_common(attributions)
    regions = gather(parts, seqlets, hits, folder, n_regions)
    page = PAGE % {
        "title": html.escape(title),
        "told": told(regions, parts),
        "data": embedded({"regions": regions}),
        **BASE_COLOURS,
    }
    plain_files.write_text(output, page)
    print(f"{len(regions)} regions, {len(page.encode()):,} bytes", file=sys.stderr)


def told(regions, parts):
    """What the page shows, as HTML."""
    if not regions:
        return "<p>There is no region to show: the attribution methods share no sequence.</p>"
    n = len(set(next(iter(parts.values())).ids.tolist()))
    left_out = any(region["left_out"] for region in regions)
    return (
        f"<p>The {len(regions)} of {n} explained sequences with the strongest attributions, each method and output "
        "counting the same. A track is one method and one output, in the units of the output and on a scale of its "
        "own; letters are the bases present, as high as their attribution, below zero upside down. Grey bars are "
        "seqlets, coloured ones hits of discovered patterns. Drag to move, turn the wheel to zoom.</p>"
        + ("<p>Of the outputs of a region the strongest are shown.</p>" if left_out else "")
    )


def embedded(content):
    """JSON that may stand within HTML and XML."""
    text = json.dumps(content, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def gather(parts, seqlets, hits, folder, n_regions):
    """The regions as the page holds them, strongest first.

    Parameters
    ----------
    parts : {method: Attributions} on the same rows. The others are as of `write_page`.

    Returns
    -------
    list of dicts: chrom; start, 0-based; label; sequence; left_out, how many outputs are not shown; tracks, dicts of
    method, target, values (base64 of little-endian float32, a number a base), seqlets and hits (dicts of start, end,
    told; of hits name, strand and hue too).
    """
    first = next(iter(parts.values()))
    if not len(first.ids):
        return []
    values = {method: scores.observed(part.hypothetical(), part.codes) for method, part in parts.items()}
    found = places.of_rows(folder, first.ids, first.codes.shape[1])
    spans = {
        kind: {method: read_spans(path, columns) for method, path in tables_of.items()}
        for kind, tables_of, columns in (("seqlets", seqlets, ()), ("hits", hits, ("pattern", "name")))
    }
    hues = hues_of(spans["hits"].values())
    strength = strengths(values, first.targets)
    regions, left = [], NUMBERS
    for rows in choose(first.ids, strength, found, n_regions):
        fits = max(1, min(TRACKS, left // found.length) // len(parts))
        if regions and left < found.length * len(parts):
            break
        shown = np.sort(rows[:fits])
        tracks = [
            track(method, values[method][row], row, first, found, spans, hues) for row in shown for method in parts
        ]
        left -= len(tracks) * found.length
        regions.append(region(first, found, rows[0], tracks) | {"left_out": len(rows) - len(shown)})
    return regions


def read_spans(path, columns):
    """{(id, target): rows as dicts} of a table of spans."""
    frame = tables.table(path, ("id", "target", "strand", *columns), ("start", "end", "score"))
    by_row = {}
    for record in frame.sort_values(["start", "end"], kind="stable").to_dict("records"):
        by_row.setdefault((record["id"], record["target"]), []).append(record)
    return by_row


def hues_of(tables_of):
    """{name of a hit: hue in degrees}, as far apart as there are names."""
    records = [record for by_row in tables_of for rows in by_row.values() for record in rows]
    names = sorted({name_of(record) for record in records})
    return {name: round(360 * number / len(names)) for number, name in enumerate(names)}


def name_of(record):
    """What a hit is called: its best match, or its pattern where it resembles none."""
    return record["name"] or record["pattern"]


def strengths(values, targets):
    """(m,) sum of |score| of each row, as a share of the mean of its method and target; mean over the methods."""
    total = np.zeros(len(targets))
    for observed in values.values():
        sums = np.abs(observed).sum(axis=1, dtype=np.float64)
        for target in np.unique(targets):
            own = targets == target
            mean = sums[own].mean()
            total[own] += sums[own] / mean if mean > 0 else 0
    return total / len(values)


def choose(ids, strength, found, n_regions):
    """Rows of each of the strongest sequences, its strongest row first; a sequence that shares more than half of its
    bases with a stronger one is left out.

    Returns
    -------
    list of (k,) int arrays.
    """
    order = np.lexsort((np.arange(len(ids)), -strength))
    by_id = {}
    for row in order.tolist():
        by_id.setdefault(ids[row], []).append(row)
    chosen = []
    for rows in by_id.values():
        if len(chosen) == n_regions:
            break
        near = [
            other
            for other in chosen
            if found.chroms[other[0]] == found.chroms[rows[0]]
            and 2 * abs(int(found.starts[other[0]] - found.starts[rows[0]])) < found.length
        ]
        if not near:
            chosen.append(np.array(rows))
    return chosen


def region(first, found, row, tracks):
    """What the page holds of a region but for the outputs that are left out."""
    codes = first.codes[row]
    chrom, start = str(found.chroms[row]), int(found.starts[row])
    place = f"{chrom}:{max(start, 0) + 1:,}-{start + found.length:,}"
    return {
        "chrom": chrom,
        "start": start,
        "label": f"{place} ({first.ids[row]})" if found.placed[row] else str(first.ids[row]),
        "sequence": dna.decode(dna.reverse_complement(codes) if found.reverse[row] else codes),
        "tracks": tracks,
    }


def track(method, values, row, first, found, spans, hues):
    """One track: a method's numbers of one row, and the seqlets and hits that were found in them."""
    if found.reverse[row]:
        values = values[::-1]
    key = (first.ids[row], first.targets[row])
    drawn = {"method": method, "target": str(key[1])}
    drawn["values"] = base64.b64encode(values.astype("<f4").tobytes()).decode("ascii")
    for kind in ("seqlets", "hits"):
        records = spans[kind].get(method, {}).get(key, [])
        turned = [span(record, row, found, hues) for record in records]
        drawn[kind] = sorted(turned, key=lambda item: (item["start"], item["end"]))
    return drawn


def span(record, row, found, hues):
    """A seqlet or a hit within its region."""
    starts, ends = found.intervals([row], [int(record["start"])], [int(record["end"])])
    drawn = {"start": int(starts[0] - found.starts[row]), "end": int(ends[0] - found.starts[row])}
    if "pattern" not in record:
        return drawn | {"told": f"seqlet, score {record['score']:.3g}"}
    strand = str(found.strands([row], [record["strand"]])[0])
    name = name_of(record)
    words = f"{name} ({record['pattern']}), strand {strand}, score {record['score']:.3g}"
    return drawn | {"name": name, "strand": strand, "hue": hues[name], "told": words}
