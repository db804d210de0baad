"""Windows around the labelled intervals of a BED file with a header line."""

import numpy as np

from cisflow.data.windows import (
    Windows,
    centred,
    fetch,
    interval,
    name_of,
    read_labels,
    read_rows,
    refuse_duplicates,
    resource,
    table,
)
from cisflow.errors import InputError
from cisflow.io.genome import Genome, Locus

REQUIRED = ("chrom", "start", "end")


def collect(source, length, inputs, seed):
    """Windows of `length` bp around the middle of each interval, read on its strand, in the order of the file.

    The first line names the columns, with or without a leading `#`: chrom, start, end (0-based half-open), name and
    strand where there are any, and the label columns with 0, 1 or nothing = missing. A window's id is its name, or
    its own locus where it has none.

    Parameters
    ----------
    source : kind, bed, genome, and target or targets (label columns; "label").
    inputs : resource name -> file.
    seed : not used.

    Raises
    ------
    InputError : a column that is absent, a row with another number of columns, coordinates that are not integers,
        are empty or leave the chromosome, a strand or label of another kind, an id that occurs twice, or no row.
    """
    path = resource(inputs, source["bed"])
    targets = list(source.get("targets", [source.get("target", "label")]))
    rows, columns = read_rows(path, [*REQUIRED, *targets])
    genome = Genome(resource(inputs, source["genome"]))
    records = [dict(zip(columns, fields, strict=True)) for fields in zip(*columns.values(), strict=True)]
    loci = [window(path, row, record, length, genome) for row, record in zip(rows, records, strict=True)]
    ids = [name_of(record, locus) for record, locus in zip(records, loci, strict=True)]
    refuse_duplicates(path, ids, rows)
    labels = [read_labels(path, target, columns[target], rows) for target in targets]
    frame = table(ids, loci)
    return Windows(frame, fetch(genome, frame, length), np.stack(labels, axis=1), targets, {})


def window(path, row, record, length, genome):
    """The locus of the window around one record's interval."""
    where = f"{path}: row {row}"
    chrom, start, end, strand = interval(where, record)
    first = centred(start, end, length)
    problem = genome.problem(chrom, first, first + length)
    if problem:
        raise InputError(f"{where}: {problem}; expected room for a window of {length} bp around {chrom}:{start}-{end}")
    return Locus(chrom, first, first + length, strand)
