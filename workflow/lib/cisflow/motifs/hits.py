"""Hits: every instance of every pattern of TF-MoDISco in the explained sequences, whether a seqlet lies there or not.

A hit is called where the contributions along a sequence point the way that the pattern's do, and are larger than those
that the same network gives to matches in shuffled sequences:

1. A pattern is its mean contributions C (4, w), cut to its informative columns, of unit length. Of a place, on either
   strand, c (4, w) are the contributions: the attribution of each base present, 0 elsewhere.
2. The similarity of a place is the cosine, sum(c C) / |c|; its score is |c|, in units of what is explained, times the
   similarity squared, which is the share of |c|^2 that lies along C. A place of less than `min_similarity` is no match,
   however large.
3. Matches that claim the same bases exclude each other, the highest score first: of one pattern those that share a
   base, on the same strand or on both; of two patterns those that share more than half of the narrower. So a place
   counts for the pattern that explains most of it, and a strong motif is no weak instance of another.
4. Of the matches left of a pattern that score t or more, the share of false ones is estimated as r (1 + N(t)) / n(t):
   n(t) in the explained sequences; N(t), by the same steps, in the null, shuffled versions of the same sequences, or of
   a sample of them, under the same network, which keep their dinucleotides; r places explained for one in the null. The
   1 makes the estimate hold for few matches in the null too (Barber and Candès 2015, doi 10.1214/15-AOS1337). The
   q-value of a match is the least share at which it is still taken. Each pattern has its own threshold.

A pattern is looked for in the rows of all targets together, but one whose seqlets are all of one target, such as each
of a search by output, in the rows of that target alone, and in the null's rows of it.

finemo explains a sequence by a sparse sum of patterns, whose weights it fits. Ours has no fit, and what is false is
counted where the truth is known, on the same network's attributions of shuffled sequences, which the weights of finemo
have no counterpart to.
"""

import math
import sys
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow.attribution import files, scores
from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.io import tables
from cisflow.motifs import naming
from cisflow.sequence import dna

COLUMNS = ("id", "target", "pattern", "name", "start", "end", "strand", "score", "similarity", "q_value")
# Numbers held at once while places are compared with all patterns.
AT_ONCE = 1 << 24


class Settings(settings.Settings):
    """Instances of discovered patterns."""

    fdr: float = setting(0.05, above=0, below=1, meaning="Share of false hits of each pattern, counted on the null.")
    min_similarity: float = setting(
        0.7, minimum=0, below=1, meaning="Least cosine between the contributions at a hit and those of the pattern."
    )


class Matches(NamedTuple):
    """Places where a pattern matches: arrays (k,).

    rows, starts : int. reverse : bool, whether the pattern lies on the other strand. scores, similarity : float32.
    """

    rows: np.ndarray
    starts: np.ndarray
    reverse: np.ndarray
    scores: np.ndarray
    similarity: np.ndarray


def no_matches():
    """Matches of a pattern that matches nowhere."""
    return Matches(*np.zeros((2, 0), dtype=np.int64), np.zeros(0, dtype=bool), *np.zeros((2, 0), dtype=np.float32))


def call_hits(attributions, null, modisco, names, settings, output):
    """Call hits and write their table.

    Parameters
    ----------
    attributions, null : `.npz` of the explained sequences, and of their shuffled versions.
    modisco : `.h5` of patterns. names : patterns.tsv, which names them.
    settings : Settings.
    output : path of hits.tsv.

    Raises
    ------
    InputError : a file is not what it should be; or the null holds no row where there are patterns and sequences.
    """
    rows, shuffled = files.read(attributions), files.read(null)
    patterns = naming.read_patterns(modisco)
    if patterns and len(rows.ids) and not len(shuffled.ids):
        raise InputError(f"{null}: holds no row; expected attributions of the shuffled sequences of {attributions}")
    called, targets = read_names(names)
    found = call(rows, shuffled, patterns, settings, targets)
    found["name"] = found["pattern"].map(called).fillna("")
    print(told(found, len(rows.ids), len(shuffled.ids), patterns, settings.fdr), file=sys.stderr)
    tables.write_table(output, found[list(COLUMNS)])


def read_names(path):
    """({pattern: name of its best match}, {pattern: target of all its seqlets}) of a patterns.tsv; "" where there is
    none.
    """
    columns = ("run", "target", "pattern", "match_name")
    frame = tables.matching(tables.read_table(path, columns, text=columns), run="attributions")
    return tuple(dict(zip(frame["pattern"], frame[name], strict=True)) for name in ("match_name", "target"))


def told(found, n_rows, n_null, patterns, fdr):
    """What was found, and what could be, as a sentence."""
    if not patterns or not n_rows:
        return f"no hits: there are {len(patterns)} patterns to look for in {n_rows} rows"
    hit = found[["id", "target"]].drop_duplicates().shape[0]
    least = math.ceil(n_rows / (n_null * fdr))
    return (
        f"{len(found)} hits of {len(patterns)} patterns in {hit} of {n_rows} rows; with a null of {n_null} rows a "
        f"pattern needs {least} matches beyond all of the null's to be called"
    )


