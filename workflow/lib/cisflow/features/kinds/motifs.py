"""How well known motifs fit a sequence, on either strand: the best place of each, or all places together."""

import numpy as np
from tqdm import tqdm

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.sequence import dna

# Values of a block of windows laid out for one width of motif (128 MiB as float32).
BLOCK = 1 << 25


class Settings(settings.Settings):
    """Scores of the motifs of a database, the same on both strands."""

    database: str = setting(meaning="Resource with the motifs, in MEME format.", resource=True)
    statistics: list[str] = setting(
        ["max"],
        items={"choices": ["max", "mean"]},
        unique=True,
        meaning="What is kept of the scores at all places on both strands: the highest; log2 of the mean of 2^score.",
    )
    pseudocount: float = setting(
        0.01, above=0, below=1, meaning="Share of the background that is added to the probabilities of a motif."
    )


def names(motifs, statistics):
    """Columns of `scores`: id and name of each motif, with the statistic where there are several."""
    suffixes = [""] if len(statistics) == 1 else [f" ({statistic})" for statistic in statistics]
    called = [motif.id if motif.name == motif.id else f"{motif.id} {motif.name}" for motif in motifs]
    return [f"{name}{suffix}" for suffix in suffixes for name in called]


def log_odds(matrix, pseudocount):
    """(4, w) float64: log2 of the probabilities of a motif over a background of equal bases."""
    return np.log2(((1 - pseudocount) * matrix + pseudocount / 4) / 0.25)


def scores(codes, motifs, statistics=("max",), pseudocount=0.01):
    """(n, motifs x statistics) float32: log-odds in bits of each motif, over all places where it fits, on both strands.

    An unknown base has the mean of the four log-odds of its column. A sequence and its reverse complement have the
    same row.

    Parameters
    ----------
    codes : (n, length) uint8. motifs : list of io.meme.Motif. statistics : "max" and "mean", see Settings.

    Raises
    ------
    InputError : a motif that is wider than the windows.
    """
    n, length = codes.shape
    widths = np.array([motif.matrix.shape[1] for motif in motifs])
    if (wide := np.flatnonzero(widths > length)).size:
        found = f"motif '{motifs[wide[0]].id}' has {widths[wide[0]]} columns"
        raise InputError(f"{found}, expected at most the length of the windows, {length}")
    values = np.empty((n, len(statistics), len(motifs)), dtype=np.float32)
    with tqdm(total=n * len(motifs), desc="motifs", unit="scan", unit_scale=True) as bar:
        for width in np.unique(widths):
            members = np.flatnonzero(widths == width)
            weights = np.stack([_both_strands(motifs[member].matrix, pseudocount) for member in members])
            # (bases of a place, strands of motifs)
            table = weights.reshape(2 * len(members), -1).T.astype(np.float32)
            # What is laid out of a window, and what is scored of it.
            held = (length - width + 1) * max(4 * width, 2 * len(members))
            step = max(1, BLOCK // held)
            for start in range(0, n, step):
                part = dna.ONE_HOT[np.asarray(codes[start : start + step])].reshape(-1, 4 * length)
                # Each place of the motif is a stretch of the row: bases side by side, four channels each.
                places = np.lib.stride_tricks.sliding_window_view(part, 4 * width, axis=1)[:, ::4]
                # Copied, so that the product is one of BLAS.
                found = np.ascontiguousarray(places).reshape(-1, 4 * width) @ table
                found = found.reshape(len(part), -1, len(members), 2)
                for number, statistic in enumerate(statistics):
                    values[start : start + len(part), number, members] = _SUMMARIES[statistic](found)
                bar.update(len(part) * len(members))
    return values.reshape(n, -1)


def _both_strands(matrix, pseudocount):
    """(2, w, 4) log-odds of a motif and of its reverse complement."""
    forward = log_odds(matrix, pseudocount).T
    return np.stack([forward, forward[::-1, ::-1]])


def _mean(found):
    """log2 of the mean over places and strands of 2^score (k, places, motifs, 2), as (k, motifs)."""
    highest = found.max(axis=(1, 3), keepdims=True)
    return np.log2(np.exp2(found - highest).mean(axis=(1, 3))) + highest[:, 0, :, 0]


_SUMMARIES = {"max": lambda found: found.max(axis=(1, 3)), "mean": _mean}
