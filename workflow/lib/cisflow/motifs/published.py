"""Known motifs in hot spots of attribution as the intron retention study scored them (Daoud & Ben-Hur 2025).

A factor's score is the share of the windows around hot spots of one class that its motif hits, less that of the other
class. The defaults are the study's, and so are the flaws; each setting undoes one:

- the maximum over bases lies on a base that is not present at most places (`bases`);
- next to one hot spot comes another, and each window counts as an observation of its own (`pad`, `count`);
- the control class holds the windows of the other class too (`control`);
- a motif hits where its sum of log-odds exceeds a share of one single entry: a random window has a hit of every eighth
  motif (`threshold`);
- a convolution turns the motif around, so that its reverse complement alone is sought (`strands`);
- nothing is matched between the classes, so that their GC content alone gives the same ranking (`gc_difference` says
  what it gives).
"""

import sys
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from tqdm import tqdm

from cisflow.attribution import classes, files, scores
from cisflow.attribution.classes import Rows
from cisflow.config.settings import setting
from cisflow.data import dataset as datasets
from cisflow.io import matrices
from cisflow.io.tables import read_table, write_table
from cisflow.sequence import dna

CLASS_COLUMNS = (
    *("target", "class", "sequences", "selected", "hot_spots", "counted", "gc"),
    *("background_a", "background_c", "background_g", "background_t", "explanation"),
)
MATCHED_COLUMNS = ("matched_rank", "matched_log2_ratio", "matched_q_value", "family", "stands")
SCORE_COLUMNS = (
    *("target", "rank", "motif_id", "motif_name", "consensus", "control", "positive", "difference", "z", "p_value"),
    *("p_adjusted", "gc", "gc_difference", *MATCHED_COLUMNS),
)
LABELS = {"control": 0, "positive": 1}
# As many as leave what is summed of them in the cache of a core.
WINDOWS_AT_ONCE = 250


class Settings(Rows):
    """Scoring of known motifs as in the intron retention study, flaws included; each can be undone by its name."""

    bases: str = setting(
        "any",
        choices=["any", "present"],
        meaning="Score of a position: largest contribution of any base, present or not; or that of the one present.",
    )
    hot_spot: float = setting(
        0.7, above=0, below=1, meaning="Share of a row's largest score that a position must exceed to be a hot spot."
    )
    window: int = setting(42, minimum=2, meaning="Bases around a hot spot; their last published program has 32.")
    pad: int = setting(
        1, minimum=0, meaning="Hot spots lie more than so far apart: with 1 windows overlap, with `window` they do not."
    )
    truncated: str = setting(
        "keep",
        choices=["keep", "drop"],
        meaning="Windows that the end of the sequence cuts off. There are none at its start: the study skips hot spots "
        "in the first half window.",
    )
    control: str = setting(
        "unfiltered",
        choices=["unfiltered", "filtered"],
        meaning="What class 0 holds: every correctly predicted row, of label 1 too, or those of label 0.",
    )
    zero: float = setting(
        0.001, above=0, below=1, meaning="What stands for a probability of 0; their last published program has 1e-20."
    )
    threshold: str = setting(
        "ig_sites",
        choices=["ig_sites", "head", "per_column"],
        meaning="What a sum of log-odds must exceed a share of: the motif's largest single log-odds, as behind the "
        "published table; its largest probability, as in their last program; or the sum of the columns' largest "
        "log-odds, which was most likely meant.",
    )
    fraction: float = setting(0.8, above=0, maximum=1, meaning="That share.")
    strands: str = setting(
        "reverse_complement",
        choices=["reverse_complement", "both"],
        meaning="Sought of a motif: its reverse complement alone, which is what a convolution finds; or both strands.",
    )
    count: str = setting(
        "windows",
        choices=["windows", "sequences"],
        meaning="What is counted: windows, as if they were independent; or sequences with a hit in any window.",
    )
    test: str = setting(
        "z_test",
        choices=["z_test", "fisher"],
        meaning="Pooled z-test of two proportions, two-sided; or Fisher's exact one.",
    )
    adjust: str = setting(
        "bonferroni",
        choices=["bonferroni", "benjamini_hochberg"],
        meaning="Adjustment of p-values over the motifs with any hit.",
    )
    simulated: int = setting(
        5000,
        minimum=100,
        meaning="Windows of independent bases in each class, of the class's GC content, for `gc_difference`.",
    )


