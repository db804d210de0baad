"""Known motifs in the spots of high attribution, counted by sequence against windows of the same sequences."""

import sys
import warnings
from typing import NamedTuple

import numba
import numpy as np
import pandas as pd
from memelite import fimo
from numba.core.dispatcher import Dispatcher
from scipy import stats
from tangermeme import seqlet
from tqdm import tqdm

from cisflow.attribution import files, scores
from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.io import matrices
from cisflow.io.tables import write_table
from cisflow.sequence import dna

SPOT_COLUMNS = ("id", "target", "start", "end", "strand", "score", "p_value")
SCORE_COLUMNS = (
    *("motif_id", "motif_name", "n_sequences", "n_in_seqlets", "n_background", "seqlets_only", "background_only"),
    *("log2_ratio", "p_value", "q_value"),
)
ROWS_AT_ONCE = 2000

# tangermeme compiles its search for seqlets anew in every process, for some ten seconds; numba can keep the result.
for compiled in vars(seqlet).values():
    if isinstance(compiled, Dispatcher):
        compiled.enable_caching()


class Settings(settings.Settings):
    """Scan of attribution seqlets for known motifs."""

    target_fdr: float = setting(
        0.1, above=0, below=1, meaning="Share of false seqlets, estimated on shuffled attributions."
    )
    min_length: int = setting(4, minimum=1, meaning="Shortest seqlet, in bp.")
    max_length: int = setting(25, minimum=2, meaning="Longest seqlet, in bp.")
    # Seqlets are narrower than binding sites.
    flank: int = setting(5, minimum=0, meaning="Bases added on either side of a seqlet before it is scanned.")
    p_value: float = setting(0.0001, above=0, below=1, meaning="Of a motif hit, on each strand.")

    @classmethod
    def complete(cls, given, where):
        found = super().complete(given, where)
        if found.max_length < found.min_length:
            raise InputError(
                f"{where}.max_length: {found.max_length} is less than min_length, which is {found.min_length}"
            )
        return found


class Counts(NamedTuple):
    """Rows by motif, each (motifs,) int: with a hit in seqlet windows, in background windows, in only one of them."""

    in_seqlets: np.ndarray
    background: np.ndarray
    seqlets_only: np.ndarray
    background_only: np.ndarray


def scan_seqlets(attributions, database, settings, seed, threads, seqlets, output):
    """Call seqlets, scan them and write both tables.

    Parameters
    ----------
    attributions : `.npz` of raw multipliers. database : MEME file. settings : Settings.
    seed : of the shuffled control and of the background windows.
    threads : at most as many as NUMBA_NUM_THREADS allows.
    seqlets, output : paths of seqlets.tsv and motif_scores.tsv.
    """
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    motifs = matrices.read_motifs(database)
    rows = files.read(attributions)
    rng = np.random.default_rng(seed)
    spots = call_seqlets(scores.observed(rows.hypothetical(), rows.codes), settings, rng)
    print(f"{len(spots)} seqlets in {spots['row'].nunique()} of {len(rows.ids)} rows", file=sys.stderr)
    windows = draw_windows(spots, rows.codes.shape, settings.flank, rng)
    counts = count_rows(rows.codes, windows, motifs, settings.p_value)
    n_sequences = int((windows > 0).any(axis=1).sum())
    named = spots.assign(id=rows.ids[spots["row"]], target=rows.targets[spots["row"]], strand="")
    write_table(seqlets, named[list(SPOT_COLUMNS)])
    write_table(output, enrichment(motifs, counts, n_sequences))


def call_seqlets(observed, settings, rng):
    """Spans of positive attribution that are rare when the positions of each row are shuffled.

    Parameters
    ----------
    observed : (m, length) float, signed attribution of the base present.
    settings : Settings.

    Returns
    -------
    frame with row, start, end (0-based, half-open), score (sum of attributions), p_value (ranks the spots, is no error
    rate), by row and start.
    """
    columns = {"example_idx": "row", "start": "start", "end": "end", "attribution": "score", "p-value": "p_value"}
    longest = min(settings.max_length, observed.shape[1])
    if observed.size == 0 or longest < settings.min_length:
        return pd.DataFrame(columns=columns.values()).astype({"row": int, "start": int, "end": int})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spots = seqlet.recursive_seqlets(
            observed,
            min_seqlet_len=settings.min_length,
            max_seqlet_len=longest,
            X_control=rng.permuted(observed, axis=1),
            target_fdr=settings.target_fdr,
        )
    for warning in caught:
        print(f"seqlets: {warning.message}", file=sys.stderr)
    return spots.rename(columns=columns).sort_values(["row", "start"], ignore_index=True)


