"""Patterns of TF-MoDISco that spell words, and a file of them."""

import h5py
import numpy as np

from cisflow.motifs import naming
from cisflow.sequence import dna

WORDS = {"pos_0": "TGACGTCATC", "pos_1": "CCAATGGGAGAA", "neg_0": "GATAAGGC"}


def matrix(word):
    """Base frequencies (4, w) of a word, 0.91 of its letters."""
    return np.full((4, len(word)), 0.03) + 0.88 * np.eye(4)[dna.encode(word)].T


def pattern(name, word):
    sign = -1 if name.startswith("neg") else 1
    frequencies = matrix(word)
    return naming.Pattern(name, 100, frequencies, sign * frequencies * (frequencies - 0.25))


PATTERNS = [pattern(name, word) for name, word in WORDS.items()]


def write_modisco(path, patterns):
    """The path of a modisco-lite `.h5` with the patterns."""
    with h5py.File(path, "w") as store:
        for one in patterns:
            sign, number = one.name.split("_")
            group = store.create_group(f"{sign}_patterns/pattern_{number}")
            group["sequence"], group["contrib_scores"] = one.sequence.T, one.contributions.T
            group["seqlets/n_seqlets"] = np.array([one.n_seqlets])
    return path
