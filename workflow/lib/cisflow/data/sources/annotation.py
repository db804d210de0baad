"""Windows on a gene annotation: on its introns, labelled by whether another transcript of the gene retains them, or on
its genes and transcripts, which numbers of files label (`data.genes`).
"""

import sys

import numpy as np
import pandas as pd
import pybedtools

from cisflow.config.settings import setting
from cisflow.data import genes, ledger
from cisflow.data.placing import NO_CONTIG, PAST_END, TWICE, Placing, problems
from cisflow.data.windows import Windows, centred, fetch, require_bedtools, table
from cisflow.errors import InputError
from cisflow.io import contigs
from cisflow.io.genome import Genome, Locus
from cisflow.io.gtf import read

LOCUS = ["chrom", "start", "end", "strand"]
UNLABELLED = {"anchor": ("tss", "gene_body", "end", "transcript")}
# Where it labels its windows, their ids are the loci of introns.
INTRONS = True
TRANSCRIPT = ["transcript", "gene", "chrom", "strand"]
# Why exons bound no intron.
NO_TRANSCRIPT, NO_STRAND, SINGLE = "exon without a transcript", "exon without a strand", "only exon of its transcript"


class Settings(Placing):
    """Introns of a GTF, labelled 1 where an exon of another transcript of the gene covers them; or its genes."""

    annotation: str = setting(resource=True, meaning="Resource with the GTF.")
    genome: str = setting(resource=True, meaning="Resource with the genome.")
    target: str = setting("retained", meaning="Name of the label of introns.")
    anchor: str = setting(
        "center",
        choices=("center", "donor", "acceptor", "tss", "gene_body", "end", "transcript"),
        meaning="What of the intron the window is centred on; or where it lies on a gene, which `targets` label: at "
        "its start, from its start on, at its end, or on the spliced RNA.",
    )
    per: str = setting(
        None,
        choices=("gene", "transcript"),
        meaning="What has a window, of the anchors of genes; each gene without it. The TSS of a gene is the 5'-most of "
        "its transcripts, its spliced RNA that of its longest.",
    )
    downstream: int = setting(
        None,
        minimum=0,
        meaning="Bases of the window past the TSS or the end, of anchors `tss` and `end`; 0 without it. The TSS counts "
        "as past itself.",
    )
    align: str = setting(
        None,
        choices=("left", "right"),
        meaning="Of anchors `gene_body` and `transcript`: which end of the window the sequence begins or ends at; what "
        "is longer is cut at the other, what is shorter is followed (or preceded) by no base. `left` without it.",
    )
    gene_type: list[str] = setting(
        None, unique=True, meaning="Types of genes that have windows, by the attribute gene_type or gene_biotype."
    )


def collect(source, length, seed, task):
    """Windows of `length` bp on every distinct intron, read on the gene's strand, sorted by locus; with the anchors of
    genes, those of `genes.collect`.

    The id is the intron's locus; chrom, start and end are the window's. The label is 1 where an exon of another
    transcript of the same gene covers the whole intron.

    Parameters
    ----------
    source : Settings. Of the anchors, `donor` puts the intron's first base at base length // 2 of the window, and
        `acceptor` its last base at base length // 2 - 1.
    seed, task : not used.

    Raises
    ------
    InputError : a GTF that `gtf.read` refuses, none with an intron inside the genome, or settings of genes with
        an anchor of introns.
    """
    genes.check(source)
    path = source.annotation
    genome = Genome(source.genome)
    found = read(path)
    exons = found.exons
    names = contigs.Names(genome.chromosomes, genome.path)
    exons["chrom"] = names.of(path, exons["chrom"])
    if source.anchor in genes.ANCHORS:
        return genes.collect(source, length, genome, found, names)
    require_bedtools()
    if (exons["gene"] == exons["transcript"]).all():
        print(
            f"WARNING: {path}: every gene_id is the transcript_id, as UCSC's table browser writes them, so that no "
            f"gene has another transcript that could retain an intron",
            file=sys.stderr,
        )
    introns = label_retained(introns_of(exons), exons)
    if introns.empty:
        raise InputError(f"{path}: no intron among {len(exons)} exons, expected transcripts of two or more exons")
    start = window_starts(introns, length, source.anchor)
    loci = [Locus(*row) for row in zip(introns["chrom"], start, start + length, introns["strand"], strict=True)]
    names.refuse_strangers(path, introns["chrom"])
    # Introns that differ in length may have one middle: a window each, as they have ids of their own.
    reasons = problems(path, pd.DataFrame(loci), genome, source, once=False)
    dropped = {reason: int((reasons == reason).sum()) for reason in (NO_CONTIG, PAST_END)}
    kept = np.flatnonzero(reasons == "")
    ids = [f"{chrom}:{first}-{last}({strand})" for chrom, first, last, strand in introns[LOCUS].itertuples(index=False)]
    frame = table([ids[row] for row in kept], [loci[row] for row in kept])
    labels = introns["retained"].to_numpy(dtype=np.float32)[kept, None]
    codes = fetch(genome, frame, length, pad=source.edge == "pad")
    lines = ledger.join(
        ledger.annotated(path, found, without_intron(exons)), ledger.rows(path, None, ids, ids, reasons)
    )
    return Windows(frame, codes, labels, [source.target], dropped, ledger=lines, contigs=names.table())


