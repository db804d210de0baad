"""Tables of an evaluation: how well each model predicts, with an interval, where it does, and whether two differ."""

import importlib
import itertools

import numpy as np
import pandas as pd
from tqdm import tqdm

from cisflow import tasks
from cisflow.errors import InputError
from cisflow.evaluation import estimates, predictions, statistics
from cisflow.evaluation.measures import PERCENT
from cisflow.evaluation.predictions import AVERAGED, ENSEMBLE, MEAN, SEPARATE
from cisflow.evaluation.runs import baselines

EVALUATED = ("valid", "test")
# Two models whose metrics differ by less than this are close, however certain the difference is.
CLOSE = 0.02

COLUMNS = {
    "metrics": (
        *("dataset", "split", "model", "seed", "fold", "target", "strands", "metric", "value", "lower", "upper"),
        *("sd", "minimum", "maximum", "n_seeds", "n", "n_positive"),
    ),
    "curves": ("dataset", "split", "model", "fold", "target", "curve", "x", "y", "lower", "upper"),
    "comparisons": (
        *("dataset", "split", "fold", "target", "metric", "model_a", "model_b", "difference", "lower", "upper"),
        *("p_value", "p_holm", "p_bh", "delong_difference", "delong_lower", "delong_upper", "delong_p"),
        *("delong_holm", "delong_bh", "close", "baseline", "n", "n_positive"),
    ),
    "strata": (
        *("dataset", "split", "model", "fold", "target", "kind", "stratum", "gc_from", "gc_to", "metric", "value"),
        *("lower", "upper", "n", "n_positive"),
    ),
    "calibration": (
        *("dataset", "split", "model", "seed", "fold", "target", "bin_from", "bin_to", "predicted", "observed"),
        *("lower", "upper", "n", "n_positive"),
    ),
}


def measures_of(task):
    """The Measures of a task: class `<Task>Measures` of the module of this folder that is called as it is."""
    module = importlib.import_module(f"cisflow.evaluation.{task.name}")
    return getattr(module, f"{task.name.capitalize()}Measures")()


def chosen_metrics(dataset, task, names):
    """The metrics of a task among those named, in the task's order; all where none is named.

    Raises
    ------
    InputError : a metric that no task, or another one, has.
    """
    names = names or task.metrics
    for name in names:
        if name in task.metrics:
            continue
        owners = [other for other in tasks.NAMES if name in tasks.get(other).metrics]
        if not owners:
            raise InputError(f"unknown metric '{name}'; expected one of {', '.join(task.metrics)}")
        raise InputError(
            f"metric '{name}' is of task {' and '.join(owners)}; dataset '{dataset}' has task {task.name}; "
            f"expected one of {', '.join(task.metrics)}"
        )
    return [name for name in task.metrics if name in names]


def evaluate(dataset, runs, seed, n_resamples, windows=None, task=None, metrics=()):
    """Metrics, curves, comparisons, strata and calibration of all runs of a dataset.

    Intervals are percentiles (2.5, 97.5) of a bootstrap over sequences. All models, seeds, targets and strands of a
    split and fold share their resamples: comparisons are paired, and the mean over seeds or targets is bootstrapped
    as one number. Where strands are rows of their own, a resample draws both of a sequence together. In a resample
    where a metric of a target is undefined, as AUROC without both classes, that target is left out of its own interval
    and of the resample's macro mean. An interval is for the choice of sequences; what the training adds shows in the
    rows of the seeds and in `sd`, `minimum` and `maximum` of their mean.

    Parameters
    ----------
    dataset : name, for the tables.
    runs : list of runs.Run; those with a `k` are baselines: a pair of a model and a baseline names it second.
    seed : int, at least 0, fixes the resamples together with the names of split and fold.
    n_resamples : int, at least 1.
    windows : strata.Windows that hold every id of the runs; without them there are no strata.
    task : the dataset's, binary without it. metrics : names of those wanted, all where none is named.

    Returns
    -------
    dict of data frames by the names and with the columns of COLUMNS; all but `metrics` of the test fold alone.

    Raises
    ------
    InputError : a number out of its range, a metric that the task does not have, predictions that are not as
        `predictions.read` and `predictions.aligned` expect, or a sequence that is no window.
    """
    for option, value, least in (("--seed", seed, 0), ("--resamples", n_resamples, 1)):
        if value < least:
            raise InputError(f"{option}: found {value}, expected {least} or more")
    task = tasks.get(tasks.DEFAULT) if task is None else task
    measures = measures_of(task)
    metrics = chosen_metrics(dataset, task, metrics)
    tables = {name: [] for name in COLUMNS}
    for split in dict.fromkeys(run.split for run in runs):
        scores, first = _read_split([run for run in runs if run.split == split], task)
        for fold in EVALUATED:
            for estimate in estimates.of_fold(measures, scores, first, split, fold, seed, n_resamples, windows):
                names = {"dataset": dataset, "split": split, "fold": fold, "target": estimate.target}
                tables["metrics"] += _metric_rows(names, estimate, measures, metrics)
                if fold == "test":
                    compared = [name for name in task.compared if name in metrics]
                    tables["curves"] += _curve_rows(names, estimate, measures)
                    tables["comparisons"] += _comparison_rows(names, estimate, measures, compared, baselines(runs))
                    tables["strata"] += _stratum_rows(names, estimate, measures, compared)
                    tables["calibration"] += measures.calibration_rows(names, estimate.bins)
    return {name: pd.DataFrame(rows, columns=list(COLUMNS[name])) for name, rows in tables.items()}