class HotSpots(NamedTuple):
    """Windows around hot spots: codes (n, window) uint8, absent where a sequence ends; rows (n,) int of each."""

    codes: np.ndarray
    rows: np.ndarray


def score(paths, settings, seed, table, summary):
    """Score every target and write both tables.

    Parameters
    ----------
    paths : mapping of attributions (of logits of classes, see `classes`), predictions, dataset (folder), database and
        matched (motif_scores.tsv of the same model and method, or None).
    settings : Settings. seed : of the windows behind `gc_difference`. table, summary : paths of the tables to write.
    """
    rows = files.read(paths["attributions"])
    motifs = matrices.read_motifs(paths["database"])
    base = background(datasets.read(paths["dataset"], mmap=True).codes)
    known = classes.read(paths["predictions"], settings)
    found, told = [], []
    for target in known["target"].unique():
        parts = {name: take(rows, target, label, settings) for name, label in LABELS.items()}
        spots = {name: hot_spots(part, settings) for name, part in parts.items()}
        counted = {name: units(part.ids, spots[name].rows, settings) for name, part in parts.items()}
        lines = [class_row(target, name, known, parts[name], spots[name], base, settings) for name in LABELS]
        empty = [name for name in LABELS if not len(spots[name].rows)]
        why = f"No hot spot in the {' and the '.join(empty)} class: nothing is compared." if empty else ""
        if empty:
            print(f"{target}: {why}", file=sys.stderr)
        else:
            hits = [count(occurs(spots[name].codes, motifs, base, settings), counted[name]) for name in LABELS]
            scored = compare(motifs, *hits, *(counted[name].max() + 1 for name in LABELS), settings)
            by_gc = gc_differences(motifs, [line["gc"] for line in lines], base, settings, seed)
            scored = scored.assign(target=target, gc_difference=scored["motif_id"].map(by_gc))
            found.append(beside(scored, paths["matched"], target))
        told += [
            line | {"counted": len(np.unique(counted[name])), "explanation": why}
            for name, line in zip(LABELS, lines, strict=True)
        ]
    scored = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=SCORE_COLUMNS)
    write_table(table, scored[list(SCORE_COLUMNS)])
    write_table(summary, pd.DataFrame(told, columns=CLASS_COLUMNS))


def background(codes):
    """Frequencies (4,) float64 of the bases in codes (n, length)."""
    counts = np.bincount(codes.ravel(), minlength=dna.UNKNOWN)[: dna.UNKNOWN]
    return counts / counts.sum()


def take(rows, target, label, settings):
    """The Attributions of one class of a target; of class 0, which may hold rows of label 1, those asked for.

    Every row is predicted correctly: its own label is that of the class where the class is the more likely one.
    """
    keep = rows.targets == classes.name(target, label)
    if label == 0 and settings.control == "filtered":
        keep &= rows.prediction > 0.5
    return rows.take(np.flatnonzero(keep))


def row_scores(rows, bases):
    """Score (m, length) of each position of Attributions, see `Settings.bases`."""
    if bases == "present":
        return scores.observed(rows.hypothetical(), rows.codes)
    return scores.transform(rows.multipliers, rows.codes, "global", rows.baseline).max(axis=1)


def hot_spots(rows, settings):
    """The HotSpots of Attributions.

    A position is a hot spot where its score exceeds a share of the largest in its row, if that is positive, and where
    it is more than `pad` behind the last hot spot. Its window starts half a window before it; positions in the first
    half window are passed over.
    """
    half, length = settings.window // 2, rows.codes.shape[1]
    values = row_scores(rows, settings.bases)
    largest = values.max(axis=1, initial=0)
    high = values > settings.hot_spot * largest[:, None]
    padded = np.pad(rows.codes, ((0, 0), (0, settings.window)), constant_values=dna.ABSENT)
    last = length if settings.truncated == "keep" else max(length - settings.window + half + 1, 0)
    found, starts = [], []
    for row, position in zip(*np.nonzero(high[:, half:last]), strict=True):
        if not found or found[-1] != row or position - starts[-1] > settings.pad:
            found.append(row)
            starts.append(position)
    found, starts = np.array(found, dtype=np.int64), np.array(starts, dtype=np.int64)
    return HotSpots(padded[found[:, None], starts[:, None] + np.arange(settings.window)], found)


