"""Peaks of a ChIP-seq, ATAC-seq or DNase-seq experiment, and negatives that a genome offers, matched to them."""

import numpy as np
import pandas as pd

from cisflow.config.settings import setting
from cisflow.data import ledger, negatives
from cisflow.data.placing import Placing, problems, strangers
from cisflow.data.windows import Windows, centred, fetch, table
from cisflow.errors import InputError
from cisflow.io import contigs
from cisflow.io.bed import interval, read_bed
from cisflow.io.genome import Genome, Locus
from cisflow.io.gtf import genes_of, read
from cisflow.sequence import dna, intervals

MATCHING = True
MERGED, NO_BASES = "merged with a peak that it overlaps", "no known base"
UNMATCHED = "positives without a like candidate"


class Settings(Placing):
    """Peaks (BED, narrowPeak, broadPeak) of label 1, and windows of the genome of label 0 that are matched to them."""

    peaks: str = setting(resource=True, meaning="Resource with the peaks.")
    genome: str = setting(resource=True, meaning="Resource with the genome.")
    target: str = setting("bound", meaning="Name of the label.")
    anchor: str = setting(
        "summit",
        choices=("summit", "center", "start", "end"),
        meaning="What of a peak its window is centred on; the center, where the file gives no summit.",
    )
    overlapping: str = setting(
        "keep",
        choices=("keep", "merge"),
        meaning="Peaks that share a base are a window each, or one, on the strongest of them.",
    )
    negatives_per_positive: float = setting(1.0, above=0, meaning="Windows of label 0 for each of label 1.")
    match: list[str] = setting(
        ["gc"],
        unique=True,
        items={"choices": ["gc", "cpg", "repeats", "gene_distance", "chromosome"]},
        meaning="What negatives are matched on: GC and CpG content, soft-masked share, distance to the nearest gene "
        "(log scale). They are drawn on the chromosome of their peak; with `chromosome`, on no other even where it "
        "has too few.",
    )
    blacklist: str = setting(None, resource=True, meaning="Resource with regions (BED) that no window may touch.")
    annotation: str = setting(None, resource=True, meaning="Resource with a GTF, for `gene_distance`.")


def collect(source, length, seed, task):
    """Windows of `length` bp on the peaks (label 1), in the order of the file, then negatives, in genome order.

    Every summit is a window of its own, whose id is its locus. Negatives share no base with a peak, the window of one,
    the blacklist or each other, and hold no unknown base.

    Parameters
    ----------
    source : Settings.
    seed : of the draw of negatives.
    task : not used.

    Raises
    ------
    InputError : a file that cannot be read, no peak on the genome, windows that `placing.problems` refuses, too few
        negatives, or `gene_distance` without an annotation.
    """
    genome = Genome(source.genome)
    measures = [name for name in source.match if name != "chromosome"]
    if "gene_distance" in measures and source.annotation is None:
        raise InputError("source peaks: match names gene_distance; expected the key annotation, a GTF of the genes")
    rows, peaks = read_peaks(source.peaks)
    names = contigs.Names(genome.chromosomes, genome.path)
    peaks["chrom"] = names.of(source.peaks, peaks["chrom"])
    names.refuse_strangers(source.peaks, peaks["chrom"])
    genes, lines = None, []
    if "gene_distance" in measures:
        annotation = read(source.annotation)
        exons = annotation.exons.assign(chrom=names.of(source.annotation, annotation.exons["chrom"]))
        lines.append(ledger.annotated(source.annotation, annotation, strangers(exons, genome)))
        genes = intervals.merged(genes_of(exons))
    blacklist = peaks.iloc[:0]
    if source.blacklist is not None:
        barred, blacklist = read_intervals(source.blacklist)
        blacklist["chrom"] = names.of(source.blacklist, blacklist["chrom"])
        unnamed = [""] * len(barred)
        lines.append(ledger.rows(source.blacklist, barred, unnamed, unnamed, strangers(blacklist, genome), "read"))
    frame, codes, reasons = positives(source, rows, peaks, blacklist, length, genome)
    kept = np.flatnonzero(reasons == "")
    if not len(kept):
        raise InputError(f"{source.peaks}: no peak is left of {len(rows)}, expected at least one")
    frame = frame.iloc[kept].reset_index(drop=True)
    off = pd.concat([peaks[["chrom", "start", "end"]], frame[["chrom", "start", "end"]]], ignore_index=True)
    # GC is reported even where it is not matched on.
    shown = list(dict.fromkeys(["gc", *measures]))
    described = negatives.describe(genome, frame, codes, shown, genes)
    offered, dropped = negatives.candidates(genome, length, shown, off, blacklist, seed, genes)
    chosen = negatives.draw(
        described.assign(chrom=frame["chrom"]),
        offered,
        measures,
        source.negatives_per_positive,
        seed,
        "chromosome" in source.match,
    )
    wanted = round(source.negatives_per_positive * len(frame))
    negatives.require(len(chosen), wanted, genome, source.match)
    dropped[negatives.NOT_DRAWN] = len(offered) - len(chosen)
    drawn = offered.iloc[chosen].reset_index(drop=True)
    others = named(Locus(*row) for row in drawn[["chrom", "start", "end"]].itertuples(index=False))
    ids = np.full(len(rows), "", dtype=object)
    ids[kept] = frame["id"]
    lines = ledger.join(
        *lines,
        ledger.rows(source.peaks, rows, peaks["name"], ids, reasons),
        ledger.drawn(source.genome, others["id"], dropped),
        ledger.counts(source.peaks, "match", len(chosen), {UNMATCHED: wanted - len(chosen)}),
    )
    windows = pd.concat([frame, others], ignore_index=True)
    labels = np.repeat([1, 0], [len(frame), len(others)])
    matching = pd.concat([described, drawn[shown]], ignore_index=True)
    matching.insert(0, "id", windows["id"])
    matching.insert(1, "label", labels)
    return Windows(
        windows,
        np.concatenate([codes, fetch(genome, others, length)]),
        labels.astype(np.float32)[:, None],
        [source.target],
        pd.Series(reasons[reasons != ""]).value_counts(sort=False).to_dict() | dropped,
        ledger=lines,
        matching=matching,
        contigs=names.table(),
    )


