"""Numbers that are made of several columns of counts: ratios of reads, and the mean bin of a sorted library."""

import numpy as np

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError


class Score(settings.Settings):
    """Numbers made of several columns of counts, such as reads in bins, or of spliced and of all transcripts."""

    kind: str = setting(
        choices=("log_ratio", "mean_bin"),
        meaning="`log_ratio`: log((numerator + pseudocount) / (denominator + pseudocount)) + offset, a track for each "
        "pair. `mean_bin`: the mean of `bins`, weighted by the counts in `columns`, one track.",
    )
    numerator: list[str] = setting(None, unique=True, meaning="Columns above, one a replicate; of log_ratio.")
    denominator: list[str] = setting(None, meaning="Columns below, in the same order; of log_ratio.")
    pool: bool = setting(False, meaning="Add up the counts of all pairs first, which makes one track; of log_ratio.")
    pseudocount: float = setting(1, minimum=0, meaning="Added to both counts of log_ratio.")
    base: float = setting(10, above=1, meaning="Base of the logarithm.")
    offset: float = setting(0, meaning="Added to the logarithm.")
    bins: list[float] = setting(
        None, meaning="Position of each of `columns`; without it they are 0, 1, 2, …; of mean_bin."
    )
    minimum_count: float = setting(
        1, above=0, meaning="A number made of fewer reads (of the denominator, or of all bins) is missing."
    )
    weights: str = setting(
        "none",
        choices=("none", "count"),
        meaning="With `count`, a number counts in the loss by the reads it is made of; the mean of a track is 1.",
    )
    saturation: float = setting(
        None,
        above=0,
        meaning="A number of n reads counts as n / (n + saturation): its variance does not fall to 0 with depth.",
    )

    @property
    def columns(self):
        """The columns that it names itself; None where it takes those of the matrix."""
        return [*(self.numerator or ()), *dict.fromkeys(self.denominator or ())] if self.kind == "log_ratio" else None


def check(score, where):
    """Refuse settings of one kind that the other has, or that do not go together (InputError)."""
    if score.kind == "mean_bin":
        given = next((name for name in ("numerator", "denominator") if getattr(score, name) is not None), None)
        if given:
            raise InputError(f"{where}: score has {given}, which kind mean_bin has not; expected the key columns")
    elif score.bins is not None:
        raise InputError(f"{where}: score has bins, which kind log_ratio has not; expected numerator and denominator")
    elif not score.numerator or len(score.numerator) != len(score.denominator or ()):
        found = [len(names or ()) for names in (score.numerator, score.denominator)]
        raise InputError(
            f"{where}: score has {found[0]} columns as numerator and {found[1]} as denominator; expected as many of "
            f"both, one or more"
        )


def compute(score, where, names, counts):
    """(numbers, weights or None) of counts, float32 (n, t); NaN = missing.

    Parameters
    ----------
    score : Score that `check` has passed. where : the file, for messages.
    names : of the c columns, those of `score.columns`, or all. counts : (n, c), NaN = missing.

    Raises
    ------
    InputError : a negative count, or other numbers of bins than of columns.
    """
    negative = np.argwhere(counts < 0)
    if len(negative):
        row, column = negative[0]
        raise InputError(
            f"{where}: column '{names[column]}' holds {counts[row, column]:g}, expected counts of 0 or more"
        )
    counts = counts.astype(np.float64)
    if score.kind == "mean_bin":
        values, reads = _mean_bin(score, where, counts)
    else:
        pairs = score.numerator, score.denominator
        above, below = (counts[:, [names.index(name) for name in part]] for part in pairs)
        values, reads = _log_ratio(score, above, below)
    known = np.isfinite(values) & (reads >= score.minimum_count)
    values = np.where(known, values, np.nan).astype(np.float32)
    return values, _weights(score, np.where(known, reads, 0)) if score.weights == "count" else None


def _mean_bin(score, where, counts):
    bins = np.arange(counts.shape[1]) if score.bins is None else np.array(score.bins, dtype=np.float64)
    if len(bins) != counts.shape[1]:
        raise InputError(f"{where}: score has {len(bins)} bins for {counts.shape[1]} columns; expected as many")
    # A bin without a number has no reads.
    counts = np.nan_to_num(counts)
    reads = counts.sum(axis=1, keepdims=True)
    return (counts @ bins)[:, None] / np.where(reads > 0, reads, np.nan), reads


def _log_ratio(score, above, below):
    if score.pool:
        # A replicate that lacks either count adds to neither.
        known = np.isfinite(above) & np.isfinite(below)
        above, below = (np.where(known, part, 0).sum(axis=1, keepdims=True) for part in (above, below))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.log((above + score.pseudocount) / (below + score.pseudocount)) / np.log(score.base)
    return ratios + score.offset, np.nan_to_num(below)


def _weights(score, reads):
    """Weights of numbers made of so many reads, (n, t): their mean is 1 over the known numbers of a track."""
    weights = reads if score.saturation is None else reads / (reads + score.saturation)
    totals, known = weights.sum(axis=0), np.maximum((reads > 0).sum(axis=0), 1)
    return (weights * known / np.where(totals > 0, totals, 1)).astype(np.float32)