def units(ids, rows, settings):
    """Number (n,) of what each window is counted as: itself, or the sequence that its row is of, from 0 on."""
    if settings.count == "windows":
        return np.arange(len(rows))
    return np.unique(ids[rows], return_inverse=True)[1]


def count(hits, unit):
    """How many units (see `units`) have a hit (n, k) of each motif in any of their windows: (k,) int."""
    if not len(hits):
        return np.zeros(hits.shape[1], dtype=np.int64)
    order = np.argsort(unit, kind="stable")
    starts = np.flatnonzero(np.diff(unit[order], prepend=-1))
    return np.logical_or.reduceat(hits[order], starts, axis=0).sum(axis=0)


def log_odds(matrix, base, zero):
    """Natural logarithm (4, w) of probabilities over the background (4,); `zero` stands for a probability of 0."""
    return np.log(np.where(matrix == 0, zero, matrix) / base[:, None])


def threshold(matrix, odds, settings):
    """What a sum of log-odds must exceed to be a hit of a motif, see `Settings.threshold`."""
    largest = {"ig_sites": odds.max(), "head": matrix.max(), "per_column": odds.max(axis=0).sum()}
    return settings.fraction * largest[settings.threshold]


def occurs(codes, motifs, base, settings):
    """Whether each window holds each motif: (n, k) bool; never a motif that is wider than the window.

    Parameters
    ----------
    codes : (n, window) uint8. motifs : k Motifs. base : background (4,).

    All motifs of a width are scored at once, as the product of the windows' one-hot columns and the matrices. A place
    that covers an absent base is none.
    """
    hits = np.zeros((len(codes), len(motifs)), dtype=bool)
    widths = np.array([motif.matrix.shape[1] for motif in motifs])
    weights = {width: _weights(motifs, np.flatnonzero(widths == width), base, settings) for width in np.unique(widths)}
    starts = range(0, len(codes), WINDOWS_AT_ONCE)
    for start in tqdm(starts, desc="scan", unit=f" x {WINDOWS_AT_ONCE} windows"):
        part = codes[start : start + WINDOWS_AT_ONCE]
        bases = np.moveaxis(dna.one_hot(part), 1, 2)
        for width, (which, odds, least) in weights.items():
            if width <= part.shape[1]:
                places = np.lib.stride_tricks.sliding_window_view(bases, (width, 4), axis=(1, 2))
                sums = places.reshape(-1, 4 * width) @ odds
                absent = np.lib.stride_tricks.sliding_window_view(part == dna.ABSENT, width, axis=1).any(axis=2)
                sums[absent.ravel()] = -np.inf
                best = sums.reshape(*absent.shape, -1).max(axis=1).reshape(len(part), len(which), -1).max(axis=2)
                hits[start : start + len(part), which] = best > least
    return hits


def _weights(motifs, which, base, settings):
    """Of motifs of one width: their places, log-odds (4 width, motifs x strands), thresholds (motifs,)."""
    columns, least = [], []
    for place in which:
        odds = log_odds(motifs[place].matrix, base, settings.zero)
        least.append(threshold(motifs[place].matrix, odds, settings))
        # A convolution has the kernel turned around; with A, C, G, T in a row that is the reverse complement.
        strands = [odds[::-1, ::-1]] + [odds] * (settings.strands == "both")
        columns += [strand.T.ravel() for strand in strands]
    return which, np.array(columns, dtype=np.float32).T, np.array(least, dtype=np.float32)


