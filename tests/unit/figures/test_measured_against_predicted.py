"""Measured against predicted numbers: every sequence of the test fold at the mean prediction of the seeds."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cisflow import tasks
from cisflow.evaluation import runs, strata
from cisflow.evaluation import tables as evaluation
from cisflow.io.tables import write_table
from drawing import LONG, MODELS, SPLIT, drawn, svg_text
from predictions import write

TASK = tasks.get("regression")
SETTINGS = SPLIT | {"task": "regression"}


def regression(folder, models, n_seeds=1, targets=("expression",), n=90, folds=("test", "train")):
    """{runs, metrics} of models whose noise grows from one to the next, as an evaluation writes them."""
    rng = np.random.default_rng(0)
    labels = rng.normal(4, 3, (len(targets), n))
    known = np.where(rng.random(labels.shape) < 0.1, np.nan, labels)
    rows = []
    for number, model in enumerate(models):
        for seed in range(1, n_seeds + 1):
            values = labels + (1 + number) * rng.normal(size=labels.shape)
            place = folder / "models" / model / "random" / f"seed{seed}"
            write(place, known, values, np.resize(folds, n), targets, TASK)
            rows.append(("random", model, seed, "network"))
    write_table(folder / "runs.tsv", pd.DataFrame(rows, columns=["split", "model", "seed", "kind"]).assign(k=None))
    names = np.array([f"w{i:04d}" for i in range(n)])
    windows = strata.Windows(names, np.resize(["chr1", "chr1", "chr2", "chr2"], n), rng.random(n))
    tables = evaluation.evaluate("demo", runs.read(folder / "runs.tsv"), 1, 30, windows, TASK)
    for name in ("metrics", "comparisons", "strata"):
        write_table(folder / f"{name}.tsv", tables[name])
    return {name: str(folder / f"{name}.tsv") for name in ("runs", "metrics")}


def evaluated(folder, table, *arguments, **keywords):
    """{metrics, another table of the evaluation}."""
    inputs = regression(folder, *arguments, **keywords)
    return {"metrics": inputs["metrics"], table: str(folder / f"{table}.tsv")}


# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "one model": ("measured_against_predicted", lambda f: regression(f, ["ConvNet"]), SETTINGS),
    "ten models": ("measured_against_predicted", lambda f: regression(f, MODELS, 2), SETTINGS),
    "long names": ("measured_against_predicted", lambda f: regression(f, LONG[:5], 2, ("a", LONG[0])), SETTINGS),
    "many sequences": ("measured_against_predicted", lambda f: regression(f, MODELS[:2], n=5000), SETTINGS),
    "many targets": ("measured_against_predicted", lambda f: regression(f, MODELS[:3], 1, list("abcdefgh")), SETTINGS),
    "no label, nothing measured": (
        "measured_against_predicted",
        lambda f: regression(f, MODELS[:2], folds=("valid", "train")),
        SETTINGS,
    ),
    "robustness of numbers": ("robustness", lambda f: evaluated(f, "strata", MODELS[:4], 3), SETTINGS),
    "models side by side": ("model_comparison", lambda f: evaluated(f, "comparisons", MODELS[:4], 3), SETTINGS),
}


def test_points_are_the_means_over_seeds_and_numbers_those_of_the_ensemble(tmp_path):
    figure = drawn("measured_against_predicted", regression(tmp_path, MODELS[:2], 3), SETTINGS)
    metrics = pd.read_csv(tmp_path / "metrics.tsv", sep="\t")
    text = svg_text(figure)
    for axes, model in zip(figure.axes, MODELS[:2], strict=True):
        tables = [
            pd.read_csv(tmp_path / "models" / model / "random" / f"seed{seed}" / "predictions.tsv", sep="\t")
            for seed in (1, 2, 3)
        ]
        rows = (tables[0]["fold"] == "test") & tables[0]["value"].notna()
        mean = np.mean([table.loc[rows, "prediction"] for table in tables], axis=0)
        (points,) = [line for line in axes.lines if line.get_linestyle() == "None"]
        x, y = points.get_data()
        np.testing.assert_allclose(x[np.argsort(y)], mean[np.argsort(tables[0].loc[rows, "value"])])
        np.testing.assert_allclose(np.sort(y), np.sort(tables[0].loc[rows, "value"]))
        known = metrics[(metrics["model"] == model) & (metrics["seed"] == "ensemble") & (metrics["fold"] == "test")]
        row = known.set_index("metric").loc["pearson"]
        assert row["value"] == pytest.approx(stats.pearsonr(x, y).statistic)
        assert f"r {row['value']:.2f} ({row['lower']:.2f}\u2013{row['upper']:.2f})" in text
        assert axes.get_xlim() == axes.get_ylim()
    assert f"test fold: n = {rows.sum()}" in text and "positive" not in text


def test_many_sequences_are_counted_in_bins(tmp_path):
    figure = drawn("measured_against_predicted", regression(tmp_path, MODELS[:1], n=5000), SETTINGS)
    table = pd.read_csv(tmp_path / "models" / MODELS[0] / "random" / "seed1" / "predictions.tsv", sep="\t")
    (bins,) = figure.axes[0].collections
    assert bins.get_array().sum() == ((table["fold"] == "test") & table["value"].notna()).sum()


def test_of_many_targets_the_first_are_drawn_and_said_to_be(tmp_path):
    figure = drawn("measured_against_predicted", regression(tmp_path, MODELS[:3], 1, list("abcdefgh")), SETTINGS)
    assert len([axes for axes in figure.axes if axes.axison]) == 15
    assert "mean of 8 targets" in svg_text(figure) and "the first 5 of 8 targets" in svg_text(figure)


def test_models_side_by_side_have_the_metrics_of_a_regression(tmp_path):
    figure = drawn("model_comparison", evaluated(tmp_path, "comparisons", MODELS[:4], 3), SETTINGS)
    metrics = pd.read_csv(tmp_path / "metrics.tsv", sep="\t").query("fold == 'test' and seed != 'ensemble'")
    titles = ["Pearson's r", "Spearman's \u03c1", "RMSE"]
    assert [axes.get_title() for axes in figure.axes] == titles
    for axes, metric in zip(figure.axes, TASK.metrics, strict=True):
        points = np.concatenate([line.get_xdata() for line in axes.lines if line.get_linestyle() == "None"])
        np.testing.assert_allclose(np.sort(points), np.sort(metrics.loc[metrics["metric"] == metric, "value"]))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == MODELS[:4]
    assert "positive" not in svg_text(figure)


def test_robustness_of_a_regression_draws_correlations_without_counts_of_positives(tmp_path):
    figure = drawn("robustness", evaluated(tmp_path, "strata", MODELS[:2], n=240), SETTINGS)
    table = pd.read_csv(tmp_path / "strata.tsv", sep="\t").query("metric == 'pearson' and kind == 'chromosome'")
    (points,) = [line for line in figure.axes[3].lines if line.get_linestyle() == "None"]
    np.testing.assert_allclose(np.sort(points.get_xdata()), np.sort(table["value"]))
    text = svg_text(figure)
    assert figure.axes[0].get_xlabel() == "Pearson's r" and "random: n = 1" in text and "positive" not in text
