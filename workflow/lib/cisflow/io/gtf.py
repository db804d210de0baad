"""GTF: the exons of a gene annotation, and the genes that they span."""

import re

import pandas as pd

from cisflow.errors import InputError

ATTRIBUTES = {name: re.compile(rf'(?:^|;)\s*{name} "?([^";]+)"?') for name in ("gene_id", "transcript_id")}
COLUMNS = ("chrom", "start", "end", "strand", "gene", "transcript")


def read_exons(path):
    """The exons of a GTF (1-based closed): frame of chrom, start, end (0-based half-open), strand, gene, transcript.

    Raises
    ------
    InputError : not a text file, a line of fewer than nine columns, coordinates that are no interval, an exon
        without strand, gene_id or transcript_id, or no exon at all.
    """
    exons = []
    try:
        with open(path, encoding="utf-8") as handle:
            for number, line in enumerate(handle, 1):
                if line.startswith("#") or not line.strip():
                    continue
                fields = line.rstrip("\n").split("\t")
                if len(fields) < 9:
                    raise InputError(f"{path}: line {number}: found {len(fields)} columns, expected 9 (tab-separated)")
                if fields[2] == "exon":
                    exons.append(_exon(f"{path}: line {number}", fields))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file, expected an unpacked GTF: {error}") from error
    if not exons:
        raise InputError(f"{path}: holds no exon, expected a GTF with lines whose third column is 'exon'")
    return pd.DataFrame(exons, columns=list(COLUMNS))


def _exon(place, fields):
    chrom, first, last, strand = fields[0], fields[3], fields[4], fields[6]
    if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last)):
        raise InputError(f"{place}: start is '{first}' and end is '{last}', expected integers with 1 <= start <= end")
    if strand not in ("+", "-"):
        raise InputError(f"{place}: strand of an exon is '{strand}', expected + or -")
    names = []
    for name, pattern in ATTRIBUTES.items():
        match = pattern.search(fields[8])
        if match is None:
            raise InputError(f"{place}: no {name} among the attributes '{fields[8][:60]}', expected {name} \"...\"")
        names.append(match[1])
    return chrom, int(first) - 1, int(last), strand, *names


def genes_of(exons):
    """Genes (chrom, strand, gene, start, end) from the first to the last base of their exons.

    The copies of a gene on two chromosomes or strands are two genes.
    """
    groups = exons.groupby(["chrom", "strand", "gene"], sort=False)
    return groups.agg(start=("start", "min"), end=("end", "max")).reset_index()
