"""Labelled sequences from a table (CSV or TSV) with the columns header, sequence and label."""

import sys
from collections import Counter

import numpy as np

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.data import fingerprint, ledger
from cisflow.data.windows import Windows, locate, read_labels
from cisflow.errors import InputError, listing
from cisflow.io import contigs
from cisflow.io.genome import Genome
from cisflow.io.tables import read_rows, refuse_duplicates
from cisflow.sequence import dna

ANY_TASK = True
LABELS = ("target", "targets")
COLUMNS = True
FOLDS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "test": "test",
    "testing": "test",
}


class Settings(settings.Settings):
    """CSV or TSV with the columns header, sequence and label, or columns that the settings name in their place."""

    table: str = setting(resource=True, meaning="Resource with the table.")
    header: str = setting(
        "header", meaning="Column with the name of each row; `sequence` where sequences are their own names."
    )
    sequence: str = setting("sequence", meaning="Column with the sequences.")
    fold: str = setting(None, meaning="Column with the fold of each row, for splits of kind `given`.")
    target: str | None = setting(
        "label", meaning="Name of the label, which the column `label` holds; null where there is none."
    )
    targets: list[str] = setting(None, unique=True, meaning="Names of several label columns, in place of `label`.")
    repeated: str = setting(
        "refuse",
        choices=("refuse", "number"),
        meaning="A header that occurs again is an error, or gets a number: the second `x` is the window `x#2`.",
    )
    genome: str = setting(
        None,
        resource=True,
        meaning="Resource with the genome that headers such as chr1:100-300(+) speak of: chromosomes are named as it "
        "names them, and sequences that are not its own there are an error.",
    )
    sequences: list[str] = setting(
        None,
        unique=True,
        min_items=2,
        meaning="Columns of several sequences a row, such as two alleles, in place of `sequence`, side by side.",
    )
    lengths: list[int] = setting(
        None, items={"minimum": 1}, meaning="Bases of each of `sequences`; equal parts of the window without it."
    )


def collect(source, length, seed, task):
    """Windows of a table, in its order. The ids are its headers; coordinates come from headers that hold a locus.

    Where `repeated` is `number`, the second row with the header `x` has the id `x#2`, and so on: no row is lost, and
    with it no place in the published permutation.

    Parameters
    ----------
    source : Settings.
    length : bases that each sequence must have; of several, all together.
    seed : not used.
    task : what a label means, which decides what the column `label` may hold.

    Raises
    ------
    InputError : a column that is absent, a sequence of another length or with a character that is no base, a text
        that is no label of the task, a header that is empty or occurs twice (unless numbered), no row, or sequences
        that `fingerprint.compare` finds not to be the genome's.
    """
    path = source.table
    inputs = _inputs(source, length)
    targets = {name: name for name in source.targets} if source.targets else {source.target: "label"}
    targets.pop(None, None)
    named = list(dict.fromkeys([source.header, *inputs, *([source.fold] if source.fold else [])]))
    rows, columns = read_rows(path, [*named, *targets.values()])
    headers = columns[source.header]
    ids = numbered(headers) if source.repeated == "number" else headers
    refuse_duplicates(path, ids, rows)
    parts = [
        encode_rows(path, columns[column], rows, bases, f"sequence '{column}'" if source.sequences else "sequence")
        for column, bases in inputs.items()
    ]
    codes = np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
    folds = None if source.fold is None else read_folds(path, source.fold, columns[source.fold], rows)
    labels = [read_labels(path, column, columns[column], rows, task) for column in targets.values()]
    labels = np.stack(labels, axis=1) if labels else np.empty((len(rows), 0), dtype=np.float32)
    # A locus is that of the first of several sequences.
    frame = locate(path, headers, [f"row {row}" for row in rows], parts[0].shape[1]).assign(id=ids)
    mapped = compared(path, frame, parts[0], Genome(source.genome)) if source.genome else None
    lines = ledger.rows(path, rows, headers, ids, [""] * len(rows))
    found = Windows(frame, codes, labels, list(targets), {}, task=task, ledger=lines, folds=folds, contigs=mapped)
    ends = np.cumsum(list(inputs.values())).tolist()
    return found._replace(inputs=tuple(zip(inputs, [0, *ends[:-1]], ends, strict=True))) if source.sequences else found


def _inputs(source, length):
    """{column: bases} of the sequences of a row, `length` together."""
    columns = source.sequences or [source.sequence]
    if source.lengths is not None:
        if len(source.lengths) != len(columns) or sum(source.lengths) != length:
            raise InputError(
                f"{source.table}: lengths are {source.lengths}; expected {len(columns)}, one for each of "
                f"{listing(columns)}, and {length} bases in all (the window)"
            )
        return dict(zip(columns, source.lengths, strict=True))
    if length % len(columns):
        raise InputError(
            f"{source.table}: the window of {length} bases has no {len(columns)} equal parts; expected the key lengths"
        )
    return dict.fromkeys(columns, length // len(columns))


def read_folds(path, column, texts, rows):
    """Folds (n,) from the words that people use for them; InputError for any other."""
    for row, text in zip(rows, texts, strict=True):
        if text.strip().lower() not in FOLDS:
            raise InputError(f"{path}: row {row}: column '{column}' is '{text}', expected train, valid or test")
    return np.array([FOLDS[text.strip().lower()] for text in texts], dtype=object)


def compared(path, frame, codes, genome):
    """Name the chromosomes of a frame as a genome does, in place, and refuse sequences that are not its own.

    Returns the names that were mapped, as of `contigs.Names.table`; a line on stderr says where there was nothing to
    compare.
    """
    names = contigs.Names(genome.chromosomes, genome.path)
    frame["chrom"] = names.of(path, frame["chrom"])
    if np.isnan(fingerprint.compare(path, frame, codes, genome)):
        print(
            f"WARNING: {path}: too few of its headers say where on {genome.path} their sequences lie, so that they are "
            f"not compared with it; expected headers such as chr1:100-300(+)",
            file=sys.stderr,
        )
    return names.table()


def numbered(names):
    """The names, of which the n-th occurrence of one, n > 1, ends in `#n`."""
    seen, out = Counter(), []
    for name in names:
        seen[name] += 1
        out.append(name if seen[name] == 1 or not name else f"{name}#{seen[name]}")
    return out


def encode_rows(path, sequences, rows, length, what="sequence"):
    """Base codes (n, length) of strings of that length, encoded in one go."""
    for row, sequence in zip(rows, sequences, strict=True):
        if len(sequence) != length:
            raise InputError(f"{path}: row {row}: the {what} has {len(sequence)} bases, expected {length} (the window)")
    try:
        return dna.encode("".join(sequences)).reshape(len(sequences), length)
    except InputError:
        for row, sequence in zip(rows, sequences, strict=True):
            dna.encode(sequence, f"{path}: row {row}")
        raise
