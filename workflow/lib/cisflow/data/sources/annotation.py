"""Windows on the introns of a gene annotation, labelled by whether another transcript of the gene retains them."""

import re

import numpy as np
import pandas as pd
import pybedtools

from cisflow.data.windows import Windows, centred, fetch, require_bedtools, resource, table
from cisflow.errors import InputError, listing
from cisflow.io.genome import Genome, Locus

ANCHORS = ("center", "donor", "acceptor")
ATTRIBUTES = {name: re.compile(rf'(?:^|;)\s*{name} "?([^";]+)"?') for name in ("gene_id", "transcript_id")}
LOCUS = ["chrom", "start", "end", "strand"]


def collect(source, length, inputs, seed):
    """Windows of `length` bp on every distinct intron, read on the gene's strand, sorted by locus.

    The id is the intron's locus; chrom, start and end are the window's. The label is 1 where an exon of another
    transcript of the same gene covers the whole intron.

    Parameters
    ----------
    source : kind, annotation (GTF), genome, target ("retained"), anchor: `center` of the intron, `donor` (its first
        base is base length // 2 of the window) or `acceptor` (its last base is base length // 2 - 1).
    inputs : resource name -> file.
    seed : not used.

    Raises
    ------
    InputError : an unknown anchor, a GTF that `read_exons` refuses, or none with an intron inside the genome.
    """
    require_bedtools()
    anchor = source.get("anchor", "center")
    if anchor not in ANCHORS:
        raise InputError(f"source annotation: anchor is '{anchor}', expected one of {listing(ANCHORS)}")
    path = resource(inputs, source["annotation"])
    genome = Genome(resource(inputs, source["genome"]))
    exons = read_exons(path)
    found = label_retained(introns_of(exons), exons)
    if found.empty:
        raise InputError(f"{path}: no intron among {len(exons)} exons, expected transcripts of two or more exons")
    start = window_starts(found, length, anchor)
    loci = [Locus(*row) for row in zip(found["chrom"], start, start + length, found["strand"], strict=True)]
    known = found["chrom"].isin(genome.chromosomes).to_numpy()
    inside = np.array([genome.problem(*locus[:3]) is None for locus in loci])
    if not known.any():
        raise InputError(
            f"{path}: none of its chromosomes ({listing(found['chrom'].unique())}) is in {genome.path} "
            f"({listing(genome.chromosomes)})"
        )
    dropped = {
        "chromosome not in the genome": int((~known).sum()),
        "past the end of a chromosome": int((known & ~inside).sum()),
    }
    kept = np.flatnonzero(inside)
    ids = [f"{chrom}:{first}-{last}({strand})" for chrom, first, last, strand in found[LOCUS].itertuples(index=False)]
    frame = table([ids[row] for row in kept], [loci[row] for row in kept])
    labels = found["retained"].to_numpy(dtype=np.float32)[kept, None]
    return Windows(frame, fetch(genome, frame, length), labels, [source.get("target", "retained")], dropped)


def read_exons(path):
    """The exons of a GTF (1-based closed): frame of chrom, start, end (0-based half-open), strand, gene, transcript.

    Raises
    ------
    InputError : not a text file, a line of fewer than nine columns, coordinates that are no interval, an exon
        without strand, gene_id or transcript_id, or no exon at all.
    """
    rows = []
    try:
        with open(path, encoding="utf-8") as handle:
            for number, line in enumerate(handle, 1):
                if line.startswith("#") or not line.strip():
                    continue
                fields = line.rstrip("\n").split("\t")
                if len(fields) < 9:
                    raise InputError(f"{path}: line {number}: found {len(fields)} columns, expected 9 (tab-separated)")
                if fields[2] == "exon":
                    rows.append(_exon(f"{path}: line {number}", fields))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file, expected an unpacked GTF: {error}") from error
    if not rows:
        raise InputError(f"{path}: holds no exon, expected a GTF with lines whose third column is 'exon'")
    return pd.DataFrame(rows, columns=[*LOCUS, "gene", "transcript"])


def _exon(where, fields):
    chrom, first, last, strand = fields[0], fields[3], fields[4], fields[6]
    if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last)):
        raise InputError(f"{where}: start is '{first}' and end is '{last}', expected integers with 1 <= start <= end")
    if strand not in ("+", "-"):
        raise InputError(f"{where}: strand of an exon is '{strand}', expected + or -")
    names = []
    for name, pattern in ATTRIBUTES.items():
        match = pattern.search(fields[8])
        if match is None:
            raise InputError(f"{where}: no {name} among the attributes '{fields[8][:60]}', expected {name} \"...\"")
        names.append(match[1])
    return chrom, int(first) - 1, int(last), strand, *names


def introns_of(exons):
    """Gaps between the consecutive exons of each transcript: distinct chrom, start, end, strand and gene, sorted."""
    keys = ["transcript", "gene", "chrom", "strand"]
    exons = exons.sort_values([*keys, "start", "end"])
    groups = exons.groupby(keys, sort=False)
    reached = groups["end"].cummax().groupby([exons[key] for key in keys], sort=False).shift()
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
