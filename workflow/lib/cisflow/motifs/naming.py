"""Which known motif a pattern resembles: TOMTOM's comparison with a motif database."""

from typing import NamedTuple

import numba
import numpy as np
import pandas as pd
from memelite import tomtom
from scipy import stats

from cisflow.attribution import files as attribution_files
from cisflow.errors import InputError
from cisflow.io import matrices
from cisflow.io.meme import column_information
from cisflow.io.tables import write_table
from cisflow.motifs import families, information, modisco, splicing
from cisflow.sequence import dna

COLUMNS = (
    *("run", "target", "pattern", "n_seqlets", "width", "consensus"),
    *("match_id", "match_name", "p_value", "q_value", "family"),
    *("match2_id", "match2_name", "match2_q_value", "match3_id", "match3_name", "match3_q_value", "note"),
)
N_MATCHES = 3
# A pattern's ends are cut where columns stay below this share of the largest contribution, but for FLANK columns:
# the same rule as modisco-lite's report with one flanking column, which separates similar motifs better.
TRIM = 0.3
FLANK = 1
# What a match must share with its query: bits, and the fraction of the information of the poorer of the two.
# TOMTOM's null distribution takes the columns of a target as independent, and a run of uninformative columns as
# all but impossible; without this floor, what TF-MoDISco makes of noise is a long motif with a flat middle
# (CTCF MA1929.2) at a q-value of 1e-9.
SHARED_BITS = 4
SHARED_FRACTION = 0.6


class Pattern(NamedTuple):
    """A pattern of TF-MoDISco, columns as found.

    name : `pos_0`, `neg_3`: sign and number in the file. n_seqlets : int. sequence : (4, w) float64, base frequencies.
    contributions : (4, w) float64, mean contribution scores.
    """

    name: str
    n_seqlets: int
    sequence: np.ndarray
    contributions: np.ndarray

    def core(self, flank=FLANK):
        """The columns without the uninformative ends, as a slice."""
        size = np.abs(self.contributions).sum(axis=0)
        kept = np.flatnonzero(size >= TRIM * size.max())
        return slice(max(int(kept[0]) - flank, 0), min(int(kept[-1]) + 1 + flank, len(size)))

    def trimmed(self, flank=FLANK):
        """The Pattern without its uninformative ends."""
        span = self.core(flank)
        return self._replace(sequence=self.sequence[:, span], contributions=self.contributions[:, span])


class Comparison(NamedTuple):
    """P-values (n, t) of n queries against t targets, 1 where they share too little, and q-values over the targets."""

    p: np.ndarray
    q: np.ndarray


def read_patterns(path):
    """The Patterns of a modisco-lite `.h5`, most seqlets first.

    Raises
    ------
    InputError : not an HDF5 file, or not one of modisco-lite; an array that is not as it writes them.
    """
    with modisco.opened(path) as store:
        found = [_read_pattern(path, store, name) for name in modisco.names(path, store)]
    return sorted(found, key=lambda pattern: (-pattern.n_seqlets, *_rank(pattern.name)))


def _read_pattern(path, store, name):
    group = modisco.group_of(name)
    frequencies = modisco.array(path, store, f"{group}/sequence", "iuf", (None, 4)).T.astype(np.float64)
    contributions = modisco.array(path, store, f"{group}/contrib_scores", "iuf", frequencies.T.shape)
    contributions = contributions.T.astype(np.float64)
    for what, values in (("sequence", frequencies), ("contrib_scores", contributions)):
        if not values.size or not np.isfinite(values).all():
            raise InputError(f"{path}: {group}/{what} has no columns, or values that are not finite; expected numbers")
    total = frequencies.sum(axis=0)
    # Unknown bases lower a column's sum; a column of nothing else says nothing.
    sequence = np.divide(frequencies, total, out=np.full(frequencies.shape, 0.25), where=total > 0)
    n_seqlets = modisco.array(path, store, f"{group}/seqlets/n_seqlets", "iu", (1,))
    return Pattern(name, int(n_seqlets[0]), sequence, contributions)


def _rank(name):
    sign, _, number = name.partition("_")
    return list(modisco.GROUPS).index(sign), int(number)


def consensus(sequence):
    """The most frequent base of each column of frequencies (4, w), N where none reaches one half."""
    codes = np.where(sequence.max(axis=0) >= 0.5, sequence.argmax(axis=0), dna.UNKNOWN)
    return dna.decode(codes.astype(np.uint8))


