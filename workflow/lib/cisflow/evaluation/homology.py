"""How well every model predicts windows that are more, or less, like the sequences that trained it."""

import zlib

import numpy as np
import pandas as pd

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.evaluation import axes, matrix, similarity, statistics

COLUMNS = (
    *("dataset", "split", "model", "fold", "metric", "low", "high", "similarity", "value", "lower", "upper", "n"),
    "positives",
)
# Of labels 0 and 1, and of numbers.
BINARY, NUMBERS = ("auroc", "auprc"), ("pearson", "rmse")


class Settings(settings.Settings):
    """Metrics of every model by how much of a test window the training fold holds."""

    edges: list[float] = setting(
        [0.0, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0],
        items={"minimum": 0, "maximum": 1},
        min_items=2,
        unique=True,
        meaning="Bounds of bins of similarity, ascending: the largest share of distinct k-mers, k as of "
        "`near_duplicates`, that a window has in common with a training sequence. One at a bound is in the bin above.",
    )
    least: int = setting(20, minimum=3, meaning="Windows that a bin needs; others have no value.")
    resamples: int = setting(200, minimum=20, meaning="Bootstrap resamples of the windows of a bin, for 95% intervals.")


def evaluate(name, runs, dataset, chosen, k, seed):
    """Frame of COLUMNS: metrics of each model on the test windows of each bin, means over targets and over seeds.

    Correlations, errors, AUROC and AUPRC are those of each target over the windows of the bin. A bin without a window
    has no row; one with too few, or without both classes, has no value.

    Parameters
    ----------
    name : of the dataset. runs : list of runs.Run. dataset : dataset.Dataset. chosen : Settings.
    k : length of the k-mers. seed : of the resamples.

    Raises
    ------
    InputError : bounds that do not ascend, or predictions that `matrix.read` refuses.
    """
    edges = chosen.edges
    if any(low >= high for low, high in zip(edges, edges[1:], strict=False)):
        raise InputError(f"homology: edges: {edges}; expected ascending numbers")
    rows = []
    for split in dict.fromkeys(run.split for run in runs):
        own = [run for run in runs if run.split == split]
        values, folds = {}, None
        for run in own:
            folds, found = matrix.read(run.predictions, dataset.ids, dataset.targets, dataset.task)
            values.setdefault(run.model, []).append(found)
        test, train = np.flatnonzero(folds == "test"), np.flatnonzero(folds == "train")
        if not len(test):
            continue
        near = similarity.nearest(dataset.codes, test, train, k) if len(train) else np.zeros(len(test))
        # The last bin holds its upper bound too.
        place = np.where(near == edges[-1], len(edges) - 2, np.searchsorted(edges, near, side="right") - 1)
        labels = np.asarray(dataset.labels, dtype=np.float64)[test]
        for number, (low, high) in enumerate(zip(edges, edges[1:], strict=False)):
            inside = np.flatnonzero((place == number) & np.isfinite(near))
            if not len(inside):
                continue
            key = zlib.crc32(f"{split}/{number}".encode())
            draws = np.random.default_rng([seed, key]).integers(0, len(inside), (chosen.resamples, len(inside)))
            entry = {"dataset": name, "split": split, "fold": "test", "low": low, "high": high}
            entry |= {"similarity": near[inside].mean(), "n": len(inside)}
            if dataset.task.classes:
                entry["positives"] = int((labels[inside] > 0).any(axis=1).sum())
            for model, seeds in values.items():
                parts = [predicted[test[inside]] for predicted in seeds]
                scored = _scored(labels[inside], parts, draws, dataset.task.classes, chosen.least)
                rows += [entry | {"model": model, "metric": metric} | found for metric, found in scored.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _scored(labels, seeds, draws, classes, least):
    """{metric: {value, lower, upper}} of labels (n, t) and predictions (n, t) of each seed."""
    names = BINARY if classes else NUMBERS
    if len(labels) < least:
        return {name: {} for name in names}
    found = {}
    value = _means(labels, seeds, names, classes)
    drawn = {name: [] for name in names}
    for rows in draws:
        for name, number in _means(labels[rows], [part[rows] for part in seeds], names, classes).items():
            drawn[name].append(number)
    for name in names:
        lower, upper = statistics.interval(np.array(drawn[name]))
        found[name] = {"value": value[name], "lower": lower, "upper": upper}
    return found


def _means(labels, seeds, names, classes):
    """{metric: its mean over targets and seeds}, NaN where it is defined for none."""
    positive = (labels > 0).T if classes else None
    found = [axes.metrics(labels.T, part.T, names, positive) for part in seeds]
    means = {}
    for name in names:
        known = np.concatenate([part[name] for part in found])
        known = known[np.isfinite(known)]
        means[name] = known.mean() if len(known) else np.nan
    return means
