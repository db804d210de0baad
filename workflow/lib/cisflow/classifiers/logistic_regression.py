"""Logistic regression on features that are read a chunk of rows at a time."""

import json
import sys

import numpy as np
from scipy import optimize, special
from sklearn.metrics import log_loss
from tqdm import tqdm

from cisflow.classifiers.data import Chunks, Fit, labelled_rows, moments
from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import listing

TASKS = ("binary",)


class Settings(settings.Settings):
    """L2-penalised logistic regression."""

    C: list[float] = setting(
        [0.001, 0.01, 0.1, 1.0],
        items={"above": 0},
        meaning="Inverse strengths of the penalty, of which the validation fold chooses.",
    )
    standardise: bool = setting(True, meaning="Fit to features of mean 0 and standard deviation 1.")
    max_iter: int = setting(2000, minimum=1, meaning="Iterations of L-BFGS at most.")
    tolerance: float = setting(0.0001, above=0, meaning="The largest gradient of what counts as an optimum.")


def fit(x, y, folds, settings, seed, threads):
    """L2-penalised logistic regression; the penalty is the one with the lowest log loss on the validation fold.

    L-BFGS on the mean log loss + |w|^2 / (2 C n), the intercept free: the optimum of scikit-learn's
    LogisticRegression. Products are in float32, sums over chunks in float64. Beside the features it holds some forty
    vectors of their number; standardised features are never stored.

    Parameters
    ----------
    x : data.Features. y : (n,) 0/1, NaN = missing. folds : (n,) train, valid or test.
    settings : {name: value} of Settings. seed : of no effect, as the optimum is unique.

    Returns
    -------
    data.Fit

    Raises
    ------
    InputError : a setting that there is not, or a fold without both classes.
    """
    settings = Settings.complete(settings, "logistic_regression")
    train, valid = labelled_rows(y, folds)
    training, validation = Chunks(x, train, threads), Chunks(x, valid, threads)
    width = len(x.columns)
    mean, scale = moments(training, width) if settings.standardise else (np.zeros(width), np.ones(width))
    candidates, start = [], np.zeros(width + 1)
    # From the strongest penalty on, each optimum is near the one before.
    for c in sorted(map(float, settings.C)):
        found = _optimum(training, y[train], mean, scale, c, start, settings)
        probability = special.expit(_logits(validation, found.x, mean, scale))
        candidates.append((log_loss(y[valid], probability), c, found))
        start = found.x
    loss, c, found = min(candidates, key=lambda item: item[:2])
    _warn(candidates, c, settings.max_iter)
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

    options = {"maxiter": settings.max_iter, "gtol": settings.tolerance, "ftol": 64 * np.finfo(float).eps}
    with tqdm(desc=f"logistic regression, C = {c:g}", unit="pass") as bar:
        return optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options=options | {"maxls": 50})
