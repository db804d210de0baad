"""Ridge regression of several numbers on features that are read a chunk of rows at a time."""

import json
import sys

import numpy as np
from tqdm import tqdm

from cisflow.classifiers.data import Chunks, Fit, measured_rows, moments
from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import listing

TASKS = ("regression",)


class Settings(settings.Settings):
    """Linear regression with an L2 penalty."""

    alpha: list[float] = setting(
        [10.0, 100.0, 1000.0, 10000.0, 100000.0, 1000000.0],
        items={"above": 0},
        meaning="Strengths of the penalty, of which the validation fold chooses one for all targets.",
    )
    standardise: bool = setting(True, meaning="Fit to features of mean 0 and standard deviation 1.")
    max_iter: int = setting(500, minimum=1, meaning="Iterations of the conjugate gradient at most, for each penalty.")
    tolerance: float = setting(
        0.0001, above=0, meaning="The residual of what counts as solved, as a share of what there was at the start."
    )


def fit(x, y, folds, settings, seed, threads):
    """Ridge regression of every target; the penalty is the one of the lowest error on the validation fold.

    For each target the sum of squared errors over its known labels + alpha |w|^2, the intercept free: the optimum of
    scikit-learn's Ridge. The error that chooses is the mean over targets of the squared error divided by that of the
    training mean. Targets are solved together by the conjugate gradient (Hestenes and Stiefel 1952, doi
    10.6028/jres.049.044), each with its own missing labels, so that nothing of the size of features times features is
    held. Products are in float32, sums over chunks in float64.

    Parameters
    ----------
    x : data.Features. y : (n, t), NaN = missing. folds : (n,) train, valid or test.
    settings : {name: value} of Settings. seed : of no effect, as the optimum is unique.

    Returns
    -------
    data.Fit of predictions (n, t) and weights (f, t).

    Raises
    ------
    InputError : a setting that there is not, or a target without two distinct labels in either fold.
    """
    settings = Settings.complete(settings, "ridge")
    train, valid = measured_rows(y, folds)
    training, validation = Chunks(x, train, threads), Chunks(x, valid, threads)
    width = len(x.columns)
    mean, scale = moments(training, width) if settings.standardise else (np.zeros(width), np.ones(width))
    centre = np.nanmean(y[train], axis=0, dtype=np.float64)
    labels, unexplained = y[train] - centre, np.nanmean((y[valid] - centre) ** 2, axis=0, dtype=np.float64)
    candidates, start = [], np.zeros((width + 1, y.shape[1]))
    # From the strongest penalty on, each optimum is near the one before.
    for alpha in sorted(map(float, settings.alpha), reverse=True):
        start, passes, left = _solved(training, labels, mean, scale, alpha, start, settings)
        errors = np.nanmean((_outputs(validation, start, mean, scale) + centre - y[valid]) ** 2, axis=0)
        candidates.append((float(np.mean(errors / unexplained)), alpha, start, passes, left))
    error, alpha, found, passes, left = min(candidates, key=lambda item: item[:2])
    _warn(candidates, alpha, settings)
    found = np.vstack([found[:-1], found[-1:] + centre])
    content = {"classifier": "ridge", "intercept": found[-1].tolist(), "coefficients": found[:-1].tolist()}
    text = json.dumps(content | {"mean": mean.tolist(), "scale": scale.tolist()})
    chosen = {"alpha": alpha, "valid_error": error, "passes": passes, "converged": left <= settings.tolerance}
    everything = Chunks(x, np.arange(len(y)), threads)
    return Fit(text + "\n", _outputs(everything, found, mean, scale), found[:-1], chosen)


def _warn(candidates, chosen, settings):
    """One line on stderr where a fit is not solved, or the best penalty may lie outside the list to choose from."""
    complaints = []
    if short := [f"{alpha:g}" for _, alpha, _, _, left in candidates if left > settings.tolerance]:
        complaints.append(f"not solved for alpha = {listing(short)} (max_iter is {settings.max_iter})")
    values = [alpha for _, alpha, *_ in candidates]
    if len(values) > 1 and chosen in (min(values), max(values)):
        edge = listing([f"{alpha:g}" for alpha in values], 20)
        complaints.append(f"the best alpha, {chosen:g}, is at the edge of {edge}")
    if complaints:
        print(f"WARNING: ridge: {'; '.join(complaints)}", file=sys.stderr)


def _outputs(chunks, theta, mean, scale):
    """(m, t) float64 of the weights and intercepts theta (f + 1, t) of standardised features."""
    weights = theta[:-1] / scale[:, None]
    single, offset = weights.astype(np.float32), theta[-1] - mean @ weights
    return np.concatenate([x @ single for _, x in chunks]).astype(np.float64) + offset


def _solved(chunks, labels, mean, scale, alpha, start, settings):
    """(theta (f + 1, t), passes over the rows, residual of the target that is solved worst as a share) of one penalty.

    Parameters
    ----------
    labels : (m, t) around 0, NaN = missing. start : (f + 1, t), where the search begins.
    """
    known = np.isfinite(labels)
    penalty = np.full((len(start), 1), alpha)
    penalty[-1] = 0

    def spread(values):
        """(f + 1, t): standardised features and a constant, transposed, times values (m, t)."""
        single = values.astype(np.float32)
        product = np.zeros((len(scale), values.shape[1]))
        for part, x in chunks:
            product += x.T @ single[part]
        total = values.sum(axis=0)
        return np.vstack([(product - mean[:, None] * total) / scale[:, None], total])

    def applied(theta):
        outputs = np.where(known, _outputs(chunks, theta, mean, scale), 0.0)
        bar.update()
        return spread(outputs) + penalty * theta

    goal = spread(np.where(known, labels, 0.0))
    size = np.maximum(np.linalg.norm(goal, axis=0), np.finfo(float).tiny)
    with tqdm(desc=f"ridge, alpha = {alpha:g}", unit="pass") as bar:
        theta = start.copy()
        residual = goal - applied(theta)
        direction, square, passes = residual.copy(), (residual**2).sum(axis=0), 1
        while np.max(np.sqrt(square) / size) > settings.tolerance and passes <= settings.max_iter:
            moved = applied(direction)
            along = (direction * moved).sum(axis=0)
            # A target that is solved has no direction left.
            step = np.divide(square, along, out=np.zeros_like(square), where=along > 0)
            theta += step * direction
            residual -= step * moved
            before, square = square, (residual**2).sum(axis=0)
            direction = residual + np.divide(square, before, out=np.zeros_like(square), where=before > 0) * direction
            passes += 1
    return theta, passes, float(np.max(np.sqrt(square) / size))
