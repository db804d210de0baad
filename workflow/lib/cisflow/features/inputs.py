"""Where the windows of a feature array come from: a dataset, a BED, a FASTA, or both alleles of a VCF's variants."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cisflow.data import dataset as datasets
from cisflow.data.windows import locate, table
from cisflow.errors import InputError
from cisflow.features import variants
from cisflow.io import bed
from cisflow.io.genome import Genome, Locus, Records
from cisflow.io.tables import refuse_duplicates


class Rows(NamedTuple):
    """Windows in order.

    Attributes
    ----------
    frame : one row a window, columns id, chrom, start, end, strand; coordinates are empty where they are unknown.
    codes : their base codes, read when asked for, as `context.Sequences` takes them; None where a genome holds them.
    files : what they were read from.
    variants : rows of `variants.read` whose alleles the windows are, two a variant; None for other windows.
    """

    frame: pd.DataFrame
    codes: np.ndarray | Records | None
    files: list
    variants: pd.DataFrame | None = None


def arguments(parser):
    """The options that say where windows come from; `read` takes what they give."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--dataset", help="folder that `cisflow windows` wrote")
    source.add_argument("--bed", help="intervals of a genome: chrom, start, end, name, score, strand")
    source.add_argument("--fasta", help="sequences; names such as chr3:100-300(-) give them coordinates")
    source.add_argument("--vcf", help="variants: rows <id>|ref and <id>|alt, in the genome's own context")
    parser.add_argument("--genome", help="FASTA, for the intervals of a BED, for a VCF and for context genome")


def read(args):
    """The rows that the options of `arguments` name.

    Raises
    ------
    InputError : a file that is absent or malformed, an id that occurs twice, or no row.
    """
    if args.dataset:
        return read_dataset(args.dataset)
    if args.vcf:
        return read_vcf(args.vcf, args.genome)
    return read_bed(args.bed) if args.bed else read_fasta(args.fasta)


def read_dataset(folder):
    """The windows of a dataset; their sequences stay on disk."""
    paths = [Path(folder, "windows.tsv"), Path(folder, "sequences.npy")]
    frame = datasets.read_windows(paths[0])
    if frame.empty:
        raise InputError(f"{paths[0]}: holds no window, expected at least one")
    return Rows(frame, datasets.read_sequences(paths[1], len(frame)), paths)


def read_bed(path):
    """The intervals of a BED, 0-based half-open, as `bed.read_bed` takes them.

    An interval's id is its name, or its locus where it has none of its own.
    """
    rows, loci, records = [], [], []
    for row, record in bed.read_bed(path):
        loci.append(bed.interval(f"{path}: row {row}", record))
        records.append(record)
        rows.append(row)
    ids = bed.ids(path, records, loci)
    refuse_duplicates(path, ids, rows)
    return Rows(table(ids, loci), None, [Path(path)])


def read_fasta(path):
    """The records of a FASTA, of any lengths; their sequences stay on disk."""
    records = Records(path)
    places = [f"record {number}" for number in range(1, len(records) + 1)]
    if "" in records.names:
        raise InputError(f"{path}: {places[records.names.index('')]} has no name, expected '>name'")
    return Rows(locate(path, records.names, places, records.lengths, records.descriptions), records, [Path(path)])


def read_vcf(path, genome):
    """Both alleles of the variants that can be scored, `<id>|ref` and `<id>|alt`; coordinates are those of REF."""
    if not genome:
        raise InputError(f"{path}: the sequences around variants are read from a genome, expected --genome")
    frame = variants.read(path, Genome(genome))
    frame = frame[frame["status"] == variants.SCORED].reset_index(drop=True)
    ids, loci = [], []
    for name, chrom, position, ref in frame[["id", "chrom", "pos", "ref"]].itertuples(index=False):
        ids += [f"{name}|ref", f"{name}|alt"]
        loci += [Locus(chrom, position - 1, position - 1 + len(ref))] * 2
    return Rows(table(ids, loci), None, [Path(path)], frame)
