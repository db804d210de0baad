"""What is known of the models on one fold: values of the data and of its resamples, by target, seed and strands."""

import zlib
from collections import defaultdict
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from cisflow.evaluation import statistics
from cisflow.evaluation.predictions import AVERAGED, ENSEMBLE, MEAN, SEPARATE
from cisflow.evaluation.statistics import Average
from cisflow.evaluation.strata import strata_of


class Estimate(NamedTuple):
    """What is known of one target, or of the macro mean; index 0 of an array is the data, the others the resamples.

    n, n_positive : labelled sequences and positives (macro mean: with a label, or a positive one, of any target);
    n_positive is NaN of a task without positives.
    metrics : {(model, seed, strands): (k, 1 + b)}, seed `mean` included.
    curves : {model: (curves, 1 + resamples of the curves, 101)}.
    strata : {(number of the stratum, model): (k, 1 + b)}, of the mean over seeds.
    sizes : [(Stratum, n, n_positive)], in the order of their numbers.
    bins : {(model, seed): bins of the task}; test : (models, the task's test of them); neither of the macro mean.
    """

    target: str
    n: int
    n_positive: float
    metrics: dict
    curves: dict
    strata: dict
    sizes: list
    bins: dict
    test: tuple


def of_fold(measures, scores, first, split, fold, seed, n_resamples, windows):
    """The Estimates of one fold of a split, none where it holds no sequence.

    Parameters
    ----------
    measures : Measures of the task. scores : {(model, seed): values of Predictions}. first : Predictions of any run.
    windows : strata.Windows, or None.
    """
    rows = np.flatnonzero(first.folds == fold)
    if not len(rows):
        return []
    rng = np.random.default_rng([seed, zlib.crc32(f"{split}/{fold}".encode())])
    counts = statistics.resamples(len(rows), n_resamples, rng)
    held_out = {run: {strands: values[:, :, rows] for strands, values in both.items()} for run, both in scores.items()}
    detailed = fold == "test"
    strata = strata_of(first.path, first.ids[rows], windows) if detailed and windows else []
    title = f"{split}, {fold}"
    return _estimates(measures, held_out, first.labels[:, rows], first.targets, counts, strata, title, detailed)


def _estimates(measures, scores, labels, targets, counts, strata, title, detailed):
    """Yield the Estimate of each target and, for more than one, of their macro mean.

    scores : {(model, seed): {strands: (s, t, n)}}; labels : (t, n); counts : (b, n) resamples; strata : of Stratum;
    detailed : with curves, strata, bins and the task's test.
    """
    macro = [defaultdict(Average) for _ in range(3)]
    # Both strands of a sequence are drawn together.
    drawn = {AVERAGED: counts}
    if any(SEPARATE in both for both in scores.values()):
        drawn[SEPARATE] = np.tile(counts, (1, 2))
    with tqdm(total=len(targets) * len(scores), desc=f"evaluating {title}", unit="run") as bar:
        for index, target in enumerate(targets):
            truth = labels[index]
            metrics, means, curves, parts = {}, defaultdict(Average), defaultdict(Average), defaultdict(Average)
            for (model, seed), both in scores.items():
                for strands, values in both.items():
                    repeated = np.tile(truth, len(values))
                    found = measures.metrics(repeated, values[:, index].ravel(), drawn[strands])
                    metrics[model, seed, strands] = found
                    if seed != ENSEMBLE:
                        means[model, MEAN, strands].add(found)
                if detailed and seed != ENSEMBLE:
                    values = both[AVERAGED][0, index]
                    curves[model].add(measures.curves(truth, values, counts))
                    for number, stratum in enumerate(strata):
                        rows = stratum.rows
                        parts[number, model].add(measures.metrics(truth[rows], values[rows], counts[:, rows]))
                bar.update()
            own = [metrics | _means(means), _means(curves), _means(parts)]
            for sums, values in zip(macro, own, strict=True):
                for key, value in values.items():
                    sums[key].add(value)
            bins, test = {}, None
            if detailed:
                bins = {run: measures.bins(truth, both[AVERAGED][0, index]) for run, both in scores.items()}
                test = _test(measures, truth, scores, index)
            yield _estimate(measures, target, labels[index : index + 1], own, strata, bins, test)
    if len(targets) > 1:
        yield _estimate(measures, MEAN, labels, [_means(sums) for sums in macro], strata, {}, None)


def _estimate(measures, target, labels, values, strata, bins, test):
    """The Estimate of labels (t, n); values : its metrics, curves and strata."""
    sizes = [(stratum, *_size(measures, labels[:, stratum.rows])) for stratum in strata]
    return Estimate(target, *_size(measures, labels), *values, sizes, bins, test)


def _test(measures, labels, scores, index):
    """(models, the task's test) of one target's labels (n,): of the only seed, or of the ensemble of several."""
    models = dict.fromkeys(model for model, _ in scores)
    chosen = {model: seed for model in models for name, seed in scores if name == model}
    values = np.array([scores[model, seed][AVERAGED][0, index] for model, seed in chosen.items()])
    return list(chosen), measures.test(labels, values)


def _means(averages):
    return {key: average.mean() for key, average in averages.items()}


def _size(measures, labels):
    """Number of sequences with a label, and with a positive one, of any target of labels (t, n)."""
    return int(np.isfinite(labels).any(axis=0).sum()), measures.n_positive(labels)
