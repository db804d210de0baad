"""What a sequence is compared with by the methods that need something to compare it with."""

import sys
import zlib

import numpy as np
import torch
from tangermeme import ersatz
from tqdm import tqdm

from cisflow.errors import InputError, listing
from cisflow.sequence import dna

# Baseline -> the value that each channel has at every position, where that is one.
CONSTANT = {"uniform": 0.25, "zeros": 0.0}
BASELINES = (*CONSTANT, "dinucleotide_shuffled")
ROWS_AT_ONCE = 1000


def make(baseline, x, codes, count, seed):
    """Baselines of sequences.

    Parameters
    ----------
    baseline : "uniform" (0.25 in each channel), "zeros", or "dinucleotide_shuffled": `count` shuffles of the sequence
        itself that keep its dinucleotides (Altschul & Erickson 1985). Unknown bases are shuffled as a fifth letter,
        which is in each channel what it is in `x`; where there is no base (`dna.ABSENT`), there is none in shuffles.
        Where only the sequence itself has its dinucleotides, its bases are shuffled one by one, which the log says; of
        a single letter there is no other order, so that nothing of such a sequence contributes.
    x : (n, 4, length) float tensor. codes : (n, length) uint8, the same sequences.
    seed : of the shuffles, which depend on it and on the sequence, whatever else is in the batch.

    Returns
    -------
    tensor (n, k, 4, length) like x; k is 1 for a constant baseline.

    Raises
    ------
    InputError : unknown baseline.
    """
    if baseline not in BASELINES:
        raise InputError(f"unknown baseline '{baseline}'; expected one of {listing(BASELINES, 9)}")
    if baseline in CONSTANT:
        return torch.full_like(x, CONSTANT[baseline])[:, None]
    seeds = [zlib.crc32(sequence.tobytes(), seed) for sequence in codes]
    shuffled = torch.from_numpy(_shuffles(codes, count, seeds)).to(x)
    unknown = x[:, 0][torch.from_numpy(codes == dna.UNKNOWN).to(x.device)]
    shuffled = torch.where(shuffled.sum(dim=2, keepdim=True) == 0, unknown[0] if len(unknown) else 0.25, shuffled)
    return shuffled.masked_fill(torch.from_numpy(codes == dna.ABSENT).to(x.device)[:, None, None], 0)


def shuffled_codes(codes, seed):
    """One shuffle of each sequence that keeps its dinucleotides, as `make` draws it.

    Parameters
    ----------
    codes : (n, length) uint8. seed : of the shuffles, which depend on it and on the sequence alone.

    Returns
    -------
    (n, length) uint8: unknown bases among the others, places without a base where they were.
    """
    seeds = [zlib.crc32(sequence.tobytes(), seed) for sequence in codes]
    shuffled = np.empty_like(codes)
    for first in range(0, len(codes), ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        found = _shuffles(codes[rows], 1, seeds[rows])[:, 0]
        shuffled[rows] = np.where(found.any(axis=1), found.argmax(axis=1), dna.UNKNOWN)
    return np.where(codes == dna.ABSENT, codes, shuffled)


def _shuffles(codes, count, seeds):
    """Shuffles (n, count, 4, length) float32 of codes (n, length), one-hot, of the bases that there are."""
    absent = codes == dna.ABSENT
    if not absent.any():
        return _whole_shuffles(codes, count, seeds)
    shuffled = np.zeros((len(codes), count, 4, codes.shape[1]), dtype=np.float32)
    for row, there in enumerate(~absent):
        # A single base has no other order.
        part = codes[row : row + 1, there]
        one_hot = _whole_shuffles(part, count, seeds[row : row + 1]) if there.sum() > 1 else _known(part)[:, None]
        shuffled[row][:, :, there] = one_hot[0]
    return shuffled


def _known(codes):
    """One-hot (n, 4, length) float32 of codes (n, length); 0 in each channel where a base is unknown."""
    return (dna.one_hot(codes) * (codes != dna.UNKNOWN)[:, None]).astype(np.float32)


def _whole_shuffles(codes, count, seeds):
    """Shuffles (n, count, 4, length) float32 of codes (n, length), one-hot; unknown bases are 0 in each channel."""
    known = _known(codes)
    shuffled = _dinucleotide_shuffles(torch.from_numpy(known), count, seeds).numpy()
    rigid = np.flatnonzero((shuffled == known[:, None]).all(axis=(1, 2, 3)))
    for row in rigid:
        rng = np.random.default_rng(seeds[row])
        for number in range(count):
            shuffled[row, number] = rng.permutation(known[row], axis=1)
    if len(rigid):
        single = int((codes[rigid] == codes[rigid, :1]).all(axis=1).sum())
        tqdm.write(
            f"dinucleotide_shuffled: {len(rigid)} of {len(codes)} sequences have no other order with the same "
            f"dinucleotides, so their bases are shuffled one by one; {single} of them hold a single letter, and their "
            "contributions are 0",
            file=sys.stderr,
        )
    return shuffled


def _dinucleotide_shuffles(known, count, seeds):
    """tangermeme's shuffles, also where all of a sequence are the same, which it takes for an error."""
    try:
        return ersatz.dinucleotide_shuffle(known, n=count, random_state=seeds, allow_N=True)
    except ValueError:
        if len(known) > 1:
            rows = zip(known.split(1), seeds, strict=True)
            return torch.cat([_dinucleotide_shuffles(row, count, [seed]) for row, seed in rows])
        # A single shuffle is not compared with others, and is the first of those that the seed gives.
        return ersatz.dinucleotide_shuffle(known, n=1, random_state=seeds, allow_N=True).repeat(1, count, 1, 1)


def stored(baseline):
    """The baseline (4,) float32 with which the multipliers of an attribution file become contributions.

    Multipliers against shuffles are stored relative to them (see `methods`), so that theirs is 0.
    """
    return np.full(4, CONSTANT.get(baseline, 0.0), dtype=np.float32)
