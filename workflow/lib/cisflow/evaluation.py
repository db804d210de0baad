"""How well each model predicts, with an interval, and whether two models differ, from their predictions."""

import itertools
import json
import zlib
from collections import defaultdict
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow import files, statistics
from cisflow.errors import InputError, listing

FOLDS = ("train", "valid", "test")
EVALUATED = ("valid", "test")
COMPARED = ("auroc", "average_precision")
# The name of the mean over seeds and of the macro mean over targets.
MEAN = "mean"
# Pointwise bands are drawn, not read off: fewer resamples suffice.
CURVE_RESAMPLES = 200

COLUMNS = {
    "metrics": (
        *("dataset", "split", "model", "seed", "fold", "target", "metric", "value", "lower", "upper"),
        *("n", "n_positive"),
    ),
    "curves": ("dataset", "split", "model", "fold", "target", "curve", "x", "y", "lower", "upper"),
    "comparisons": (
        *("dataset", "split", "fold", "target", "metric", "model_a", "model_b", "difference", "lower", "upper"),
        *("p_value", "n"),
    ),
}


class Run(NamedTuple):
    """One trained model: where its predictions are."""

    split: str
    model: str
    seed: int
    predictions: str


class Predictions(NamedTuple):
    """One predictions.tsv, ids sorted. folds (n,) str; labels (t, n) 0, 1 or NaN; probabilities (t, n)."""

    path: str
    ids: np.ndarray
    folds: np.ndarray
    targets: list
    labels: np.ndarray
    probabilities: np.ndarray


class Average:
    """Mean of arrays of one shape, element by element, over those that are not NaN there."""

    def __init__(self):
        self.total, self.count = 0.0, 0

    def add(self, values):
        self.total = self.total + np.nan_to_num(values)
        self.count = self.count + np.isfinite(values)

    def mean(self):
        return np.divide(self.total, self.count, out=np.full(self.total.shape, np.nan), where=self.count > 0)


def parse_runs(text):
    """List of Run from JSON [{"split", "model", "seed", "predictions"}, ...] (InputError: anything else)."""
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise InputError(f"--runs: not JSON: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise InputError(f"--runs: found {text[:60]}, expected a list of at least one run")
    runs = []
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict) or set(entry) != set(Run._fields):
            raise InputError(f"--runs: run {number}: found {entry}, expected the keys {', '.join(Run._fields)}")
        run = Run(**entry)
        texts = (run.split, run.model, run.predictions)
        if type(run.seed) is not int or run.seed < 0 or not all(isinstance(text, str) for text in texts):
            raise InputError(f"--runs: run {number}: found {entry}, expected a whole number as seed and text elsewhere")
        if run[:3] in {other[:3] for other in runs}:
            raise InputError(
                f"--runs: run {number}: split '{run.split}', model '{run.model}', seed {run.seed} is twice"
            )
        runs.append(run)
    return runs


def read_predictions(path):
    """Read a predictions.tsv as Predictions.

    Raises
    ------
    InputError : a fold other than train, valid, test; a label other than 0, 1 or empty; a probability outside 0..1; an
        id and target that occur twice or not at all; an id in two folds; a target named like the macro mean.
    """
    frame = _checked_rows(path)
    place, ids = pd.factorize(frame["id"], sort=True)
    row, targets = pd.factorize(frame["target"])
    if len(targets) > 1 and MEAN in targets:
        raise InputError(f"{path}: a target is named '{MEAN}', expected another name: it stands for the macro mean")
    cell = pd.Series(row * len(ids) + place)
    _refuse(path, cell.duplicated(), frame["id"], "target and id repeat an earlier row, id is", "one row for both")
    held = np.zeros((len(targets), len(ids)), dtype=bool)
    held[row, place] = True
    if not held.all():
        target, index = np.argwhere(~held)[0]
        raise InputError(f"{path}: no row of id '{ids[index]}' and target '{targets[target]}', expected one")
    folds = np.empty(len(ids), dtype=object)
    folds[place] = frame["fold"]
    _refuse(path, frame["fold"] != folds[place], frame["id"], "fold differs in other rows of id", "one fold per id")
    labels, probabilities = np.empty(held.shape), np.empty(held.shape)
    labels[row, place], probabilities[row, place] = frame["label"], frame["probability"]
    return Predictions(str(path), np.asarray(ids), folds, list(targets), labels, probabilities)


