"""Tables of an evaluation: metrics, comparisons and curves of models, seeds and targets."""

import itertools

import numpy as np
import pandas as pd
import pytest

from cisflow.evaluation import binary, statistics
from cisflow.evaluation import tables as evaluation
from cisflow.evaluation.runs import Run
from predictions import heavy_ties, pick, weighted_by_sklearn, write


@pytest.fixture
def panel(tmp_path):
    """Two models of two seeds, two targets with missing labels: (runs, labels (2, n), {(model, seed): (2, n)})."""
    rng = np.random.default_rng(5)
    n = 240
    folds = np.array(["train", "valid", "test"])[np.arange(n) % 3]
    labels = (rng.random((2, n)) < [[0.4], [0.2]]).astype(float)
    truth = labels.copy()
    labels[rng.random((2, n)) < 0.1] = np.nan
    scores, runs = {}, []
    for model, seed in itertools.product(("strong", "weak"), (1, 2)):
        gain = 0.3 if model == "strong" else 0.1
        scores[model, seed] = np.round(np.clip(0.7 * rng.random((2, n)) + gain * truth, 0, 1), 2)
        path = write(tmp_path / f"{model}{seed}", labels, scores[model, seed], folds, ("A", "B"))
        runs.append(Run("random", model, seed, path))
    test = folds == "test"
    return runs, labels[:, test], {key: values[:, test] for key, values in scores.items()}


def test_metrics_hold_points_counts_and_folds(panel):
    runs, labels, scores = panel
    table = evaluation.evaluate("d", runs, 1, 50)["metrics"]
    assert tuple(table.columns) == evaluation.COLUMNS["metrics"]
    assert set(table["fold"]) == {"valid", "test"}
    # Folds, targets and their mean, models, seeds with mean and ensemble.
    assert len(table) == 2 * 3 * 2 * 4 * len(binary.METRICS)
    assert set(table["strands"]) == {"averaged"}
    for (model, seed), score in scores.items():
        for target, known, values in zip("AB", labels, score, strict=True):
            rows = pick(table, fold="test", model=model, seed=str(seed), target=target).set_index("metric")
            expected = weighted_by_sklearn(known, values, np.ones(len(known)))
            np.testing.assert_allclose(rows.loc[list(binary.METRICS[:5]), "value"], expected, atol=1e-12)
            assert (rows["n"] == np.isfinite(known).sum()).all()
            assert (rows["n_positive"] == np.nansum(known)).all()
    bounded = table[table["metric"] != "calibration_error"]
    inside = (bounded["lower"] <= bounded["value"]) & (bounded["value"] <= bounded["upper"])
    assert inside.mean() > 0.95


def test_macro_mean_and_mean_over_seeds_are_means_of_values(panel):
    table = evaluation.evaluate("d", panel[0], 1, 50)["metrics"]
    values = table.set_index(["fold", "model", "metric", "target", "seed"])["value"]
    for name, parts in (("target", ["A", "B"]), ("seed", ["1", "2"])):
        mean = values.xs("mean", level=name).sort_index()
        average = sum(values.xs(part, level=name) for part in parts) / 2
        np.testing.assert_allclose(mean, average.loc[mean.index], atol=1e-12)


def brute_force(labels, scores, counts):
    """{model: (4, b)} macro mean over targets of the mean over seeds, by scikit-learn, resample by resample."""
    draws = {}
    for model in ("strong", "weak"):
        values = [
            [weighted_by_sklearn(labels[t], scores[model, seed][t], row) for t in range(2) for seed in (1, 2)]
            for row in counts
        ]
        draws[model] = np.mean(values, axis=1).T
    return draws


def test_models_seeds_and_targets_share_their_resamples(panel, monkeypatch):
    runs, labels, scores = panel
    made = {}

    def record(n, size, rng, original=statistics.resamples):
        made[len(made)] = original(n, size, rng)
        return made[len(made) - 1]

    monkeypatch.setattr(statistics, "resamples", record)
    tables = evaluation.evaluate("d", runs, 1, 25)
    assert len(made) == 2, "one set of resamples for each fold"
    resampled = brute_force(labels, scores, made[1])
    for metric in map(binary.METRICS.index, ("auroc", "average_precision")):
        draws = {model: values[metric] for model, values in resampled.items()}
        name = binary.METRICS[metric]
        for model, values in draws.items():
            row = pick(tables["metrics"], fold="test", model=model, seed="mean", target="mean", metric=name).iloc[0]
            np.testing.assert_allclose([row["lower"], row["upper"]], np.percentile(values, [2.5, 97.5]), atol=1e-12)
        row = pick(tables["comparisons"], target="mean", metric=name).iloc[0]
        difference = draws["strong"] - draws["weak"]
        np.testing.assert_allclose([row["lower"], row["upper"]], np.percentile(difference, [2.5, 97.5]), atol=1e-12)
        tail = min((difference <= 0).sum(), (difference >= 0).sum())
        assert row["p_value"] == pytest.approx(2 * (tail + 1) / 26)


def test_comparisons_tell_models_apart_and_only_on_the_test_fold(panel):
    tables = evaluation.evaluate("d", panel[0], 1, 200)
    table = tables["comparisons"]
    assert tuple(table.columns) == evaluation.COLUMNS["comparisons"]
    assert set(table["fold"]) == {"test"} and len(table) == 3 * 2
    assert (table[["model_a", "model_b"]] == ["strong", "weak"]).all(axis=None)
    row = pick(table, target="mean", metric="auroc").iloc[0]
    assert row["lower"] > 0 and row["p_value"] < 0.05
    means = pick(tables["metrics"], fold="test", seed="mean", target="mean", metric="auroc").set_index("model")["value"]
    assert row["difference"] == pytest.approx(means["strong"] - means["weak"], abs=1e-12)


