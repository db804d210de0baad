"""Windows: the rows of a dataset with their sequences and labels, and what the sources that gather them share.

Coordinates are 0-based half-open. In messages, the rows of a file are counted as an editor counts its lines, so that
a header is row 1.
"""

import shutil
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow import tasks
from cisflow.data.dataset import COLUMNS
from cisflow.errors import InputError
from cisflow.io.genome import Locus, parse_locus, placed
from cisflow.sequence import dna
from cisflow.tasks.task import Task

CHUNK = 1 << 24
# What pandas, R and people write for 1 and 0.
WORDS = {"true": "1", "yes": "1", "false": "0", "no": "0"}


class Windows(NamedTuple):
    """What a source gathers.

    Attributes
    ----------
    frame : one row a window, columns id, chrom, start, end, strand; coordinates are empty where they are unknown.
    codes : uint8 base codes (n, length).
    labels : float32 (n, t), NaN = missing.
    targets : names of the t label columns.
    dropped : reason -> number of windows that were left out for it.
    truth : of planted windows, one row an instance: id, target, matrix_id, start, end, strand (within the window).
    task : what a label means.
    ledger : what became of every row that was read, see `data.ledger`.
    matching : of drawn negatives, one row a window: id, label and what they were matched on.
    contigs : names of chromosomes that were mapped to those of the genome: file, name, known.
    names : (n rows) what else each window is called, by which numbers may be joined to it: columns of text, such as
        gene_id and gene_name, "" where there is none; ids join without it.
    tracks : (t rows) of numbers: text columns target, modality, class, group, replicate, and strand where any has one.
    columns : float32 (n rows), numbers in columns of the source's file that targets of kind columns ask for.
    weights : float32 (n, t), how much each label counts, or None where all count alike.
    profiles : float32 (n, t, bins), of which the labels are the totals.
    transforms : {modality: list of what was done to its numbers, in order, enough to undo it}.
    inputs : of several sequences a sample, side by side in a row of codes: (name, start, end) of each.
    genomes : (n,) name of the genome of each window, where there are several.
    folds : (n,) fold that the file gives each window, or None.
    """

    frame: pd.DataFrame
    codes: np.ndarray
    labels: np.ndarray
    targets: list
    dropped: dict
    truth: pd.DataFrame | None = None
    task: Task = tasks.get(tasks.DEFAULT)
    ledger: pd.DataFrame | None = None
    matching: pd.DataFrame | None = None
    contigs: pd.DataFrame | None = None
    names: pd.DataFrame | None = None
    columns: pd.DataFrame | None = None
    tracks: pd.DataFrame | None = None
    weights: np.ndarray | None = None
    profiles: np.ndarray | None = None
    transforms: dict | None = None
    inputs: tuple = ()
    genomes: np.ndarray | None = None
    folds: np.ndarray | None = None

    def rows(self, keep):
        """The Windows of some rows, (k,) int or (n,) bool; ledger, truth, matching and contigs stay as they are."""
        taken = {
            "frame": self.frame.iloc[keep].reset_index(drop=True),
            "codes": self.codes[keep],
            "labels": self.labels[keep],
        }
        for name in ("weights", "profiles", "genomes", "folds"):
            taken[name] = None if getattr(self, name) is None else getattr(self, name)[keep]
        for name in ("names", "columns"):
            table = getattr(self, name)
            taken[name] = None if table is None else table.iloc[keep].reset_index(drop=True)
        return self._replace(**taken)


def require_bedtools():
    """Refuse to go on without the bedtools binary, which pybedtools misses only at its first operation."""
    if shutil.which("bedtools") is None:
        raise InputError(
            "bedtools is not on PATH; install it with 'conda install -c conda-forge -c bioconda bedtools' "
            "or 'sudo apt-get install bedtools'"
        )


def table(ids, loci):
    """Frame of the columns COLUMNS; coordinates are empty where a locus is None."""
    unknown = Locus("", pd.NA, pd.NA, "")
    frame = pd.DataFrame([locus or unknown for locus in loci], columns=list(COLUMNS[1:]))
    frame.insert(0, "id", list(ids))
    return frame.astype({"id": object, "chrom": object, "start": "Int64", "end": "Int64", "strand": object})