def _checked_rows(path):
    """The columns of a predictions.tsv that count, each value checked by itself (InputError)."""
    columns = ["id", "fold", "target", "label", "probability"]
    frame = files.read_table(path, columns, text=("id", "fold", "target"))[columns]
    if frame.empty:
        raise InputError(f"{path}: no rows, expected one per id and target")
    for name in ("label", "probability"):
        numbers = pd.to_numeric(frame[name], errors="coerce")
        _refuse(path, numbers.isna() & frame[name].notna(), frame[name], f"{name} is", "a number")
        frame[name] = numbers.astype(float)
    for name in ("id", "target"):
        _refuse(path, frame[name] == "", frame[name], f"{name} is", "a name")
    _refuse(path, ~frame["fold"].isin(FOLDS), frame["fold"], "fold is", ", ".join(FOLDS))
    _refuse(path, frame["label"].notna() & ~frame["label"].isin([0, 1]), frame["label"], "label is", "0, 1 or nothing")
    _refuse(path, ~frame["probability"].between(0, 1), frame["probability"], "probability is", "a number from 0 to 1")
    return frame


def _refuse(path, bad, values, what, expected):
    """InputError for the first row where `bad` holds; rows count as lines do, the header is row 1."""
    places = np.flatnonzero(bad)
    if len(places):
        found = values.iloc[places[0]]
        found = "empty" if found == "" or pd.isna(found) else f"'{found}'"
        raise InputError(f"{path}: row {places[0] + 2}: {what} {found}, expected {expected}")


def aligned(reference, other):
    """`other` with the targets in the order of `reference`.

    Raises
    ------
    InputError : the two files differ in ids, targets, folds or labels; names both and the first difference by id.
    """
    both = f"{reference.path} and {other.path} are predictions of one split but"
    unshared = sorted(set(reference.ids) ^ set(other.ids))
    if unshared:
        where = reference.path if unshared[0] in set(reference.ids) else other.path
        raise InputError(f"{both} differ in their ids: '{unshared[0]}' is in {where} only")
    if sorted(reference.targets) != sorted(other.targets):
        raise InputError(
            f"{both} differ in their targets: {listing(reference.targets)} against {listing(other.targets)}"
        )
    order = [other.targets.index(target) for target in reference.targets]
    other = other._replace(
        targets=reference.targets, labels=other.labels[order], probabilities=other.probabilities[order]
    )
    for name, left, right in (("fold", reference.folds, other.folds), ("label", reference.labels.T, other.labels.T)):
        same = (left == right) | ((left != left) & (right != right))
        if not same.all():
            place = tuple(np.argwhere(~same)[0])
            target = f" and target '{reference.targets[place[1]]}'" if len(place) > 1 else ""
            raise InputError(
                f"{both} differ in the {name} of id '{reference.ids[place[0]]}'{target}: "
                f"{left[place]} against {right[place]}"
            )
    return other


def evaluate(dataset, runs, seed, n_resamples):
    """Metrics, curves and comparisons of all runs of a dataset.

    Intervals are percentiles (2.5, 97.5) of a bootstrap over sequences. All models, seeds and targets of a split and
    fold share their resamples: comparisons are paired, and the mean over seeds or targets is bootstrapped as one
    number. In a resample where a target lacks a class, that target has no AUROC and average precision: it is left
    out of the target's interval and of the resample's macro mean. An interval is for the choice of sequences; what
    the training adds shows in the rows of the seeds.

    Parameters
    ----------
    dataset : name, for the tables. runs : list of Run.
    seed : int, at least 0, fixes the resamples together with the names of split and fold.
    n_resamples : int, at least 1.

    Returns
    -------
    dict of data frames `metrics`, `curves`, `comparisons` with the columns COLUMNS; the latter two of the test fold.
    """
    for option, value, least in (("--seed", seed, 0), ("--resamples", n_resamples, 1)):
        if value < least:
            raise InputError(f"{option}: found {value}, expected {least} or more")
    tables = {name: [] for name in COLUMNS}
    for split in dict.fromkeys(run.split for run in runs):
        scores, first = _read_split([run for run in runs if run.split == split])
        for fold in EVALUATED:
            for estimate in _fold_estimates(scores, first, split, fold, seed, n_resamples):
                names = {"dataset": dataset, "split": split, "fold": fold, "target": estimate.target}
                tables["metrics"] += _metric_rows(names, estimate)
                if fold == "test":
                    tables["curves"] += _curve_rows(names, estimate)
                    tables["comparisons"] += _comparison_rows(names, estimate)
    return {name: pd.DataFrame(rows, columns=list(COLUMNS[name])) for name, rows in tables.items()}


def _read_split(runs):
    """({(model, seed): probabilities (t, n)}, the first run's Predictions) of the runs of one split."""
    scores, first = {}, None
    for run in tqdm(runs, desc=f"reading predictions of {runs[0].split}", unit="run"):
        predictions = read_predictions(run.predictions)
        first = first or predictions
        scores[run.model, str(run.seed)] = aligned(first, predictions).probabilities
    if not np.isin(first.folds, EVALUATED).any():
        raise InputError(f"{first.path}: no row of fold {' or '.join(EVALUATED)}, expected some to evaluate")
    return scores, first