def _read_split(runs, task):
    """({(model, seed): values of Predictions}, the first run's Predictions) of the runs of one split.

    Models of several seeds have the entry `ensemble` as well.
    """
    scores, first = {}, None
    for run in tqdm(runs, desc=f"reading predictions of {runs[0].split}", unit="run"):
        found = predictions.read(run.predictions, task)
        first = first or found
        scores[run.model, str(run.seed)] = predictions.aligned(first, found).values
    if not np.isin(first.folds, EVALUATED).any():
        raise InputError(f"{first.path}: no row of fold {' or '.join(EVALUATED)}, expected some to evaluate")
    for model in dict.fromkeys(run.model for run in runs):
        seeds = [values for (name, _), values in scores.items() if name == model]
        shared = [strands for strands in (AVERAGED, SEPARATE) if all(strands in values for values in seeds)]
        if len(seeds) > 1:
            scores[model, ENSEMBLE] = {name: np.mean([values[name] for values in seeds], axis=0) for name in shared}
    return scores, first


def _metric_rows(names, estimate, measures, metrics):
    """One row per model, seed, strands and metric; the spread over seeds stands in the rows of their mean."""
    rows = []
    for (model, seed, strands), values in estimate.metrics.items():
        seeds = [
            other[:, 0]
            for (name, number, kind), other in estimate.metrics.items()
            if (name, kind) == (model, strands) and number not in (MEAN, ENSEMBLE)
        ]
        spread = np.full((3, len(values)), np.nan)
        if seed == MEAN:
            spread[1:] = np.min(seeds, axis=0), np.max(seeds, axis=0)
            spread[0] = np.std(seeds, axis=0, ddof=1) if len(seeds) > 1 else np.nan
        for metric in metrics:
            number = measures.task.metrics.index(metric)
            value, lower, upper = _summary(values[number])
            entry = {"model": model, "seed": seed, "strands": strands, "metric": metric, "value": value}
            entry |= {"lower": lower, "upper": upper}
            entry |= dict(zip(("sd", "minimum", "maximum"), spread[:, number], strict=True))
            entry["n_seeds"] = len(seeds) if seed in (MEAN, ENSEMBLE) else 1
            rows.append({**names, **entry, "n": estimate.n, "n_positive": estimate.n_positive})
    return rows


def _curve_rows(names, estimate, measures):
    """One row per model, curve and point; none for a curve that lacks a class."""
    rows = []
    for model, both in estimate.curves.items():
        for curve, values in zip(measures.curve_names, both, strict=True):
            if np.isnan(values[0]).any():
                continue
            for x, y, lower, upper in zip(PERCENT / 100, *_summary(values), strict=True):
                rows.append({**names, "model": model, "curve": curve, "x": x, "y": y, "lower": lower, "upper": upper})
    return rows


def _comparison_rows(names, estimate, measures, compared, weak):
    """One row per compared metric and pair of models: of their means over seeds, and the task's test of ensembles.

    A p-value is adjusted over the pairs of its target and metric.
    """
    models = [model for model, seed, strands in estimate.metrics if (seed, strands) == (MEAN, AVERAGED)]
    pairs = list(itertools.combinations(sorted(models, key=lambda model: model in weak), 2))
    rows = []
    for metric in compared:
        place, group = measures.task.metrics.index(metric), []
        for a, b in pairs:
            differences = estimate.metrics[a, MEAN, AVERAGED][place] - estimate.metrics[b, MEAN, AVERAGED][place]
            difference, lower, upper = _summary(differences)
            entry = {"metric": metric, "model_a": a, "model_b": b, "difference": difference, "lower": lower}
            entry |= {"upper": upper, "p_value": statistics.p_value(differences[1:])}
            if estimate.test:
                numbered, test = estimate.test
                entry |= measures.tested(test, metric, numbered.index(a), numbered.index(b))
            entry["baseline"] = int(b in weak and a not in weak)
            # A baseline that beats a model warns of it no less than one that is as good.
            below = difference < CLOSE or lower <= 0
            near = below and (entry["baseline"] or difference > -CLOSE or upper >= 0)
            entry["close"] = np.nan if np.isnan(difference) else int(near)
            group.append({**names, **entry, "n": estimate.n, "n_positive": estimate.n_positive})
        for name, prefix in (("p_value", "p"), ("delong_p", "delong")):
            p_values = [row.get(name, np.nan) for row in group]
            for row, holm, bh in zip(
                group, statistics.holm(p_values), statistics.benjamini_hochberg(p_values), strict=True
            ):
                row |= {f"{prefix}_holm": holm, f"{prefix}_bh": bh}
        rows += group
    return rows


def _stratum_rows(names, estimate, measures, compared):
    """One row per model, stratum and compared metric, of the mean over seeds."""
    rows = []
    for (number, model), values in estimate.strata.items():
        stratum, n, n_positive = estimate.sizes[number]
        where = {"kind": stratum.kind, "stratum": stratum.name, "gc_from": stratum.gc_from, "gc_to": stratum.gc_to}
        for metric in compared:
            value, lower, upper = _summary(values[measures.task.metrics.index(metric)])
            entry = {"metric": metric, "value": value, "lower": lower, "upper": upper}
            rows.append({**names, "model": model, **where, **entry, "n": n, "n_positive": n_positive})
    return rows


def _summary(values):
    """(value of the data, lower bound, upper bound) of values (1 + b, ...)."""
    return values[0], *statistics.interval(values[1:])