def compare(motifs, control, positive, n_control, n_positive, settings):
    """The table of motifs with any hit, largest difference first.

    Parameters
    ----------
    control, positive : (k,) int, windows or sequences with a hit in each class; n_control, n_positive : all of them.

    Returns
    -------
    frame of SCORE_COLUMNS up to gc, without the target: difference is the share in the positive class less that in the
    control; z and p_value of the pooled z-test (or p_value of Fisher's, and no z); a p-value below 1e-308 is 0.
    """
    control, positive = np.asarray(control), np.asarray(positive)
    hit = np.flatnonzero(control + positive > 0)
    control, positive = control[hit], positive[hit]
    difference = positive / n_positive - control / n_control
    z, p = tested(control, positive, n_control, n_positive, settings.test)
    table = pd.DataFrame(
        {
            "motif_id": [motifs[place].id for place in hit],
            "motif_name": [motifs[place].name for place in hit],
            "consensus": [consensus(motifs[place].matrix) for place in hit],
            "control": control,
            "positive": positive,
            "difference": difference,
            "z": z,
            "p_value": p,
            "p_adjusted": adjusted(p, settings.adjust),
            "gc": [motifs[place].matrix[1:3].sum() / motifs[place].matrix.sum() for place in hit],
        }
    )
    table = table.sort_values(["difference", "motif_id"], ascending=[False, True], ignore_index=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def consensus(matrix):
    """The most probable base of each column, the first of A, C, G, T where several are."""
    return dna.decode(matrix.argmax(axis=0).astype(np.uint8))


def tested(control, positive, n_control, n_positive, test):
    """z (k,) and two-sided p-values (k,) of two proportions; z is NaN where there is none."""
    if test == "fisher":
        pairs = zip(control.tolist(), positive.tolist(), strict=True)
        tables = ([[b, n_positive - b], [a, n_control - a]] for a, b in pairs)
        p = np.array([stats.fisher_exact(table).pvalue for table in tables], dtype=float)
        return np.full(len(p), np.nan), p
    pooled = (control + positive) / (n_control + n_positive)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n_control + 1 / n_positive))
    difference = positive / n_positive - control / n_control
    # Where every window has a hit, the two do not differ.
    z = np.divide(difference, error, out=np.zeros(len(error)), where=error > 0)
    return z, 2 * stats.norm.sf(np.abs(z))


def adjusted(p, how):
    if how == "benjamini_hochberg" and len(p):
        return stats.false_discovery_control(p)
    return np.minimum(p * len(p), 1)


def gc_differences(motifs, gc, base, settings, seed):
    """{motif id: difference that GC content alone makes} from windows of independent bases.

    Parameters
    ----------
    gc : GC content of the windows of the control and of the positive class. base : background (4,) of the log-odds.
    """
    rng = np.random.default_rng(seed)
    shares = []
    for content in gc:
        chances = np.array([1 - content, content, content, 1 - content]) / 2
        codes = rng.choice(4, (settings.simulated, settings.window), p=chances).astype(np.uint8)
        shares.append(occurs(codes, motifs, base, settings).mean(axis=0))
    ids = [motif.id for motif in motifs]
    return dict(zip(ids, shares[1] - shares[0], strict=True))


def class_row(target, name, known, rows, spots, base, settings):
    """The line of a class in the summary: the study's header lines, and GC content of its windows."""
    of_target = known[known["target"] == target]
    if name == "positive" or settings.control == "filtered":
        of_target = of_target[of_target["label"] == LABELS[name]]
    line = {
        "target": target,
        "class": name,
        "sequences": len(of_target),
        "selected": len(rows.ids),
        "hot_spots": len(spots.rows),
        "gc": float(dna.gc_content(spots.codes.ravel())),
    }
    return line | {f"background_{base_name.lower()}": share for base_name, share in zip(dna.BASES, base, strict=True)}


def beside(table, path, target):
    """The table with what matched scoring says of its motifs (MATCHED_COLUMNS), empty where it does not score one.

    `matched_rank` orders motifs by significance with its sign: from enriched in seqlets to depleted.
    """
    if path is None:
        return table.assign(**dict.fromkeys(MATCHED_COLUMNS, np.nan))
    names = ("target", "motif_id", "family", "stands", "log2_ratio", "p_value", "q_value")
    matched = read_table(path, names, text=("target", "motif_id"), numbers=names[4:])
    matched = matched[matched["target"] == target]
    # A p-value may be 0.
    signed = np.sign(matched["log2_ratio"]) * -np.log10(matched["p_value"].clip(lower=1e-320))
    order = matched.assign(signed=signed).sort_values(["signed", "log2_ratio"], ascending=False, kind="stable")
    order = order.assign(matched_rank=np.arange(1, len(order) + 1))
    order = order.rename(columns={"log2_ratio": "matched_log2_ratio", "q_value": "matched_q_value"})
    return table.merge(order[["motif_id", *MATCHED_COLUMNS]], on="motif_id", how="left")
