"""Labelled sequences from FASTA files: positives, and negatives or a GC-matched background drawn from a genome."""

import sys

import numpy as np
import pandas as pd
import pybedtools

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.data import fingerprint, ledger
from cisflow.data.windows import Windows, fetch, grid, locate, require_bedtools, table
from cisflow.errors import InputError
from cisflow.io import contigs
from cisflow.io.genome import Genome, Locus, Records
from cisflow.sequence import dna

# Largest difference in mean GC content that a matched background may be left with.
GC_TOLERANCE = 0.01


class Background(settings.Settings):
    """Draw the records of label 0 from a genome, matched to the positives in GC content."""

    genome: str = setting(resource=True, meaning="Resource with the genome to draw from.")
    per_positive: int = setting(1, minimum=1, meaning="Windows drawn for each positive.")


class Settings(settings.Settings):
    """Records of FASTA files, each as long as the window."""

    ONE_OF = ("negatives", "background")
    positives: str = setting(resource=True, meaning="Resource with the records of label 1.")
    negatives: str = setting(None, resource=True, meaning="Resource with the records of label 0; this or `background`.")
    background: Background = setting(
        None, meaning="Draw the records of label 0 from a genome, matched to the positives in GC content."
    )
    target: str = setting("label", meaning="Name of the label.")


def collect(source, length, seed, task):
    """Windows of `positives` (label 1) and of `negatives` or `background` (label 0).

    Parameters
    ----------
    source : Settings.
    length : bases that each record must have.
    seed : of the draw of background windows.
    task : not used.

    Raises
    ------
    InputError : a record of another length, a name in both files, or a genome that cannot match the positives.
    """
    path = source.positives
    frame, codes = read_windows(path, length)
    if source.negatives:
        other_path = source.negatives
        others, other_codes = read_windows(other_path, length)
        shared = sorted(set(frame["id"]) & set(others["id"]))
        if shared:
            raise InputError(f"{other_path}: record '{shared[0]}' is in {path} as well, expected names in one of them")
        dropped, mapped = {}, None
        drawn = ledger.rows(other_path, record_numbers(others), others["id"], others["id"], [""] * len(others))
    else:
        genome = Genome(source.background.genome)
        names = contigs.Names(genome.chromosomes, genome.path)
        frame["chrom"], mapped = names.of(path, frame["chrom"]), names.table()
        unknown = int((frame["chrom"] == "").sum())
        if unknown:
            print(
                f"WARNING: {path}: {unknown} of {len(frame)} records have no coordinates in their names, so that the "
                f"background of {genome.path} may be drawn from their very places; expected names such as "
                f"chr1:100-300(+)",
                file=sys.stderr,
            )
        fingerprint.compare(path, frame, codes, genome)
        others, other_codes, dropped = background(genome, frame, codes, source.background.per_positive, seed)
        drawn = ledger.drawn(source.background.genome, others["id"], dropped)
    lines = ledger.rows(path, record_numbers(frame), frame["id"], frame["id"], [""] * len(frame))
    labels = np.repeat([1, 0], [len(codes), len(other_codes)]).astype(np.float32)[:, None]
    frame = pd.concat([frame, others], ignore_index=True)
    codes = np.concatenate([codes, other_codes])
    lines = ledger.join(lines, drawn)
    return Windows(frame, codes, labels, [source.target], dropped, ledger=lines, contigs=mapped)


def record_numbers(frame):
    """Numbers of the records of a FASTA, counted from 1, all of which are windows."""
    return range(1, len(frame) + 1)


def read_windows(path, length):
    """Frame and base codes (n, length) of a FASTA whose records all have `length` bases."""
    records = Records(path)
    for number, (name, bases) in enumerate(zip(records.names, records.lengths, strict=True), 1):
        if not name:
            raise InputError(f"{path}: record {number} has no name, expected '>name'")
        if bases != length:
            raise InputError(f"{path}: record '{name}' has {bases} bases, expected {length} (the window)")
    rows = [f"record {number}" for number in range(1, len(records) + 1)]
    frame = locate(path, records.names, rows, length, records.descriptions)
    return frame, np.stack([records[row] for row in range(len(records))])


