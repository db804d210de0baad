"""What a sequence is compared with by the methods that need something to compare it with."""

import zlib

import numpy as np
import torch
from tangermeme import ersatz

from cisflow.errors import InputError, listing
from cisflow.sequence import dna

# Baseline -> the value that each channel has at every position, where that is one.
CONSTANT = {"uniform": 0.25, "zeros": 0.0}
BASELINES = (*CONSTANT, "dinucleotide_shuffled")


def make(baseline, x, codes, count, seed):
    """Baselines of sequences.

    Parameters
    ----------
    baseline : "uniform" (0.25 in each channel), "zeros", or "dinucleotide_shuffled": `count` shuffles of the sequence
        itself that keep its dinucleotides (Altschul & Erickson 1985). Unknown bases are shuffled as a fifth letter.
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
    known = dna.one_hot(codes) * (codes != dna.UNKNOWN)[:, None]
    seeds = [zlib.crc32(sequence.tobytes(), seed) for sequence in codes]
    shuffled = ersatz.dinucleotide_shuffle(
        torch.from_numpy(known.astype(np.float32)), n=count, random_state=seeds, allow_N=True
    )
    shuffled = shuffled.to(x)
    return torch.where(shuffled.sum(dim=2, keepdim=True) == 0, 0.25, shuffled)


def stored(baseline):
    """The baseline (4,) float32 with which the multipliers of an attribution file become contributions.

    Multipliers against shuffles are stored relative to them (see `methods`), so that theirs is 0.
    """
    return np.full(4, CONSTANT.get(baseline, 0.0), dtype=np.float32)
