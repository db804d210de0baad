"""Accessible windows inside genes, labelled by whether they overlap a retained intron (Ullah et al. 2023, chromir)."""

import re

import numpy as np
import pandas as pd

from cisflow.config.settings import setting
from cisflow.data import ledger
from cisflow.data.placing import NO_CONTIG, PAST_END, TWICE, Placing, problems, strangers
from cisflow.data.windows import Windows, centred, fetch, table
from cisflow.errors import InputError, listing
from cisflow.io import contigs
from cisflow.io.bed import interval, read_bed
from cisflow.io.genome import Genome, Locus
from cisflow.io.gtf import genes_of, read
from cisflow.io.tables import read_rows
from cisflow.sequence import intervals

SPAN = re.compile(r"\(?\s*(\d{1,12})\s*,\s*(\d{1,12})\s*\)?")
COLUMNS = ("Gene_ID", "Pre_Exon", "Intron", "Post_Exon", "Strand", "Chromosome")
PLACE = ["chrom", "start", "end", "zone_start", "zone_end"]
# Why sites are left out.
NO_GENE, BOTH_STRANDS = "not inside a gene", "inside genes of both strands"
NEAR_EVENT, FIRST_INTRON = "on an exon beside a retained intron", "on a retained first intron"
NOT_DRAWN = "negatives not drawn"
# Why events label nothing.
FIRST, NO_WINDOW = "first intron", "no window on its intron"
FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Settings(Placing):
    """Accessible sites inside genes; label 1 on a retained intron, 0 apart from all events of retention."""

    bed: str = setting(resource=True, meaning="Resource with the sites, a BED; windows are centred on them.")
    annotation: str = setting(resource=True, meaning="Resource with the GTF whose genes count.")
    events: str = setting(
        resource=True,
        meaning="Resource with the events: Gene_ID, Pre_Exon, Intron, Post_Exon, Strand, Chromosome; spans as "
        "(start,end), 1-based closed.",
    )
    genome: str = setting(resource=True, meaning="Resource with the genome.")
    target: str = setting("retained", meaning="Name of the label.")
    negatives_per_positive: float | None = setting(
        2.0, above=0, meaning="Windows of label 0 drawn for each of label 1; null takes all."
    )
    strand: str = setting(
        "plus",
        choices=("plus", "gene"),
        meaning="Strand that windows are read on: always plus, as published, or that of their genes; windows in genes "
        "of both are left out.",
    )
    first_introns: str = setting(
        "keep",
        choices=("keep", "exclude"),
        meaning="What to do with windows on events whose column First_Intron is true.",
    )