def call(rows, null, patterns, settings, targets=None):
    """Hits of patterns.

    Parameters
    ----------
    rows, null : Attributions.
    patterns : list of naming.Pattern; they are trimmed here.
    settings : Settings.
    targets : {pattern: target in whose rows alone it is looked for, or ""}; None for all.

    Returns
    -------
    frame with COLUMNS but for the name, in the order of rows, starts and patterns; start and end are 0-based half-open
    in the sequence as it was read.
    """
    matrices = [pattern.trimmed(flank=0).contributions for pattern in patterns]
    asked = [(targets or {}).get(pattern.name, "") for pattern in patterns]
    found = [matches(part, matrices, settings.min_similarity, asked) for part in (rows, null)]
    parts = [_hits(0, "", no_matches(), np.zeros(0), 0)]
    for order, (pattern, target, observed, shuffled) in enumerate(zip(patterns, asked, *found, strict=True)):
        width = matrices[order].shape[1]
        n_observed, n_null = (n_places(part, width, target) for part in (rows, null))
        q = q_values(observed.scores, shuffled.scores, n_observed / n_null if n_null else np.inf)
        parts.append(_hits(order, pattern.name, observed, q, width)[q <= settings.fdr])
    hits = pd.concat(parts, ignore_index=True).sort_values(["row", "start", "order"], ignore_index=True)
    named = hits.assign(id=rows.ids[hits["row"]], target=rows.targets[hits["row"]])
    return named.reindex(columns=[name for name in COLUMNS if name != "name"])


def _hits(order, pattern, found, q, width):
    """Frame of the Matches of one pattern."""
    columns = {"row": found.rows, "order": order, "pattern": pattern, "start": found.starts}
    columns |= {"end": found.starts + width, "strand": np.where(found.reverse, "-", "+")}
    return pd.DataFrame(columns | {"score": found.scores, "similarity": found.similarity, "q_value": q})


def n_places(rows, width, target=""):
    """How many places of `width` bases Attributions have, of one target or of all."""
    return int(fits(rows.codes[rows.targets == target] if target else rows.codes, width).sum())


def fits(codes, width):
    """(m, length) bool: whether a place of `width` bases that starts here ends within the row and lacks no base."""
    m, length = codes.shape
    places = np.zeros(codes.shape, dtype=bool)
    if width <= length:
        absent = np.zeros((m, length + 1), dtype=np.int32)
        np.cumsum(codes == dna.ABSENT, axis=1, out=absent[:, 1:])
        places[:, : length - width + 1] = absent[:, width:] == absent[:, : length - width + 1]
    return places


def matches(rows, matrices, least, targets=()):
    """The Matches of each pattern, as far as `best_apart` lets them stay beside each other.

    Parameters
    ----------
    rows : Attributions.
    matrices : list of (4, w) contributions, of one width or of several.
    least : similarity of a match.
    targets : of each matrix the target in whose rows alone it is looked for, or "" for all.
    """
    if not any(targets):
        return _matches(rows, matrices, least)
    found = [[no_matches()] for _ in matrices]
    for target in np.unique(rows.targets):
        own = np.flatnonzero(rows.targets == target)
        asked = [number for number, name in enumerate(targets) if name in ("", target)]
        for number, part in zip(asked, _matches(rows.take(own), [matrices[i] for i in asked], least), strict=True):
            found[number].append(part._replace(rows=own[part.rows]))
    return [Matches(*map(np.concatenate, zip(*parts, strict=True))) for parts in found]


