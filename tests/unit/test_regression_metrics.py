"""Metrics of predicted numbers against scipy, resamples against resampled data, and tables of an evaluation."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cisflow import tasks
from cisflow.errors import InputError
from cisflow.evaluation import predictions, regression, statistics, strata
from cisflow.evaluation import tables as evaluation
from cisflow.evaluation.runs import Run
from predictions import pick, write
from tables import check_table

TASK = tasks.get("regression")
PEARSON, SPEARMAN, RMSE = range(3)


def by_scipy(labels, values):
    return [
        stats.pearsonr(labels, values).statistic,
        stats.spearmanr(labels, values).statistic,
        np.sqrt(np.mean((labels - values) ** 2)),
    ]


def tied(seed, n=60):
    """Labels with one missing in ten and predictions, both with ties."""
    rng = np.random.default_rng(seed)
    labels = np.round(rng.normal(5, 2, n), 1)
    values = np.round(labels + rng.normal(0, 1.5, n))
    labels[rng.random(n) < 0.1] = np.nan
    return labels, values


def test_points_are_those_of_scipy():
    labels, values = tied(0)
    known = np.isfinite(labels)
    np.testing.assert_allclose(regression.point_metrics(labels, values), by_scipy(labels[known], values[known]))


@pytest.mark.parametrize("block", [100, 1 << 17])
def test_a_resample_is_the_data_with_each_sequence_as_often_as_it_was_drawn(monkeypatch, block):
    monkeypatch.setattr(statistics, "BLOCK", block)
    labels, values = tied(1)
    counts = statistics.resamples(len(labels), 25, np.random.default_rng(2))
    found = regression.bootstrap_metrics(labels, values, counts)
    for drawn, metrics in zip(counts, found.T, strict=True):
        rows = np.repeat(np.arange(len(labels)), drawn)
        rows = rows[np.isfinite(labels[rows])]
        np.testing.assert_allclose(metrics, by_scipy(labels[rows], values[rows]), atol=1e-10)


def test_large_numbers_lose_nothing_to_rounding():
    labels, values = tied(3)
    counts = statistics.resamples(len(labels), 10, np.random.default_rng(4))
    near, far = (regression.bootstrap_metrics(labels + shift, values + shift, counts) for shift in (0, 1e6))
    np.testing.assert_allclose(near, far, atol=1e-6)


def test_constant_labels_or_predictions_have_an_error_alone():
    labels, values = np.array([1.0, 2, 3]), np.array([0.1, 0.1, 0.1])
    for a, b in ((labels, values), (values, labels)):
        found = regression.point_metrics(a, b)
        assert np.isnan(found[:2]).all() and found[RMSE] == pytest.approx(np.sqrt(np.mean((labels - values) ** 2)))
    # Three times the same sequence, drawn with an exact sum and with one that rounding leaves off zero.
    drawn = regression.bootstrap_metrics(labels / 3, labels * 0.7, np.array([[0, 3, 0], [1, 1, 1]], dtype=np.uint8))
    assert np.isnan(drawn[:2, 0]).all() and np.isfinite(drawn).all(axis=0).tolist() == [False, True]
    nothing = np.full(3, np.nan)
    assert np.isnan(regression.point_metrics(nothing, values)).all()
    assert np.isnan(regression.bootstrap_metrics(nothing, values, np.ones((2, 3), dtype=np.uint8))).all()


def test_intervals_cover_the_correlation_that_made_the_data():
    # 400 data sets: the standard error of a coverage of 95% is 1.1%.
    rng = np.random.default_rng(5)
    n, r = 300, 0.6
    # Of a bivariate normal distribution.
    truth = [r, 6 / np.pi * np.arcsin(r / 2), np.sqrt(2 - 2 * r)]
    covered = np.zeros(3)
    for _ in range(400):
        labels = rng.normal(size=n)
        values = r * labels + np.sqrt(1 - r**2) * rng.normal(size=n)
        draws = regression.bootstrap_metrics(labels, values, statistics.resamples(n, 400, rng))
        lower, upper = statistics.interval(draws.T)
        covered += (lower <= truth) & (truth <= upper)
    np.testing.assert_allclose(covered / 400, 0.95, atol=0.035)


@pytest.fixture
def runs(tmp_path):
    """Two models of two seeds and a baseline, two targets with missing labels: (runs, labels (2, n), Windows)."""
    rng = np.random.default_rng(6)
    n = 240
    labels = rng.normal(3, 2, (2, n))
    found = []
    for model, noise, seeds in (("strong", 1, (1, 2)), ("weak", 4, (1, 2)), ("gc", 9, (1,))):
        for seed in seeds:
            folder = tmp_path / f"{model}{seed}"
            values = labels + noise * rng.normal(size=labels.shape)
            known = np.where(np.arange(2 * n).reshape(2, n) % 7 == 0, np.nan, labels)
            write(folder, known, values, np.repeat("test", n), ("A", "B"), TASK)
            found.append(Run("s", model, seed, folder, k=1 if model == "gc" else None))
    names = np.array([f"w{i:04d}" for i in range(n)])
    return found, known, strata.Windows(names, np.array(["chr1", "chr2"])[np.arange(n) % 2], rng.random(n))


def test_tables_of_a_regression(runs, tmp_path):
    found, labels, windows = runs
    tables = evaluation.evaluate("d", found, 1, 100, windows, TASK)
    for name, table in tables.items():
        table.to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
        check_table(tmp_path / f"{name}.tsv", name)
    metrics, comparisons = tables["metrics"], tables["comparisons"]
    assert list(dict.fromkeys(metrics["metric"])) == ["pearson", "spearman", "rmse"]
    assert tables["curves"].empty and tables["calibration"].empty and metrics["n_positive"].isna().all()
    for target, truth in zip("AB", labels, strict=True):
        known = np.isfinite(truth)
        values = predictions.read(found[0].predictions, TASK).values["averaged"][0, "AB".index(target)]
        rows = pick(metrics, model="strong", seed="1", target=target).set_index("metric")
        np.testing.assert_allclose(rows["value"], by_scipy(truth[known], values[known]))
        assert (rows["n"] == known.sum()).all() and (
            (rows["lower"] < rows["value"]) & (rows["value"] < rows["upper"])
        ).all()
    means = metrics.set_index(["model", "seed", "target", "metric"])["value"]
    both = [means["strong", seed, target, "rmse"] for seed in ("1", "2") for target in "AB"]
    assert means["strong", "mean", "mean", "rmse"] == pytest.approx(np.mean(both))
    # The mean of two seeds has half of the variance of their noise.
    assert means["strong", "ensemble", "mean", "rmse"] == pytest.approx(np.sqrt(0.5), abs=0.1)
    assert set(comparisons["metric"]) == {"pearson", "spearman"} == set(tables["strata"]["metric"])
    row = pick(comparisons, model_a="strong", model_b="gc", target="mean", metric="pearson").iloc[0]
    assert row["lower"] > 0 and (row["baseline"], row["close"]) == (1, 0) and row["p_value"] < 0.05
    assert comparisons["delong_p"].isna().all()
    assert set(tables["strata"]["stratum"]) == {"chr1", "chr2", "low", "middle", "high"}


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("value", "inf", "row 3: value is 'inf', expected a finite number or empty"),
        ("value", "high", "row 3: value is 'high', expected a number"),
        ("prediction", "inf", "row 3: prediction is 'inf', expected a finite number"),
        ("prediction", "", "row 3: prediction is empty, expected a finite number"),
    ],
)
def test_numbers_that_are_none_are_refused(runs, column, value, words):
    path = runs[0][0].predictions
    frame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    frame.loc[1, column] = value
    frame.to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError) as error:
        predictions.read(path, TASK)
    assert words in str(error.value)


def test_predictions_of_another_task_are_refused(runs):
    with pytest.raises(InputError, match="predictions.tsv: no column label, probability"):
        predictions.read(runs[0][0].predictions, tasks.get("binary"))
