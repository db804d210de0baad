"""What a sequence is made of, without its order: GC content and k-mer frequencies, the same on both strands."""

import itertools

import numpy as np
from tqdm import tqdm

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.sequence import dna

ROWS = 2048


class Settings(settings.Settings):
    """Frequencies of k-mers, the same on both strands: a baseline without a network."""

    k: int = setting(1, minimum=1, maximum=6, meaning="Length of the k-mers; 1 gives the GC content alone.")


def names(k):
    """Columns of `frequencies`: `GC` for k = 1, else each k-mer that is not behind its reverse complement, sorted."""
    if k == 1:
        return ["GC"]
    words = np.array(list(itertools.product(range(4), repeat=k)), dtype=np.uint8)
    return [dna.decode(words[code]) for code in np.flatnonzero(canonical(k) == np.arange(4**k))]


def canonical(k):
    """For each k-mer, read as a number of base 4, the smaller of its own number and that of its reverse complement."""
    codes = np.arange(4**k)
    digits = codes[:, None] // 4 ** np.arange(k) % 4
    reverse = ((3 - digits) * 4 ** np.arange(k)[::-1]).sum(axis=1)
    return np.minimum(codes, reverse)


def frequencies(codes, k):
    """Frequency (n, f) float32 of each k-mer of `names(k)` among the k-mers without an unknown base.

    A k-mer and its reverse complement are one, so that a sequence and its reverse complement have the same row. For
    k = 1 that is the GC content alone. A row without any known k-mer is 0.

    Parameters
    ----------
    codes : (n, length) uint8 base codes.
    """
    n, length = codes.shape
    if length < k:
        raise InputError(f"composition: k is {k}, expected at most the length of the windows, {length}")
    smallest, column = np.unique(canonical(k), return_inverse=True)
    column = np.append(column, len(smallest))
    values = np.empty((n, len(smallest)), dtype=np.float32)
    for first in tqdm(range(0, n, ROWS), desc=f"{k}-mers", unit_scale=ROWS, unit="window"):
        part = np.asarray(codes[first : first + ROWS])
        word = np.zeros((len(part), length - k + 1), dtype=np.int64)
        known = np.ones(word.shape, dtype=bool)
        for shift in range(k):
            base = part[:, shift : length - k + 1 + shift]
            known &= base < dna.UNKNOWN
            word = word * 4 + base
        places = column[np.where(known, word, 4**k)] + np.arange(len(part))[:, None] * (len(smallest) + 1)
        counts = np.bincount(places.ravel(), minlength=len(part) * (len(smallest) + 1)).reshape(len(part), -1)
        counts = counts[:, : len(smallest)]
        values[first : first + len(part)] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # Of the two columns A (or T) and C (or G) for k = 1, the second says all.
    return values[:, 1:] if k == 1 else values