def _matches(rows, matrices, least):
    if not matrices or not len(rows.ids):
        return [no_matches() for _ in matrices]
    known = rows.codes < dna.UNKNOWN
    values = np.where(known, scores.observed(rows.hypothetical(), rows.codes), 0).astype(np.float32)
    contributions = np.eye(dna.ABSENT + 1, 4, dtype=np.float32)[rows.codes] * values[:, :, None]
    widths = [matrix.shape[1] for matrix in matrices]
    widest = max(widths)
    kernel = np.stack([_column(matrix, widest) for one in matrices for matrix in (one, one[::-1, ::-1])], 1)
    length = rows.codes.shape[1]
    step = max(1, AT_ONCE // (length * max(4 * widest, kernel.shape[1])))
    parts = [[] for _ in matrices]
    for start in tqdm(range(0, len(values), step), desc="hits", unit="chunk"):
        chunk = slice(start, start + step)
        along = _windows(contributions[chunk], widest) @ kernel
        found = [
            _candidates(along[:, :, 2 * order : 2 * order + 2], values[chunk], rows.codes[chunk], width, least)
            for order, width in enumerate(widths)
        ]
        pattern = np.repeat(np.arange(len(widths)), [len(part.rows) for part in found])
        every = Matches(*map(np.concatenate, zip(*found, strict=True)))
        ends = every.starts + np.array(widths)[pattern]
        stays = best_apart(every.rows, every.starts, ends, pattern, every.scores)
        every = every._replace(rows=every.rows + start)
        for order, part in enumerate(parts):
            part.append([array[stays & (pattern == order)] for array in every])
    return [Matches(*map(np.concatenate, zip(*part, strict=True))) for part in parts]


def _column(matrix, width):
    """A matrix (4, w) of unit length as (4 `width`,), position by position; nothing beyond its own columns."""
    size = np.linalg.norm(matrix)
    padded = np.zeros((width, 4), dtype=np.float32)
    padded[: matrix.shape[1]] = matrix.T / size if size > 0 else 0
    return padded.ravel()


def _windows(contributions, width):
    """(m, length, 4 width): the contributions of the `width` bases from each base on, 0 past the end of a row."""
    m, length, _ = contributions.shape
    padded = np.zeros((m, length + width - 1, 4), dtype=np.float32)
    padded[:, :length] = contributions
    windows = np.lib.stride_tricks.sliding_window_view(padded.reshape(m, -1), 4 * width, axis=1)[:, ::4]
    # A view of overlapping windows is not multiplied by BLAS.
    return np.ascontiguousarray(windows)


def _candidates(strands, values, codes, width, least):
    """The Matches of one pattern in a chunk of rows, those that share bases too.

    Parameters
    ----------
    strands : (m, length, 2) float32, sum(c C) on either strand. values : (m, length) float32, of the base present.
    """
    reverse = strands[:, :, 1] > strands[:, :, 0]
    along = np.where(reverse, strands[:, :, 1], strands[:, :, 0])
    length = values.shape[1]
    squares = np.zeros((len(values), length + width), dtype=np.float64)
    np.cumsum(np.square(values, dtype=np.float64), axis=1, out=squares[:, 1 : length + 1])
    squares[:, length + 1 :] = squares[:, [length]]
    size = np.sqrt(np.maximum(squares[:, width:] - squares[:, :-width], 0))
    # Not above 1, but for rounding.
    similarity = np.minimum(np.divide(along, size, out=np.zeros_like(along), where=size > 0), 1).astype(np.float32)
    found = np.nonzero(fits(codes, width) & (along > 0) & (similarity >= least))
    return Matches(*found, reverse[found], along[found] * similarity[found], similarity[found])


def best_apart(rows, starts, ends, patterns, scores):
    """Which matches stay where those that claim the same bases exclude each other, the best first.

    Two of one pattern claim the same bases where they share one, two of different patterns where they share more than
    half of the narrower. Of equals that stays which stands first.

    Parameters
    ----------
    rows, starts, ends, patterns, scores : (k,).

    Returns
    -------
    (k,) bool.
    """
    order = np.lexsort((starts, rows))
    one, other = _rivals(*(values[order] for values in (rows, starts, ends, patterns)))
    one, other = order[one], order[other]
    better = (scores[one] > scores[other]) | ((scores[one] == scores[other]) & (one < other))
    winner, loser = np.where(better, one, other), np.where(better, other, one)
    stays, left = np.zeros(len(rows), dtype=bool), np.ones(len(rows), dtype=bool)
    while left.any():
        # Those that no better one is left to exclude.
        beaten = np.zeros(len(rows), dtype=bool)
        beaten[loser] = True
        best = left & ~beaten
        stays |= best
        left &= ~best
        left[loser[best[winner]]] = False
        kept = left[winner] & left[loser]
        winner, loser = winner[kept], loser[kept]
    return stays


def _rivals(rows, starts, ends, patterns):
    """Pairs of matches that claim the same bases, as two arrays of indices; matches are sorted by row and start."""
    pairs, first = [np.zeros((2, 0), dtype=np.int64)], np.arange(len(rows))
    widest = (ends - starts).max(initial=0)
    for step in range(1, len(rows)):
        first = first[first + step < len(rows)]
        second = first + step
        near = (rows[first] == rows[second]) & (starts[second] < starts[first] + widest)
        first, second = first[near], second[near]
        if not len(first):
            break
        shared = np.minimum(ends[first], ends[second]) - starts[second]
        narrower = np.minimum(ends[first] - starts[first], ends[second] - starts[second])
        rivals = np.where(patterns[first] == patterns[second], shared > 0, 2 * shared > narrower)
        pairs.append(np.stack([first[rivals], second[rivals]]))
    return np.concatenate(pairs, axis=1)


def q_values(observed, null, ratio):
    """The least share of false matches at which each match is taken.

    Parameters
    ----------
    observed : (n,) scores. null : (k,) scores where all matches are false. ratio : places observed for one of the null.

    Returns
    -------
    (n,) float64, at most 1.
    """
    order = np.argsort(observed, kind="stable")
    ranked = observed[order]
    taken = len(ranked) - np.searchsorted(ranked, ranked, side="left")
    false = len(null) - np.searchsorted(np.sort(null), ranked, side="left")
    share = np.minimum(ratio * (1 + false) / np.maximum(taken, 1), 1)
    q = np.empty(len(observed))
    # From the lowest score up: a higher one may be taken along with all above a lower one.
    q[order] = np.minimum.accumulate(share)
    return q
