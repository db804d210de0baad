"""What must not, or must, occur in a designed sequence: words of IUPAC letters, motifs of a database, homopolymers."""

from typing import NamedTuple

import numpy as np

from cisflow.errors import InputError, listing
from cisflow.motifs import scanning
from cisflow.sequence import dna

IUPAC = {
    **{"A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"},
    **{"B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT"},
}


class Pattern(NamedTuple):
    """What a place of a sequence may match.

    name : as the settings have it. ways : [(w, 4) float64], one a strand: a place matches where its bases' weights sum
    to more than `threshold`. best : (w,) uint8, the bases of the highest sum, as the pattern is written.
    """

    name: str
    ways: list
    threshold: float
    best: np.ndarray

    @property
    def width(self):
        return len(self.ways[0])

    def scores(self, codes, way):
        """Sum of the weights at each place, (n, length - w + 1) float64, of codes (n, length) without unknown bases."""
        weights, places = self.ways[way], codes.shape[1] - self.width + 1
        found = np.zeros((len(codes), max(places, 0)))
        for k in range(self.width if places > 0 else 0):
            found += weights[k][codes[:, k : k + places]]
        return found

    def hits(self, codes):
        """Where the pattern begins, on either of its strands: (ways, n, length - w + 1) bool."""
        return np.stack([self.scores(codes, way) > self.threshold for way in range(len(self.ways))])


def word(text, both=True):
    """The Pattern of a word of IUPAC letters, on both strands or as it is written.

    Raises
    ------
    InputError : a letter that is none of IUPAC's.
    """
    letters = text.upper()
    if not letters or (odd := [letter for letter in letters if letter not in IUPAC]):
        found = f"letter '{odd[0]}'" if letters else "no letter"
        raise InputError(f"word '{text}': found {found}; expected letters of {''.join(IUPAC)}")
    matches = np.array([[base in IUPAC[letter] for base in dna.BASES] for letter in letters])
    return _pattern(text, matches - 1.0, -0.5, both)


def motif(name, matrix, p_value, both=True):
    """The Pattern of a (4, w) probability matrix, whose matches are as rare as `p_value` under uniform bases.

    Raises
    ------
    InputError : no match is so rare.
    """
    threshold = float(scanning.Scanner([matrix], p_value).thresholds[0, 0])
    if not np.isfinite(threshold):
        raise InputError(f"motif '{name}': no match has a p-value below {p_value:g}; expected a larger one")
    weights = np.log2(np.asarray(matrix) + scanning.EPSILON).T + 2
    return _pattern(name, np.ascontiguousarray(weights), threshold, both)


def homopolymer(base, length):
    """The Pattern of so many of one base in a row; the other strand's are those of its complement."""
    return word(dna.BASES[base] * length, both=False)


def _pattern(name, weights, threshold, both):
    # A palindrome has one way: its other strand would count every match twice.
    other = np.ascontiguousarray(weights[::-1, ::-1])
    ways = [weights] if not both or np.array_equal(weights, other) else [weights, other]
    return Pattern(name, ways, threshold, weights.argmax(axis=1).astype(np.uint8))


def named(names, motifs, p_value, both, where):
    """Patterns of names, each an id or a name of a motif of the database or else a word of IUPAC letters.

    Parameters
    ----------
    motifs : list of io.meme.Motif, or None. where : the names stand, for messages.

    Raises
    ------
    InputError : a name that is neither.
    """
    known = {item.name: item for item in motifs or ()} | {item.id: item for item in motifs or ()}
    found = []
    for name in names or ():
        if name in known:
            found.append(motif(name, known[name].matrix, p_value, both))
        elif set(name.upper()) <= set(IUPAC):
            found.append(word(name, both))
        else:
            ids = listing([item.id for item in motifs], 3) if motifs else "none, as the run has no database"
            raise InputError(f"{where}: '{name}' is no word of IUPAC letters and no motif of the database ({ids})")
    return found
