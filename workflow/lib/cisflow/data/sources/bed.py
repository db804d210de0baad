"""Windows around the labelled intervals of a BED file with a header line."""

import numpy as np
import pandas as pd

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.data.windows import Windows, centred, fetch, read_labels, table
from cisflow.errors import InputError, listing
from cisflow.io import bed, contigs
from cisflow.io.genome import Genome, Locus
from cisflow.io.tables import refuse_duplicates

ANY_TASK = True


class Settings(settings.Settings):
    """Intervals of a BED file with a header line; windows are centred on them."""

    ONE_OF = ("target", "targets")
    bed: str = setting(resource=True, meaning="Resource with the intervals.")
    genome: str = setting(resource=True, meaning="Resource with the genome.")
    target: str = setting(None, meaning="Name of the label column; this or `targets`.")
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
    InputError : a column that is absent, a row with another number of columns, coordinates that are not integers,
        are empty or leave the chromosome, a strand or label of another kind, an id that occurs twice, or no row.
    """
    path = source.bed
    targets = source.targets or [source.target]
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
    loci = [window(path, row, record, length, genome) for row, record in zip(rows, records, strict=True)]
    ids = bed.ids(path, records, loci)
    refuse_duplicates(path, ids, rows)
    labels = [read_labels(path, target, [record[target] for record in records], rows, task) for target in targets]
    frame = table(ids, loci)
    return Windows(
        frame, fetch(genome, frame, length), np.stack(labels, axis=1), targets, {}, task=task, contigs=names.table()
    )


def window(path, row, record, length, genome):
    """The Locus of the window of `length` bp around the interval of one record, which stands in that row of `path`.

    Raises
    ------
    InputError : an interval that `bed.interval` refuses, or one without room for the window.
    """
    place = f"{path}: row {row}"
    chrom, start, end, strand = bed.interval(place, record)
    first = centred(start, end, length)
    problem = genome.problem(chrom, first, first + length)
    if problem:
        raise InputError(f"{place}: {problem}; expected room for a window of {length} bp around {chrom}:{start}-{end}")
    return Locus(chrom, first, first + length, strand)
