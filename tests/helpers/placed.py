"""Explained windows on a small genome, as tests of tracks, exports and the page make them up."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from attributed import attributions
from cisflow.attribution import files
from cisflow.sequence import dna

WIDTH = 24
SIZES = {"chr1": 400, "chr2": 120, "chr10": 61}
# id, chromosome, start, strand: neighbours that overlap, one at each end of a chromosome, and a copy on both strands.
WINDOWS = (
    *(("a", "chr1", 100, "+"), ("b", "chr1", 110, "-"), ("c", "chr1", 117, "+"), ("d", "chr1", 0, "-")),
    *(("e", "chr1", 376, "+"), ("f", "chr10", 37, "-"), ("g", "chr2", 50, "."), ("h", "chr2", 50, "-")),
)


class Placed(NamedTuple):
    """folder : of the dataset. rows : Attributions. genome : {chromosome: codes}. fasta : path of the genome."""

    folder: object
    rows: files.Attributions
    genome: dict
    fasta: object


def bases(genome, chrom, start, end):
    """Codes of an interval, unknown past the ends of the chromosome."""
    codes = np.full(end - start, dna.UNKNOWN, dtype=np.uint8)
    inside = slice(max(start, 0), min(end, len(genome[chrom])))
    codes[inside.start - start : inside.stop - start] = genome[chrom][inside]
    return codes


def explained(folder, context=0, targets=("one", "two"), seed=0):
    """The Placed whose network sees `context` bases more than the window; two unknown bases stand in the genome."""
    rng = np.random.default_rng(seed)
    genome = {chrom: rng.integers(0, 4, size).astype(np.uint8) for chrom, size in SIZES.items()}
    genome["chr1"][[112, 113]] = dna.UNKNOWN
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(f">{chrom}\n{dna.decode(codes)}\n" for chrom, codes in genome.items())
    (folder / "genome.fa").write_text(text)
    columns = ["id", "chrom", "start", "end", "strand"]
    frame = pd.DataFrame([(*one[:3], one[2] + WIDTH, one[3]) for one in WINDOWS], columns=columns)
    frame.to_csv(folder / "windows.tsv", sep="\t", index=False)
    left, codes = context // 2, []
    for row in frame.itertuples():
        if row.strand == "-":
            end = row.end + left
            codes.append(dna.reverse_complement(bases(genome, row.chrom, end - WIDTH - context, end)))
        else:
            start = row.start - left
            codes.append(bases(genome, row.chrom, start, start + WIDTH + context))
    codes = np.concatenate([np.array(codes)] * len(targets))
    ids = np.tile(frame["id"].to_numpy(dtype=str), len(targets))
    multipliers = rng.normal(size=(len(codes), 4, codes.shape[1])).astype(np.float32)
    named = np.repeat(np.array(targets), len(frame))
    rows = attributions(codes, multipliers, ids=ids, targets=named)
    files.write(folder / "a.npz", rows)
    return Placed(folder, rows, genome, folder / "genome.fa")


def base_by_base(placed, target):
    """{(chromosome, position): [value of each row of the target that holds it]}, from what each base is alone."""
    found, rows = {}, placed.rows
    frame = pd.read_csv(placed.folder / "windows.tsv", sep="\t").set_index("id")
    for row in np.flatnonzero(rows.targets == target):
        window = frame.loc[rows.ids[row]]
        left = (rows.codes.shape[1] - WIDTH) // 2
        for place, code in enumerate(rows.codes[row]):
            at = window["start"] - left + place if window["strand"] != "-" else window["end"] - 1 + left - place
            if code < dna.UNKNOWN and 0 <= at < SIZES[window["chrom"]]:
                scores = rows.multipliers[row, :, place] - rows.multipliers[row, :, place].mean()
                found.setdefault((window["chrom"], at), []).append(scores[code])
                expected = placed.genome[window["chrom"]][at]
                assert expected == (3 - code if window["strand"] == "-" else code)
    return found