def collect(source, length, seed, task):
    """Windows of `length` bp on the sites that lie inside a gene, sorted by locus.

    A window is centred on its site, and is the site itself where that has the length. It counts if it lies strictly
    inside at least one gene, once, whatever the number of genes. Label 1: it shares a base with the intron of an
    event. Neither label: it shares a base only with what reaches from the first to the last base of an event's exons.
    Label 0: drawn without replacement from all others. Strands decide no overlap, as in the original. What overlaps
    is counted on half-open intervals, where the original counted intervals that only touch.

    Parameters
    ----------
    source : Settings.
    seed : of the draw of negatives.
    task : not used.

    Raises
    ------
    InputError : a file that cannot be read, files without a chromosome in common, no positive, or too few negatives.
    """
    genome = Genome(source.genome)
    exclude_first = source.first_introns == "exclude"
    annotation, events = read(source.annotation), read_events(source.events, exclude_first)
    names = contigs.Names(genome.chromosomes, genome.path)
    rows, sites, frame = place(source.bed, length, names)
    reasons = problems(source.bed, frame, genome, source, rows)
    placed = frame[reasons == ""]
    for path, other in ((source.annotation, annotation.exons), (source.events, events)):
        other["chrom"] = names.of(path, other["chrom"])
        if not set(other["chrom"]) & set(placed["chrom"]):
            raise InputError(
                f"{path}: none of its chromosomes ({listing(other['chrom'].unique())}) is one of the windows' "
                f"({listing(placed['chrom'].unique())})"
            )
    # Sorted by locus; the index is still the place in the file, by which reasons are told.
    frame = placed.sort_values(["chrom", "start"], kind="stable")
    frame = orient(frame, genes_of(annotation.exons), source.strand, reasons)
    labels = label(frame, events, exclude_first, reasons)
    frame, labels = frame[labels >= 0], labels[labels >= 0]
    kept = draw(labels, source.negatives_per_positive, seed, source.events)
    reasons[np.delete(frame.index, kept)] = NOT_DRAWN
    frame = frame.iloc[kept]
    unused = label_nothing(events, frame[labels[kept] == 1], genome)
    loci = [Locus(*row) for row in frame[["chrom", "start", "end", "strand"]].itertuples(index=False)]
    windows = table([f"{locus.chrom}:{locus.start}-{locus.end}({locus.strand})" for locus in loci], loci)
    ids = np.full(len(reasons), "", dtype=object)
    ids[frame.index] = windows["id"]
    lines = ledger.join(
        ledger.annotated(source.annotation, annotation, strangers(annotation.exons, genome)),
        ledger.rows(source.events, events["row"], events["gene"], [""] * len(events), unused, step="read"),
        ledger.rows(source.bed, rows, sites, ids, reasons),
    )
    values = labels[kept].astype(np.float32)[:, None]
    codes = fetch(genome, windows, length, pad=source.edge == "pad")
    dropped = {reason: int((reasons == reason).sum()) for reason in reasons_of(source)}
    return Windows(windows, codes, values, [source.target], dropped, ledger=lines, contigs=names.table())


def reasons_of(source):
    """Why sites may be left out, in the order in which it is asked."""
    yield from (NO_CONTIG, PAST_END, TWICE, NO_GENE)
    if source.strand == "gene":
        yield BOTH_STRANDS
    yield NEAR_EVENT
    if source.first_introns == "exclude":
        yield FIRST_INTRON
    yield NOT_DRAWN


def place(path, length, names):
    """Rows (n,) of a BED, what it calls its sites (n,), and the windows on them: frame of chrom, start, end.

    Parameters
    ----------
    names : contigs.Names of the genome.

    Raises
    ------
    InputError : not a BED of three columns or more, coordinates that are no interval, or no site on the genome.
    """
    # What else a BED says of its sites, and how often it names one, does not matter here.
    rows, sites = [], []
    for row, record in read_bed(path):
        rows.append(row)
        sites.append(interval(f"{path}: row {row}", {name: record[name] for name in ("chrom", "start", "end")}))
    called = [f"{site.chrom}:{site.start}-{site.end}" for site in sites]
    sites = pd.DataFrame(sites, columns=Locus._fields)
    sites["chrom"] = names.of(path, sites["chrom"])
    names.refuse_strangers(path, sites["chrom"])
    start = centred(sites["start"], sites["end"], length)
    return rows, called, pd.DataFrame({"chrom": sites["chrom"], "start": start, "end": start + length})


def read_events(path, flagged):
    """Events of intron retention from a table of SpliceGrapher or iDiffIR.

    Parameters
    ----------
    path : CSV or TSV with the columns COLUMNS; exons and introns are written `(start,end)`, 1-based closed.
    flagged : read the column First_Intron too.

    Returns
    -------
    frame of row, gene, chrom, start, end (the intron, 0-based half-open), zone_start, zone_end (with both exons), first
    (bool).

    Raises
    ------
    InputError : a column that is absent, a span that is none, an intron that is not between its exons, a flag of
        another kind.
    """
    rows, texts = read_rows(path, [*COLUMNS, *(["First_Intron"] if flagged else [])])
    spans = {
        name: [parse_span(path, row, name, text) for row, text in zip(rows, texts[name], strict=True)]
        for name in ("Pre_Exon", "Intron", "Post_Exon")
    }
    first = texts["First_Intron"] if flagged else ["false"] * len(rows)
    events = []
    places = (rows, texts["Gene_ID"], texts["Chromosome"], first)
    for row, gene, chrom, flag, before, intron, after in zip(*places, *spans.values(), strict=True):
        # Exons stand in the order of transcription: on the minus strand the first of them lies behind the intron.
        start, end = min(before[0], after[0]), max(before[1], after[1])
        if not start <= intron[0] <= intron[1] <= end:
            raise InputError(
                f"{path}: row {row}: Intron is {intron}, expected it between Pre_Exon {before} and Post_Exon {after}"
            )
        if flag.strip().lower() not in FLAGS:
            raise InputError(f"{path}: row {row}: First_Intron is '{flag}', expected one of {listing(FLAGS, 6)}")
        locus = (chrom.strip(), intron[0] - 1, intron[1], start - 1, end)
        events.append((row, gene, *locus, FLAGS[flag.strip().lower()]))
    return pd.DataFrame(events, columns=["row", "gene", *PLACE, "first"])


