"""Classifiers in chunks against the same in memory, and the search for settings."""

import lightgbm
import numpy as np
import pandas as pd
import pytest
from scipy import special
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from cisflow import classifiers
from cisflow.classifiers import data, logistic_regression, tuning
from cisflow.classifiers import lightgbm as boosting
from cisflow.errors import InputError
from cisflow.sequence import dna
from tables import check_table

SEARCH = {"n_trials": 4, "n_startup": 2, "n_folds": 3, "space": {"num_leaves": [2, 12], "learning_rate": [0.01, 0.3]}}
QUICK = {"n_estimators": 15, "min_child_samples": 5}


@pytest.fixture
def task():
    """(Features, labels with NaN, folds): 900 windows, 40 of 60 correlated features of unlike scale, one constant."""
    rng = np.random.default_rng(0)
    n, f = 900, 60
    values = special.expit(rng.normal(size=(n, 8)) @ rng.normal(size=(8, f)) + rng.normal(-2, 0.5, (n, f)))
    values *= np.geomspace(0.02, 1, f)
    values[:, 5] = 0.25
    logits = 3 * (values[:, 20] / values[:, 20].std() - values[:, 40] / values[:, 40].std()) / 2
    y = (rng.random(n) < special.expit(logits - logits.mean())).astype(np.float32)
    y[::50] = np.nan
    columns = np.arange(0, f)[np.arange(f) % 3 != 1]
    source = data.Features(values.astype(np.float16), columns, np.array([f"f{i}" for i in columns]))
    return source, y, np.array(["train", "train", "valid", "test"])[np.arange(n) % 4]


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 50 rows, none of them kept."""
    monkeypatch.setattr(data, "CHUNK", 50 * 40)
    monkeypatch.setattr(data, "KEPT", 0)


def in_memory(source, rows):
    return source.values[rows][:, source.columns].astype(np.float64)


# -- logistic regression ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("c", [0.01, 1.0])
def test_chunked_regression_has_the_optimum_of_sklearn(task, small_chunks, standardise, c):
    source, y, folds = task
    settings = {"C": [c], "standardise": standardise, "tolerance": 1e-6}
    fit = logistic_regression.fit(source, y, folds, settings, 1, 2)
    train, valid = data.labelled_rows(y, folds)
    scaler = StandardScaler(with_mean=standardise, with_std=standardise).fit(in_memory(source, train))
    model = LogisticRegression(C=c, tol=1e-10, max_iter=10_000)
    model.fit(scaler.transform(in_memory(source, train)), y[train])
    expected = model.predict_proba(scaler.transform(in_memory(source, np.arange(len(y)))))[:, 1]
    np.testing.assert_allclose(fit.predicted, expected, atol=2e-4)
    np.testing.assert_allclose(fit.weights, model.coef_[0], atol=2e-3 * np.abs(model.coef_).max())
    assert fit.chosen["converged"]
    assert fit.chosen["valid_log_loss"] == pytest.approx(log_loss(y[valid], expected[valid]), abs=1e-4)


def test_regression_chooses_the_penalty_on_the_validation_fold(task):
    source, y, folds = task
    grid = [1e-5, 0.1, 1e5]
    losses = {c: logistic_regression.fit(source, y, folds, {"C": [c]}, 1, 1).chosen["valid_log_loss"] for c in grid}
    fit = logistic_regression.fit(source, y, folds, {"C": grid[::-1]}, 1, 1)
    assert fit.chosen["C"] == min(losses, key=losses.get) == 0.1
    assert fit.chosen["valid_log_loss"] == pytest.approx(losses[0.1], abs=1e-4)


@pytest.mark.parametrize(
    ("settings", "warning"),
    [
        ({"C": [1e-5, 0.1, 1e5]}, ""),
        ({"C": [0.1]}, ""),
        ({"C": [1e-5, 1e-4]}, "the best C, 0.0001, is at the edge of 1e-05, 0.0001"),
        ({"C": [0.1, 1e5]}, "the best C, 0.1, is at the edge of 0.1, 100000"),
        ({"C": [0.1], "max_iter": 2}, "no optimum for C = 0.1 (max_iter is 2)"),
        ({"C": [0.1, 1.0], "max_iter": 1}, "no optimum for C = 0.1, 1 (max_iter is 1); the best C, "),
    ],
)
def test_a_fit_that_is_no_optimum_or_at_the_edge_is_told_of_in_one_line(task, capsys, settings, warning):
    fit = logistic_regression.fit(*task, settings, 1, 1)
    told = [line for line in capsys.readouterr().err.splitlines() if "WARNING" in line]
    assert len(told) == bool(warning)
    assert all(line.startswith(f"WARNING: logistic_regression: {warning}") for line in told)
    assert fit.chosen["converged"] == ("max_iter" not in settings)


def test_chunks_are_the_rows_and_hold_one_at_a_time(task, small_chunks):
    source, *_ = task
    rows = np.arange(1, 899, 2)
    chunks = data.Chunks(source, rows, threads=3)
    parts = list(chunks)
    assert chunks.kept is None and max(len(x) for _, x in parts) == 50
    np.testing.assert_array_equal(np.concatenate([rows[part] for part, _ in parts]), rows)
    np.testing.assert_array_equal(np.concatenate([x for _, x in parts]), in_memory(source, rows).astype(np.float32))


def test_moments_are_those_of_the_scaler(task, small_chunks):
    source, *_ = task
    mean, scale = data.moments(data.Chunks(source, np.arange(900)), len(source.columns))
    scaler = StandardScaler().fit(in_memory(source, np.arange(900)))
    np.testing.assert_allclose(mean, scaler.mean_, rtol=1e-6)
    np.testing.assert_allclose(scale, scaler.scale_, rtol=1e-4)


# -- LightGBM ---------------------------------------------------------------------------------------------------------


def test_boosting_from_the_memory_map_is_boosting_from_memory(task, small_chunks):
    source, y, folds = task
    fit = boosting.fit(source, y, folds, QUICK, 3, 1)
    train, valid = data.labelled_rows(y, folds)
    parameters, rounds = boosting.parameters_of(boosting.Settings.complete(QUICK, "").as_dict(), 3, 1)
    training = lightgbm.Dataset(in_memory(source, train), y[train], params=parameters)
    held_out = lightgbm.Dataset(in_memory(source, valid), y[valid], reference=training)
    booster = lightgbm.train(
        parameters, training, rounds, [held_out], callbacks=[lightgbm.early_stopping(50, verbose=False)]
    )
    np.testing.assert_array_equal(fit.predicted, booster.predict(in_memory(source, np.arange(900))))
    assert fit.chosen["trees"] == booster.best_iteration


@pytest.mark.parametrize("name", classifiers.names())
def test_an_unknown_setting_is_named(task, name):
    with pytest.raises(InputError, match=f"{name}: unknown key 'depth'; expected keys: "):
        classifiers.get(name).fit(*task, {"depth": 3}, 1, 1)


def test_an_unknown_classifier_is_named():
    with pytest.raises(InputError, match="unknown classifier 'forest'; expected one of lightgbm, logistic_regression"):
        classifiers.get("forest")


@pytest.mark.parametrize("name", ["lightgbm", "logistic_regression"])
def test_a_fold_to_fit_to_has_both_classes(task, name):
    source, y, folds = task
    y[folds == "valid"] = 1
    with pytest.raises(InputError, match="fold valid: .* labelled rows, not of both classes"):
        classifiers.get(name).fit(source, y, folds, {}, 1, 1)


# -- search -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def codes():
    """Base codes of 900 windows: of the last 300, half repeat and half are reverse complements of the first 300."""
    codes = np.random.default_rng(1).integers(0, 4, (900, 30)).astype(np.uint8)
    codes[600:750], codes[750:] = codes[:150], dna.reverse_complement(codes[150:300])
    return codes


def test_groups_hold_copies_and_reverse_complements(codes):
    groups = tuning.sequence_groups(codes)
    assert len(set(groups)) == 600
    np.testing.assert_array_equal(groups[600:], groups[:300])


def test_folds_keep_a_sequence_together_and_balance_classes(codes):
    y = np.random.default_rng(2).integers(0, 2, 900)
    folds = tuning.cross_validation(y, codes, 3, 1)
    np.testing.assert_array_equal(np.sort(np.concatenate([held_out for _, held_out in folds])), np.arange(900))
    groups = tuning.sequence_groups(codes)
    for fitted, held_out in folds:
        assert not set(groups[fitted]) & set(groups[held_out])
        assert abs(y[held_out].mean() - y.mean()) < 0.03
    with pytest.raises(InputError, match="n_folds is 3, but a class has 2 distinct sequences"):
        tuning.cross_validation(np.r_[np.ones(2), np.zeros(298)], codes[:300], 3, 1)


def test_search_scores_by_cross_validation_and_marks_the_best(task, codes, tmp_path):
    source, y, folds = task
    table = tuning.tune(source, y, folds, codes, QUICK, SEARCH, 1, 1, tmp_path / "work")
    table.to_csv(tmp_path / "tuning.tsv", sep="\t", index=False)
    check_table(tmp_path / "tuning.tsv", "tuning")
    assert table["trial"].tolist() == np.repeat([1, 2, 3, 4], 2).tolist()
    best = table[table["best"] == 1]
    assert best["auroc"].eq(table["auroc"].max()).all() and best["trial"].nunique() == 1
    chosen = tuning.read_best(tmp_path / "tuning.tsv")
    assert set(chosen) == set(SEARCH["space"]) and isinstance(chosen["num_leaves"], int)
    # The same folds and settings, in memory and with bins of their own.
    train, _ = data.labelled_rows(y, folds)
    parameters, rounds = boosting.parameters_of(boosting.Settings.complete(QUICK | chosen, "").as_dict(), 1, 1)
    scores = []
    for fitted, held_out in tuning.cross_validation(y[train], codes[train], 3, 1):
        whole = lightgbm.Dataset(in_memory(source, train[fitted]), y[train][fitted])
        booster = lightgbm.train(parameters, whole, rounds)
        scores.append(_auroc(y[train][held_out], booster.predict(in_memory(source, train[held_out]))))
    assert best["auroc"].iloc[0] == pytest.approx(np.mean(scores), abs=0.02)


def _auroc(labels, scores):
    return np.mean(np.sign(scores[labels == 1][:, None] - scores[labels == 0]) / 2 + 0.5)


def test_an_interrupted_search_ends_as_an_uninterrupted_one(task, codes, tmp_path, monkeypatch):
    source, y, folds = task
    arguments = (source, y, folds, codes, QUICK, SEARCH, 1, 1)
    whole = tuning.tune(*arguments, tmp_path / "whole")
    fits, train = [], lightgbm.train

    def killed(*args, **keywords):
        fits.append(1)
        if len(fits) == 8:
            raise KeyboardInterrupt
        return train(*args, **keywords)

    monkeypatch.setattr(lightgbm, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        tuning.tune(*arguments, tmp_path / "work")
    resumed = tuning.tune(*arguments, tmp_path / "work")
    pd.testing.assert_frame_equal(resumed, whole)
    # Two trials were finished, the third was cut short and is done again.
    assert len(fits) == 8 + 2 * 3
    assert len(set(whole["value"][::2])) > 1


def test_trials_of_other_data_are_not_continued(task, codes, tmp_path, monkeypatch):
    fits, train = [], lightgbm.train
    monkeypatch.setattr(lightgbm, "train", lambda *args, **keywords: fits.append(1) or train(*args, **keywords))
    for inputs in (["a"], ["a"], ["b"]):
        tuning.tune(*task, codes, QUICK, SEARCH | {"n_trials": 1}, 1, 1, tmp_path, inputs)
    assert len(fits) == 2 * 3


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ({"trials": 3}, "tune: unknown key 'trials'"),
        ({"space": {}}, "tune.space: found no key; expected at least one"),
        ({"space": {"num_leaves": [3]}}, r"tune.space.num_leaves: \[3\] is too short; expected 2 or more"),
        ({"space": {"max_bin": [15, 63]}}, "'max_bin' is not a parameter to tune"),
        ({"space": {"num_leaves": [9, 3]}}, r"num_leaves: found \[9, 3\], expected a lower and a higher bound"),
    ],
)
def test_a_bad_search_is_refused(search, words):
    with pytest.raises(InputError, match=words):
        tuning.Search.complete(search)


@pytest.mark.parametrize("rows", [[("num_leaves", 3, 0)], [("num_leaves", 3, 1)] * 2, [("leaves", 3, 1)]])
def test_a_table_without_one_best_trial_is_refused(tmp_path, rows):
    pd.DataFrame(rows, columns=["parameter", "value", "best"]).to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    with pytest.raises(InputError, match="parameters of the best trial are"):
        tuning.read_best(tmp_path / "t.tsv")
