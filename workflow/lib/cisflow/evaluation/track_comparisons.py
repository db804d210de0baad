"""Two models on the same units: which of them is better per track, and which per region."""

import itertools

import numpy as np
import pandas as pd

from cisflow.evaluation import axes, statistics
from cisflow.evaluation.predictions import ENSEMBLE, MEAN

COLUMNS = (
    *("dataset", "split", "fold", "modality", "class", "axis", "regions", "over", "seeds", "metric", "model_a"),
    "model_b",
    *("mean_a", "mean_b", "difference", "lower", "upper", "p_value", "p_permutation", "a_better", "b_better", "n"),
    "winner",
)
METRICS = ("pearson", "spearman", "rmse", "jensen_shannon")
# Certain enough to name a winner.
ALPHA = 0.05


def rows(names, scores, counts, rng, resampled=None):
    """One row per metric and pair of models, of the units that both have a value of.

    `p_value` is of the bootstrap over units, `p_permutation` of exchanging the two models' values of a unit at random
    (each permutation is a draw of signs of the differences; one is added to both counts). Per track there is a row
    more, whose interval is over regions: tracks are often alike, and no sample of independent units.

    Parameters
    ----------
    names : columns that are the same in all rows. scores : tracks.Scores. counts : (b, u) resamples of the units.
    resampled : of axis track (number of regions, {model: (b,) mean over tracks of Pearson's r of each resample of the
        regions}).
    """
    entries, differences = _pairs(names, scores)
    if not entries:
        return []
    known = np.isfinite(differences)
    differences = np.where(known, differences, 0.0)
    drawn = statistics.ratio(counts @ differences, counts @ known.astype(np.float64))
    signs = rng.choice(np.array([-1.0, 1.0], dtype=np.float32), counts.shape)
    # Sums in another order differ by rounding.
    reached = (np.abs(signs @ differences) >= np.abs(differences.sum(axis=0)) * (1 - 1e-6)).sum(axis=0)
    found = []
    for place, entry in enumerate(entries):
        own = differences[known[:, place], place]
        entry |= _judged(own, drawn[:, place], entry["metric"])
        entry["p_permutation"] = (reached[place] + 1) / (len(signs) + 1)
        found.append(entry | {"winner": _winner(entry, entry["p_permutation"])})
        if resampled is not None and (entry["metric"], entry["regions"], entry["seeds"]) == ("pearson", "all", MEAN):
            n, draws = resampled
            if entry["model_a"] in draws and entry["model_b"] in draws:
                judged = _judged(own, draws[entry["model_a"]] - draws[entry["model_b"]], "pearson")
                over = entry | judged | {"over": "regions", "n": n, "p_permutation": np.nan}
                found.append(over | {"winner": _winner(over, over["p_value"])})
    return found


def _pairs(names, scores):
    """(what rows are of, differences (u, rows) of the first model from the second, NaN where one has no value).

    Of models of several seeds there are the means of their seeds' values, and the values of their mean prediction.
    """
    turned = names["axis"] == "track"
    everywhere = np.ones(len(scores.units), dtype=bool)
    parts = [("all", scores.values, everywhere)]
    parts.append(("variable", scores.variable, everywhere) if turned else ("variable", scores.values, scores.variable))
    entries, columns = [], []
    for (regions, values, chosen), seeds in itertools.product(parts, (MEAN, ENSEMBLE)):
        models = [model for model, seed in values if seed == MEAN]
        several = {model for model, seed in values if seed == ENSEMBLE}
        of_model = {model: values[model, seeds if model in several else MEAN] for model in models}
        for metric, (a, b) in itertools.product(METRICS, itertools.combinations(models, 2)):
            if seeds == ENSEMBLE and not several & {a, b}:
                continue
            if not all(metric in of_model[model] for model in (a, b)):
                continue
            one, two = (np.where(chosen, of_model[model][metric], np.nan) for model in (a, b))
            known = np.isfinite(one - two)
            if known.any():
                entry = {"regions": regions, "over": f"{names['axis']}s", "seeds": seeds, "metric": metric}
                entry |= {"model_a": a, "model_b": b}
                entries.append(names | entry | {"mean_a": one[known].mean(), "mean_b": two[known].mean()})
                columns.append(one - two)
    return entries, np.column_stack(columns) if columns else None


def _judged(differences, draws, metric):
    """Mean difference with its interval and p-value, and on how many units either model is better."""
    lower, upper = statistics.interval(draws)
    better = np.sign(differences) * (-1 if metric in axes.LOWER else 1)
    return {
        **{"difference": differences.mean(), "lower": lower, "upper": upper, "p_value": statistics.p_value(draws)},
        **{"a_better": int((better > 0).sum()), "b_better": int((better < 0).sum()), "n": len(differences)},
    }


def _winner(entry, p_value):
    """The better model where the interval leaves out zero and the test is below ALPHA; otherwise nothing."""
    if not p_value < ALPHA or not entry["lower"] * entry["upper"] > 0:
        return ""
    first = (entry["difference"] > 0) != (entry["metric"] in axes.LOWER)
    return entry["model_a"] if first else entry["model_b"]


def table(entries):
    """The frame of all rows."""
    return pd.DataFrame(entries, columns=list(COLUMNS))