def test_identical_models_do_not_differ(panel):
    run = panel[0][0]
    runs = [run, run._replace(model="twin")]
    table = evaluation.evaluate("d", runs, 1, 50)["comparisons"]
    assert (table[["difference", "lower", "upper"]] == 0).all(axis=None)
    assert (table["p_value"] == 1).all()


def test_curve_rows_are_means_over_seeds_and_targets(panel):
    runs, labels, scores = panel
    table = evaluation.evaluate("d", runs, 1, 30)["curves"]
    assert tuple(table.columns) == evaluation.COLUMNS["curves"]
    assert len(table) == 2 * 3 * 2 * 101 and set(table["fold"]) == {"test"}
    whole = np.ones((1, labels.shape[1]), dtype=np.uint8)
    expected = np.mean(
        [binary.curves(labels[t], scores["weak", seed][t], whole)[:, 0] for t in range(2) for seed in (1, 2)],
        axis=0,
    )
    for curve, line in zip(("roc", "pr"), expected, strict=True):
        rows = pick(table, model="weak", target="mean", curve=curve)
        np.testing.assert_allclose(rows["x"], np.arange(101) / 100)
        np.testing.assert_allclose(rows["y"], line, atol=1e-12)
        assert (rows["lower"] <= rows["upper"]).all()


def test_single_target_has_no_macro_mean_and_single_seed_has_a_mean(tmp_path):
    labels, scores = heavy_ties(8)
    path = write(tmp_path / "p", [labels], [scores], np.repeat(["valid", "test"], 150))
    tables = evaluation.evaluate("d", [Run("s", "m", 4, path)], 1, 20)
    assert set(tables["metrics"]["target"]) == {"A"} == set(tables["curves"]["target"])
    numbers = ["metric", "value", "lower", "upper", "n_seeds"]
    per_seed, mean = (pick(tables["metrics"], seed=seed)[numbers].reset_index(drop=True) for seed in ("4", "mean"))
    pd.testing.assert_frame_equal(per_seed, mean)
    assert tables["comparisons"].empty


def test_missing_labels_are_as_absent_rows(tmp_path):
    labels, scores = heavy_ties(9)
    known = np.isfinite(labels)
    folds = np.repeat("test", len(labels))
    tables = []
    for name, rows in (("all", slice(None)), ("known", known)):
        path = write(tmp_path / name, [labels[rows]], [scores[rows]], folds[rows])
        tables.append(evaluation.evaluate("d", [Run("s", "m", 1, path)], 1, 20)["metrics"])
    columns = ["metric", "value", "n", "n_positive"]
    pd.testing.assert_frame_equal(*(table[columns] for table in tables))


def test_one_class_target_is_empty_and_left_out_of_the_macro_mean(tmp_path):
    rng = np.random.default_rng(10)
    labels = np.array([rng.integers(0, 2, 60), np.zeros(60), np.full(60, np.nan)])
    scores = rng.random((3, 60))
    path = write(tmp_path / "p", labels, scores, ["test"] * 60, ("A", "B", "C"))
    runs = [Run("s", model, 1, path) for model in ("m", "twin")]
    tables = evaluation.evaluate("d", runs, 1, 20)
    values = pick(tables["metrics"], model="m", seed="mean").set_index(["target", "metric"]).sort_index()
    assert values.loc[("B", "auroc"), ["value", "lower", "upper"]].isna().all()
    assert values.loc["C", ["value", "lower", "upper"]].isna().all(axis=None)
    assert (values.loc["C", ["n", "n_positive"]] == 0).all(axis=None)
    assert values.loc[("B", "brier"), "value"] == pytest.approx(np.mean(scores[1] ** 2))
    assert values.loc[("mean", "auroc"), "value"] == values.loc[("A", "auroc"), "value"]
    assert values.loc[("mean", "auroc"), "lower"] == values.loc[("A", "auroc"), "lower"]
    assert set(tables["curves"]["target"]) == {"A", "mean"}
    assert pick(tables["comparisons"], target="B")[["difference", "lower", "upper", "p_value"]].isna().all(axis=None)


def test_same_seed_same_tables_whatever_the_row_order_and_the_other_models(panel, tmp_path):
    runs, *_ = panel
    first = evaluation.evaluate("d", runs, 1, 30)
    again = evaluation.evaluate("d", runs, 1, 30)
    other = evaluation.evaluate("d", runs, 2, 30)["metrics"]
    for name in first:
        pd.testing.assert_frame_equal(first[name], again[name])
    assert not first["metrics"]["lower"].equals(other["lower"])
    shuffled = pd.read_csv(runs[3].predictions, sep="\t").sample(frac=1, random_state=0)
    (tmp_path / "shuffled").mkdir()
    shuffled.to_csv(tmp_path / "shuffled" / "predictions.tsv", sep="\t", index=False)
    alone = evaluation.evaluate("d", [runs[3]._replace(folder=tmp_path / "shuffled")], 1, 30)["metrics"]
    key = ["fold", "target", "seed", "metric"]
    expected = pick(first["metrics"], model="weak", seed="2").set_index(key).sort_index()
    pd.testing.assert_frame_equal(pick(alone, seed="2").set_index(key).sort_index(), expected)