def background(genome, positives, codes, per_positive, seed):
    """Draw windows of a genome whose GC content matches that of the positives.

    For each positive, in random order, `per_positive` windows of the closest GC content are drawn without
    replacement from a grid over the genome, among those without unknown bases and without a base in common with a
    positive of known coordinates.

    Parameters
    ----------
    positives : frame of the positives; rows without coordinates exclude nothing.
    codes : their base codes (n, length).

    Returns
    -------
    frame in genome order, base codes (n * per_positive, length), dict of windows dropped.

    Raises
    ------
    InputError : a positive without a known base, or a genome with too few windows, or too few of a like GC content.
    """
    require_bedtools()
    length = codes.shape[1]
    wanted = dna.gc_content(codes)
    if np.isnan(wanted).any():
        name = positives["id"].iloc[np.flatnonzero(np.isnan(wanted))[0]]
        raise InputError(f"positive '{name}' has no known base, so that no background can match its GC content")
    tiles, dropped = grid(genome, length)
    apart = without_overlap(tiles, positives)
    dropped["overlap with a positive"] = len(tiles) - len(apart)
    dropped["not drawn"] = len(apart) - len(codes) * per_positive
    needed = len(codes) * per_positive
    if len(apart) < needed:
        raise InputError(
            f"{genome.path}: offers {len(apart)} windows of {length} bp without unknown bases and apart from the "
            f"positives, expected at least {needed} ({per_positive} for each of {len(codes)} positives)"
        )
    chosen = apart.iloc[np.sort(match_gc(wanted, apart["gc"].to_numpy(), length, per_positive, seed))]
    if abs(chosen["gc"].mean() - wanted.mean()) > GC_TOLERANCE:
        raise InputError(
            f"{genome.path}: has too few windows of the positives' GC content: mean GC is {wanted.mean():.3f} in the "
            f"positives and {chosen['gc'].mean():.3f} in the closest {needed} windows, expected a difference of at "
            f"most {GC_TOLERANCE}"
        )
    loci = [Locus(*row) for row in chosen[["chrom", "start", "end"]].itertuples(index=False)]
    frame = table([f"{locus.chrom}:{locus.start}-{locus.end}" for locus in loci], loci)
    return frame, fetch(genome, frame, length), dropped


def without_overlap(tiles, positives):
    """The tiles that share no base with a positive of known coordinates."""
    known = positives[positives["chrom"] != ""]
    if known.empty:
        return tiles
    numbered = pybedtools.BedTool.from_dataframe(tiles[["chrom", "start", "end"]].assign(tile=range(len(tiles))))
    placed = pybedtools.BedTool.from_dataframe(known[["chrom", "start", "end"]])
    apart = [int(interval.name) for interval in numbered.intersect(placed, v=True)]
    return tiles.iloc[apart]


def match_gc(wanted, offered, length, per_item, seed):
    """Indices into `offered`, without replacement, of the `per_item` closest windows by GC for each of `wanted`.

    Parameters
    ----------
    wanted, offered : GC fractions (n,) and (m,) with m >= n * per_item.
    length : bases of a window; GC content is compared in whole bases.
    """
    rng = np.random.default_rng(seed)
    count = np.rint(offered * length).astype(int)
    shuffled = rng.permutation(len(count))
    # Bucket k holds the windows with k strong bases, in random order; `left` says how many are still to be drawn.
    buckets = shuffled[np.argsort(count[shuffled], kind="stable")]
    left = np.bincount(count, minlength=length + 1)
    first = np.cumsum(left) - left
    chosen = []
    for want in np.rint(np.repeat(rng.permutation(wanted), per_item) * length):
        filled = np.flatnonzero(left)
        distance = np.abs(filled - want)
        closest = filled[distance == distance.min()]
        bucket = closest[rng.integers(len(closest))]
        left[bucket] -= 1
        chosen.append(buckets[first[bucket] + left[bucket]])
    return np.array(chosen)
