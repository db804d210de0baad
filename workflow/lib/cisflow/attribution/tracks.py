"""Attributions as bigWig, one file a target, in genome coordinates: what IGV and the UCSC browser draw along a genome.

Each base has the score at the base present, as `scores.observed` gives it of hypothetical contributions. Where windows
of one target overlap, a base has the mean over those that hold it. A base that is unknown or absent has no value, and
neither has one beyond the ends of its chromosome.

The folder that is written holds:

    <target>.bw   the scores of one target; characters that no file name should have are `_`
    chrom.sizes   every chromosome that the files name, and its length
    windows.fa    the sequences that no genome gives a place, where there are any: each is its own chromosome, so that
                  this file is the genome that a browser needs to draw them
"""

import re
import sys

import numpy as np
from tqdm import tqdm

from cisflow.attribution import files as attribution_files
from cisflow.attribution import places, scores
from cisflow.io import bigwig, files
from cisflow.io.genome import Genome
from cisflow.sequence import dna

SEQUENCES = "windows.fa"
LINE = 60
# Positions on one chromosome take less than this.
CHROMOSOME = 1 << 33


def export_tracks(attributions, folder, genomes, output):
    """Write the folder `output`.

    Parameters
    ----------
    attributions : `.npz`. folder : of the dataset. genomes : paths of the genomes of its windows; may be empty.

    Raises
    ------
    InputError : a file is not what it should be, or speaks of other windows.
    """
    rows = attribution_files.read(attributions)
    found = places.of_rows(folder, rows.ids, rows.codes.shape[1])
    sizes = places.sizes(found, [Genome(path) for path in genomes])
    names = file_names(rows.targets)
    with files.atomic(output) as temporary:
        temporary.mkdir()
        files.write_text(temporary / places.SIZES, "".join(f"{chrom}\t{bases}\n" for chrom, bases in sizes.items()))
        if not found.placed.all():
            files.write_text(temporary / SEQUENCES, fasta(rows, found))
        for target in tqdm(names, desc="tracks", unit="target"):
            own = np.flatnonzero(rows.targets == target)
            bigwig.write_bases(temporary / f"{names[target]}.bw", sizes, track(rows.take(own), found, own, sizes))
    print(f"tracks of {len(names)} targets on {len(sizes)} chromosomes", file=sys.stderr)


def file_names(targets):
    """{target: name of its file without the ending}, in the order of the targets; numbered where two would share it."""
    names = {}
    for target in dict.fromkeys(np.asarray(targets).tolist()):
        name = plain = re.sub(r"[^A-Za-z0-9._+-]+", "_", target).lstrip(".") or "_"
        number = 1
        while name in names.values():
            number += 1
            name = f"{plain}_{number}"
        names[target] = name
    return names


def fasta(rows, found):
    """FASTA of the sequences without a place, each once."""
    lines, first = [], {}
    for row in np.flatnonzero(~found.placed):
        first.setdefault(found.chroms[row], row)
    for name, row in first.items():
        text = dna.decode(rows.codes[row])
        lines += [f">{name}", *(text[start : start + LINE] for start in range(0, len(text), LINE))]
    return "\n".join(lines) + "\n"


def track(rows, found, own, sizes):
    """{chromosome: (positions (k,) int64, sorted; values (k,) float32)} of one target.

    Parameters
    ----------
    rows : Attributions of the target. found : Places of all rows of its file. own : (n,) int, which are those of the
        target. sizes : {chromosome: bases}.
    """
    chroms, of_row = np.unique(found.chroms[own].astype(str), return_inverse=True)
    positions = found.positions(own)
    ends = np.array([sizes[chrom] for chrom in chroms], dtype=np.int64)[of_row]
    held = (rows.codes < dna.UNKNOWN) & (positions >= 0) & (positions < ends[:, None])
    values = scores.observed(rows.hypothetical(), rows.codes)[held]
    keys, base = np.unique((of_row[:, None] * CHROMOSOME + positions)[held], return_inverse=True)
    means = (np.bincount(base, values, len(keys)) / np.bincount(base, minlength=len(keys))).astype(np.float32)
    bounds = np.searchsorted(keys, np.arange(len(chroms) + 1) * CHROMOSOME)
    return {
        chrom: (keys[first:last] % CHROMOSOME, means[first:last])
        for chrom, first, last in zip(chroms.tolist(), bounds[:-1], bounds[1:], strict=True)
        if first < last
    }
