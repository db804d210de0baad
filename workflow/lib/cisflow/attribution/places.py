"""Where explained sequences lie on the genome, for files that genome browsers open.

A base of a sequence lies where its window does: the window is in the middle of the sequence, which a network with a
context of its own sees wider, and a window of the minus strand is stored as it is read, from its end to its start.
Where no genome gives a place, as of a FASTA or of sequences in a table, a sequence is its own chromosome: it is called
by its id and begins at 0. So is every sample of several sequences, which lie side by side in no genome.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from cisflow.data import dataset
from cisflow.errors import InputError
from cisflow.io import files

# File of the sizes of chromosomes, beside tracks.
SIZES = "chrom.sizes"
FLIPPED = {"+": "-", "-": "+"}


class Places(NamedTuple):
    """Where the m rows of an attribution file lie.

    chroms : (m,) str. starts : (m,) int64, of a row's first base on the plus strand, 0-based; may be negative, where
    a network sees past the start of a chromosome. reverse : (m,) bool, whether the row is read from the minus strand.
    placed : (m,) bool, whether the genome gives the place. length : bases of a row.
    """

    chroms: np.ndarray
    starts: np.ndarray
    reverse: np.ndarray
    placed: np.ndarray
    length: int

    def positions(self, rows=slice(None)):
        """(m, length) int64: position of each base of the rows, as they are read."""
        offsets = np.arange(self.length)
        forward = self.starts[rows, None] + offsets
        return np.where(self.reverse[rows, None], forward[:, ::-1], forward)

    def intervals(self, rows, starts, ends):
        """(starts, ends) (k,) int64 on the chromosome of intervals within rows.

        Parameters
        ----------
        rows : (k,) int. starts, ends : (k,) int, 0-based half-open, as the rows are read.
        """
        starts, ends = np.asarray(starts, dtype=np.int64), np.asarray(ends, dtype=np.int64)
        reverse, first = self.reverse[rows], self.starts[rows]
        turned = self.length - ends, self.length - starts
        return first + np.where(reverse, turned[0], starts), first + np.where(reverse, turned[1], ends)

    def strands(self, rows, strands):
        """(k,) str: strands within rows as those of the chromosome; `.` where there is none."""
        reverse = self.reverse[rows]
        pairs = zip(strands, reverse, strict=True)
        return np.array([(FLIPPED.get(one, ".") if turned else one or ".") for one, turned in pairs], dtype=object)


def of_rows(folder, ids, length):
    """The Places of rows.

    Parameters
    ----------
    folder : of the dataset. ids : (m,) str, windows of the rows. length : bases of a row.

    Raises
    ------
    InputError : an id that is no window of the dataset, or a window longer than the rows.
    """
    path = Path(folder) / "windows.tsv"
    frame = dataset.read_windows(path).drop_duplicates("id").set_index("id").reindex(ids)
    if frame["chrom"].isna().any():
        absent = ids[np.flatnonzero(frame["chrom"].isna())[0]]
        raise InputError(f"{path}: has no window '{absent}'; expected every id of the attributions")
    chroms = frame["chrom"].to_numpy(dtype=object)
    placed = (chroms != "") & frame[["start", "end"]].notna().all(axis=1).to_numpy()
    if (path.parent / "inputs.tsv").exists():
        placed[:] = False
    starts, ends = (np.where(placed, frame[name], 0).astype(np.int64) for name in ("start", "end"))
    long = np.flatnonzero(ends - starts > length)
    if len(long):
        row = long[0]
        raise InputError(
            f"{path}: id '{ids[row]}': spans {ends[row] - starts[row]} bases, its sequence {length}; expected no more"
        )
    reverse = placed & (frame["strand"] == "-").to_numpy()
    # A network with a context of its own sees so many bases before the window, in the direction of reading.
    left = (length - (ends - starts)) // 2
    starts = np.where(placed, np.where(reverse, ends + left - length, starts - left), 0)
    names = own_names(ids[~placed], set(chroms[placed]))
    return Places(np.where(placed, chroms, [names.get(item, "") for item in ids]), starts, reverse, placed, length)


def own_names(ids, taken):
    """{id: name of the chromosome that it is}: the id, with `_` for blanks, and numbered where that is taken."""
    names, taken = {}, set(taken)
    for item in dict.fromkeys(ids):
        name = plain = "_".join(item.split()) or "_"
        number = 1
        while name in taken:
            number += 1
            name = f"{plain}#{number}"
        names[item] = name
        taken.add(name)
    return names


def sizes(places, genomes=()):
    """{chromosome: bases}, sorted by name, as UCSC's tools sort.

    Of a chromosome that a genome holds in pieces, or that no genome has, it is as far as the pieces and the rows reach.

    Parameters
    ----------
    places : Places. genomes : those of the windows, as `io.genome.Genome`.
    """
    found = {}
    for genome in genomes:
        for region in genome.regions():
            found[region.chrom] = max(found.get(region.chrom, 0), region.end)
    whole = set().union(*(genome.lengths for genome in genomes))
    for chrom, start in zip(places.chroms[places.placed], places.starts[places.placed].tolist(), strict=True):
        if chrom not in whole:
            found[chrom] = max(found.get(chrom, 0), start + places.length)
    found |= dict.fromkeys(places.chroms[~places.placed], places.length)
    return dict(sorted(found.items()))


def read_sizes(path):
    """{chromosome: bases} of a chrom.sizes.

    Raises
    ------
    InputError : a line that is no name and number.
    """
    found = {}
    for number, line in enumerate(files.read_text(path).splitlines(), 1):
        chrom, _, bases = line.partition("\t")
        if not bases.isdecimal():
            raise InputError(f"{path}: line {number}: found '{line}', expected a chromosome, a tab and its bases")
        found[chrom] = int(bases)
    return found
