"""Metrics of every unit of an axis at once: of each track across regions, or of each region across tracks.

Arrays are (u, m): u units, each with a label of up to m members, NaN where one is missing. Nothing here loops over
units in Python; blocks of units keep the memory bounded.
"""

import numpy as np
from scipy import special, stats

from cisflow.evaluation import statistics

METRICS = ("pearson", "spearman", "rmse", "explained_variance")
AT_CUT = ("auroc", "auprc")
CORRELATIONS = ("pearson", "spearman")
# Metrics of which a smaller value is better.
LOWER = ("rmse", "jensen_shannon")
# Members that a unit needs for a correlation: of two it is 1 or -1, whatever they are.
LEAST = 3
# Values of a block of units.
BLOCK = 1 << 21


def metrics(labels, predictions, names=METRICS, positive=None):
    """{metric: (u,) float64}, NaN where it is undefined.

    Correlations need LEAST members with a label, not all equal; explained variance, 1 - var(y - p) / var(y), the same;
    AUROC and AUPRC (average precision) need members of both classes.

    Parameters
    ----------
    labels, predictions : (u, m), NaN where a label is missing. names : of METRICS and AT_CUT.
    positive : (u, m) bool, which labels count as positive, for AT_CUT.
    """
    found = {name: np.full(len(labels), np.nan) for name in names}
    step = max(1, BLOCK // max(labels.shape[1], 1))
    for start in range(0, len(labels), step):
        part = slice(start, start + step)
        y, p = (np.asarray(values[part], dtype=np.float64) for values in (labels, predictions))
        known = np.isfinite(y)
        for name, values in _block(y, p, known, names, None if positive is None else positive[part]).items():
            found[name][part] = values
    return found


def _block(y, p, known, names, positive):
    found = {}
    y = np.where(known, y, 0.0)
    if "pearson" in names:
        found["pearson"] = correlations(y, p, known)
    if {"spearman", "auroc"} & set(names):
        ranks = midranks(p, known)
    if "spearman" in names:
        found["spearman"] = correlations(midranks(y, known), ranks, known)
    n = known.sum(axis=1)
    errors = np.where(known, y - p, 0.0)
    if "rmse" in names:
        found["rmse"] = np.sqrt(statistics.ratio((errors**2).sum(axis=1), n))
    if "explained_variance" in names:
        left, total = (_squares(values, known) for values in (errors, y))
        defined = (n >= LEAST) & _varies(y, known)
        found["explained_variance"] = 1 - statistics.ratio(left, np.where(defined, total, 0))
    if positive is not None:
        hits = positive & known
        n_hits = hits.sum(axis=1)
        both = (n_hits > 0) & (n_hits < n)
        if "auroc" in names:
            above = np.where(hits, ranks, 0).sum(axis=1) - n_hits * (n_hits + 1) / 2
            found["auroc"] = statistics.ratio(above, np.where(both, n_hits * (n - n_hits), 0))
        if "auprc" in names:
            found["auprc"] = np.where(both, _average_precision(p, hits, known), np.nan)
    return found


def midranks(values, known):
    """Ranks (u, m) of the known values of each row, from 1; ties share their mean rank. Others have ranks behind."""
    return stats.rankdata(np.where(known, values, np.inf), axis=1)


def correlations(x, y, known):
    """Pearson's correlation (u,) of the known members of x and y (u, m); NaN below LEAST, or where one is constant."""
    x, y = (_centred(values, known) for values in (x, y))
    xx, xy, yy = (np.einsum("um,um->u", a, b) for a, b in ((x, x), (x, y), (y, y)))
    defined = (known.sum(axis=1) >= LEAST) & _varies(x, known) & _varies(y, known)
    return np.clip(statistics.ratio(xy, np.where(defined, np.sqrt(xx * yy), 0)), -1, 1)


def _centred(values, known):
    mean = statistics.ratio(np.where(known, values, 0.0).sum(axis=1), known.sum(axis=1))
    return np.where(known, values - mean[:, None], 0.0)


def _squares(values, known):
    return (_centred(values, known) ** 2).sum(axis=1)


def _varies(values, known):
    highest = values.max(axis=1, where=known, initial=-np.inf)
    return values.min(axis=1, where=known, initial=np.inf) < highest


def _average_precision(scores, hits, known):
    """(u,) mean over positives of the precision at their score; tied scores are one threshold."""
    order = np.argsort(np.where(known, -scores, np.inf), axis=1, kind="stable")
    ordered, hit = (np.take_along_axis(values, order, axis=1) for values in (scores, hits))
    width = scores.shape[1]
    last = np.ones(ordered.shape, dtype=bool)
    last[:, :-1] = ordered[:, 1:] != ordered[:, :-1]
    # The end of each one's group of ties: the first last member at or behind it. Unknown members hold no hit.
    ends = np.where(last, np.arange(width), width - 1)
    ends = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    found = np.cumsum(hit, axis=1)
    # A tie with a member whose label is not known must not count it.
    seen = np.cumsum(np.take_along_axis(known, order, axis=1), axis=1)
    precision = np.take_along_axis(found, ends, axis=1) / np.maximum(np.take_along_axis(seen, ends, axis=1), 1)
    return statistics.ratio((hit * precision).sum(axis=1), hit.sum(axis=1))


def jensen_shannon(profiles, predicted):
    """Jensen-Shannon distance of profiles, the square root of the divergence in bits, so from 0 to 1.

    Lin 1991, doi 10.1109/18.61115; a profile is divided by its total. NaN where one of both has no total above 0 or a
    bin that is not known.

    Parameters
    ----------
    profiles, predicted : (..., bins), not negative.

    Returns
    -------
    (...) float64.
    """
    p, q = (_shares(np.asarray(values, dtype=np.float64)) for values in (profiles, predicted))
    middle = (p + q) / 2
    divergence = (special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum(axis=-1) / (2 * np.log(2))
    return np.sqrt(np.clip(divergence, 0, 1))


def _shares(profiles):
    total = profiles.sum(axis=-1, keepdims=True)
    return profiles / np.where(total > 0, total, np.nan)


def fisher(values, n, metric):
    """(lower, upper) (u,) at 95% of correlations (u,) of n (u,) members, by Fisher's z.

    The standard error is 1 / sqrt(n - 3) of Pearson's, and sqrt(1 + r^2 / 2) times that of Spearman's (Bonett and
    Wright 2000, doi 10.1007/BF02294183). NaN of three members or fewer.
    """
    z = np.arctanh(np.clip(values, -1 + 1e-12, 1 - 1e-12))
    reach = np.sqrt(statistics.ratio(1 + (values**2 / 2 if metric == "spearman" else 0 * values), np.asarray(n) - 3.0))
    reach = reach * stats.norm.isf((100 - statistics.COVERAGE) / 200)
    return np.tanh(z - reach), np.tanh(z + reach)


def nulls(labels, predictions, orders, along, names=CORRELATIONS):
    """{metric: (b, u)}: correlations of the labels with predictions whose regions are exchanged for each other.

    Of a track across regions this is the correlation by chance; of a region across tracks, what the predictions of
    any other region reach, which is the skill of a model that knows the mean profile and nothing of the region. For
    Spearman's, predictions are ranked once, among all members of their unit, with a label or without.

    Parameters
    ----------
    labels, predictions : (u, m). orders : (b, regions) int, permutations of the regions.
    along : axis of the regions in the arrays: 0 where regions are units, 1 where they are members.
    """
    known = np.isfinite(labels)
    n, weight = known.sum(axis=1), known.astype(np.float64)
    found = {}
    for name in names:
        x, y = np.where(known, labels, 0.0), np.asarray(predictions, dtype=np.float64)
        if name == "spearman":
            # Ranks within a unit stay as they are when whole regions move.
            x, y = midranks(x, known), stats.rankdata(y, axis=1)
        x, y = _centred(x, known), y - y.mean()
        defined = (n >= LEAST) & _varies(x, known)
        xx = np.where(defined, (x**2).sum(axis=1), 0)
        draws = found[name] = np.empty((len(orders), len(labels)))
        for number, order in enumerate(orders):
            moved = np.take(y, order, axis=along)
            total = np.einsum("um,um->u", weight, moved)
            squares = np.einsum("um,um->u", weight, moved**2)
            spread = squares - statistics.ratio(total**2, n)
            # Less than this is what rounding leaves of constant predictions.
            spread = np.where(spread > 1e-10 * squares, spread, 0)
            draws[number] = statistics.ratio(np.einsum("um,um->u", x, moved), np.sqrt(xx * spread))
    return found


def resampled_correlations(labels, predictions, counts):
    """Pearson's correlation (b, u) of each unit when its members are drawn with counts (b, m); NaN where undefined.

    All units share the draws, so that a mean over units is resampled as one number; sums of all resamples are one
    product of matrices.
    """
    known = np.isfinite(labels)
    mean = statistics.ratio(np.where(known, labels, 0).sum(axis=1), known.sum(axis=1))
    x = np.where(known, labels - mean[:, None], 0.0)
    y = np.where(known, predictions - np.mean(predictions, axis=1, keepdims=True), 0.0)
    terms = np.concatenate([known, x, y, x * x, y * y, x * y]).T.astype(np.float64)
    found = np.empty((len(counts), len(labels)))
    step = max(1, BLOCK // counts.shape[1])
    for start in range(0, len(counts), step):
        drawn = counts[start : start + step].astype(np.float64)
        n, sx, sy, sxx, syy, sxy = np.split(drawn @ terms, 6, axis=1)
        n = np.where(n >= LEAST, n, np.nan)
        spread = (sxx - sx**2 / n) * (syy - sy**2 / n)
        # Below this, nothing but rounding is left of a constant.
        small = 1e-12 * (sxx * syy)
        found[start : start + step] = statistics.ratio(sxy - sx * sy / n, np.sqrt(np.where(spread > small, spread, 0)))
    return found