def locate(path, names, rows, length, descriptions=None):
    """Frame of windows whose ids are names such as `chr3:100-300(-)`; coordinates are empty for any other name.

    Names count from 0, half-open, or from 1, as samtools faidx writes them, which the lengths of the sequences tell.

    Parameters
    ----------
    length : bases of every window, or of each (n,).
    descriptions : what stands behind `>`, where that is more than the names; UCSC writes the locus there.

    Raises
    ------
    InputError : a name that speaks of another length than `length`, or that counts otherwise than the others do
        (`rows` says where each name stands).
    """
    loci, first = [], {}
    for name, text, row, bases in zip(
        names, descriptions or names, rows, np.broadcast_to(length, len(names)), strict=True
    ):
        named = parse_locus(text)
        locus, from_one = placed(named, bases) if named else (None, False)
        if named and locus is None:
            raise InputError(
                f"{path}: {row}: the name '{name}' speaks of {named.end - named.start} bases, the sequence has "
                f"{bases}; expected chrom:start-end, 0-based half-open or counted from 1"
            )
        if locus:
            first.setdefault(from_one, (row, name))
        loci.append(locus)
    if len(first) == 2:
        (row, name), (other, other_name) = first[True], first[False]
        raise InputError(
            f"{path}: {row}: the name '{name}' counts from 1, that of {other}, '{other_name}', from 0; expected one of "
            f"the two in all"
        )
    return table(names, loci)


def centred(start, end, length):
    """Start of the window of `length` bases around the middle of [start, end); `start` itself if it is as long."""
    return (start + end) // 2 - length // 2


def grid(genome, length):
    """All windows of a genome on a grid without unknown bases.

    The grid starts at the first base of each region and leaves no gaps.

    Returns
    -------
    frame with columns chrom, start, end and gc (fraction), in the order of the genome's regions; dict of the numbers
    of windows dropped.
    """
    step = max(1, CHUNK // length) * length
    regions = genome.regions()
    parts, unknown, short = [], 0, 0
    total = sum((region.end - region.start) // length for region in regions)
    with tqdm(total=total, desc="grid", unit="window") as bar:
        for region in regions:
            short += (region.end - region.start) % length > 0
            for start in range(region.start, region.end - length + 1, step):
                count = min(step, region.end - start) // length
                codes = genome.fetch(region.chrom, start, start + count * length).reshape(count, length)
                known = (codes < dna.UNKNOWN).all(axis=1)
                starts = start + length * np.flatnonzero(known)
                gc = dna.gc_content(codes[known])
                parts.append(pd.DataFrame({"chrom": region.chrom, "start": starts, "end": starts + length, "gc": gc}))
                unknown += int((~known).sum())
                bar.update(count)
    if not parts:
        raise InputError(f"{genome.path}: holds no window of {length} bp; its regions are shorter")
    return pd.concat(parts, ignore_index=True), {"unknown bases": unknown, "past the end of a region": short}


def fetch(genome, frame, length, pad=False):
    """Base codes (n, length) of the windows of a frame, each read on its strand; `pad` as of `Genome.fetch`."""
    codes = np.empty((len(frame), length), dtype=np.uint8)
    loci = zip(frame["chrom"], frame["start"], frame["end"], frame["strand"], strict=True)
    for row, locus in enumerate(tqdm(loci, total=len(frame), desc="sequences", unit="window")):
        codes[row] = genome.fetch(*locus, pad=pad)
    return codes


def read_labels(path, column, texts, rows, task):
    """Labels float32 (n,) from a column's texts; an empty one is missing. Of two classes, True and yes are 1, False and
    no are 0, in any case.

    Parameters
    ----------
    rows : row of `path` that holds each text. task : what a label means.

    Raises
    ------
    InputError : a text that is no label of the task; names the row and the column.
    """
    texts = pd.Series(list(texts), dtype=object).str.strip()
    if task.name == tasks.DEFAULT:
        texts = texts.map(lambda text: WORDS.get(text.lower(), text))
    # A number beyond float32 becomes infinite, which the task judges.
    with np.errstate(over="ignore"):
        labels = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float32, na_value=np.nan)
    bad = np.flatnonzero(~task.valid(labels) & (texts != "").to_numpy())
    if len(bad):
        raise InputError(
            f"{path}: row {rows[bad[0]]}: column '{column}' is '{texts[bad[0]]}', expected {task.expected}"
        )
    return labels
