"""Seqlets and hits as BED, patterns as MEME: what genome browsers and other tools open.

Intervals are in the genome coordinates of `attribution.places`; a sequence without a place is its own chromosome, as in
the tracks of the attributions. They are clipped to their chromosome, and what lies beyond it is left out.
"""

import colorsys

import numpy as np
import pandas as pd

from cisflow.attribution import files, places
from cisflow.errors import InputError
from cisflow.io import bed, meme, tables
from cisflow.motifs import hits, naming

# Of a hit, and of a seqlet where it has none.
NO_HIT, NO_SEQLET = "no hit was called", "no seqlet was called"
TOP = 1000


def export_motifs(attributions, folder, drawn, inputs, outputs):
    """Write seqlets.bed, hits.bed and patterns.meme.

    Parameters
    ----------
    attributions : `.npz` in which the motifs were found. folder : of the dataset. drawn : folder of its tracks, whose
        chrom.sizes tells where chromosomes end.
    inputs : paths of seqlets (seqlets.tsv), hits (hits.tsv), modisco (`.h5`) and patterns (patterns.tsv).
    outputs : paths of seqlets, hits and patterns.
    """
    rows = files.read(attributions)
    found = places.of_rows(folder, rows.ids, rows.codes.shape[1])
    sizes = places.read_sizes(f"{drawn}/{places.SIZES}")
    several = len(set(rows.targets.tolist())) > 1
    index = {key: row for row, key in enumerate(rows.keys())}
    for kind, columns, nothing in (("seqlets", (), NO_SEQLET), ("hits", ("pattern", "name"), NO_HIT)):
        frame = read_spans(inputs[kind], columns, index, rows.codes.shape[1])
        names = frame["target"] if kind == "seqlets" else labels(frame, several)
        bed.write_bed(outputs[kind], intervals(frame, names, found, sizes), nothing)
    write_patterns(inputs["modisco"], hits.read_names(inputs["patterns"])[0], outputs["patterns"])


def read_spans(path, columns, index, length):
    """Table of spans within rows, with the number `row` of each.

    Parameters
    ----------
    columns : of text that are read too. index : {(id, target): row}. length : bases of a row.

    Raises
    ------
    InputError : a column is missing, or a span is of no row or reaches beyond it.
    """
    frame = tables.table(path, ("id", "target", "strand", *columns), ("score",), ("start", "end"))
    keys = list(zip(frame["id"], frame["target"], strict=True))
    frame["row"] = np.array([index.get(key, -1) for key in keys], dtype=np.int64)
    bad = np.flatnonzero((frame["row"] < 0) | (frame["start"] < 0) | (frame["end"] > length))
    if len(bad):
        row = frame.iloc[bad[0]]
        raise InputError(
            f"{path}: row {bad[0] + 2}: id '{row['id']}', target '{row['target']}', {row['start']} to {row['end']}; "
            f"expected a row of the attributions and a place within its {length} bases"
        )
    return frame


def labels(frame, several):
    """What a browser calls each hit: `CTCF(pos_0)`, the pattern alone where it resembles no motif, and the target where
    there are `several`.
    """
    found = np.where(frame["name"] != "", frame["name"] + "(" + frame["pattern"] + ")", frame["pattern"])
    return found + ":" + frame["target"] if several else found


def intervals(frame, names, found, sizes):
    """Frame of BED of nine columns: the color is that of the name, the score 1000 for the largest score of its target.

    Parameters
    ----------
    frame : as `read_spans` gives it. names : (k,) str. found : Places. sizes : {chromosome: bases}.
    """
    rows = frame["row"].to_numpy()
    starts, ends = found.intervals(rows, frame["start"], frame["end"])
    chroms = found.chroms[rows]
    size = frame["score"].abs()
    largest = size.groupby(frame["target"]).transform("max")
    relative = np.divide(size, largest, out=np.zeros(len(size)), where=largest.to_numpy() > 0)
    starts = np.maximum(starts, 0)
    ends = np.minimum(ends, [sizes[chrom] for chrom in chroms]).astype(np.int64)
    columns = {
        "chrom": chroms,
        "start": starts,
        "end": ends,
        "name": np.asarray(names),
        "score": np.rint(TOP * relative).astype(int),
        "strand": found.strands(rows, frame["strand"]),
        "thickStart": starts,
        "thickEnd": ends,
        "itemRgb": colours(frame["pattern"] if "pattern" in frame else frame["target"]),
    }
    return pd.DataFrame(columns)[starts < ends]


def colours(names):
    """(k,) str, `r,g,b` of each name: as many hues as there are names, in their order."""
    hues = {name: number for number, name in enumerate(sorted(set(names)))}
    shades = {name: colorsys.hls_to_rgb(number / len(hues), 0.4, 0.7) for name, number in hues.items()}
    return np.array([",".join(str(round(255 * part)) for part in shades[name]) for name in names], dtype=object)


def write_patterns(modisco, names, output):
    """Write the base frequencies of the trimmed patterns as MEME: id of the pattern, name of its best match.

    Parameters
    ----------
    modisco : `.h5`. names : {pattern: name}; one without is called by its consensus.
    """
    patterns = [pattern.trimmed() for pattern in naming.read_patterns(modisco)]
    motifs = [
        meme.Motif(pattern.name, names.get(pattern.name) or naming.consensus(pattern.sequence), pattern.sequence)
        for pattern in patterns
    ]
    meme.write_meme(output, motifs, [pattern.n_seqlets for pattern in patterns])
