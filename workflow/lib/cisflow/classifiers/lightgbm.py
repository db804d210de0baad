"""Gradient boosting with LightGBM on features that it reads a batch of rows at a time."""

import json

import lightgbm
import numpy as np
from tqdm import tqdm

from cisflow.classifiers.data import CHUNK, Chunks, Fit, labelled_rows, measured_rows
from cisflow.config import settings
from cisflow.config.settings import setting

TASKS = ("binary", "regression")
# Values of the sample that LightGBM finds its bins in (1 GiB as float64, which it copies once).
SAMPLE = 1 << 27


class Settings(settings.Settings):
    """Gradient boosting, names as in LightGBM.

    The defaults are those of Daoud & Ben-Hur (2025), but for the patience of early stopping (10 there).
    """

    n_estimators: int = setting(1000, minimum=1, meaning="Trees at most.")
    num_leaves: int = setting(28, minimum=2, meaning="Leaves of a tree at most.")
    max_depth: int = setting(15, meaning="Depth of a tree at most; 0 or less sets no limit.")
    learning_rate: float = setting(0.01, above=0, meaning="Share of each tree that is added.")
    reg_alpha: float = setting(0.5, minimum=0, meaning="Weight of the L1 penalty on leaves.")
    reg_lambda: float = setting(0.3, minimum=0, meaning="Weight of the L2 penalty on leaves.")
    feature_fraction: float = setting(0.85, above=0, maximum=1, meaning="Share of the features that a tree may use.")
    bagging_fraction: float = setting(0.75, above=0, maximum=1, meaning="Share of the rows that a tree is grown on.")
    bagging_freq: int = setting(1, minimum=0, meaning="Trees between two draws of rows; 0 draws none.")
    is_unbalance: bool = setting(
        True, meaning="Weigh both classes alike, however many rows each has; of no effect on numbers."
    )
    max_bin: int = setting(255, minimum=2, meaning="Bins of a feature at most.")
    min_child_samples: int = setting(20, minimum=0, meaning="Rows in a leaf at least.")
    min_child_weight: float = setting(0.001, minimum=0, meaning="Sum of the second derivatives in a leaf at least.")
    min_split_gain: float = setting(0.0, minimum=0, meaning="Gain of a split at least.")
    histogram_pool_size: float = setting(-1.0, meaning="Memory for histograms in MB; below 0 there is no limit.")
    early_stopping_rounds: int = setting(
        50,
        minimum=1,
        meaning="Trees without a higher AUROC, or a lower error, on the validation fold before boosting stops.",
    )


class Rows(lightgbm.Sequence):
    """Rows of Features as LightGBM reads them, a batch at a time."""

    def __init__(self, source, rows):
        self.source, self.rows = source, rows
        self.batch_size = max(1, CHUNK // 2 // len(source.columns))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.source.take(self.rows[index], np.float64)


def dataset(x, y, rows, parameters, reference=None):
    """LightGBM's Dataset of some rows of Features, built without a copy of them in memory."""
    # The sample is the one part of the building that is held as numbers.
    sample = {"bin_construct_sample_cnt": int(np.clip(SAMPLE // len(x.columns), 1, 200_000))}
    return lightgbm.Dataset(Rows(x, rows), y[rows], params=parameters | sample, reference=reference)


def parameters_of(settings, seed, threads, objective="binary", metric="auc"):
    """(parameters of LightGBM, number of trees) of complete Settings as a dict."""
    own = ("n_estimators", "early_stopping_rounds", *(() if objective == "binary" else ("is_unbalance",)))
    fixed = {"objective": objective, "metric": metric, "seed": seed, "num_threads": threads, "deterministic": True}
    fixed |= {"force_row_wise": True, "verbosity": -1}
    return {key: value for key, value in settings.items() if key not in own} | fixed, settings["n_estimators"]


def fit(x, y, folds, settings, seed, threads):
    """LightGBM with early stopping on the validation fold; arguments and result as `logistic_regression.fit`.

    Labels (n, t) are numbers: one booster a target, on the squared error, as `ridge.fit`.
    """
    settings = Settings.complete(settings, "lightgbm")
    everything = Chunks(x, np.arange(len(y)), threads)
    if y.ndim == 2:
        return _numbers(x, y, folds, settings, seed, threads, everything)
    train, valid = labelled_rows(y, folds)
    parameters, rounds = parameters_of(settings.as_dict(), seed, threads)
    training = dataset(x, y, train, parameters)
    with tqdm(total=rounds, desc="LightGBM", unit="tree") as bar:
        held_out = dataset(x, y, valid, parameters, training)
        booster = _boosted(parameters, rounds, training, held_out, settings.early_stopping_rounds, bar)
    best = booster.best_iteration
    return Fit(
        booster.model_to_string(num_iteration=best),
        np.concatenate([booster.predict(chunk, num_iteration=best) for _, chunk in everything]),
        booster.feature_importance("split", iteration=best).astype(float),
        {"trees": best, "valid_auroc": float(booster.best_score["valid_0"]["auc"])},
    )


def _boosted(parameters, rounds, training, held_out, patience, bar):
    return lightgbm.train(
        parameters,
        training,
        num_boost_round=rounds,
        valid_sets=[held_out],
        callbacks=[lightgbm.early_stopping(patience, verbose=False), lambda _: bar.update()],
    )


def _numbers(x, y, folds, settings, seed, threads, everything):
    """The Fit of numbers y (n, t); its text is JSON of LightGBM's own for each target."""
    rows = measured_rows(y, folds)
    parameters, rounds = parameters_of(settings.as_dict(), seed, threads, "regression", "l2")
    # Bins are made once, for all targets; a filter of features would tie them to the labels of one.
    parameters |= {"feature_pre_filter": False}
    blank = np.zeros(len(y))
    training = dataset(x, blank, rows[0], parameters).construct()
    held_out = dataset(x, blank, rows[1], parameters, training).construct()
    boosters = []
    with tqdm(total=y.shape[1] * rounds, desc="LightGBM", unit="tree") as bar:
        for number, labels in enumerate(y.T, 1):
            parts = [_measured(whole, labels[own]) for whole, own in zip((training, held_out), rows, strict=True)]
            boosters.append(_boosted(parameters, rounds, *parts, settings.early_stopping_rounds, bar))
            # Boosting may have stopped early.
            bar.update(number * rounds - bar.n)
    trees = [booster.best_iteration for booster in boosters]
    predicted = np.empty(y.shape)
    for part, chunk in everything:
        for number, booster in enumerate(boosters):
            predicted[part, number] = booster.predict(chunk, num_iteration=trees[number])
    texts = [booster.model_to_string(num_iteration=best) for booster, best in zip(boosters, trees, strict=True)]
    importance = [
        booster.feature_importance("split", iteration=best) for booster, best in zip(boosters, trees, strict=True)
    ]
    errors = [float(booster.best_score["valid_0"]["l2"]) for booster in boosters]
    content = json.dumps({"classifier": "lightgbm", "boosters": texts})
    weights = np.column_stack(importance).astype(float)
    return Fit(content + "\n", predicted, weights, {"trees": trees, "valid_error": errors})


def _measured(whole, labels):
    """LightGBM's Dataset of the rows of another that have a label (n,)."""
    known = np.flatnonzero(np.isfinite(labels))
    part = whole.subset(known.tolist()).construct()
    part.set_label(labels[known])
    return part
