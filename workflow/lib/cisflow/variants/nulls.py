"""Nulls: variants of the same kind at random places, or of another file, that a percentile is a place among."""

import re

import numpy as np
from tqdm import tqdm

from cisflow.errors import InputError
from cisflow.sequence import dna
from cisflow.variants import edits


def drawn(wanted, windows, codes, n, parts, placement, rng, but=()):
    """Random variants of each Kind, in windows of a dataset.

    A single base is changed where the same base stands between the same neighbours, in the same part of the window;
    others change as many bases at any place of that part, to random ones at the windows' composition.

    Parameters
    ----------
    wanted : Kinds; their frequencies do not count. windows : frame of `places.windows_of`. codes : (rows, length)
        uint8, what the windows hold, on their strands. n : variants of each Kind, or as many as there are places.
    parts : equal parts of a window, 0 where they do not count. placement : see `places.place`.
    but : Edits that are not drawn, those that are compared.

    Returns
    -------
    {Kind without a frequency: list of Edit}.
    """
    rows = windows["row"].to_numpy()
    held = np.array(codes[rows])
    if placement == "centre":
        # There every variant is seen on the forward strand.
        reverse = windows["strand"].to_numpy() == "-"
        held[reverse] = dna.reverse_complement(held[reverse])
        windows = windows.assign(strand="+")
    shares = np.bincount(held.reshape(-1), minlength=4)[:4].astype(float)
    shares = shares / shares.sum() if shares.sum() else np.full(4, 0.25)
    length = held.shape[1]
    triplets = np.full(held.shape, -1, dtype=np.int16)
    known = (held < dna.UNKNOWN).astype(bool)
    whole = known[:, :-2] & known[:, 1:-1] & known[:, 2:]
    triplets[:, 1:-1] = np.where(whole, 16 * held[:, :-2].astype(int) + 4 * held[:, 1:-1] + held[:, 2:], -1)
    found = {}
    for kind in tqdm(sorted({kind._replace(frequency=-1) for kind in wanted}), desc="null", unit="kind"):
        if single := re.fullmatch(r"([ACGT])\[([ACGT])>([ACGT])\]([ACGT])", kind.change):
            left, base, new, right = dna.encode("".join(single.groups()))
            place = triplets == 16 * int(left) + 4 * int(base) + int(right)
            lost, alts = 1, None
        elif sizes := re.fullmatch(r"(\d+)>(\d+)", kind.change):
            lost, gained = map(int, sizes.groups())
            place, alts = _free(known, lost), gained
        else:
            # Beside an unknown base there is no context.
            found[kind] = []
            continue
        if kind.part >= 0:
            place = place & (np.minimum(np.arange(length) * parts // length, parts - 1) == kind.part)
        places = np.flatnonzero(place)
        made = {}
        for at in rng.permutation(places):
            if len(made) == n:
                break
            row, position = divmod(int(at), length)
            alt = np.array([new]) if alts is None else _other(held[row, position : position + lost], alts, shares, rng)
            edit = _edit(windows.iloc[row], position, lost, alt, length)
            if placement == "centre":
                edit = edit._replace(window=edit.start - (length - lost) // 2)
            # Where windows overlap, the same change would be there twice.
            if edit not in but:
                made.setdefault(edit, None)
        found[kind] = list(made)
    return found


def _free(known, lost):
    """Where `lost` known bases stand in a row, and not at the edge of the window."""
    counts = np.cumsum(np.pad(known, ((0, 0), (1, 0))), axis=1)
    place = np.zeros(known.shape, dtype=bool)
    width = known.shape[1] - lost
    if width > 1:
        place[:, 1:width] = (counts[:, lost + 1 : -1] - counts[:, 1:width]) == lost if lost else True
    return place


def _other(old, gained, shares, rng):
    """Random bases (gained,) that are not those that they replace."""
    while True:
        new = rng.choice(4, size=gained, p=shares).astype(np.uint8)
        if len(new) != len(old) or (new != old).all() or not len(new):
            return new


def _edit(window, position, lost, alt, length):
    """The Edit of bases of a window, read on its strand, as the genome's forward strand has it."""
    strand = window["strand"] or "+"
    start = window["start"] + (position if strand == "+" else length - position - lost)
    bases = dna.decode(alt.astype(np.uint8) if strand == "+" else dna.reverse_complement(alt.astype(np.uint8)))
    return edits.Edit(window["chrom"], int(window["start"]), strand, int(start), int(start) + lost, bases)


def grouped(kinds, found, n, rng):
    """{Kind: list of Edit} of variants of a file, of each Kind at most n, drawn at random."""
    groups = {}
    for kind, edit in zip(kinds, found, strict=True):
        groups.setdefault(kind, []).append(edit)
    return {
        kind: [group[number] for number in np.sort(rng.permutation(len(group))[:n])]
        for kind, group in sorted(groups.items())
    }


def percentiles(effects, null):
    """Places (…) in percent of effects among those of a null (n, …): the share below, and half of those that are equal.

    Raises
    ------
    InputError : a null of none.
    """
    if not len(null):
        raise InputError("null: no variant to compare with; expected one at least")
    return 100 * ((null < effects).sum(axis=0) + 0.5 * (null == effects).sum(axis=0)) / len(null)
