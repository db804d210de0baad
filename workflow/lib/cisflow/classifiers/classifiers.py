"""Classifiers on precomputed features: logistic regression and LightGBM, with their weights named by feature.

A feature array can be larger than memory: both read it from its memory map, a chunk of rows at a time.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import lightgbm
import numpy as np
from scipy import optimize, special
from sklearn.metrics import log_loss
from tqdm import tqdm

from cisflow.data import dataset as datasets
from cisflow.errors import InputError, listing
from cisflow.features import arrays as features

LOGISTIC_DEFAULTS = {"C": [0.001, 0.01, 0.1, 1.0], "standardise": True, "max_iter": 2000, "tolerance": 1e-4}
LIGHTGBM_DEFAULTS = {
    "n_estimators": 1000,
    "num_leaves": 28,
    "max_depth": 15,
    "learning_rate": 0.01,
    "reg_alpha": 0.5,
    "reg_lambda": 0.3,
    "feature_fraction": 0.85,
    "bagging_fraction": 0.75,
    "bagging_freq": 1,
    "is_unbalance": True,
    "max_bin": 255,
    "min_child_samples": 20,
    "min_child_weight": 0.001,
    "min_split_gain": 0.0,
    "histogram_pool_size": -1.0,
    "early_stopping_rounds": 50,
}
# Values of a chunk (64 MiB as float32), of an array that is kept as float32 instead of read in every pass (1 GiB), and
# of the sample that LightGBM finds its bins in (1 GiB as float64, which it copies once).
CHUNK, KEPT, SAMPLE = 1 << 24, 1 << 28, 1 << 27


class Fit(NamedTuple):
    """A fitted classifier.

    text : the model as text (JSON for logistic regression, LightGBM's own format).
    probability : (n,) float64, for every row of the features.
    weights : (f,) float64, coefficient per standard deviation of a feature, or number of splits.
    chosen : what the validation fold decided (C, or the number of trees).
    """

    text: str
    probability: np.ndarray
    weights: np.ndarray
    chosen: dict


class Features(NamedTuple):
    """Columns of a feature array.

    values : (n, all) float16, a memory map. columns : (f,) int. names : (f,) str.
    strands : consecutive rows that are of one window: 1, or 2 for its forward and its reverse strand.
    """

    values: np.ndarray
    columns: np.ndarray
    names: np.ndarray
    strands: int = 1

    def take(self, rows, dtype=np.float32):
        """(m, f) of the rows (m,) int or a slice."""
        block = self.values[rows]
        whole = len(self.columns) == self.values.shape[1]
        return np.asarray(block if whole else block[..., self.columns], dtype=dtype)


class Chunks:
    """Rows (m,) of Features as float32: iterate for (slice of the rows, (k, f) array).

    Each pass reads the memory map anew, in `threads` threads, and holds one chunk (CHUNK values, or one row a thread
    if that is more); rows of at most KEPT values in all are read once and kept.
    """

    def __init__(self, source, rows, threads=1):
        self.source, self.rows, self.threads = source, rows, threads
        self.step = max(1, threads, CHUNK // len(source.columns))
        self.kept = None
        if len(rows) * len(source.columns) <= KEPT:
            self.kept = self._read(slice(0, len(rows)))

    def __iter__(self):
        for start in range(0, len(self.rows), self.step):
            part = slice(start, min(start + self.step, len(self.rows)))
            yield part, self._read(part) if self.kept is None else self.kept[part]

    def _read(self, part):
        rows = self.rows[part]
        chunk = np.empty((len(rows), len(self.source.columns)), dtype=np.float32)
        edges = np.linspace(0, len(rows), self.threads + 1).astype(int)

        def fill(start, end):
            chunk[start:end] = self.source.take(rows[start:end])

        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(fill, edges[:-1], edges[1:]))
        return chunk


def load(dataset_folder, features_folder, groups=None):
    """(Dataset of one target, its Features): what a classifier is fitted to.

    Strands that the features keep apart are rows of their own, next to each other.

    Raises
    ------
    InputError : files disagree, the dataset has several targets, or a group has no feature.
    """
    dataset = datasets.read(dataset_folder)
    if len(dataset.targets) != 1:
        raise InputError(
            f"{dataset_folder}/targets.tsv: {len(dataset.targets)} targets ({listing(dataset.targets)}); "
            "a classifier on features expects one"
        )
    ids, values, columns, names = features.load_columns(features_folder, groups)
    if not np.array_equal(ids, dataset.ids):
        raise InputError(f"{features_folder}/ids.tsv: its windows are not those of {dataset_folder}/windows.tsv")
    strands = values.shape[1] if values.ndim == 3 else 1
    # A view: the array stays on the disk.
    return dataset, Features(values.reshape(-1, values.shape[-1]), columns, names, strands)


def with_defaults(defaults, given, name):
    """The given settings over the defaults (InputError: one that the defaults do not know)."""
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        raise InputError(f"{name}: unknown setting '{unknown[0]}'; expected {listing(defaults, 20)}")
    return defaults | given


def logistic_regression(x, y, folds, settings, seed, threads):
    """L2-penalised logistic regression; the penalty is the one with the lowest log loss on the validation fold.

    L-BFGS on the mean log loss + |w|^2 / (2 C n), the intercept free: the optimum of scikit-learn's
    LogisticRegression. Products are in float32, sums over chunks in float64. Beside the features it holds some forty
    vectors of their number; standardised features are never stored.

    Parameters
    ----------
    x : Features. y : (n,) 0/1, NaN = missing. folds : (n,) train, valid or test.
    settings : LOGISTIC_DEFAULTS, overridden; `C` is the list to choose from, `tolerance` the largest gradient of an
        optimum. seed : of no effect, as the optimum is unique.

    Returns
    -------
    Fit
    """
    settings = with_defaults(LOGISTIC_DEFAULTS, settings, "logistic_regression")
    train, valid = labelled_rows(y, folds)
    training, validation = Chunks(x, train, threads), Chunks(x, valid, threads)
    width = len(x.columns)
    mean, scale = _moments(training, width) if settings["standardise"] else (np.zeros(width), np.ones(width))
    candidates, start = [], np.zeros(width + 1)
    # From the strongest penalty on, each optimum is near the one before.
    for c in sorted(map(float, np.atleast_1d(settings["C"]))):
        found = _optimum(training, y[train], mean, scale, c, start, settings)
        probability = special.expit(_logits(validation, found.x, mean, scale))
        candidates.append((log_loss(y[valid], probability), c, found))
        start = found.x
    loss, c, found = min(candidates, key=lambda item: item[:2])
    _warn(candidates, c, settings["max_iter"])
    coefficients, intercept = found.x[:-1], float(found.x[-1])
    content = {"classifier": "logistic_regression", "intercept": intercept, "coefficients": coefficients.tolist()}
    text = json.dumps(content | {"mean": mean.tolist(), "scale": scale.tolist()})
    chosen = {"C": c, "valid_log_loss": float(loss), "passes": int(found.nfev), "converged": bool(found.success)}
    everything = Chunks(x, np.arange(len(y)), threads)
    return Fit(text + "\n", special.expit(_logits(everything, found.x, mean, scale)), coefficients, chosen)


def _warn(candidates, chosen, max_iter):
    """One line on stderr where a fit is no optimum, or the best penalty may lie outside the list to choose from."""
    complaints = []
    if short := [f"{c:g}" for _, c, found in candidates if not found.success]:
        complaints.append(f"no optimum for C = {listing(short)} (max_iter is {max_iter})")
    values = [c for _, c, _ in candidates]
    if len(values) > 1 and chosen in (min(values), max(values)):
        complaints.append(f"the best C, {chosen:g}, is at the edge of {listing([f'{c:g}' for c in values], 20)}")
    if complaints:
        print(f"WARNING: logistic_regression: {'; '.join(complaints)}", file=sys.stderr)


def _moments(chunks, width):
    """(mean (f,), standard deviation (f,), 1 where it is zero) by chunks (Chan, Golub and LeVeque 1983)."""
    count, mean, squares = 0, np.zeros(width), np.zeros(width)
    for _, x in chunks:
        own = x.mean(axis=0, dtype=np.float64)
        centred = x - own.astype(np.float32)
        gap, total = own - mean, count + len(x)
        squares += np.einsum("ij,ij->j", centred, centred) + gap**2 * count * len(x) / total
        mean += gap * len(x) / total
        count = total
    scale = np.sqrt(squares / count)
    return mean, np.where(scale > 0, scale, 1.0)


def _logits(chunks, theta, mean, scale):
    """(m,) float64 of the weights and intercept theta (f + 1,) of standardised features."""
    weights = theta[:-1] / scale
    single, offset = weights.astype(np.float32), theta[-1] - mean @ weights
    return np.concatenate([x @ single for _, x in chunks]).astype(np.float64) + offset


def _optimum(chunks, y, mean, scale, c, start, settings):
    """scipy's result of the minimisation for one C, from the weights and intercept `start` (f + 1,)."""
    n = len(y)

    def loss(theta):
        weights = theta[:-1] / scale
        single, offset = weights.astype(np.float32), theta[-1] - mean @ weights
        value, slope, total = 0.0, np.zeros(len(weights)), 0.0
        for part, x in chunks:
            z = (x @ single).astype(np.float64) + offset
            value += np.logaddexp(0, z).sum() - y[part] @ z
            residual = special.expit(z) - y[part]
            slope += residual.astype(np.float32) @ x
            total += residual.sum()
        bar.update()
        gradient = np.append((slope - mean * total) / scale + theta[:-1] / c, total) / n
        return value / n + theta[:-1] @ theta[:-1] / (2 * c * n), gradient

    options = {"maxiter": settings["max_iter"], "gtol": settings["tolerance"], "ftol": 64 * np.finfo(float).eps}
    with tqdm(desc=f"logistic regression, C = {c:g}", unit="pass") as bar:
        return optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options=options | {"maxls": 50})


