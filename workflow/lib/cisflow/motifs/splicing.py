"""Which patterns are splice sites: those that lie where the introns of the windows begin or end.

Motif databases hold transcription factors, among which a splice site finds a name by accident or none. Where windows
lie on introns, what is one needs no likeness: its place is known. A pattern is a splice donor (acceptor) where

- at least half of its seqlets have the intron's first (last) base in one and the same column, on one strand, and
- this column and its neighbour within the intron read GT (AG), each base in at least half of the seqlets.

A seqlet placed at random has the base in a given one of its columns once in as many windows as a window has bases.
"""

from typing import NamedTuple

import numpy as np

from cisflow.errors import InputError
from cisflow.io.genome import parse_locus
from cisflow.io.tables import table
from cisflow.motifs import modisco
from cisflow.sequence import dna

DONOR, ACCEPTOR = "splice donor", "splice acceptor"
# Share of a pattern's seqlets, and of their bases.
LEAST = 0.5


class Sites(NamedTuple):
    """Where the introns of windows begin and end.

    donor, acceptor : {id of a window: place of the intron's first (last) base in the window as read}; outside the
    window as well.
    """

    donor: dict
    acceptor: dict


def read_sites(path):
    """The Sites of a windows.tsv whose ids are the loci of introns, as source `annotation` writes them.

    Raises
    ------
    InputError : an id that is no locus, or a window without a place.
    """
    columns = ["id", "start", "end", "strand"]
    frame = table(path, ("id", "strand"), whole=("start", "end"))
    donor, acceptor = {}, {}
    for number, (name, start, end, strand) in enumerate(frame[columns].itertuples(index=False), start=2):
        intron = parse_locus(name)
        if intron is None or strand not in ("+", "-"):
            raise InputError(
                f"{path}: row {number}: id is '{name}', strand '{strand}'; expected an intron, such as "
                f"'chr1:3913-3995(+)', and a strand"
            )
        if strand == "+":
            donor[name], acceptor[name] = intron.start - int(start), intron.end - 1 - int(start)
        else:
            donor[name], acceptor[name] = int(end) - intron.end, int(end) - 1 - intron.start
    return Sites(donor, acceptor)


def notes(path, patterns, ids, sites):
    """{name: DONOR, ACCEPTOR or ""} of each Pattern of a TF-MoDISco result.

    Parameters
    ----------
    path : modisco-lite `.h5`. patterns : list of naming.Pattern read from it. ids : (m,) str, ids of the rows of the
    attribution file. sites : Sites.
    """
    places = {DONOR: _of_rows(sites.donor, ids), ACCEPTOR: _of_rows(sites.acceptor, ids)}
    found = {}
    with modisco.opened(path) as store:
        for pattern in patterns:
            rows, start, end, reverse = modisco.seqlets(path, store, pattern.name, len(ids))
            found[pattern.name] = ""
            for note, place in places.items():
                column, on_reverse, share = commonest_column(place[rows], start, end, reverse)
                if share >= LEAST and reads(note, pattern.sequence, column, on_reverse):
                    found[pattern.name] = note
    return found


def _of_rows(places, ids):
    if absent := [name for name in ids.tolist() if name not in places]:
        raise InputError(f"id '{absent[0]}' of the attributions is no window; expected one of the dataset's")
    return np.array([places[name] for name in ids.tolist()], dtype=np.int64)


def commonest_column(place, start, end, reverse):
    """(column of the pattern, whether it reads the reverse strand of the windows, share of the seqlets) where a base of
    the windows lies most often.

    Parameters
    ----------
    place : (n,) int, of the base in the window of each of n seqlets. start, end : (n,) int, 0-based, half-open.
    reverse : (n,) bool, whether the pattern reads the seqlet's reverse complement.
    """
    inside = (start <= place) & (place < end)
    if not inside.any():
        return 0, False, 0.0
    column = np.where(reverse, end - 1 - place, place - start)[inside]
    pairs, counts = np.unique(np.stack([column, reverse[inside]]), axis=1, return_counts=True)
    best = counts.argmax()
    return int(pairs[0, best]), bool(pairs[1, best]), float(counts[best] / len(place))


def reads(note, sequence, column, reverse):
    """Whether frequencies (4, w) read GT from the intron's first base on, or AG up to its last, at `column`."""
    if reverse:
        sequence, column = sequence[::-1, ::-1], sequence.shape[1] - 1 - column
    first = column if note == DONOR else column - 1
    if not 0 <= first <= sequence.shape[1] - 2:
        return False
    bases = dna.encode("GT" if note == DONOR else "AG")
    return bool((sequence[bases, [first, first + 1]] >= LEAST).all())
