"""GTF and GFF3: the exons of a gene annotation, and the genes that they span."""

import re
import urllib.parse
from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd

from cisflow.errors import InputError
from cisflow.io import text

# One attribute of a GTF, `key "value";`: what stands in quotes ends at the quote before a `;`, and may hold a `;`.
ATTRIBUTE = re.compile(r'\s*([^\s;"]+)\s+(?:"((?:[^"\\]|\\.|"(?!\s*(?:;|$)))*)"|([^;"]*?))\s*(?:;|$)')
# Where an annotation has no gene_id, as some of RefSeq and StringTie have none in every line.
GENE = ("gene_id", "geneID", "gene", "gene_name")
TRANSCRIPT = ("transcript_id",)
# What else a gene is called, and its biotype: as GENCODE, Ensembl and RefSeq write them.
NAME = ("gene_name", "gene", "Name")
TYPE = ("gene_type", "gene_biotype", "biotype")
# No chromosome needs more than twelve digits.
WHOLE = re.compile(r"[0-9]{1,12}")
COLUMNS = ("chrom", "start", "end", "strand", "gene", "transcript")
STRANDS = {"+": "+", "-": "-", ".": ".", "?": "."}
TRANSCRIPTS = ("transcript", "mrna", "primary_transcript", "rna")
PREFIX = re.compile(r"^(?:gene|transcript|rna|mRNA)[:-]")


class Annotation(NamedTuple):
    """What a GTF or GFF3 holds.

    Attributes
    ----------
    exons : frame of COLUMNS, m rows. lines : (m,) int64, the line of the file that each stands in, counted from 1; an
        exon of several parents stands in one line as often as it has parents.
    others : feature -> number of its lines, of all lines that are no exon.
    """

    exons: pd.DataFrame
    lines: np.ndarray
    others: dict


def read_exons(path):
    """The exons of `read` alone."""
    return read(path).exons


def read(path):
    """The Annotation of a GTF or GFF3 (1-based closed), whose exons have chrom, start, end (0-based half-open), strand,
    gene, transcript.

    The strand is `.` where the annotation has none. The transcript is "" where the annotation names none, as RefSeq
    does for tRNA. A transcript that one id places at two loci, as RefSeq does with copies of a gene, is two: the second
    has `#2` behind its id, and so has its gene. On one strand of a chromosome, transcript lines or numbers of exons
    must tell; the order of the lines does not, nor does a distance, as introns of a megabase are known.

    Raises
    ------
    InputError : not a text file, a line of fewer than nine columns, coordinates that are no interval, an exon
        of another strand or without gene, a parent that the file lacks, or no exon at all.
    """
    exons, spans, features, others, is_gff = [], {}, {}, Counter(), None
    for number, line in text.lines(path):
        if line.startswith("##FASTA"):
            break
        if line.startswith("##gff-version"):
            is_gff = line.split()[1:2] == ["3"] or line.split()[-1].startswith("3.")
        if line.startswith("#") or not line.strip():
            continue
        fields = line.split("\t")
        place = f"{path}: line {number}"
        if len(fields) < 9:
            raise InputError(f"{place}: found {len(fields)} columns, expected 9 (tab-separated)")
        if is_gff is None:
            is_gff = re.match(r"\s*[^\s=;\"]+=", fields[8]) is not None
        kind = fields[2].lower()
        if kind == "exon":
            exons.append((number, *_span(place, fields), *_names(place, fields[8], is_gff)))
            continue
        others[fields[2]] += 1
        if is_gff and kind != "cds":
            names = _gff_attributes(place, fields[8])
            if "ID" in names:
                features.setdefault(names["ID"], names)
        elif not is_gff and kind in TRANSCRIPTS:
            found = _attributes(fields[8], (TRANSCRIPT,))
            if found[0]:
                spans.setdefault(found[0], []).append(_span(place, fields))
    if not exons:
        raise InputError(f"{path}: holds no exon, expected a GTF or GFF3 with lines whose third column is 'exon'")
    rows = _of_gff(path, exons, features) if is_gff else exons
    frame = pd.DataFrame(rows, columns=["line", *COLUMNS, "number"])
    lines = frame.pop("line").to_numpy(dtype=np.int64)
    return Annotation(_apart(frame, spans)[list(COLUMNS)], lines, dict(others))