class Rows(lightgbm.Sequence):
    """Rows of Features as LightGBM reads them, a batch at a time."""

    def __init__(self, source, rows):
        self.source, self.rows = source, rows
        self.batch_size = max(1, CHUNK // 2 // len(source.columns))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.source.take(self.rows[index], np.float64)


def lightgbm_data(x, y, rows, parameters, reference=None):
    """LightGBM's Dataset of some rows of Features, built without a copy of them in memory."""
    # The sample is the one part of the building that is held as numbers.
    sample = {"bin_construct_sample_cnt": int(np.clip(SAMPLE // len(x.columns), 1, 200_000))}
    return lightgbm.Dataset(Rows(x, rows), y[rows], params=parameters | sample, reference=reference)


def lightgbm_parameters(settings, seed, threads):
    """(parameters of LightGBM, number of trees) of LIGHTGBM_DEFAULTS, overridden."""
    own = ("n_estimators", "early_stopping_rounds")
    fixed = {"objective": "binary", "metric": "auc", "seed": seed, "num_threads": threads, "deterministic": True}
    fixed |= {"force_row_wise": True, "verbosity": -1}
    return {key: value for key, value in settings.items() if key not in own} | fixed, settings["n_estimators"]


def gradient_boosting(x, y, folds, settings, seed, threads):
    """LightGBM with early stopping on the validation fold; arguments and result as `logistic_regression`.

    The defaults are those of Daoud & Ben-Hur (2025), but for the patience of early stopping (10 there).
    """
    settings = with_defaults(LIGHTGBM_DEFAULTS, settings, "lightgbm")
    train, valid = labelled_rows(y, folds)
    parameters, rounds = lightgbm_parameters(settings, seed, threads)
    training = lightgbm_data(x, y, train, parameters)
    with tqdm(total=rounds, desc="LightGBM", unit="tree") as bar:
        booster = lightgbm.train(
            parameters,
            training,
            num_boost_round=rounds,
            valid_sets=[lightgbm_data(x, y, valid, parameters, training)],
            callbacks=[
                lightgbm.early_stopping(settings["early_stopping_rounds"], verbose=False),
                lambda _: bar.update(),
            ],
        )
    best = booster.best_iteration
    everything = Chunks(x, np.arange(len(y)), threads)
    return Fit(
        booster.model_to_string(num_iteration=best),
        np.concatenate([booster.predict(chunk, num_iteration=best) for _, chunk in everything]),
        booster.feature_importance("split", iteration=best).astype(float),
        {"trees": best, "valid_auroc": float(booster.best_score["valid_0"]["auc"])},
    )


def labelled_rows(y, folds):
    """Labelled rows of the training and of the validation fold (InputError: one lacks a class)."""
    known = ~np.isnan(y)
    train, valid = (np.flatnonzero(known & (folds == fold)) for fold in ("train", "valid"))
    for fold, rows in (("train", train), ("valid", valid)):
        if len(np.unique(y[rows])) < 2:
            raise InputError(f"fold {fold}: {len(rows)} labelled rows, not of both classes; expected both")
    return train, valid


CLASSIFIERS = {"logistic_regression": logistic_regression, "lightgbm": gradient_boosting}
