"""Windows on genes and transcripts: at their start, from it on, at their end, or on the spliced RNA.

A place stands for a gene (`per: gene`, from the first to the last base of its exons, whichever transcripts they are
of) or for a transcript. Directions are those of the gene's strand throughout.
"""

import re

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.data import ledger
from cisflow.data.placing import problems
from cisflow.data.windows import Windows, table
from cisflow.errors import InputError, listing
from cisflow.io import gtf
from cisflow.io.genome import Locus
from cisflow.sequence import dna

ANCHORS = ("tss", "gene_body", "end", "transcript")
# Which settings say something of which anchors.
TAKEN_BY = {"downstream": ("tss", "end"), "align": ("gene_body", "transcript"), "per": ANCHORS, "gene_type": ANCHORS}
STRANDLESS, OTHER_TYPE = "no strand", "of another gene_type"
UNNAMED = "exon without a transcript"
GENE = ["chrom", "strand", "gene"]


def collect(source, length, genome, found, names):
    """Windows of `length` bp on every gene or transcript, in the order of the file, without labels.

    The id is the gene's or the transcript's; chrom, start and end span the bases that the window holds. With L bases of
    the window and D = `downstream`, in the direction of transcription:

    - tss: the TSS, the gene's 5'-most base, is base L - D of the window, counted from 0; with D = 0 it is the first
      base behind it. Of a gene it is the 5'-most TSS of its transcripts.
    - end: the last base is base L - D - 1.
    - gene_body: from the TSS to the gene's end; transcript: exons joined. Either is cut to L bases, or has no base
      (dna.ABSENT) where it is shorter; with align `left` its first base is the window's first, with `right` its last
      base is the window's last. Of a gene, the transcript is the longest when spliced, the 5'-most of equals.

    Parameters
    ----------
    source : annotation.Settings, whose anchor is one of ANCHORS. genome : Genome.
    found : gtf.Annotation, chromosomes named as in the genome. names : contigs.Names, which named them.

    Raises
    ------
    InputError : more bases downstream than the window has, a gene_type that no gene has, or windows that
        `placing.problems` refuses.
    """
    path = source.annotation
    if (source.downstream or 0) > length:
        raise InputError(f"{path}: downstream is {source.downstream}; expected {length} at most, the window")
    places = _places(source, found.exons)
    names.refuse_strangers(path, places["chrom"])
    called = _called(path, places["gene"])
    reasons = np.where(places["strand"] == ".", STRANDLESS, "").astype(object)
    if source.gene_type is not None:
        reasons[~_of_type(path, called["type"], source.gene_type)] = OTHER_TYPE
    spans = [
        _spans(source, strand, pieces, length)
        for strand, pieces in zip(places["strand"], places["pieces"], strict=True)
    ]
    loci = [
        Locus(chrom, span[0][0], span[-1][1], strand)
        for chrom, strand, span in zip(places["chrom"], places["strand"], spans, strict=True)
    ]
    left = np.flatnonzero(reasons == "")
    if len(left):
        # Transcripts may share their start: a window each, as they have ids of their own.
        reasons[left] = problems(path, pd.DataFrame([loci[row] for row in left]), genome, source, once=False)
    kept = np.flatnonzero(reasons == "")
    one_each = "transcript" if source.per == "transcript" else "gene"
    ids = list(_distinct(places[one_each]))
    frame = table([ids[row] for row in kept], [loci[row] for row in kept])
    codes = np.empty((len(kept), length), dtype=np.uint8)
    for number, row in enumerate(tqdm(kept, desc="sequences", unit="window")):
        codes[number] = _bases(genome, loci[row], spans[row], length, source)
    told = {"gene_id": places["gene"], "gene_name": called["name"], "transcript_id": places["transcript"]}
    unused = (found.exons["transcript"] == "") & (one_each == "transcript")
    return Windows(
        frame,
        codes,
        np.empty((len(kept), 0), dtype=np.float32),
        [],
        pd.Series(reasons[reasons != ""]).value_counts(sort=False).to_dict(),
        ledger=ledger.join(
            ledger.annotated(path, found, np.where(unused, UNNAMED, "")),
            ledger.rows(path, None, places[one_each], ids, reasons),
        ),
        contigs=names.table(),
        names=pd.DataFrame(told).iloc[kept].reset_index(drop=True),
    )


def check(source):
    """Refuse settings that say nothing of the anchor (InputError)."""
    for name, anchors in TAKEN_BY.items():
        if getattr(source, name) is not None and source.anchor not in anchors:
            raise InputError(
                f"{source.annotation}: anchor is '{source.anchor}', which takes no {name}; expected anchor "
                f"{listing(anchors)}"
            )


