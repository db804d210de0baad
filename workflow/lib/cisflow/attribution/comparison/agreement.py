"""How attribution methods compare: with one of them, with the planted truth, with the network, and between seeds."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from cisflow.attribution import scores

AGREEMENT = ("seed", "id", "target", "method", "scores", "pearson")
PLANTED = (
    *("seed", "id", "target", "method", "n_planted", "base_rate", "average_precision"),
    *("base_rate_fixed_gc", "average_precision_fixed_gc"),
)
SEEDS = ("seed", "other_seed", "id", "target", "method", "scores", "pearson")
SUMMARY = ("measure", "method", "seed", "value", "lower", "upper", "n")
# A control that ranks positions at random, where the truth or the network is the judge.
RANDOM = "random"
RESAMPLES = 1000
# Ends of the measures that have them. The area under a curve has none: outputs on the way may leave what lies between
# the replaced sequence and the whole one.
ENDS = {
    "correlation_all": (-1, 1),
    "correlation_present": (-1, 1),
    "seed_correlation": (-1, 1),
    "planted_average_precision": (0, 1),
    "planted_average_precision_fixed_gc": (0, 1),
    "seconds_per_sequence": (0, np.inf),
}
# By code: A and T, C and G, unknown or absent.
BASE_CLASSES = np.array([0, 1, 1, 0, 2, 2])


def views(multipliers, codes):
    """What methods are compared by, from raw multipliers (m, 4, length).

    Returns
    -------
    {"all bases": (m, 4 * length) effects of putting each base at each position, alternative minus reference, with 0 at
    the base present; "base present": (m, length) minus the mean effect of replacing it}.
    """
    effects = scores.transform(multipliers, codes, "tism")
    return {"all bases": effects.reshape(len(codes), -1), "base present": at_present(multipliers, codes)}


def at_present(multipliers, codes):
    """(m, 4, length) raw multipliers -> (m, length) minus the mean effect of replacing the base present."""
    return scores.observed(scores.transform(multipliers, codes, "mean_effect"), codes)


def correlation(first, second):
    """Pearson's r of each row of two (m, p) arrays; NaN where either is constant."""
    first, second = (rows - rows.mean(axis=1, keepdims=True) for rows in (np.float64(first), np.float64(second)))
    size = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(axis=1) / np.where(size > 0, size, np.nan)


def average_precision(labels, values):
    """Area under the precision-recall curve, by steps; equal values enter together.

    Parameters
    ----------
    labels : (p,) bool, at least one of them true. values : (p,), higher first.
    """
    order = np.argsort(-values, kind="stable")
    ends = np.r_[np.flatnonzero(np.diff(values[order])), len(order) - 1]
    hits = np.cumsum(labels[order])[ends]
    return float((np.diff(hits, prepend=0) * hits / (ends + 1)).sum() / hits[-1])


def at_fixed_gc(measure, labels, codes, *values):
    """Mean of a measure over A/T positions and G/C positions apart, weighted by the true labels of each.

    A method that scores G/C above A/T, or the reverse, gains nothing by it where motifs are rich in one of them.
    Positions of unknown bases are a class of their own; a class without a true label has no weight.

    Parameters
    ----------
    measure : function of the labels of a class and of its `values`. labels : (p,) bool, at least one of them true.
    codes, values : (p,), codes uint8.
    """
    classes = BASE_CLASSES[codes]
    used, weights = np.unique(classes[labels], return_counts=True)
    found = [measure(*(each[classes == number] for each in (labels, *values))) for number in used]
    return float(np.average(found, weights=weights))


def agreement(parts, reference):
    """Frame of the correlation of every method with the reference, row by row.

    Parameters
    ----------
    parts : {method: files.Attributions}, all on the same rows.
    """
    seen = {method: views(part.multipliers, part.codes) for method, part in parts.items()}
    frames = []
    for method, part in parts.items():
        if method == reference:
            continue
        for kind, values in seen[method].items():
            found = correlation(values, seen[reference][kind])
            frames.append(rows_of(part).assign(method=method, scores=kind, pearson=found))
    return pd.concat(frames, ignore_index=True)


