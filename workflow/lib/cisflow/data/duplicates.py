"""Near-duplicate sequences: pairs of windows that share many k-mers, on either strand, found without an alignment.

The similarity of two windows is the number of distinct canonical k-mers (a k-mer and its reverse complement are one,
k-mers with an unknown base are none) that both hold, over the number that the richer one holds. It depends on
neither strand nor order. Where two windows of length L differ by substitutions alone, at identity p, it is p^k on
average: with k = 15 and p = 0.9 it is 0.21. Where one is the other moved along by d bases it is about 1 - d / L.
So a threshold of 0.2 takes about half of the pairs at 90% identity over their whole length, nearly all at 93%,
nearly none at 85%, and pairs that have a fifth of their sequence in common to the base.
"""

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.sequence import dna

ROWS = 4096
# Pairs in memory before repeated ones are dropped, and partners of a window that are compared at a time.
PENDING, AT_ONCE = 1 << 24, 1 << 12


class Settings(settings.Settings):
    """Which windows are nearly the same sequence, on either strand, for splits of kind cluster and the leakage report.

    See `find` for what is compared.
    """

    k: int = setting(15, minimum=1, maximum=15, meaning="Length of the k-mers that are compared.")
    similarity: float = setting(
        0.2,
        above=0,
        maximum=1,
        meaning="Least share of the distinct k-mers of the richer window that the other holds too; with k 15, 0.2 "
        "stands for about 90% identity.",
    )


def find(codes, chosen):
    """All pairs of windows whose similarity is at least that of the settings. The result is exact: no pair is left out.

    Two sets of which the larger has m elements, and which share at least t = ceil(similarity * m), share one of the
    m - t + 1 rarest elements of each, in any one order of all elements (the prefix filter of Chaudhuri et al. 2006,
    doi 10.1109/ICDE.2006.9). Rarest first, nearly all of these occur once, so that few pairs are left to compare.

    Parameters
    ----------
    codes : (n, length) uint8 base codes.
    chosen : Settings.

    Returns
    -------
    frame with columns first, second (rows of `codes`, first < second) and similarity, sorted.
    """
    row, word, size = distinct_kmers(codes, chosen.k)
    # The least number shared with a window that has no more k-mers than this one; rounding must not raise it.
    least = np.ceil(chosen.similarity * size - 1e-9).astype(np.int64)
    row, rank = rare_first(row, word, least)
    candidates = candidate_pairs(row, rank, size, least)
    shared = count_shared(row, rank, len(size), candidates)
    larger = np.maximum(*size[candidates])
    kept = shared >= np.ceil(chosen.similarity * larger - 1e-9)
    first, second = candidates[:, kept]
    return pd.DataFrame({"first": first, "second": second, "similarity": shared[kept] / larger[kept]})


def distinct_kmers(codes, k):
    """Distinct canonical k-mers of every window, as base-4 numbers: row (m,) int32, k-mer (m,) uint32, both sorted by
    row, then k-mer; and their number in each window (n,) int64.
    """
    n, length = codes.shape
    rows, words = [np.empty(0, np.int32)], [np.empty(0, np.uint32)]
    size = np.zeros(n, dtype=np.int64)
    unknown = np.uint32(4**k)
    for first in tqdm(range(0, n if length >= k else 0, ROWS), desc="k-mers", unit_scale=ROWS, unit="window"):
        part = np.asarray(codes[first : first + ROWS])
        forward = np.zeros((len(part), length - k + 1), dtype=np.uint32)
        reverse, known = np.zeros_like(forward), np.ones(forward.shape, dtype=bool)
        for shift in range(k):
            base = part[:, shift : length - k + 1 + shift].astype(np.uint32)
            known &= base < dna.UNKNOWN
            forward = forward * np.uint32(4) + (base & np.uint32(3))
            reverse += (np.uint32(3) - (base & np.uint32(3))) << np.uint32(2 * shift)
        word = np.sort(np.where(known, np.minimum(forward, reverse), unknown), axis=1)
        new = word < unknown
        new[:, 1:] &= word[:, 1:] != word[:, :-1]
        size[first : first + len(part)] = new.sum(axis=1)
        rows.append((np.nonzero(new)[0] + first).astype(np.int32))
        words.append(word[new])
    return np.concatenate(rows), np.concatenate(words), size