def positives(source, rows, peaks, blacklist, length, genome):
    """Windows on the peaks: frame (n), base codes of those that are kept, and why each of the others is not (n,)."""
    middle = np.where(peaks["summit"].isna(), (peaks["start"] + peaks["end"]) // 2, peaks["summit"]).astype(np.int64)
    if source.anchor == "summit":
        start = middle - length // 2
    elif source.anchor == "center":
        start = centred(peaks["start"], peaks["end"], length).to_numpy()
    else:
        start = peaks[source.anchor].to_numpy() - length // 2
    frame = named(Locus(*row) for row in zip(peaks["chrom"], start, start + length, peaks["strand"], strict=True))
    reasons = np.full(len(rows), "", dtype=object)
    if source.overlapping == "merge":
        reasons[~strongest(peaks)] = MERGED
    some = np.flatnonzero(reasons == "")
    places = frame.iloc[some].astype({"start": np.int64, "end": np.int64}).drop(columns="id")
    reasons[some] = problems(source.peaks, places, genome, source, [rows[row] for row in some])
    reasons[(reasons == "") & intervals.overlapping(frame, blacklist)] = negatives.BLACKLISTED
    some = np.flatnonzero(reasons == "")
    codes = fetch(genome, frame.iloc[some], length, pad=source.edge == "pad")
    known = (codes < dna.UNKNOWN).any(axis=1)
    reasons[some[~known]] = NO_BASES
    return frame, codes[known], reasons


def strongest(peaks):
    """Which peaks (n,) bool are the strongest of those that they share a base with; the first of equals."""
    order = np.lexsort((np.arange(len(peaks)), -peaks["signal"].to_numpy(), intervals.blocks(peaks)))
    block = intervals.blocks(peaks)[order]
    found = np.zeros(len(peaks), dtype=bool)
    found[order[np.r_[True, block[1:] != block[:-1]]]] = True
    return found


def named(loci):
    """Frame of windows whose ids are their loci."""
    loci = list(loci)
    ends = {".": "", "+": "(+)", "-": "(-)"}
    return table([f"{locus.chrom}:{locus.start}-{locus.end}{ends[locus.strand]}" for locus in loci], loci)


def read_peaks(path):
    """Rows (n,) of a file of peaks, and frame of chrom, start, end, strand, name, summit (NaN: none) and signal.

    The signal is the column of that name of a narrowPeak or broadPeak, or else the score; 0 where it is no number.
    """
    rows, found = [], []
    for row, record in read_bed(path):
        rows.append(row)
        strength = record.get("signalValue", record.get("score", ""))
        found.append((*interval(f"{path}: row {row}", record), record.get("name", ""), record.get("summit"), strength))
    peaks = pd.DataFrame(found, columns=[*Locus._fields, "name", "summit", "signal"])
    signal = pd.to_numeric(peaks["signal"], errors="coerce").fillna(0)
    return rows, peaks.assign(summit=peaks["summit"].astype(float), signal=signal)


def read_intervals(path):
    """Rows (n,) and intervals of a BED, a frame of chrom, start, end."""
    rows, records = zip(*read_bed(path), strict=True)
    found = [
        interval(f"{path}: row {row}", {name: record[name] for name in ("chrom", "start", "end")})
        for row, record in zip(rows, records, strict=True)
    ]
    return rows, pd.DataFrame(found, columns=Locus._fields)[["chrom", "start", "end"]]