def _span(place, fields):
    """(chrom, start, end, strand) of a line."""
    chrom, first, last, strand = fields[0].strip(), fields[3], fields[4], fields[6]
    whole = all(WHOLE.fullmatch(value) for value in (first, last))
    if not (whole and 1 <= int(first) <= int(last)):
        raise InputError(f"{place}: start is '{first}' and end is '{last}', expected integers with 1 <= start <= end")
    if not chrom:
        raise InputError(f"{place}: the chromosome is empty, expected a name")
    if strand not in STRANDS:
        raise InputError(f"{place}: strand of an exon is '{strand}', expected +, - or .")
    return chrom, int(first) - 1, int(last), STRANDS[strand]


def _names(place, column, is_gff):
    """(gene, transcript, exon number) of an exon of a GTF; of a GFF3 its attributes in place of the first."""
    if is_gff:
        names = _gff_attributes(place, column)
        return names, "", ""
    gene, transcript, number = _attributes(column, (GENE, TRANSCRIPT, ("exon_number",)))
    if not gene:
        raise InputError(f"{place}: no gene_id among the attributes '{column[:60]}', expected gene_id \"...\"")
    if transcript is None:
        raise InputError(
            f"{place}: no transcript_id among the attributes '{column[:60]}', expected transcript_id \"...\""
        )
    return gene, transcript, number or ""


def _attributes(column, wanted):
    """For each tuple of keys, the value of the first of them that has one; "" where it is empty, None where absent."""
    found, position = {}, 0
    while match := ATTRIBUTE.match(column, position):
        found.setdefault(match[1], match[2] if match[2] is not None else match[3])
        position = match.end()
        if position >= len(column):
            break
    # What remains is no attribute, as in a line that was cut.
    broken = bool(column[position:].strip())
    values = []
    for keys in wanted:
        given = [found[key] for key in keys if key in found]
        values.append(next(filter(None, given), given[0] if given else None))
    return values if not broken else [None] * len(wanted)


def _gff_attributes(place, column):
    """{key: value} of the ninth column of a GFF3."""
    names = {}
    for part in column.strip().strip(";").split(";"):
        key, separator, value = part.strip().partition("=")
        if not separator:
            raise InputError(f"{place}: attribute '{part[:60]}', expected key=value")
        names[key] = value
    return names


def _of_gff(path, exons, features):
    """Rows of the line, COLUMNS and the exon's number, one for each parent of each exon of a GFF3."""
    rows, known = [], {}
    for number, chrom, start, end, strand, names, _, _ in exons:
        place = f"{path}: line {number}"
        parents = [parent for parent in names.get("Parent", "").split(",") if parent]
        for parent in parents or [None]:
            if parent not in known:
                known[parent] = _gene_of(place, parent, features)
            own = _first(names, GENE[:2])
            gene = own or known[parent] or _first(names, GENE[2:])
            if not gene:
                raise InputError(f"{place}: an exon without Parent and gene, expected Parent=...")
            transcript = names.get("transcript_id") if len(parents) < 2 else None
            transcript = transcript or (PREFIX.sub("", parent) if parent else "")
            rows.append((number, chrom, start, end, strand, *map(urllib.parse.unquote, (gene, transcript)), ""))
    return rows


def _gene_of(place, parent, features):
    """The gene at the top of the tree that a feature hangs from; None without a parent."""
    if parent is None:
        return None
    seen = set()
    while True:
        if parent not in features:
            raise InputError(f"{place}: Parent is '{parent}', expected the ID of a feature of the file")
        if parent in seen:
            raise InputError(f"{place}: '{parent}' is its own ancestor, expected a tree of features")
        seen.add(parent)
        names = features[parent]
        above = [name for name in names.get("Parent", "").split(",") if name]
        if not above:
            return _first(names, GENE[:2]) or PREFIX.sub("", parent)
        parent = above[0]


def _first(names, keys):
    return next(filter(None, (names.get(key) for key in keys)), None)


# ---- one id at two loci ---------------------------------------------------------------------------------------------


