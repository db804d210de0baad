"""Which known motif a pattern resembles: TOMTOM's comparison with a motif database."""

from typing import NamedTuple

import h5py
import numba
import numpy as np
import pandas as pd
from memelite import tomtom
from scipy import stats

from cisflow import dna, files
from cisflow.errors import InputError
from cisflow.motifs import jaspar

COLUMNS = (
    *("run", "pattern", "n_seqlets", "width", "consensus"),
    *("match_id", "match_name", "p_value", "q_value"),
)
GROUPS = {"pos": "pos_patterns", "neg": "neg_patterns"}
# A pattern's ends are cut where columns stay below this share of the largest contribution, but for FLANK columns:
# the same rule as modisco-lite's report with one flanking column, which separates similar motifs better.
TRIM = 0.3
FLANK = 1


class Pattern(NamedTuple):
    """A pattern of TF-MoDISco, columns as found.

    name : `pos_0`, `neg_3`: sign and number in the file. n_seqlets : int. sequence : (4, w) float64, base frequencies.
    contributions : (4, w) float64, mean contribution scores.
    """

    name: str
    n_seqlets: int
    sequence: np.ndarray
    contributions: np.ndarray

    def trimmed(self, flank=FLANK):
        """The Pattern without its uninformative ends."""
        size = np.abs(self.contributions).sum(axis=0)
        kept = np.flatnonzero(size >= TRIM * size.max())
        span = slice(max(kept[0] - flank, 0), kept[-1] + 1 + flank)
        return self._replace(sequence=self.sequence[:, span], contributions=self.contributions[:, span])


class Comparison(NamedTuple):
    """TOMTOM's p-values (n, t) of n queries against t targets, and their q-values over each query's targets."""

    p: np.ndarray
    q: np.ndarray


def read_patterns(path):
    """The Patterns of a modisco-lite `.h5`, most seqlets first.

    Raises
    ------
    InputError : not an HDF5 file, or not one of modisco-lite.
    """
    try:
        with h5py.File(path) as store:
            found = [
                _read_pattern(f"{sign}_{int(name.rpartition('_')[2])}", group)
                for sign, key in GROUPS.items()
                for name, group in store.get(key, {}).items()
            ]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not a complete TF-MoDISco result: {error}") from error
    return sorted(found, key=lambda pattern: (-pattern.n_seqlets, *_rank(pattern.name)))


def _read_pattern(name, group):
    frequencies = group["sequence"][:].T.astype(np.float64)
    total = frequencies.sum(axis=0)
    # Unknown bases lower a column's sum; a column of nothing else says nothing.
    sequence = np.divide(frequencies, total, out=np.full(frequencies.shape, 0.25), where=total > 0)
    contributions = group["contrib_scores"][:].T.astype(np.float64)
    return Pattern(name, int(group["seqlets/n_seqlets"][0]), sequence, contributions)


def _rank(name):
    sign, _, number = name.partition("_")
    return list(GROUPS).index(sign), int(number)


def consensus(sequence):
    """The most frequent base of each column of frequencies (4, w), N where none reaches one half."""
    codes = np.where(sequence.max(axis=0) >= 0.5, sequence.argmax(axis=0), dna.UNKNOWN)
    return dna.decode(codes.astype(np.uint8))


def compare(matrices, motifs, threads=None):
    """The Comparison of probability matrices, each (4, w), with motifs of a database, on both strands.

    P-values by TOMTOM (Gupta et al. 2007, doi 10.1186/gb-2007-8-2-r24); q-values by Benjamini and Hochberg over the
    database, for each query on its own.

    Parameters
    ----------
    threads : at most as many as NUMBA_NUM_THREADS allows; None for all of these.
    """
    limit = numba.config.NUMBA_NUM_THREADS
    targets = [motif.matrix for motif in motifs]
    p = np.clip(tomtom(list(matrices), targets, n_jobs=min(threads or limit, limit))[0], 0, 1)
    return Comparison(p, stats.false_discovery_control(p, axis=1))


def nearest(p, motifs, n):
    """Indices of the `n` motifs with the smallest p-values (t,); ties by id."""
    return np.lexsort(([motif.id for motif in motifs], p))[:n]


def name_patterns(modisco, control, database, threads=None):
    """The table of all patterns of both runs, each with its best match in the database.

    Parameters
    ----------
    modisco, control : paths of `.h5` files.
    database : path of a MEME file.

    Returns
    -------
    frame with COLUMNS: the run `attributions` first, then `control`, most seqlets first; `width` and `consensus` are
    those of the trimmed pattern.
    """
    runs = {"attributions": read_patterns(modisco), "control": read_patterns(control)}
    listed = [(run, pattern.trimmed()) for run, patterns in runs.items() for pattern in patterns]
    motifs = jaspar.read_meme(database)
    if not listed:
        return pd.DataFrame(columns=COLUMNS)
    compared = compare([pattern.sequence for _, pattern in listed], motifs, threads)
    rows = []
    for (run, pattern), p, q in zip(listed, *compared, strict=True):
        best = nearest(p, motifs, 1)[0]
        shape = (pattern.sequence.shape[1], consensus(pattern.sequence))
        rows.append((run, pattern.name, pattern.n_seqlets, *shape, *motifs[best][:2], p[best], q[best]))
    return pd.DataFrame(rows, columns=COLUMNS)


def write_names(modisco, control, database, output, threads=None):
    """Write `name_patterns` to `output`."""
    files.write_table(output, name_patterns(modisco, control, database, threads))