def planted(parts, truth, seed):
    """Frame of the recovery of the instances planted for each row's target, by the |score| at the base present.

    Positions of an instance are the positives, all others of the same sequence the background, so that whatever
    differs between sequences is the same for both. Motifs may be richer in G and C than what lies around them: the
    columns with `fixed_gc` compare positions with others of the same class of bases alone, see `at_fixed_gc`. A row
    without an instance is left out.

    Parameters
    ----------
    parts : as for `agreement`. truth : frame with id, target, start, end. seed : of the random control.
    """
    spans = truth.groupby(["id", "target"])[["start", "end"]].agg(list)
    some = next(iter(parts.values()))
    sizes = {method: np.abs(at_present(part.multipliers, part.codes)) for method, part in parts.items()}
    sizes[RANDOM] = np.random.default_rng(seed).random(some.codes.shape)
    records = []
    for row, key in enumerate(some.keys()):
        if key not in spans.index:
            continue
        labels = np.zeros(some.codes.shape[1], dtype=bool)
        for start, end in zip(*spans.loc[key], strict=True):
            labels[start:end] = True
        codes = some.codes[row]
        rate, fixed_rate = labels.mean(), at_fixed_gc(np.mean, labels, codes)
        for method, size in sizes.items():
            value = average_precision(labels, size[row])
            fixed = at_fixed_gc(average_precision, labels, codes, size[row])
            records.append((*key, method, len(spans.loc[key, "start"]), rate, value, fixed_rate, fixed))
    return pd.DataFrame(records, columns=PLANTED[1:])


def oriented(frame):
    """Curves of `perturbation.curves`, so that those of a high and of a low output have a mean that means something.

    The output of the replaced sequence is subtracted, and what is left multiplied by its sign at the whole sequence.

    Parameters
    ----------
    frame : with seed and the columns of a table of curves.

    Returns
    -------
    frame with a row for each seed, id, target, method and curve (its index) and a column for each share, ascending: 0
    at the replaced sequence, |whole - replaced| at the whole one, in the units of the output.
    """
    wide = frame.pivot(index=["seed", "id", "target", "method", "curve"], columns="share", values="output")
    values = wide.to_numpy()
    deletion = wide.index.get_level_values("curve") == "deletion"
    none = np.where(deletion, values[:, -1], values[:, 0])[:, None]
    whole = np.where(deletion, values[:, 0], values[:, -1])[:, None]
    return (wide - none) * np.where(whole < none, -1, 1)


def areas(frame):
    """Area under each row's oriented curve over the share of positions, as a share of that of a step.

    The curve is scaled so that the whole sequence is 1 and the replaced one 0, by the mean of |whole - replaced| over
    the rows of a seed: that of a single row may be near 0.

    Parameters
    ----------
    frame : as for `oriented`.

    Returns
    -------
    frame with seed, id, target, method, curve and area; NaN where no row of a seed has a difference.
    """
    wide = oriented(frame)
    shares, values = wide.columns.to_numpy(dtype=float), wide.to_numpy()
    size = pd.Series(np.maximum(values[:, 0], values[:, -1]))
    scale = size.groupby(wide.index.get_level_values("seed")).transform("mean").to_numpy()
    area = np.trapezoid(values, shares, axis=1) / np.where(scale > 0, scale, np.nan)
    return wide.index.to_frame(index=False).assign(area=area)


def between_seeds(runs):
    """Frame of the correlation of each method's scores of one seed with those of another, on the rows of both.

    Two seeds that share no row have none in the frame.

    Parameters
    ----------
    runs : {seed: parts}.
    """
    frames = []
    for (seed, first), (other, second) in combinations(runs.items(), 2):
        keys = [{key: row for row, key in enumerate(next(iter(parts.values())).keys())} for parts in (first, second)]
        common = [key for key in keys[0] if key in keys[1]]
        if not common:
            continue
        rows = [[of_part[key] for key in common] for of_part in keys]
        for method in first:
            pairs = [
                views(part.multipliers[index], part.codes[index])
                for part, index in zip((first[method], second[method]), rows, strict=True)
            ]
            for kind in pairs[0]:
                found = pd.DataFrame(common, columns=["id", "target"])
                found["pearson"] = correlation(pairs[0][kind], pairs[1][kind])
                frames.append(found.assign(seed=seed, other_seed=other, method=method, scores=kind))
    return pd.concat(frames, ignore_index=True)[list(SEEDS)] if frames else pd.DataFrame(columns=SEEDS)


