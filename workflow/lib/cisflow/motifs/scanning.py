"""Known motifs in sequences: every place whose score is significant under a background, on both strands.

A place scores sum_i log2(p_i(b_i) + 1e-4) - log2(background(b_i)) over the w columns of a motif. Its p-value is the
probability of that score or a higher one in a sequence of independent bases, by the dynamic programming of FIMO (Grant
et al. 2011, doi 10.1093/bioinformatics/btr064) over scores rounded to 0.1 a column.
"""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.errors import InputError
from cisflow.motifs import lookups
from cisflow.sequence import dna

EPSILON = 1e-4
BIN = 0.1
COLUMNS = ("row", "motif", "start", "end", "strand", "score", "p_value")
# Bases that one call of a kernel looks at: much more than the words of a group, so that these stay in the cache.
BASES_AT_ONCE = 200_000
# Values that a convolution may write at once, on a device.
VALUES_AT_ONCE = 50_000_000
# Values from which on a scan has a bar.
MANY = 1e8
IMPOSSIBLE = -1e6


class Scanner:
    """Motifs ready to be looked for.

    Parameters
    ----------
    matrices : list of (4, w) probability matrices, rows A, C, G, T; widths may differ.
    p_value : of a hit, on each strand; a hit's p-value is less than it.
    background : (4,) probabilities of A, C, G, T on the strand that is read; None where they are uniform.
    strands : 2, or 1 to look at the strand that is read alone.

    Attributes
    ----------
    thresholds : (strands, n_matrices) float32; a hit scores more, and inf says that no score is rare enough.

    Raises
    ------
    InputError : a matrix without columns, a probability that is none, a background with a base that never occurs.

    An unknown base (`dna.UNKNOWN`) scores 0, and a place that covers an absent one (`dna.ABSENT`) is no place.
    """

    def __init__(self, matrices, p_value=1e-4, background=None, strands=2):
        if strands not in (1, 2):
            raise InputError(f"Scanner: strands is {strands}, expected 1 or 2")
        if not 0 < p_value < 1:
            raise InputError(f"Scanner: p_value is {p_value}, expected a number between 0 and 1")
        background = np.full(4, 0.25) if background is None else np.asarray(background, dtype=np.float64)
        if background.shape != (4,) or not (background > 0).all() or abs(background.sum() - 1) > 1e-6:
            raise InputError(f"Scanner: background is {background.tolist()}, expected four probabilities above 0")
        for number, matrix in enumerate(matrices):
            matrix = np.asarray(matrix)
            if matrix.ndim != 2 or matrix.shape[0] != 4 or not matrix.shape[1]:
                raise InputError(f"Scanner: matrix {number} has shape {matrix.shape}, expected (4, w) with w above 0")
            if not ((matrix >= 0) & (matrix <= 1.02)).all():
                raise InputError(f"Scanner: matrix {number} holds values that are no probabilities")
        self.n_matrices, self.strands, self.p_value = len(matrices), strands, p_value
        # By strand, then motif; weights (w, 4) float64.
        ways = (slice(None), slice(None, None, -1))[:strands]
        self._weights = [
            np.ascontiguousarray((np.log2(np.asarray(matrix)[way, way] + EPSILON) - np.log2(background)[:, None]).T)
            for way in ways
            for matrix in matrices
        ]
        # Where a base is as frequent as its complement, both strands have one distribution.
        same = bool(np.array_equal(background, background[::-1]))
        n = self.n_matrices if same else len(self._weights)
        with _threads() as pool:
            self._tables = list(pool.map(lambda weights: _p_values(weights, background, BIN), self._weights[:n]))
        limits = np.array([_threshold(*table, p_value) for table in self._tables], dtype=np.float32)
        self._tables *= len(self._weights) // max(n, 1)
        self.thresholds = np.tile(limits, len(self._weights) // max(n, 1)).reshape(strands, self.n_matrices)
        self._groups = None

    def p_values(self, motif, scores, strand="+"):
        """P-values (…) float64 of scores of one motif, as `hits` gives them."""
        return self._p_values_of("+-".index(strand) * self.n_matrices + motif, np.asarray(scores, dtype=np.float64))

    def _p_values_of(self, way, scores):
        lowest, tail = self._tables[way]
        # To the bin that lies nearer to 0, as memelite does; rounding lets a score lie beyond the best sum of columns.
        return tail[np.clip((scores / BIN).astype(np.int64) - lowest, 0, len(tail) - 1)]

    def occurs(self, codes, device="cpu"):
        """Whether each sequence has a hit of each motif, on either strand.

        Parameters
        ----------
        codes : (n, length) uint8. device : "cpu", or where torch is to convolve, such as "cuda".

        Returns
        -------
        (n, n_matrices) bool.
        """
        codes = np.ascontiguousarray(codes, dtype=np.uint8)
        found = np.zeros((len(codes), self.n_matrices), dtype=bool)
        if device != "cpu":
            for rows, motifs, scores in self._convolved(codes, device):
                limits = _torch().as_tensor(self.thresholds[:, motifs], device=scores.device)[..., None]
                found[rows, motifs] = (scores > limits).any(dim=3).any(dim=1).cpu().numpy()
            return found
        for _ in self._scanned(codes, found):
            pass
        return found

    def hits(self, codes):
        """Every hit.

        Parameters
        ----------
        codes : (n, length) uint8.

        Returns
        -------
        frame of row, motif (numbers, from 0), start, end (0-based, half-open, in the sequence as given), strand (+ or
        -), score (bits, float32), p_value (float64); by row, motif, start and strand.
        """
        codes = np.ascontiguousarray(codes, dtype=np.uint8)
        parts = [(np.zeros((0, 3), dtype=np.int64), np.zeros(0)), *self._scanned(codes, None)]
        places, scores = (np.concatenate(values) for values in zip(*parts, strict=True))
        rows, ways, starts = places.T
        motifs = ways % max(self.n_matrices, 1)
        order = np.lexsort((ways, starts, motifs, rows))
        rows, ways, motifs, starts, scores = (values[order] for values in (rows, ways, motifs, starts, scores))
        widths = np.array([len(weights) for weights in self._weights], dtype=np.int64)
        p_values = np.empty(len(ways))
        by_way = np.argsort(ways, kind="stable")
        bounds = np.searchsorted(ways[by_way], np.arange(len(self._weights) + 1))
        for way in np.flatnonzero(np.diff(bounds)):
            places = by_way[bounds[way] : bounds[way + 1]]
            p_values[places] = self._p_values_of(way, scores[places])
        strands = np.where(ways < self.n_matrices, "+", "-").astype(object)
        values = (rows, motifs, starts, starts + widths[ways], strands, scores.astype(np.float32), p_values)
        return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))

    def best(self, codes, device="cpu"):
        """The best score of each motif in each sequence, over places and strands.

        Parameters
        ----------
        codes : (n, length) uint8. device : "cpu", or where torch is to convolve, such as "cuda".

        Returns
        -------
        (n, n_matrices) float32; -inf where no place is as wide as the motif.
        """
        codes = np.ascontiguousarray(codes, dtype=np.uint8)
        found = np.full((len(codes), self.n_matrices), -np.inf, dtype=np.float32)
        if device != "cpu":
            for rows, motifs, scores in self._convolved(codes, device):
                best = scores.amax(dim=(1, 3)).cpu().numpy()
                found[rows, motifs] = np.where(best < IMPOSSIBLE / 2, -np.inf, best)
            return found
        words, known = lookups.words_from(codes, lookups.BLOCK)

        def look(motif):
            for weights in self._weights[motif :: self.n_matrices]:
                lookups.best(codes, words, known, weights, found[:, motif])

        with _threads() as pool:
            bar = tqdm(total=self.n_matrices, desc="best scores", unit="motif", disable=found.size < MANY)
            for _ in pool.map(look, range(self.n_matrices)):
                bar.update()
            bar.close()
        return found

    def _scanned(self, codes, found):
        """(row, way, start) and score of the hits of each piece of the codes; if `found` is given, True there alone."""
        if self._groups is None:
            self._groups = lookups.groups(self._weights, self.thresholds.ravel(), self.n_matrices)
        n, length = codes.shape
        step = max(1, BASES_AT_ONCE // max(length, 1))
        pieces = [(start, group) for start in range(0, n, step) for group in self._groups]
        none = np.zeros((0, 0), dtype=bool)

        def scan(piece):
            start, group = piece
            rows = codes[start : start + step]
            marked = none if found is None else found[start : start + step]
            capacity = 0 if found is not None else max(1000, int(2 * self.p_value * rows.size * len(group.ways)))
            while True:
                places, scores = np.empty((capacity, 3), dtype=np.int64), np.empty(capacity)
                size = lookups.scan(rows, *group, marked, places, scores)
                if size <= capacity:
                    return places[:size] + [start, 0, 0], scores[:size].copy()
                capacity = size

        with _threads() as pool:
            bar = tqdm(total=len(pieces), desc="scan", unit="piece", disable=codes.size * self.n_matrices < MANY)
            for result in pool.map(scan, pieces):
                bar.update()
                yield result
            bar.close()

    def _convolved(self, codes, device):
        """(rows, motifs, scores (rows, strands, motifs, places) float32 on the device), motifs of a width at a time.

        A place that covers an absent base scores less than IMPOSSIBLE / 2; motifs wider than the sequences are left
        out.
        """
        torch = _torch()
        n, length = codes.shape
        widths = np.array([len(weights) for weights in self._weights[: self.n_matrices]], dtype=np.int64)
        # An unknown base is in no channel, an absent one in the fifth.
        one_hot = torch.eye(dna.ABSENT + 1, 5)
        one_hot[dna.UNKNOWN] = 0
        one_hot[dna.ABSENT, 4] = 1
        one_hot = one_hot.to(device)
        for width in np.unique(widths[widths <= length]):
            motifs = np.flatnonzero(widths == width)
            ways = np.add.outer(np.arange(self.strands) * self.n_matrices, motifs).ravel()
            kernels = np.full((len(ways), 5, width), IMPOSSIBLE, dtype=np.float32)
            kernels[:, :4] = np.stack([self._weights[way].T for way in ways])
            kernels = torch.as_tensor(kernels, device=device)
            step = max(1, VALUES_AT_ONCE // (len(ways) * length))
            for start in range(0, n, step):
                rows = slice(start, start + step)
                x = one_hot[torch.as_tensor(codes[rows], device=device).long()].transpose(1, 2)
                # TF32 would round scores to three digits.
                with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                    scores = torch.nn.functional.conv1d(x, kernels)
                yield rows, motifs, scores.reshape(len(x), self.strands, len(motifs), -1)


def _torch():
    # Here, as it takes seconds to import and processors do without.
    import torch

    return torch


@contextlib.contextmanager
def _threads():
    """As many threads as numba is allowed: the kernels hold no lock."""
    with ThreadPoolExecutor(numba.get_num_threads()) as pool:
        yield pool


@numba.njit(nogil=True, cache=True)
def _p_values(weights, background, width):
    """The distribution of a motif's score: (lowest, tail), where tail[i] is the probability that the sum of the rounded
    columns is lowest + i, in bins of `width`, or more.

    weights : (w, 4) float64. background : (4,).
    """
    steps = np.empty(weights.shape, dtype=np.int64)
    lowest = highest = 0
    for column in range(len(weights)):
        for base in range(4):
            steps[column, base] = np.int64(np.round(weights[column, base] / width))
        lowest += steps[column].min()
        highest += steps[column].max()
    mass = np.zeros(highest - lowest + 1)
    mass[0] = 1.0
    reached = 1
    for column in range(len(weights)):
        least = steps[column].min()
        added = np.zeros_like(mass)
        for base in range(4):
            step = steps[column, base] - least
            for i in range(reached):
                added[i + step] += mass[i] * background[base]
        reached += steps[column].max() - least
        mass = added
    for i in range(len(mass) - 2, -1, -1):
        mass[i] += mass[i + 1]
    return lowest, mass


def _threshold(lowest, tail, p_value):
    """What a score must exceed for a p-value below `p_value`; inf where the best score has no such p-value."""
    rare = np.flatnonzero(tail < p_value)
    return (lowest + rare[0]) * BIN if len(rare) else np.inf