def _places(source, exons):
    """What windows stand on, in the order of the file: frame of chrom, strand, gene, transcript ("" of whole genes) and
    pieces, the intervals [(start, end), …] that it consists of, ascending.
    """
    if source.per != "transcript" and source.anchor != "transcript":
        genes = gtf.genes_of(exons)
        pieces = [[place] for place in zip(genes["start"], genes["end"], strict=True)]
        return genes[GENE].assign(transcript="", pieces=pieces)
    if source.per == "transcript":
        exons = exons[exons["transcript"] != ""]
    rows = []
    start, end = (exons[name].to_numpy(dtype=np.int64) for name in ("start", "end"))
    for key, members in exons.groupby([*GENE, "transcript"], sort=False).indices.items():
        pieces = _union(start[members], end[members])
        if source.anchor != "transcript":
            pieces = [(pieces[0][0], pieces[-1][1])]
        rows.append((*key, pieces))
    places = pd.DataFrame(rows, columns=[*GENE, "transcript", "pieces"])
    return places if source.per == "transcript" else _longest(places)


def _longest(transcripts):
    """The longest transcript of each gene; of equals the one that begins first, then the first by name."""
    length = [sum(end - start for start, end in pieces) for pieces in transcripts["pieces"]]
    first = [
        pieces[0][0] if strand != "-" else -pieces[-1][1]
        for pieces, strand in zip(transcripts["pieces"], transcripts["strand"], strict=True)
    ]
    order = np.lexsort((transcripts["transcript"].to_numpy(dtype=str), first, -np.array(length)))
    best = transcripts.iloc[order].drop_duplicates(GENE).set_index(GENE)
    genes = transcripts[GENE].drop_duplicates()
    return best.loc[pd.MultiIndex.from_frame(genes)].reset_index()


def _union(start, end):
    """Intervals as [(start, end), …], ascending; those that share a base or touch are one."""
    order = np.argsort(start, kind="stable")
    start, reached = start[order], np.maximum.accumulate(end[order])
    first = np.flatnonzero(np.r_[True, start[1:] > reached[:-1]])
    return list(zip(start[first].tolist(), reached[np.r_[first[1:] - 1, len(start) - 1]].tolist(), strict=True))


def _spans(source, strand, pieces, length):
    """The intervals [(start, end), …], ascending, whose bases a window holds."""
    forward = strand != "-"
    if source.anchor in ("gene_body", "transcript"):
        # The bases that stay are those at the gene's start or its end, wherever these lie on the chromosome.
        return _lowest(pieces, length) if forward == (source.align != "right") else _highest(pieces, length)
    at_start, downstream = source.anchor == "tss", source.downstream or 0
    edge = pieces[0][0] if forward == at_start else pieces[-1][1]
    first = edge + downstream - length if forward else edge - downstream
    return [(first, first + length)]


def _lowest(pieces, length):
    """The first `length` bases of intervals."""
    found = []
    for start, end in pieces:
        found.append((start, min(end, start + length)))
        length -= found[-1][1] - start
        if not length:
            break
    return found


def _highest(pieces, length):
    """The last `length` bases of intervals."""
    return [(-end, -start) for start, end in _lowest([(-end, -start) for start, end in pieces[::-1]], length)][::-1]


def _bases(genome, locus, spans, length, source):
    """Base codes (length,) of a window: the bases of its spans on the gene's strand, and no base beside them."""
    parts = [genome.fetch(locus.chrom, start, end, pad=source.edge == "pad") for start, end in spans]
    bases = np.concatenate(parts)
    bases = dna.reverse_complement(bases) if locus.strand == "-" else bases
    codes = np.full(length, dna.ABSENT, dtype=np.uint8)
    first = length - len(bases) if source.align == "right" else 0
    codes[first : first + len(bases)] = bases
    return codes


def _called(path, genes):
    """Name and type of each gene (n,), "" where the annotation has none: frame of name, type."""
    known = gtf.read_gene_names(path)
    copy = re.compile(r"#\d+$")
    found = [known.get(gene) or known.get(copy.sub("", gene)) or ("", "") for gene in genes]
    return pd.DataFrame(found, columns=["name", "type"])


def _of_type(path, types, wanted):
    """Which genes (n,) bool are of one of the types."""
    present = [name for name in types.unique() if name]
    for name in wanted:
        if name not in present:
            found = listing(present, 12) or "(none: no attribute gene_type or gene_biotype)"
            raise InputError(f"{path}: gene_type names '{name}', which no gene has; expected one of {found}")
    return types.isin(wanted).to_numpy()


def _distinct(names):
    """Ids: the names, of which one that occurs again, as that of a gene on both X and Y, gets a number, `G#2`."""
    given, taken = set(names), set()
    for name in names:
        found, number = name, 1
        while found in taken or number > 1 and found in given:
            number += 1
            found = f"{name}#{number}"
        taken.add(found)
        yield found