class Estimate(NamedTuple):
    """What is known of one target, or of the macro mean; index 0 of an array is the data, the others the resamples.

    metrics : {(model, seed): (4, 1 + b)}, seed `mean` included. curves : {model: (2, 1 + min(b, 200), 101)}.
    n, n_positive : labelled sequences and positives (macro mean: with a label, or a positive one, of any target).
    """

    target: str
    n: int
    n_positive: int
    metrics: dict
    curves: dict


def _fold_estimates(scores, first, split, fold, seed, n_resamples):
    """The Estimates of one fold of a split, none where it holds no sequence."""
    rows = np.flatnonzero(first.folds == fold)
    if not len(rows):
        return []
    rng = np.random.default_rng([seed, zlib.crc32(f"{split}/{fold}".encode())])
    counts = statistics.resamples(len(rows), n_resamples, rng)
    held_out = {run: values[:, rows] for run, values in scores.items()}
    return _estimates(held_out, first.labels[:, rows], first.targets, counts, f"{split}, {fold}", fold == "test")


def _estimates(scores, labels, targets, counts, title, with_curves):
    """Yield the Estimate of each target and, for more than one, of their macro mean.

    scores : {(model, seed): (t, n)}; labels : (t, n); counts : (b, n) resamples.
    """
    macro_metrics, macro_curves = defaultdict(Average), defaultdict(Average)
    with tqdm(total=len(targets) * len(scores), desc=f"evaluating {title}", unit="run") as bar:
        for index, target in enumerate(targets):
            metrics, means, curves = {}, defaultdict(Average), defaultdict(Average)
            for (model, seed), values in scores.items():
                metrics[model, seed] = _metrics(labels[index], values[index], counts)
                means[model, MEAN].add(metrics[model, seed])
                if with_curves:
                    curves[model].add(_curves(labels[index], values[index], counts))
                bar.update()
            metrics, curves = metrics | _means(means), _means(curves)
            for sums, parts in ((macro_metrics, metrics), (macro_curves, curves)):
                for key, values in parts.items():
                    sums[key].add(values)
            yield Estimate(target, *_size(labels[index : index + 1]), metrics, curves)
    if len(targets) > 1:
        yield Estimate(MEAN, *_size(labels), _means(macro_metrics), _means(macro_curves))


def _means(averages):
    return {key: average.mean() for key, average in averages.items()}


def _size(labels):
    """Number of sequences with a label, and with a positive one, of any target of labels (t, n)."""
    return int(np.isfinite(labels).any(axis=0).sum()), int((labels == 1).any(axis=0).sum())


def _metrics(labels, scores, counts):
    """(4, 1 + b): METRICS of the data, then of each resample."""
    resampled = statistics.bootstrap_metrics(labels, scores, counts)
    return np.column_stack([statistics.point_metrics(labels, scores), resampled])


def _curves(labels, scores, counts):
    """(2, 1 + min(b, 200), 101): CURVES of the data, then of each resample."""
    whole = np.ones((1, counts.shape[1]), dtype=counts.dtype)
    return statistics.curves(labels, scores, np.vstack([whole, counts[:CURVE_RESAMPLES]]))


def _metric_rows(names, estimate):
    """One row per model, seed and metric."""
    rows = []
    for (model, seed), values in estimate.metrics.items():
        for metric, (value, lower, upper) in zip(statistics.METRICS, map(_summary, values), strict=True):
            entry = {"model": model, "seed": seed, "metric": metric, "value": value, "lower": lower, "upper": upper}
            rows.append({**names, **entry, "n": estimate.n, "n_positive": estimate.n_positive})
    return rows


def _curve_rows(names, estimate):
    """One row per model, curve and point; none for a curve that lacks a class."""
    rows = []
    for model, both in estimate.curves.items():
        for curve, values in zip(statistics.CURVES, both, strict=True):
            if np.isnan(values[0]).any():
                continue
            for x, y, lower, upper in zip(statistics.PERCENT / 100, *_summary(values), strict=True):
                rows.append({**names, "model": model, "curve": curve, "x": x, "y": y, "lower": lower, "upper": upper})
    return rows


def _comparison_rows(names, estimate):
    """One row per metric of COMPARED and pair of models, of their means over seeds."""
    rows = []
    models = [model for model, seed in estimate.metrics if seed == MEAN]
    for metric, (a, b) in itertools.product(COMPARED, itertools.combinations(models, 2)):
        place = statistics.METRICS.index(metric)
        differences = estimate.metrics[a, MEAN][place] - estimate.metrics[b, MEAN][place]
        difference, lower, upper = _summary(differences)
        entry = {"metric": metric, "model_a": a, "model_b": b, "difference": difference, "lower": lower}
        p_value = statistics.p_value(differences[1:])
        rows.append({**names, **entry, "upper": upper, "p_value": p_value, "n": estimate.n})
    return rows


def _summary(values):
    """(value of the data, lower bound, upper bound) of values (1 + b, ...)."""
    return values[0], *statistics.interval(values[1:])
