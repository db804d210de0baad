"""Windows around the labelled intervals of a BED file with a header line."""

import numpy as np
import pandas as pd

from cisflow.config.settings import setting
from cisflow.data import ledger
from cisflow.data.placing import TWICE, Placing, problems
from cisflow.data.windows import Windows, centred, fetch, read_labels, table
from cisflow.errors import InputError, listing
from cisflow.io import bed, contigs
from cisflow.io.genome import Genome, Locus
from cisflow.io.tables import refuse_duplicates

ANY_TASK = True
LABELS = ("target", "targets")
COLUMNS = True


class Settings(Placing):
    """Intervals of a BED file with a header line; windows are centred on them."""

    bed: str = setting(resource=True, meaning="Resource with the intervals.")
    genome: str = setting(resource=True, meaning="Resource with the genome.")
    target: str = setting(
        None,
        meaning="Name of the label column; this, `targets`, or neither where the dataset has `targets` of its own.",
    )
    targets: list[str] = setting(None, unique=True, meaning="Names of several label columns.")


def collect(source, length, seed, task):
    """Windows of `length` bp around the middle of each interval, read on its strand, in the order of the file.

    A header line names the columns, with or without a leading `#`: chrom, start, end (0-based half-open), name and
    strand where there are any, and the label columns, in which nothing = missing. A window's id is its name, or its
    own locus where it has none of its own. Chromosomes are named as the genome names them.

    Parameters
    ----------
    source : Settings.
    seed : not used.
    task : what a label means, which decides what a label column may hold.

    Raises
    ------
    InputError : a column that is absent, a row with another number of columns, coordinates that are not integers or
        are empty, a strand or label of another kind, an id that two windows have, a window twice with other labels,
        windows that `placing.problems` refuses, or no row.
    """
    path = source.bed
    if source.target is not None and source.targets is not None:
        raise InputError(f"{path}: found the settings target and targets; expected one of them")
    targets = source.targets or ([] if source.target is None else [source.target])
    rows, records = zip(*bed.read_bed(path), strict=True)
    missing = [target for target in targets if target not in records[0]]
    if missing:
        raise InputError(
            f"{path}: no column {listing(missing)}; found columns {listing(records[0], 12)}, expected a header line "
            f"that names the labels"
        )
    genome = Genome(source.genome)
    names = contigs.Names(genome.chromosomes, genome.path)
    chroms = names.of(path, pd.Series([record["chrom"] for record in records]))
    records = [record | {"chrom": chrom} for record, chrom in zip(records, chroms, strict=True)]
    loci = [window(path, row, record, length) for row, record in zip(rows, records, strict=True)]
    labels = [read_labels(path, target, [record[target] for record in records], rows, task) for target in targets]
    labels = np.stack(labels, axis=1) if labels else np.empty((len(rows), 0), dtype=np.float32)
    reasons = problems(path, pd.DataFrame(loci), genome, source, rows)
    refuse_contradictions(path, rows, loci, labels, reasons)
    kept = np.flatnonzero(reasons == "")
    # What is listed twice is one window: the name that it has is its own.
    ids = np.array([bed.name_of(record, locus) for record, locus in zip(records, loci, strict=True)], dtype=object)
    ids[kept] = bed.ids(path, [records[row] for row in kept], [loci[row] for row in kept])
    refuse_duplicates(path, ids[kept], [rows[row] for row in kept])
    frame = table(ids[kept], [loci[row] for row in kept])
    lines = ledger.rows(path, rows, [record.get("name", "") for record in records], ids, reasons)
    codes = fetch(genome, frame, length, pad=source.edge == "pad")
    dropped = pd.Series(reasons[reasons != ""]).value_counts(sort=False).to_dict()
    found = Windows(frame, codes, labels[kept], targets, dropped, task=task, ledger=lines, contigs=names.table())
    # A matrix calls peaks by where they lie, which is not where the windows do.
    intervals = [f"{record['chrom']}:{record['start']}-{record['end']}" for record in records]
    return found._replace(names=pd.DataFrame({"interval": [intervals[row] for row in kept]}, dtype=object))


def window(path, row, record, length):
    """The Locus of the window of `length` bp around the interval of one record, which stands in that row of `path`."""
    chrom, start, end, strand = bed.interval(f"{path}: row {row}", record)
    first = centred(start, end, length)
    return Locus(chrom, first, first + length, strand)


def refuse_contradictions(path, rows, loci, labels, reasons):
    """Refuse a window that is listed again with other labels (InputError): neither row says what is true."""
    first = {}
    for number, (locus, reason) in enumerate(zip(loci, reasons, strict=True)):
        before = first.setdefault(locus, number) if reason in ("", TWICE) else number
        if not np.array_equal(labels[before], labels[number], equal_nan=True):
            raise InputError(
                f"{path}: rows {rows[before]} and {rows[number]} are the same window, {locus.chrom}:{locus.start}-"
                f"{locus.end}, with other labels; expected one row a window"
            )
