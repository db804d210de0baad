"""What the tables of an evaluation say: rows of the metrics, what no skill scores, and baselines that come close."""

from typing import NamedTuple

import numpy as np

from cisflow import tasks
from cisflow.errors import InputError, listing
from cisflow.io.tables import matching, table

CLASSES = ("dataset", "split", "model", "fold", "target")
METRIC_COLUMNS = (*CLASSES, "seed", "strands", "metric")
METRIC_NUMBERS = ("value", "lower", "upper", "n", "n_positive")
# Of the metrics of every task.
LABELS = {metric: label for name in tasks.NAMES for metric, label in tasks.get(name).labels.items()}
CHANCE = {metric: value for name in tasks.NAMES for metric, value in tasks.get(name).chance.items()}


def metrics(path, strands="averaged", ensembles=False):
    """The rows of the table of metrics with both strands averaged, or separate; without ensembles of seeds."""
    frame = matching(table(path, METRIC_COLUMNS, METRIC_NUMBERS), strands=strands)
    return frame if ensembles else frame[frame["seed"] != "ensemble"].reset_index(drop=True)


def headline_target(frame, path):
    """The target that a figure shows: the only one, or "mean" where there are several.

    Raises
    ------
    InputError : several targets and no mean over them.
    """
    targets = sorted(set(frame["target"]))
    named = [target for target in targets if target != "mean"]
    if len(named) == 1:
        return named[0]
    if "mean" not in targets:
        raise InputError(f"{path}: found targets {listing(named)} and no row for 'mean'; expected one target or 'mean'")
    return "mean"


def ranked(metrics, metric="auroc"):
    """Models by the mean of a metric over splits and seeds, highest first; names break ties, those without are last."""
    means = matching(metrics, metric=metric).groupby("model")["value"].mean().fillna(-np.inf)
    return sorted(set(metrics["model"]), key=lambda model: (-means.get(model, -np.inf), model))


def counted(k):
    """What a baseline on k-mers of length k counts."""
    return "GC content" if k == 1 else f"{k}-mers"


def sees(k):
    """The same, with what it does not see."""
    return f"{counted(k)} alone" + ("" if k == 1 else " (short words without position or order)")


def close_baselines(path, dataset, target, metric="auroc"):
    """The rows of the table of comparisons whose baseline, model_b, is as good as model_a or better, test fold."""
    names = ("dataset", "split", "fold", "target", "metric", "model_a", "model_b")
    rows = table(path, names, ("difference", "close", "baseline"))
    rows = matching(rows, dataset=dataset, fold="test", target=target, metric=metric)
    return rows[(rows["baseline"] == 1) & (rows["close"] == 1)].reset_index(drop=True)


class Reversal(NamedTuple):
    """A baseline whose AUROC, or correlation, is surely below chance on a split.

    value : what it would be, were its predictions reversed. reached : models for which it is no higher.
    """

    model: str
    split: str
    value: float
    reached: list


def reversals(metrics, baselines, metric="auroc"):
    """The Reversals among rows of the metrics of one target and fold, strands averaged and mean over seeds."""
    rows = matching(metrics, metric=metric)
    chance, found = CHANCE[metric], []
    for row in rows[rows["model"].isin(list(baselines)) & (rows["upper"] < chance)].itertuples():
        value = 2 * chance - row.value
        models = matching(rows, split=row.split)
        models = models[~models["model"].isin(list(baselines)) & (models["value"] <= value)]
        found.append(Reversal(row.model, row.split, value, models["model"].tolist()))
    return found


def below_chance(metrics, baselines=(), metric="auroc"):
    """The rows of models, but the baselines, whose metric is surely below chance; `metrics` as for `reversals`."""
    rows = matching(metrics, metric=metric)
    return rows[~rows["model"].isin(list(baselines)) & (rows["upper"] < CHANCE[metric])]


def chance_notes(metrics, baselines=(), metric="auroc"):
    """Sentences on the models below chance, one a split."""
    return [
        f"Below chance on {split} ({LABELS[metric]}, {CHANCE[metric]:g} is chance): "
        f"{listing(f'{row.model} {row.value:.3f} ({row.lower:.3f} to {row.upper:.3f})' for row in rows.itertuples())}."
        for split, rows in below_chance(metrics, baselines, metric).groupby("split", sort=True)
    ]


def notes_on_skill(path, dataset, target, metrics, baselines, metric="auroc"):
    """Sentences on baselines that are as good as a model, and on baselines and models below chance.

    Parameters
    ----------
    path : table of comparisons.
    metrics : as reversals takes them; their splits are those looked at.
    baselines : {model: k of its k-mers}. metric : by which models are compared.
    """
    close = close_baselines(path, dataset, target, metric)
    close = close[close["split"].isin(metrics["split"])]
    notes = []
    for (model, split), rows in close.groupby(["model_b", "split"], sort=True):
        what = f", which sees {sees(baselines[model])}," if model in baselines else ""
        names = listing(f"{row.model_a} ({row.difference:+.3f})" for row in rows.itertuples())
        notes.append(f"{model}{what} is as good as or better than a model in {LABELS[metric]} on {split}: {names}.")
    for found in reversals(metrics, baselines, metric):
        reached = f" and reach {listing(found.reached)}" if found.reached else ""
        notes.append(
            f"{found.model} is below chance on {found.split}: reversed its {LABELS[metric]} would be "
            f"{found.value:.3f}{reached}. "
            f"{counted(baselines[found.model])} separate{'s' if baselines[found.model] == 1 else ''} its test fold "
            "the other way round than its training fold."
        )
    return notes + chance_notes(metrics, baselines, metric)


class Balance(NamedTuple):
    """How many sequences a fold holds.

    text : the counts in words. rates : (t,) share of positives per target, NaN where unknown or nothing is positive.
    """

    text: str
    rates: np.ndarray


def balance(frame, positives=True):
    """The Balance of the rows of one dataset, split and fold of the metrics; of a task with positives, or without."""
    named = frame[frame["target"] != "mean"]
    rows = (named if len(named) else frame).drop_duplicates(["target", "n", "n_positive"])
    rows = rows[rows["n"] > 0]
    rates = (rows["n_positive"] / rows["n"]).to_numpy()
    n_targets = rows["target"].nunique()
    if not len(rows):
        return Balance("n not given", rates)
    text = f"n = {_span(rows['n'])}" + (f", {_span(rows['n_positive'])} positive" if positives else "")
    return Balance(f"mean of {n_targets} targets, {text}" if n_targets > 1 else text, rates)


def _span(counts):
    """`1,234`, or `1,200-1,234` where counts differ."""
    counts = counts.dropna()
    if not len(counts):
        return "unknown"
    low, high = int(counts.min()), int(counts.max())
    return f"{low:,}" if low == high else f"{low:,}\u2013{high:,}"


def no_skill(metric, rates):
    """What a prediction without skill scores, as a mean over targets with these shares of positives.

    AUROC: 0.5; correlations: 0. Average precision: the share of positives. Accuracy and Brier score: always predicting
    the more frequent class, and always predicting the share. NaN where it is not known.
    """
    if metric in CHANCE:
        return CHANCE[metric]
    rates = rates[np.isfinite(rates)]
    if not len(rates):
        return float("nan")
    values = {"average_precision": rates, "accuracy": np.maximum(rates, 1 - rates), "brier": rates * (1 - rates)}
    return float(values[metric].mean()) if metric in values else float("nan")