def without_intron(exons):
    """Why each exon (m,) bounds no intron, "" where its transcript has others. It may retain one of its gene's yet."""
    reasons = np.full(len(exons), "", dtype=object)
    again = exons.duplicated([*TRANSCRIPT, "start", "end"]).to_numpy()
    distinct = exons[~again].groupby(TRANSCRIPT)["start"].transform("size").reindex(exons.index, fill_value=0)
    reasons[(distinct == 1).to_numpy()] = SINGLE
    reasons[again] = TWICE
    reasons[(exons["strand"] == ".").to_numpy()] = NO_STRAND
    reasons[(exons["transcript"] == "").to_numpy()] = NO_TRANSCRIPT
    return reasons


def introns_of(exons):
    """Gaps between the consecutive exons of each transcript: distinct chrom, start, end, strand and gene, sorted.

    Exons without a transcript and transcripts without a strand have none: nobody says how they go on.
    """
    exons = exons[(exons["transcript"] != "") & (exons["strand"] != ".")]
    exons = exons.sort_values([*TRANSCRIPT, "start", "end"])
    groups = exons.groupby(TRANSCRIPT, sort=False)
    reached = groups["end"].cummax().groupby([exons[key] for key in TRANSCRIPT], sort=False).shift()
    introns = exons.assign(start=reached, end=exons["start"])[reached.notna() & (exons["start"] > reached)]
    introns = introns.astype({"start": np.int64})[[*LOCUS, "gene"]].drop_duplicates()
    return introns.sort_values([*LOCUS, "gene"], ignore_index=True)


def label_retained(introns, exons):
    """Distinct loci of introns with `retained` (0 or 1): does an exon of the same gene cover the intron whole?

    An exon that covers an intron always belongs to another transcript than the intron's own.
    """
    if introns.empty:
        return introns.assign(retained=0)
    left = introns.assign(score=0)[["chrom", "start", "end", "gene", "score", "strand"]]
    right = exons.assign(score=0)[["chrom", "start", "end", "gene", "score", "strand"]].drop_duplicates()
    both = pybedtools.BedTool.from_dataframe(left).intersect(
        pybedtools.BedTool.from_dataframe(right), f=1.0, s=True, wa=True, wb=True
    )
    # Without names and header=None, pybedtools takes the first row of so wide a table for its header; an empty result
    # has no columns at all.
    names = [*left.columns, *(f"exon_{name}" for name in right.columns)]
    text = dict.fromkeys(["chrom", "gene", "exon_gene"], str)
    pairs = both.to_dataframe(names=names, header=None, dtype=text, keep_default_na=False).reindex(columns=names)
    covered = pairs.loc[pairs["gene"] == pairs["exon_gene"], LOCUS]
    loci = introns[LOCUS].drop_duplicates(ignore_index=True)
    retained = pd.MultiIndex.from_frame(loci).isin(pd.MultiIndex.from_frame(covered))
    return loci.assign(retained=retained.astype(int))


def window_starts(introns, length, anchor):
    """Start (n,) of each intron's window; half of it lies before the anchor on the gene's strand."""
    start, end = introns["start"].to_numpy(), introns["end"].to_numpy()
    if anchor == "center":
        return centred(start, end, length)
    forward = (introns["strand"] == "+").to_numpy()
    junction = np.where(forward == (anchor == "donor"), start, end)
    return junction - np.where(forward, length // 2, length - length // 2)