def compare(matrices, motifs, threads=None):
    """The Comparison of probability matrices, each (4, w), with motifs of a database, on both strands.

    P-values by TOMTOM (Gupta et al. 2007, doi 10.1186/gb-2007-8-2-r24); q-values by Benjamini and Hochberg over the
    database, for each query on its own. A target that shares less than SHARED_BITS, or than SHARED_FRACTION of the
    information of the poorer of the two, is no match whatever its p-value.

    Parameters
    ----------
    threads : at most as many as NUMBA_NUM_THREADS allows; None for all of these.
    """
    limit = numba.config.NUMBA_NUM_THREADS
    targets = [motif.matrix for motif in motifs]
    p = np.clip(tomtom(list(matrices), targets, n_jobs=min(threads or limit, limit))[0], 0, 1)
    held = np.array([column_information(matrix).sum() for matrix in targets])
    of_query = np.array([column_information(matrix).sum() for matrix in matrices])
    least = np.maximum(SHARED_BITS, SHARED_FRACTION * np.minimum.outer(of_query, held))
    p[information.shared(list(matrices), targets) < least] = 1
    return Comparison(p, stats.false_discovery_control(p, axis=1))


def nearest(p, motifs, n):
    """Indices of the motifs that match, by p-value (t,), at most `n`; ties by id."""
    ranked = np.lexsort(([motif.id for motif in motifs], p))[:n]
    return ranked[p[ranked] < 1]


def name_patterns(modisco, control, database, threads=None, null=None, attributions=None, windows=None):
    """The table of all patterns of all runs, each with its best matches in the database.

    Parameters
    ----------
    modisco, control : paths of `.h5` files.
    database : path of a file of motifs.
    null : path of the `.h5` of shuffled sequences; None where there is none.
    attributions : path of the attribution file that was searched; without it no target is told.
    windows : path of windows.tsv on introns, by which splice sites are told; None of other windows.

    Returns
    -------
    frame with COLUMNS: the run `attributions` first, then `shuffled`, then `control`, most seqlets first; `width` and
    `consensus` are those of the trimmed pattern. `target` is that of all its seqlets, "" where they are of several.
    Without a match the columns of matches are empty.
    """
    paths = {"attributions": modisco, "shuffled": null, "control": control}
    runs = {run: read_patterns(path) for run, path in paths.items() if path is not None}
    motifs = matrices.read_motifs(database)
    if not any(runs.values()):
        return pd.DataFrame(columns=COLUMNS)
    ids, targets = (None, None) if attributions is None else attribution_files.read_keys(attributions)
    notes = {}
    if windows is not None and attributions is not None:
        notes = splicing.notes(modisco, runs["attributions"], ids, splicing.read_sites(windows))
    compared = compare([pattern.trimmed().sequence for own in runs.values() for pattern in own], motifs, threads)
    matched, members = zip(*compared, strict=True), families.of(motifs)
    table = []
    for run, patterns in runs.items():
        # Rows of shuffled sequences are others, of which no file is read.
        told_by = run != "shuffled" and attributions is not None
        outputs = outputs_of(paths[run], patterns, targets) if told_by else {}
        for pattern in patterns:
            cut = pattern.trimmed()
            told = (run, outputs.get(pattern.name, ""), pattern.name, pattern.n_seqlets, cut.sequence.shape[1])
            note = notes.get(pattern.name, "") if run == "attributions" else ""
            table.append((*told, consensus(cut.sequence), *_matches(*next(matched), motifs, members), note))
    return pd.DataFrame(table, columns=COLUMNS).astype({"family": "Int64"})


def _matches(p, q, motifs, members):
    """Id, name, p-value, q-value and family of the best match, and id, name and q-value of each of the next."""
    best = nearest(p, motifs, N_MATCHES)
    cells = [(*motifs[index][:2], q[index]) for index in best] + [("", "", None)] * (N_MATCHES - len(best))
    (first, name, value), *others = cells
    p_value, family = (p[best[0]], members[best[0]]) if len(best) else (None, None)
    return first, name, p_value, value, family, *(cell for other in others for cell in other)


def outputs_of(path, patterns, targets):
    """{name of a pattern: the target of all its seqlets, or ""}, by the targets (m,) of rows of the attributions."""
    found = {}
    with modisco.opened(path) as store:
        for pattern in patterns:
            own = np.unique(targets[modisco.rows_of(path, store, pattern.name, len(targets))])
            found[pattern.name] = str(own[0]) if len(own) == 1 else ""
    return found


def write_names(modisco, control, database, output, threads=None, null=None, attributions=None, windows=None):
    """Write `name_patterns` to `output`."""
    write_table(output, name_patterns(modisco, control, database, threads, null, attributions, windows))
