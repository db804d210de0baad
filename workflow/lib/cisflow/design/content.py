"""How designed sequences stand beside natural ones: motifs that they hold, and the nearest by k-mers."""

import numpy as np
import pandas as pd
from scipy import stats

from cisflow.evaluation import similarity
from cisflow.motifs import scanning

COLUMNS = ("matrix_id", "motif", "kind", "n", "n_with", "share", "mean_hits", "natural_share", "p_value", "q_value")
HITS = ("design", "matrix_id", "motif", "start", "end", "strand", "score", "p_value")


def nearest(codes, natural, k):
    """(n,) float64: 1 minus the largest share of distinct canonical k-mers that a natural sequence holds too.

    The share is that of the richer of the two, see `data.duplicates`.
    """
    together = np.concatenate([codes, natural])
    return 1 - similarity.nearest(together, np.arange(len(codes)), np.arange(len(codes), len(together)), k)


def motifs(groups, database, p_value):
    """Motifs in designs and in starts beside those in natural sequences.

    Parameters
    ----------
    groups : {"design": codes (n, length), "start": …, "natural": …}. database : list of io.meme.Motif.
    p_value : of a hit, on each strand.

    Returns
    -------
    frame of COLUMNS, a row a motif and kind: p-value of Fisher's exact test, two-sided, of sequences with a hit against
    natural ones, and its q-value by Benjamini and Hochberg over the motifs of a kind; and frame of the hits in designs,
    HITS with the number of a design.
    """
    scanner = scanning.Scanner([motif.matrix for motif in database], p_value)
    found = {kind: scanner.hits(codes) for kind, codes in groups.items()}
    size = {kind: len(codes) for kind, codes in groups.items()}
    having = {kind: _having(hits, len(database)) for kind, hits in found.items()}
    parts = []
    for kind, hits in found.items():
        times = np.bincount(hits["motif"].to_numpy(dtype=np.int64), minlength=len(database))
        tests = [
            stats.fisher_exact([[a, size[kind] - a], [b, size["natural"] - b]]).pvalue
            for a, b in zip(having[kind], having["natural"], strict=True)
        ]
        p_values = np.array(tests) if kind != "natural" else np.full(len(database), np.nan)
        frame = pd.DataFrame(
            {
                "matrix_id": [motif.id for motif in database],
                "motif": [motif.name for motif in database],
                "kind": kind,
                "n": size[kind],
                "n_with": having[kind],
                "share": having[kind] / max(size[kind], 1),
                "mean_hits": times / max(size[kind], 1),
                "natural_share": having["natural"] / max(size["natural"], 1),
                "p_value": p_values,
                "q_value": stats.false_discovery_control(p_values) if kind != "natural" else np.nan,
            }
        )
        parts.append(frame)
    hits = found["design"]
    numbers = hits["motif"].to_numpy(dtype=np.int64)
    named = {key: [getattr(database[number], attribute) for number in numbers] for key, attribute in _NAMES.items()}
    hits = hits.rename(columns={"row": "design"}).assign(**named)[list(HITS)]
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)], hits


_NAMES = {"matrix_id": "id", "motif": "name"}


def _having(hits, n):
    """Sequences with a hit of each of n motifs."""
    pairs = hits[["row", "motif"]].drop_duplicates()
    return np.bincount(pairs["motif"].to_numpy(dtype=np.int64), minlength=n)
