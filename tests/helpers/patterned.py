"""Results of TF-MoDISco as tests make them up, whose motifs lie at places that are known."""

import h5py
import numpy as np

from cisflow.motifs import modisco
from cisflow.sequence import dna

WIDTH, FLANK = 30, 8


def probabilities(consensus, strength=0.97):
    matrix = np.full((4, len(consensus)), (1 - strength) / 3)
    matrix[dna.encode(consensus), np.arange(len(consensus))] = strength
    return matrix


class Planted:
    """One motif of a result: a consensus whose sites lie in rows, at places and on strands that are given."""

    def __init__(self, consensus, rows, places, strands, sign="pos", height=1.0, shift=0, reverse=False):
        self.consensus, self.sign, self.height = consensus, sign, height
        self.rows, self.places, self.strands = np.asarray(rows), np.asarray(places), np.asarray(strands)
        # Where the motif begins in the pattern, and whether this shows its reverse complement.
        self.first, self.reverse = FLANK + shift, reverse

    @property
    def last(self):
        return self.first + len(self.consensus)


def plant(codes, planted):
    """Put the sites of Planted motifs into codes (n, length)."""
    for motif in planted:
        site = dna.encode(motif.consensus)
        for row, place, strand in zip(motif.rows, motif.places, motif.strands, strict=True):
            codes[row, place : place + len(site)] = site if strand == "+" else dna.reverse_complement(site)
    return codes


def write(path, codes, planted):
    """The path of a modisco-lite result: a pattern for each of the Planted, whose seqlets are their sites.

    A base of a site contributes the motif's height, with the motif's sign; a base beside it nothing.
    """
    rank = {"pos": 0, "neg": 0}
    with h5py.File(path, "w") as store:
        store.attrs["window_size"] = codes.shape[1]
        for motif in planted:
            group = store.create_group(f"{modisco.GROUPS[motif.sign]}/pattern_{rank[motif.sign]}")
            rank[motif.sign] += 1
            turned = (motif.strands == "-") != motif.reverse
            starts = motif.places - np.where(motif.strands == "+", motif.first, WIDTH - motif.last)
            # Columns of the site, as the pattern is read.
            inner = slice(WIDTH - motif.last, WIDTH - motif.first) if motif.reverse else slice(motif.first, motif.last)
            height = motif.height * (1 if motif.sign == "pos" else -1)
            sequence, scores = np.zeros((2, len(motif.rows), WIDTH, 4))
            for number, (row, start, reverse) in enumerate(zip(motif.rows, starts, turned, strict=True)):
                shown = np.full(WIDTH, dna.UNKNOWN, dtype=np.uint8)
                kept = slice(max(start, 0), min(start + WIDTH, codes.shape[1]))
                shown[kept.start - start : kept.stop - start] = codes[row, kept]
                shown = dna.reverse_complement(shown) if reverse else shown
                sequence[number] = np.eye(5, 4)[shown]
                scores[number, inner] = height * sequence[number, inner]
            group["sequence"], group["contrib_scores"] = sequence.mean(axis=0), scores.mean(axis=0)
            seqlets = group.create_group("seqlets")
            seqlets["n_seqlets"] = np.array([len(motif.rows)])
            seqlets["example_idx"], seqlets["start"], seqlets["end"] = motif.rows, starts, starts + WIDTH
            seqlets["is_revcomp"], seqlets["contrib_scores"] = turned, scores.astype(np.float32)
    return path
