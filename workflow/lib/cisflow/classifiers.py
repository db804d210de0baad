"""Classifiers on precomputed features: logistic regression and LightGBM, with their weights named by feature."""

import json
from typing import NamedTuple

import lightgbm
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from cisflow.errors import InputError, listing

LOGISTIC_DEFAULTS = {"C": [0.001, 0.01, 0.1, 1.0], "standardise": True, "max_iter": 2000}
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
    "early_stopping_rounds": 50,
}


class Fit(NamedTuple):
    """A fitted classifier.

    text : the model as text (JSON for logistic regression, LightGBM's own format).
    probability : (n,) float64, for every row.
    weights : (f,) float64, coefficient per standard deviation of a feature, or number of splits.
    chosen : what the validation fold decided (C, or the number of trees).
    """

    text: str
    probability: np.ndarray
    weights: np.ndarray
    chosen: dict


def _settings(defaults, given, name):
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        raise InputError(f"{name}: unknown setting '{unknown[0]}'; expected {listing(defaults, 20)}")
    return defaults | given


def logistic_regression(x, y, folds, settings, seed, threads):
    """L2-penalised logistic regression; the penalty is the one with the lowest log loss on the validation fold.

    Parameters
    ----------
    x : (n, f) float32. y : (n,) 0/1, NaN = missing. folds : (n,) train, valid or test.
    settings : LOGISTIC_DEFAULTS, overridden; `C` is the list to choose from.

    Returns
    -------
    Fit
    """
    settings = _settings(LOGISTIC_DEFAULTS, settings, "logistic_regression")
    train, valid = _rows(y, folds)
    mean, scale = np.zeros(x.shape[1], np.float32), np.ones(x.shape[1], np.float32)
    if settings["standardise"]:
        scaler = StandardScaler().fit(x[train])
        mean, scale = scaler.mean_.astype(np.float32), scaler.scale_.astype(np.float32)
    x = (x - mean) / scale
    candidates = []
    for c in np.atleast_1d(settings["C"]):
        model = LogisticRegression(C=float(c), max_iter=settings["max_iter"], random_state=seed)
        model.fit(x[train], y[train])
        candidates.append((log_loss(y[valid], model.predict_proba(x[valid])[:, 1]), float(c), model))
    loss, c, model = min(candidates, key=lambda item: item[:2])
    coefficients = model.coef_[0].astype(float)
    text = json.dumps(
        {
            "classifier": "logistic_regression",
            "intercept": float(model.intercept_[0]),
            "coefficients": coefficients.tolist(),
            "mean": mean.astype(float).tolist(),
            "scale": scale.astype(float).tolist(),
        }
    )
    chosen = {"C": c, "valid_log_loss": float(loss)}
    return Fit(text + "\n", model.predict_proba(x)[:, 1], coefficients, chosen)


def gradient_boosting(x, y, folds, settings, seed, threads):
    """LightGBM with early stopping on the validation fold; arguments and result as `logistic_regression`.

    The defaults are those of Daoud & Ben-Hur (2025), but for the patience of early stopping.
    """
    settings = _settings(LIGHTGBM_DEFAULTS, settings, "lightgbm")
    train, valid = _rows(y, folds)
    rounds = settings["n_estimators"]
    parameters = {key: value for key, value in settings.items() if key not in ("n_estimators", "early_stopping_rounds")}
    parameters |= {
        "objective": "binary",
        "metric": "auc",
        "seed": seed,
        "num_threads": threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    training = lightgbm.Dataset(x[train], y[train], params=parameters)
    booster = lightgbm.train(
        parameters,
        training,
        num_boost_round=rounds,
        valid_sets=[lightgbm.Dataset(x[valid], y[valid], reference=training)],
        callbacks=[lightgbm.early_stopping(settings["early_stopping_rounds"], verbose=False)],
    )
    best = booster.best_iteration
    return Fit(
        booster.model_to_string(num_iteration=best),
        booster.predict(x, num_iteration=best),
        booster.feature_importance("split", iteration=best).astype(float),
        {"trees": best, "valid_auroc": float(booster.best_score["valid_0"]["auc"])},
    )


def _rows(y, folds):
    """Labelled rows of the training and of the validation fold."""
    known = ~np.isnan(y)
    train, valid = (np.flatnonzero(known & (folds == fold)) for fold in ("train", "valid"))
    for fold, rows in (("train", train), ("valid", valid)):
        if len(np.unique(y[rows])) < 2:
            raise InputError(f"fold {fold}: {len(rows)} labelled windows, not of both classes; expected both")
    return train, valid


CLASSIFIERS = {"logistic_regression": logistic_regression, "lightgbm": gradient_boosting}