def rare_first(row, word, least):
    """Drop what no pair can share, and number k-mers so that rarer ones come first.

    A k-mer of a single window is shared with none, and a window with fewer than `least` others has no pair; leaving
    it out makes further k-mers single, so both are repeated while they leave out much.

    Returns
    -------
    row (m,) int32 and rank (m,) int32 of the k-mers that are left, sorted by row, then rank.
    """
    while True:
        before = len(word)
        order = np.argsort(word, kind="stable")
        start = np.flatnonzero(np.r_[True, word[order][1:] != word[order][:-1]]) if before else np.empty(0, np.int64)
        count = np.diff(np.r_[start, before])
        number = np.empty(before, dtype=np.int32)
        number[order] = np.repeat(np.arange(len(start), dtype=np.int32), count)
        kept = count[number] > 1
        able = np.bincount(row[kept], minlength=len(least)) >= least
        kept &= able[row]
        row, word, number = row[kept], word[kept], number[kept]
        if len(word) > 0.9 * before or not len(word):
            break
    if not len(word):
        return row, number
    # Ties between equally frequent k-mers must be broken the same way everywhere: by the k-mer.
    place = np.empty(len(count), dtype=np.int32)
    place[np.argsort(count, kind="stable")] = np.arange(len(count), dtype=np.int32)
    rank = place[number]
    order = np.lexsort((rank, row))
    return row[order], rank[order]


def candidate_pairs(row, rank, size, least):
    """Pairs (2, m) int64 of rows, first < second, sorted and distinct, that share a k-mer among their rarest."""
    held = np.bincount(row, minlength=len(size))
    position = np.arange(len(row)) - (np.cumsum(held) - held)[row]
    early = position <= held[row] - least[row]
    order = np.lexsort((row[early], rank[early]))
    row, rank = row[early][order].astype(np.int64), rank[early][order]
    n, pending, waiting = len(size), [], 0
    alive, apart = np.arange(len(row)), 1
    while len(alive):
        alive = alive[alive + apart < len(row)]
        alive = alive[rank[alive] == rank[alive + apart]]
        first, second = row[alive], row[alive + apart]
        # So few k-mers cannot hold as many as must be shared.
        fits = np.minimum(size[first], size[second]) >= np.maximum(least[first], least[second])
        pending.append(first[fits] * n + second[fits])
        waiting += len(pending[-1])
        if waiting > PENDING:
            pending = [np.unique(np.concatenate(pending))]
            waiting = len(pending[0])
        apart += 1
    pairs = np.unique(np.concatenate(pending)) if pending else np.empty(0, dtype=np.int64)
    return np.stack([pairs // n, pairs % n]) if n else np.empty((2, 0), dtype=np.int64)


def count_shared(row, rank, n, pairs):
    """Number (m,) int64 of k-mers that both rows of each of the pairs (2, m), sorted by the first, hold."""
    shared = np.zeros(pairs.shape[1], dtype=np.int64)
    held = np.bincount(row, minlength=n)
    start = np.cumsum(held) - held
    marked = np.zeros(rank.max() + 1 if len(rank) else 0, dtype=bool)
    left, begin = np.unique(pairs[0], return_index=True)
    with tqdm(total=len(shared), desc="pairs", unit="pair") as bar:
        for window, first, last in zip(left, begin, np.append(begin, len(shared))[1:], strict=True):
            own = rank[start[window] : start[window] + held[window]]
            marked[own] = True
            # A bounded number of partners at a time: their k-mers are laid out in one row.
            for chunk in range(first, last, AT_ONCE):
                right = pairs[1, chunk : min(chunk + AT_ONCE, last)]
                offset = np.cumsum(held[right]) - held[right]
                entry = np.arange(held[right].sum()) + np.repeat(start[right] - offset, held[right])
                shared[chunk : chunk + len(right)] = np.add.reduceat(marked[rank[entry]], offset, dtype=np.int64)
            marked[own] = False
            bar.update(last - first)
    return shared


def components(n, first, second):
    """Label (n,) int64 of the connected component of each of n rows, under the pairs (first, second).

    The label is the smallest row of the component.
    """
    label = np.arange(n)
    while True:
        before = label.copy()
        lowest = np.minimum(label[first], label[second])
        # Both ends, and the roots that they had, take the smaller label; then each row takes its root's.
        for end in (first, second):
            np.minimum.at(label, before[end], lowest)
            np.minimum.at(label, end, lowest)
        while not np.array_equal(label, label[label]):
            label = label[label]
        if np.array_equal(label, before):
            return label