def draw_windows(spots, shape, flank, rng):
    """Seqlet windows and as many background windows of the same widths in the same rows.

    A seqlet window is a seqlet with `flank` bases on either side, clipped to the sequence; those that meet are
    joined. Its background window is drawn uniformly among the places that overlap no other window; a seqlet window for
    which there is no such place is left out, so that both sets cover equally many bases of each row.

    Returns
    -------
    (m, length) int32: 0 outside windows, k > 0 in the k-th seqlet window of the row, -k in its background window.
    """
    windows = np.zeros(shape, dtype=np.int32)
    for row, group in spots.groupby("row", sort=True):
        flanked = joined(np.maximum(group["start"] - flank, 0), np.minimum(group["end"] + flank, shape[1]))
        taken = np.zeros(shape[1], dtype=bool)
        for start, end in flanked:
            taken[start:end] = True
        # Wide ones first: they fit in the fewest places.
        ranked = sorted(flanked, key=lambda span: (span[0] - span[1], span[0]))
        for number, (start, end) in enumerate(ranked, start=1):
            free = free_starts(taken, end - start)
            if len(free):
                place = free[rng.integers(len(free))]
                taken[place : place + end - start] = True
                windows[row, start:end] = number
                windows[row, place : place + end - start] = -number
    return windows


def joined(starts, ends):
    """Disjoint spans [(start, end)] that cover the given ones, which are sorted by start."""
    spans = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def free_starts(taken, width):
    """Where an interval of `width` overlaps nothing of the mask `taken` (length,)."""
    before = np.concatenate([[0], np.cumsum(taken)])
    return np.flatnonzero(before[width:] == before[:-width])


def count_rows(codes, windows, motifs, p_value):
    """The Counts of rows with a motif hit that lies whole within a seqlet or a background window."""
    totals = np.zeros((len(Counts._fields), len(motifs)), dtype=np.int64)
    matrices = {motif.id: motif.matrix for motif in motifs}
    used = np.flatnonzero(windows.any(axis=1))
    chunks = [used[start : start + ROWS_AT_ONCE] for start in range(0, len(used), ROWS_AT_ONCE)]
    for chunk in tqdm(chunks, desc="scan", unit="chunk"):
        one_hot = np.ascontiguousarray(np.moveaxis(np.eye(dna.ABSENT + 1, 4, dtype=np.int8)[codes[chunk]], 1, 2))
        for index, hits in enumerate(fimo(matrices, one_hot, threshold=p_value)):
            if len(hits):
                totals[:, index] += _count(windows[chunk], *hits[["sequence_name", "start", "end"]].to_numpy().T)
    return Counts(*totals)


def _count(windows, rows, starts, ends):
    first, last = windows[rows, starts], windows[rows, ends - 1]
    inside = first == last
    in_seqlets, background = np.zeros((2, len(windows)), dtype=bool)
    in_seqlets[rows[inside & (first > 0)]] = True
    background[rows[inside & (first < 0)]] = True
    return in_seqlets.sum(), background.sum(), (in_seqlets & ~background).sum(), (background & ~in_seqlets).sum()


def enrichment(motifs, counts, n_sequences):
    """The table of motifs with a hit in any window: exact two-sided McNemar test over rows, q-values over motifs.

    Under the null hypothesis a row with a hit in one set of windows only is as likely to have it in the other
    (McNemar 1947, doi 10.1007/BF02295996): the p-value is binomial in the discordant rows. A row counts once,
    however many hits it holds. `log2_ratio` adds one half to both counts.
    """
    rows = []
    for motif, in_seqlets, background, seqlets_only, background_only in zip(motifs, *counts, strict=True):
        if in_seqlets + background:
            ratio = np.log2((in_seqlets + 0.5) / (background + 0.5))
            row = (motif.id, motif.name, n_sequences, in_seqlets, background, seqlets_only, background_only, ratio)
            rows.append((*row, mcnemar(seqlets_only, background_only)))
    table = pd.DataFrame(rows, columns=SCORE_COLUMNS[:-1])
    table["q_value"] = stats.false_discovery_control(table["p_value"]) if rows else None
    return table.sort_values(["p_value", "motif_id"], ignore_index=True)


def mcnemar(first_only, second_only):
    """Exact two-sided p-value of McNemar's test from the two counts of discordant pairs; 1 where there are none."""
    n = int(first_only + second_only)
    return stats.binomtest(int(first_only), n).pvalue if n else 1.0