def _apart(exons, spans):
    """The frame of exons in which the copies of a transcript at two loci have ids of their own."""
    keys = ["chrom", "strand", "gene", "transcript"]
    named = exons["transcript"] != ""
    groups = exons[named].groupby(keys, sort=False).indices
    rows = np.flatnonzero(named)
    start, end, number = (exons[name].to_numpy(dtype=object) for name in ("start", "end", "number"))
    changed = {}
    for key, members in groups.items():
        members = rows[members]
        own = sorted(
            {(first, last) for chrom, first, last, strand in spans.get(key[3], []) if (chrom, strand) == key[:2]}
        )
        copies = _copies(start[members].astype(int), end[members].astype(int), number[members], own)
        if copies.max() > 0:
            changed[key] = members, copies
    if not changed:
        return exons
    exons = exons.copy()
    for members, copies in changed.values():
        exons.loc[members, "transcript"] = _numbered(exons.loc[members, "transcript"], copies)
    for key in {key[:3] for key in changed}:
        members = np.flatnonzero((exons[keys[:3]] == key).all(axis=1))
        transcripts = exons.loc[members].groupby("transcript").agg(start=("start", "min"), end=("end", "max"))
        transcripts = transcripts.sort_values(["start", "end"])
        reached = transcripts["end"].cummax().shift(fill_value=-1)
        copy = (transcripts["start"] >= reached).cumsum() - 1
        copies = exons.loc[members, "transcript"].map(copy).to_numpy()
        exons.loc[members, "gene"] = _numbered(exons.loc[members, "gene"], copies)
    return exons


def _numbered(names, copies):
    return [name if copy == 0 else f"{name}#{copy + 1}" for name, copy in zip(names, copies, strict=True)]


def _copies(start, end, numbers, spans):
    """Number (m,) from 0 of the locus that each exon of one transcript belongs to, in the order of the chromosome.

    The lines of the transcripts, spans of (start, end), tell where there are several; without them the numbers of the
    exons (texts), which begin anew at the second locus.
    """
    copies = np.zeros(len(start), dtype=int)
    if len(spans) > 1:
        inside = np.array([(first <= start) & (end <= last) for first, last in spans])
        return inside.argmax(axis=0) if (inside.sum(axis=0) == 1).all() else copies
    if len(set(numbers)) == len(numbers) or not all(map(WHOLE.fullmatch, numbers)):
        return copies
    order = np.argsort(start, kind="stable")
    steps = np.diff(numbers[order].astype(int))
    # Exons are numbered up or down the chromosome; where a copy ends, the numbers jump the other way, or stay at 1.
    down = (steps < 0).sum() > (steps > 0).sum()
    copies[order[1:]] = np.cumsum(steps >= 0 if down else steps <= 0)
    return copies


def genes_of(exons):
    """Genes (chrom, strand, gene, start, end) from the first to the last base of their exons.

    The copies of a gene on two chromosomes or strands are two genes.
    """
    groups = exons.groupby(["chrom", "strand", "gene"], sort=False)
    return groups.agg(start=("start", "min"), end=("end", "max")).reset_index()


def read_gene_names(path):
    """{gene: (name, biotype)} of a GTF or GFF3, "" where it has none. Genes are called as `read_exons` calls them, but
    that the copies of a gene at several loci are one here.

    They are read from the lines of genes, and from those of exons in a file that has none before.

    Raises
    ------
    InputError : a line that `read_exons` refuses.
    """
    found, is_gff, genes = {}, None, False
    for number, line in text.lines(path):
        if line.startswith("##FASTA"):
            break
        if line.startswith("##gff-version"):
            is_gff = line.split()[1:2] == ["3"] or line.split()[-1].startswith("3.")
        fields = line.split("\t")
        if line.startswith("#") or len(fields) < 9:
            continue
        if is_gff is None:
            is_gff = re.match(r"\s*[^\s=;\"]+=", fields[8]) is not None
        kind = fields[2].lower()
        if kind == "exon" and not genes:
            gene, *values = _named(f"{path}: line {number}", fields[8], is_gff)
            if gene:
                found.setdefault(gene, tuple(values))
        elif kind == "gene" or is_gff and kind not in ("exon", "cds") and "Parent=" not in fields[8]:
            gene, *values = _named(f"{path}: line {number}", fields[8], is_gff)
            genes |= kind == "gene"
            if gene:
                found[gene] = tuple(values)
    return found


def _named(place, column, is_gff):
    """(gene, name, biotype) of a line of a gene or an exon, "" where it has none."""
    if not is_gff:
        return [value or "" for value in _attributes(column, (GENE, NAME[:2], TYPE[:2]))]
    names = _gff_attributes(place, column)
    own = "" if "Parent" in names else PREFIX.sub("", names.get("ID", ""))
    found = (_first(names, GENE[:2]) or own, _first(names, NAME), _first(names, TYPE))
    return [urllib.parse.unquote(value or "") for value in found]