def summary(measures, seed=0):
    """Means of row-wise measures, with intervals.

    Parameters
    ----------
    measures : {name: frame with seed, method and a last column of values; where it has an id, rows of the same id are
        not independent}. A name of ENDS says between which numbers its values lie.

    Returns
    -------
    frame with SUMMARY. A seed's interval is the percentile bootstrap over its ids at 95%, each with all of its rows,
    or over its rows where there is no id. Seed `all` has the mean of the seeds' means and the interval of `over_seeds`;
    its n is the number of seeds.
    """
    rng = np.random.default_rng(seed)
    records = []
    for measure, frame in measures.items():
        for method, of_method in frame.groupby("method", sort=False):
            means = []
            for number, group in of_method.groupby("seed"):
                group = group[group.iloc[:, -1].notna()]
                values = group.iloc[:, -1].to_numpy(dtype=float)
                if not len(values):
                    continue
                cluster = pd.factorize(group["id"])[0] if "id" in group else np.arange(len(values))
                sums, sizes = np.bincount(cluster, values), np.bincount(cluster)
                chosen = rng.integers(0, len(sums), (RESAMPLES, len(sums)))
                drawn = sums[chosen].sum(axis=1) / sizes[chosen].sum(axis=1)
                records.append(
                    (measure, method, str(number), values.mean(), *np.percentile(drawn, [2.5, 97.5]), len(values))
                )
                means.append(values.mean())
            middle = np.mean(means) if means else np.nan
            records.append((measure, method, "all", middle, *over_seeds(means, ENDS.get(measure)), len(means)))
    return pd.DataFrame(records, columns=SUMMARY)


def over_seeds(values, ends=None):
    """Student's interval at 95% over the values of seeds: (lower, upper), NaN for fewer than two.

    Values that have ends are first drawn out to the whole line, and the interval is transformed back, so that it ends
    between them too. With y the value's place from -1 at one end to 1 at the other, that is atanh(y): of a correlation
    Fisher's z (Fisher 1921, Metron 1, 3-32), of a share p half the logit, on which Boyd et al. (2013, ECML PKDD,
    451-466) make intervals of the area under the precision-recall curve. Where only 0 is an end, it is the logarithm.
    The interval is then one of the mean on that scale, which is near the mean of the values and not the same.

    Parameters
    ----------
    values : (n,). One at an end, or by rounding past it, counts as the last number before it; where all are the same,
        both bounds are that value.
    ends : (least, largest) that a value can be, the latter np.inf where only 0 is an end; None for values without ends.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return np.nan, np.nan
    least, largest = ends or (-np.inf, np.inf)
    values = values.clip(least, largest)
    if np.ptp(values) == 0:
        return values[0], values[0]
    draw_out, back = _scale(least, largest)
    values = draw_out(values)
    reach = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return tuple(back(np.array([values.mean() - reach, values.mean() + reach])))


def _scale(least, largest):
    """What draws values between two ends out to the whole line, and what brings them back."""
    if np.isinf(least):
        return np.asarray, np.asarray
    if np.isinf(largest):
        return lambda values: np.log(values.clip(np.nextafter(0, 1))), np.exp
    width, last = largest - least, np.nextafter(1, 0)
    return (
        lambda values: np.arctanh((2 * (values - least) / width - 1).clip(-last, last)),
        lambda values: least + width * (np.tanh(values) + 1) / 2,
    )


def rows_of(part):
    return pd.DataFrame({"id": part.ids, "target": part.targets})
