"""Real sequences with planted motif instances: data whose truth is known, down to the base."""

import numpy as np
import pandas as pd

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.data import ledger
from cisflow.data.windows import Windows, fetch, grid, table
from cisflow.errors import InputError, listing
from cisflow.io.genome import Genome, Locus
from cisflow.io.matrices import read_motifs
from cisflow.io.meme import column_information
from cisflow.sequence import dna

ATTEMPTS = 100
TRUTH = True
UNLABELLED = {"labels": ("none",)}


class Settings(settings.Settings):
    """Real windows into which motif instances are planted; one label a motif, or numbers from `targets`."""

    genome: str = setting(resource=True, meaning="Resource with the genome.")
    motifs: str = setting(resource=True, meaning="Resource with the matrices: MEME, JASPAR, TRANSFAC or HOMER.")
    matrices: list[str] = setting(unique=True, meaning="Identifiers of the matrices to plant.")
    min_information: float = setting(14, minimum=0, meaning="Least information of a matrix, in bits.")
    n: int = setting(8000, minimum=1, meaning="Number of windows.")
    probability: float = setting(0.15, above=0, below=1, meaning="Probability that a window holds a given motif.")
    labels: str = setting(
        "motifs",
        choices=("motifs", "none"),
        meaning="Label windows by the motifs that they were given, or leave labels to `targets`, such as numbers of "
        "kind planted.",
    )


def collect(source, length, seed, task):
    """Windows of a genome in which each motif is planted at random, independently of the others.

    The windows lie on a grid, do not overlap and hold no unknown base. An instance is drawn from its matrix column
    by column, and its strand and place at random; instances do not overlap. The label of a motif is 1 where it was
    planted; what the genome holds of it by nature is not counted.

    Parameters
    ----------
    source : Settings.
    seed : of all draws.
    task : not used.

    Raises
    ------
    InputError : a matrix that is unknown, too wide or below min_information, a genome with fewer than n windows, or
        instances that do not fit into a window.
    """
    known = read_motifs(source.motifs)
    motifs = choose_motifs(source.motifs, known, source.matrices, source.min_information, length)
    genome = Genome(source.genome)
    rng = np.random.default_rng(seed)
    frame, dropped = draw_windows(genome, length, source.n, rng)
    codes = fetch(genome, frame, length)
    present = rng.random((len(frame), len(motifs))) < source.probability
    names = target_names(motifs)
    truth = []
    for row, identifier in enumerate(frame["id"]):
        listed = np.flatnonzero(present[row])
        starts = place([motifs[i].matrix.shape[1] for i in listed], length, rng)
        for i, start in zip(listed, starts, strict=True):
            instance, strand = draw_instance(motifs[i].matrix, rng)
            codes[row, start : start + len(instance)] = instance
            truth.append((identifier, names[i], motifs[i].id, start, start + len(instance), strand))
    truth = pd.DataFrame(truth, columns=["id", "target", "matrix_id", "start", "end", "strand"])
    unasked = {"not among the matrices asked for": len(known) - len(motifs)}
    lines = ledger.join(
        ledger.counts(source.motifs, "read", len(motifs), unasked),
        ledger.drawn(source.genome, frame["id"], dropped),
    )
    if source.labels == "none":
        present, names = present[:, :0], []
    return Windows(frame, codes, present.astype(np.float32), names, dropped, truth, ledger=lines)


def choose_motifs(path, motifs, matrices, min_information, length):
    """The listed of the motifs of a file, in the order of the list `matrices`."""
    known = {motif.id: motif for motif in motifs}
    for identifier in matrices:
        if identifier not in known:
            raise InputError(f"{path}: no motif '{identifier}'; expected an id such as {listing(sorted(known), 3)}")
        motif = known[identifier]
        bits, width = column_information(motif.matrix).sum(), motif.matrix.shape[1]
        if bits < min_information:
            raise InputError(
                f"{path}: motif '{identifier}' ({motif.name}) holds {bits:.1f} bits, expected {min_information} or more"
            )
        if width > length:
            raise InputError(f"{path}: motif '{identifier}' ({motif.name}) is {width} bp wide, windows are {length} bp")
    return [known[identifier] for identifier in matrices]


def target_names(motifs):
    """A distinct name for each motif: its name, or name_id where several motifs share the name."""
    names = [motif.name for motif in motifs]
    return [motif.name if names.count(motif.name) == 1 else f"{motif.name}_{motif.id}" for motif in motifs]


def draw_windows(genome, length, n, rng):
    """Frame of `n` grid windows drawn without replacement, in genome order, and the dict of windows dropped."""
    tiles, dropped = grid(genome, length)
    if len(tiles) < n:
        raise InputError(
            f"{genome.path}: offers {len(tiles)} windows of {length} bp without unknown bases, expected at least {n}"
        )
    chosen = tiles.iloc[np.sort(rng.choice(len(tiles), size=n, replace=False))]
    dropped["not drawn"] = len(tiles) - n
    loci = [Locus(*row, "+") for row in chosen[["chrom", "start", "end"]].itertuples(index=False)]
    return table([f"{locus.chrom}:{locus.start}-{locus.end}" for locus in loci], loci), dropped


def place(widths, length, rng):
    """Random starts of intervals of these widths in [0, length), none of which overlap.

    Raises
    ------
    InputError : no room was found in ATTEMPTS tries.
    """
    for _ in range(ATTEMPTS):
        starts = _try_to_place(widths, length, rng)
        if starts is not None:
            return starts
    raise InputError(
        f"source planted: {len(widths)} instances of {sum(widths)} bp together found no room in a window of {length} "
        f"bp; expected fewer or shorter motifs, or longer windows"
    )


def _try_to_place(widths, length, rng):
    taken = np.zeros(length, dtype=int)
    starts = []
    for width in widths:
        before = np.concatenate([[0], np.cumsum(taken)])
        free = np.flatnonzero(before[width:] == before[:-width])
        if not len(free):
            return None
        start = int(free[rng.integers(len(free))])
        taken[start : start + width] = 1
        starts.append(start)
    return starts


def draw_instance(matrix, rng):
    """Base codes (w,) of one instance of a (4, w) matrix as it stands on the window's strand, and its strand."""
    cumulative = np.cumsum(matrix, axis=0)
    # Scaled by the column's sum, which misses 1 by what the file's decimals cut off.
    draw = rng.random(matrix.shape[1]) * cumulative[-1]
    instance = (draw >= cumulative).sum(axis=0).astype(np.uint8)
    if rng.random() < 0.5:
        return instance, "+"
    return dna.reverse_complement(instance), "-"
