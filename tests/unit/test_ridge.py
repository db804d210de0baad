"""Classifiers of numbers: ridge regression against scikit-learn, LightGBM against itself from memory."""

import json

import lightgbm
import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from cisflow.classifiers import data, ridge
from cisflow.classifiers import lightgbm as boosting
from cisflow.errors import InputError

EXACT = {"tolerance": 1e-6, "max_iter": 2000}


@pytest.fixture
def numbers():
    """(Features, labels (600, 3) with NaN of their own, folds): 30 of 40 features of unlike scale."""
    rng = np.random.default_rng(0)
    n, f = 600, 40
    values = rng.normal(size=(n, 6)) @ rng.normal(size=(6, f)) + rng.normal(size=(n, f))
    values = (values * np.geomspace(0.05, 3, f) + 1).astype(np.float16)
    values[:, 4] = 0.5
    columns = np.flatnonzero(np.arange(f) % 4 != 1)
    scaled = values[:, columns[4:9]].astype(float)
    y = scaled / scaled.std(axis=0) @ rng.normal(size=(5, 3)) + [10.0, -3.0, 0.0] + rng.normal(0, 2, (n, 3))
    y[rng.random(y.shape) < [0.0, 0.2, 0.5]] = np.nan
    y[7] = np.nan
    folds = np.array(["train", "train", "valid", "test"])[np.arange(n) % 4]
    return data.Features(values, columns, np.array([f"f{i}" for i in columns])), y.astype(np.float32), folds


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 50 rows, none of them kept."""
    monkeypatch.setattr(data, "CHUNK", 50 * 30)
    monkeypatch.setattr(data, "KEPT", 0)


def in_memory(source):
    return source.values[:, source.columns].astype(np.float64)


@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("alpha", [0.5, 200.0])
def test_every_target_has_the_optimum_of_sklearn(numbers, small_chunks, standardise, alpha):
    source, y, folds = numbers
    fit = ridge.fit(source, y, folds, EXACT | {"alpha": [alpha], "standardise": standardise}, 1, 2)
    x, train = in_memory(source), folds == "train"
    rows = train & np.isfinite(y).any(axis=1)
    scaler = StandardScaler(with_mean=standardise, with_std=standardise).fit(x[rows])
    for target, labels in enumerate(y.T):
        known = rows & np.isfinite(labels)
        model = Ridge(alpha=alpha).fit(scaler.transform(x[known]), labels[known])
        expected = model.predict(scaler.transform(x))
        np.testing.assert_allclose(fit.predicted[:, target], expected, atol=2e-3 * expected.std())
        np.testing.assert_allclose(fit.weights[:, target], model.coef_, atol=2e-3 * np.abs(model.coef_).max())
    assert fit.chosen["converged"]
    text = json.loads(fit.text)
    again = (x - text["mean"]) / text["scale"] @ np.array(text["coefficients"]) + text["intercept"]
    np.testing.assert_allclose(fit.predicted, again, atol=1e-3)


def test_the_penalty_is_chosen_by_the_validation_fold_of_all_targets(numbers):
    source, y, folds = numbers
    grid = [1e-2, 30.0, 1e5]
    errors = {}
    for alpha in grid:
        found = ridge.fit(source, y, folds, EXACT | {"alpha": [alpha]}, 1, 1)
        rows, train = folds == "valid", folds == "train"
        centre = np.nanmean(y[train], axis=0)
        left = np.nanmean((found.predicted[rows] - y[rows]) ** 2, axis=0) / np.nanmean((y[rows] - centre) ** 2, axis=0)
        errors[alpha] = left.mean()
        assert found.chosen["valid_error"] == pytest.approx(errors[alpha], rel=1e-3)
    fit = ridge.fit(source, y, folds, EXACT | {"alpha": grid}, 1, 1)
    assert fit.chosen["alpha"] == min(errors, key=errors.get)


@pytest.mark.parametrize(
    ("settings", "warning"),
    [
        ({"alpha": [1e-2, 30.0, 1e5]}, ""),
        ({"alpha": [1e4, 1e5]}, "the best alpha, 10000, is at the edge of 100000, 10000"),
        ({"alpha": [1.0], "max_iter": 1, "tolerance": 1e-9}, "not solved for alpha = 1 (max_iter is 1)"),
    ],
)
def test_a_fit_that_is_not_solved_or_at_the_edge_is_told_of_in_one_line(numbers, capsys, settings, warning):
    fit = ridge.fit(*numbers, settings, 1, 1)
    told = [line for line in capsys.readouterr().err.splitlines() if "WARNING" in line]
    assert told == ([f"WARNING: ridge: {warning}"] if warning else [])
    assert fit.chosen["converged"] == ("max_iter" not in settings)


QUICK = {"n_estimators": 20, "min_child_samples": 5, "learning_rate": 0.2, "bagging_fraction": 1.0}


def test_boosting_of_numbers_is_one_booster_a_target(numbers, small_chunks):
    source, y, folds = numbers
    fit = boosting.fit(source, y, folds, QUICK, 3, 1)
    assert fit.predicted.shape == y.shape and fit.weights.shape == (30, 3)
    x, texts = in_memory(source), json.loads(fit.text)["boosters"]
    for target, text in enumerate(texts):
        booster = lightgbm.Booster(model_str=text)
        np.testing.assert_array_equal(fit.predicted[:, target], booster.predict(x))
        np.testing.assert_array_equal(fit.weights[:, target], booster.feature_importance("split"))
        rows = (folds == "valid") & np.isfinite(y[:, target])
        error = np.mean((booster.predict(x[rows]) - y[rows, target]) ** 2)
        assert fit.chosen["valid_error"][target] == pytest.approx(error, rel=1e-5)
        assert error < np.var(y[rows, target])
    # Missing labels take no part: the first target, which has none, is that of its own.
    alone = boosting.fit(source, y[:, :1], folds, QUICK, 3, 1)
    np.testing.assert_array_equal(alone.predicted[:, 0], fit.predicted[:, 0])


@pytest.mark.parametrize("classifier", [ridge, boosting])
def test_a_target_without_two_values_is_refused(numbers, classifier):
    source, y, folds = numbers
    y[folds == "valid", 1] = 3
    with pytest.raises(InputError, match="fold valid: target number 2 of 3 has fewer than two distinct values in"):
        classifier.fit(source, y, folds, {}, 1, 1)
