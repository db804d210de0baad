"""Backgrounds: sequences of which a network makes little, that motifs are put into."""

import numpy as np

from cisflow.attribution import baselines
from cisflow.errors import InputError

KINDS = ("low", "shuffled", "random")


def composition(codes):
    """Share (4,) of each base among the known ones of codes (n, length); a quarter each where none is known."""
    counts = np.bincount(codes.reshape(-1), minlength=4)[:4].astype(np.float64)
    return counts / counts.sum() if counts.sum() else np.full(4, 0.25)


def draw(kind, codes, n, rng, scores=None, share=0.1, gc=None):
    """Backgrounds (m, length) uint8.

    Parameters
    ----------
    kind : "low", windows as they are, of the `share` that scores lowest (of `n` at least), each once, so that there are
        fewer than `n` where there are no more windows; "shuffled", windows whose bases are shuffled with their
        dinucleotides kept; "random", independent bases at the composition of the windows, or with a share `gc` of G
        and C.
    codes : (windows, length) uint8, at least one. scores : (windows,) what a network makes of them, for "low".
    """
    if not len(codes):
        raise InputError("backgrounds: no window in the folds asked for; expected at least one")
    if kind == "random":
        shares = composition(codes) if gc is None else np.array([1 - gc, gc, gc, 1 - gc]) / 2
        return rng.choice(4, size=(n, codes.shape[1]), p=shares).astype(np.uint8)
    if kind == "low":
        pool = np.argsort(scores, kind="stable")[: max(n, round(share * len(codes)))]
        return codes[np.sort(rng.permutation(pool)[:n])]
    # Of windows that are too few, each is shuffled as often as is needed, by another seed.
    rows = np.concatenate([rng.permutation(len(codes)) for _ in range(-(-n // len(codes)))])[:n]
    turns = np.arange(n) // len(codes)
    found = np.empty((n, codes.shape[1]), dtype=np.uint8)
    first = int(rng.integers(2**31))
    for turn in range(turns.max() + 1):
        found[turns == turn] = baselines.shuffled_codes(codes[rows[turns == turn]], first + turn)
    return found