def parse_span(path, row, name, text):
    """(first, last), 1-based closed, of a text such as `(1201,1350)`."""
    match = SPAN.fullmatch(text.strip())
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise InputError(
            f"{path}: row {row}: {name} is '{text}', expected (start,end), integers with 1 <= start <= end"
        )
    return int(match[1]), int(match[2])


def orient(frame, genes, strand, reasons):
    """The windows strictly inside a gene, with the strand to read them on; says in `reasons` why others are not."""
    forward, reverse = (intervals.strictly_inside(frame, genes[genes["strand"] == sign]) for sign in "+-")
    kept = forward | reverse
    if strand == "plus":
        # An annotation may not know the strand of a gene.
        kept |= intervals.strictly_inside(frame, genes[genes["strand"] == "."])
        reasons[frame.index[~kept]] = NO_GENE
        return frame[kept].assign(strand="+")
    reasons[frame.index[~kept]] = NO_GENE
    reasons[frame.index[forward & reverse]] = BOTH_STRANDS
    kept = forward ^ reverse
    return frame[kept].assign(strand=np.where(forward[kept], "+", "-"))


def label(frame, events, without_first, reasons):
    """Labels (n,) int: 1 on an intron of an event, 0 apart from all events, -1 for windows to leave out.

    Says in `reasons` why. With `without_first`, a window on a first intron is left out, even where it lies on another
    intron too.
    """
    zones = events[["chrom"]].assign(start=events["zone_start"], end=events["zone_end"])
    on_intron, near = intervals.overlapping(frame, events), intervals.overlapping(frame, zones)
    labels = np.where(on_intron, 1, np.where(near, -1, 0))
    reasons[frame.index[near & ~on_intron]] = NEAR_EVENT
    if without_first:
        on_first = intervals.overlapping(frame, events[events["first"]])
        reasons[frame.index[on_first]] = FIRST_INTRON
        labels[on_first] = -1
    return labels


def label_nothing(events, positives, genome):
    """Why each event (n,) gives no window its label 1, "" where it does.

    Parameters
    ----------
    positives : frame of the windows of label 1.
    """
    reasons = np.where(intervals.overlapping(events, positives), "", NO_WINDOW).astype(object)
    reasons[events["first"].to_numpy(dtype=bool)] = FIRST
    reasons[events.duplicated([*PLACE, "first"]).to_numpy()] = TWICE
    elsewhere = strangers(events, genome)
    return np.where(elsewhere != "", elsewhere, reasons)


def draw(labels, per_positive, seed, path):
    """Rows to keep, in order: all positives and `per_positive` negatives for each, without replacement.

    Raises
    ------
    InputError : no positive, or fewer negatives than asked for; `path` is that of the events.
    """
    positives, negatives = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    if not len(positives):
        raise InputError(f"{path}: no window overlaps the intron of an event, expected at least one")
    if per_positive is None:
        return np.arange(len(labels))
    wanted = round(per_positive * len(positives))
    if wanted > len(negatives):
        raise InputError(
            f"source events: negatives_per_positive is {per_positive}, which takes {wanted} negatives for "
            f"{len(positives)} positives; found {len(negatives)}, expected a smaller ratio, or null for all of them"
        )
    drawn = np.random.default_rng(seed).choice(negatives, wanted, replace=False)
    return np.sort(np.concatenate([positives, drawn]))
