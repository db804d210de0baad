import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from cisflow import evaluation, files, statistics
from cisflow.errors import InputError

AUROC, AP, ACCURACY, BRIER = range(4)


def heavy_ties(seed, n=300, levels=12):
    """Labels, scores with few values and a missing label in ten."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.3).astype(float)
    scores = np.round(np.clip(0.5 * rng.random(n) + 0.3 * labels, 0, 1) * levels) / levels
    labels[rng.random(n) < 0.1] = np.nan
    return labels, scores


def write(path, labels, probabilities, folds, targets=("A",), shuffle=None):
    """A predictions.tsv of labels and probabilities (t, n) and folds (n,)."""
    n = len(folds)
    frame = pd.DataFrame(
        {
            "id": np.repeat([f"w{i:04d}" for i in range(n)], len(targets)),
            "fold": np.repeat(folds, len(targets)),
            "target": np.tile(targets, n),
            "label": np.asarray(labels).T.ravel(),
            "forward": np.nan,
            "reverse": np.nan,
            "probability": np.asarray(probabilities).T.ravel(),
        }
    )
    if shuffle is not None:
        frame = frame.sample(frac=1, random_state=shuffle)
    frame.to_csv(path, sep="\t", index=False)
    return str(path)


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
        path = write(tmp_path / f"{model}{seed}.tsv", labels, scores[model, seed], folds, ("A", "B"))
        runs.append(evaluation.Run("random", model, seed, path))
    test = folds == "test"
    return runs, labels[:, test], {key: values[:, test] for key, values in scores.items()}


def pick(frame, **conditions):
    for name, value in conditions.items():
        frame = frame[frame[name] == value]
    return frame


# -- closed forms -----------------------------------------------------------------------------------------------------


def test_perfect_reversed_and_constant_scores():
    labels = np.array([0, 0, 0, 1.0])
    # Neither a perfect score nor a constant one has a calibration line.
    nan = np.nan
    np.testing.assert_allclose(statistics.point_metrics(labels, labels), [1, 1, 1, 0, 1, 0, nan, nan])
    # From (0, 1) the curve falls to (0, 0) and rises to (1, 0.25): the trapezoid is below the average precision.
    np.testing.assert_allclose(statistics.point_metrics(labels, 1 - labels), [0, 0.25, 0, 1, 0.125, 1, nan, nan])
    # A constant score c: half, base rate, share of the class c falls to, and base rate * (1-c)^2 + rest * c^2; a
    # curve from (0, 1) to (1, base rate); the distance of c from the base rate.
    expected = [0.5, 0.25, 0.75, 0.19, 0.625, 0.05, nan, nan]
    np.testing.assert_allclose(statistics.point_metrics(labels, np.full(4, 0.2)), expected, atol=1e-12)
    np.testing.assert_allclose(statistics.point_metrics(labels, np.full(4, 0.5))[[ACCURACY, BRIER]], [0.25, 0.25])


def test_random_scores_are_at_half_and_base_rate():
    rng = np.random.default_rng(0)
    labels = (rng.random(20_000) < 0.25).astype(float)
    values = statistics.point_metrics(labels, rng.random(20_000))
    np.testing.assert_allclose(values[:5], [0.5, labels.mean(), 0.5, 1 / 3, labels.mean()], atol=0.02)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_has_accuracy_and_brier_only(label):
    labels, scores = np.full(5, label), np.full(5, 0.9)
    counts = statistics.resamples(5, 7, np.random.default_rng(0))
    for values in (statistics.point_metrics(labels, scores), *statistics.bootstrap_metrics(labels, scores, counts).T):
        assert np.isnan(values[[AUROC, AP]]).all()
        np.testing.assert_allclose(values[[ACCURACY, BRIER]], [label, (label - 0.9) ** 2])
    assert np.isnan(statistics.curves(labels, scores, counts)).all()


def test_no_label_has_no_metric():
    labels, scores, counts = np.full(4, np.nan), np.full(4, 0.5), np.ones((3, 4), dtype=np.uint8)
    assert np.isnan(statistics.point_metrics(labels, scores)).all()
    assert np.isnan(statistics.bootstrap_metrics(labels, scores, counts)).all()
    assert np.isnan(statistics.curves(labels, scores, counts)).all()


# -- the fast bootstrap against scikit-learn --------------------------------------------------------------------------


def weighted_by_sklearn(labels, scores, weights):
    """The first five METRICS."""
    known = np.isfinite(labels) & (weights > 0)
    labels, scores, weights = labels[known], scores[known], weights[known]
    precision, recall, _ = sk.precision_recall_curve(labels, scores, sample_weight=weights)
    return [
        sk.roc_auc_score(labels, scores, sample_weight=weights),
        sk.average_precision_score(labels, scores, sample_weight=weights),
        sk.accuracy_score(labels, scores >= 0.5, sample_weight=weights),
        sk.brier_score_loss(labels, scores, sample_weight=weights),
        sk.auc(recall, precision),
    ]


@pytest.mark.parametrize("levels", [1, 3, 12, 10**9])
def test_bootstrap_equals_sklearn_with_weights(levels, monkeypatch):
    monkeypatch.setattr(statistics, "_BLOCK", 2000)
    labels, scores = heavy_ties(levels, levels=levels)
    counts = statistics.resamples(len(labels), 40, np.random.default_rng(1))
    expected = np.transpose([weighted_by_sklearn(labels, scores, row) for row in counts])
    np.testing.assert_allclose(statistics.bootstrap_metrics(labels, scores, counts)[:5], expected, rtol=0, atol=1e-12)


def test_counts_of_one_give_the_point_estimate():
    labels, scores = heavy_ties(3)
    whole = statistics.bootstrap_metrics(labels, scores, np.ones((1, len(labels)), dtype=np.uint8))[:, 0]
    point = statistics.point_metrics(labels, scores)
    np.testing.assert_allclose(whole[:5], point[:5], rtol=0, atol=1e-12)
    np.testing.assert_allclose(whole[6:], point[6:], rtol=0, atol=1e-6)


def test_large_ranks_do_not_overflow():
    n = 100_000
    labels = np.arange(n) % 2.0
    whole = statistics.bootstrap_metrics(labels, np.full(n, 0.5), np.ones((1, n), dtype=np.uint8))[:, 0]
    np.testing.assert_allclose(whole[:5], [0.5, 0.5, 0.5, 0.25, 0.75], rtol=0, atol=1e-12)


def test_resamples_draw_each_sequence_once_on_average(monkeypatch):
    monkeypatch.setattr(statistics, "_BLOCK", 1000)
    counts = statistics.resamples(50, 4000, np.random.default_rng(2))
    assert (counts.sum(axis=1) == 50).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.07)
    assert counts.var() == pytest.approx(1 - 1 / 50, abs=0.02)


# -- curves -----------------------------------------------------------------------------------------------------------


def roc_by_sklearn(labels, scores, weights):
    known = np.isfinite(labels) & (weights > 0)
    fpr, tpr, _ = sk.roc_curve(labels[known], scores[known], sample_weight=weights[known], drop_intermediate=False)
    # Just right of a vertical rise lies its upper end.
    return np.interp(np.arange(101) / 100 + 1e-12, fpr, tpr)


def precision_recall_by_sklearn(labels, scores, weights):
    known = np.isfinite(labels) & (weights > 0)
    precision, recall, _ = sk.precision_recall_curve(labels[known], scores[known], sample_weight=weights[known])
    precision, recall = precision[:-1], recall[:-1]
    goals = np.maximum(np.arange(101) / 100, 1e-9)
    return [precision[np.flatnonzero(recall >= goal - 1e-12)[-1]] for goal in goals]


@pytest.mark.parametrize("levels", [1, 3, 12, 10**9])
def test_curves_equal_sklearn_with_weights(levels, monkeypatch):
    monkeypatch.setattr(statistics, "_BLOCK", 2000)
    labels, scores = heavy_ties(levels + 1, levels=levels)
    counts = statistics.resamples(len(labels), 20, np.random.default_rng(3))
    roc, pr = statistics.curves(labels, scores, counts)
    np.testing.assert_allclose(roc, [roc_by_sklearn(labels, scores, row) for row in counts], atol=1e-9)
    np.testing.assert_allclose(pr, [precision_recall_by_sklearn(labels, scores, row) for row in counts], atol=1e-9)


def test_areas_under_the_curves_are_the_metrics():
    # With 100 of each class and no ties every step of the curves falls on the grid, so that the sums are exact.
    rng = np.random.default_rng(4)
    labels = np.repeat([0.0, 1.0], 100)
    scores = rng.normal(labels)
    roc, pr = statistics.curves(labels, scores, np.ones((1, 200), dtype=np.uint8))[:, 0]
    assert roc[:-1].mean() == pytest.approx(sk.roc_auc_score(labels, scores), abs=1e-12)
    assert pr[1:].mean() == pytest.approx(sk.average_precision_score(labels, scores), abs=1e-12)


def test_curves_of_perfect_and_constant_scores():
    labels = np.repeat([0.0, 1.0], [30, 10])
    whole = np.ones((1, 40), dtype=np.uint8)
    np.testing.assert_allclose(statistics.curves(labels, labels, whole), 1)
    roc, pr = statistics.curves(labels, np.zeros(40), whole)[:, 0]
    np.testing.assert_allclose(roc, np.arange(101) / 100)
    np.testing.assert_allclose(pr, 0.25)


# -- intervals and p-values -------------------------------------------------------------------------------------------


def test_interval_leaves_out_undefined_draws():
    draws = np.r_[np.arange(1001.0), np.full(500, np.nan)]
    np.testing.assert_allclose(statistics.interval(draws), [25, 975])
    assert np.isnan(statistics.interval(np.full(5, np.nan))).all()
    assert statistics.interval(np.full((5, 3), np.nan)).shape == (2, 3)


def test_p_value_counts_both_tails():
    assert statistics.p_value(np.zeros(99)) == 1
    assert statistics.p_value(np.ones(99)) == pytest.approx(2 / 100)
    assert statistics.p_value(-np.ones(99)) == pytest.approx(2 / 100)
    assert statistics.p_value(np.r_[-np.ones(4), np.ones(95), np.nan]) == pytest.approx(2 * 5 / 100)
    assert np.isnan(statistics.p_value(np.array([np.nan])))


# -- tables -----------------------------------------------------------------------------------------------------------


def test_metrics_hold_points_counts_and_folds(panel):
    runs, labels, scores = panel
    table = evaluation.evaluate("d", runs, 1, 50)["metrics"]
    assert tuple(table.columns) == evaluation.COLUMNS["metrics"]
    assert set(table["fold"]) == {"valid", "test"}
    # Folds, targets and their mean, models, seeds with mean and ensemble.
    assert len(table) == 2 * 3 * 2 * 4 * len(statistics.METRICS)
    assert set(table["strands"]) == {"averaged"}
    for (model, seed), score in scores.items():
        for target, known, values in zip("AB", labels, score, strict=True):
            rows = pick(table, fold="test", model=model, seed=str(seed), target=target).set_index("metric")
            expected = weighted_by_sklearn(known, values, np.ones(len(known)))
            np.testing.assert_allclose(rows.loc[list(statistics.METRICS[:5]), "value"], expected, atol=1e-12)
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
    for metric in (AUROC, AP):
        draws = {model: values[metric] for model, values in resampled.items()}
        name = statistics.METRICS[metric]
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
        [statistics.curves(labels[t], scores["weak", seed][t], whole)[:, 0] for t in range(2) for seed in (1, 2)],
        axis=0,
    )
    for curve, line in zip(("roc", "pr"), expected, strict=True):
        rows = pick(table, model="weak", target="mean", curve=curve)
        np.testing.assert_allclose(rows["x"], np.arange(101) / 100)
        np.testing.assert_allclose(rows["y"], line, atol=1e-12)
        assert (rows["lower"] <= rows["upper"]).all()


def test_single_target_has_no_macro_mean_and_single_seed_has_a_mean(tmp_path):
    labels, scores = heavy_ties(8)
    path = write(tmp_path / "p.tsv", [labels], [scores], np.repeat(["valid", "test"], 150))
    tables = evaluation.evaluate("d", [evaluation.Run("s", "m", 4, path)], 1, 20)
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
        tables.append(evaluation.evaluate("d", [evaluation.Run("s", "m", 1, path)], 1, 20)["metrics"])
    columns = ["metric", "value", "n", "n_positive"]
    pd.testing.assert_frame_equal(*(table[columns] for table in tables))


def test_one_class_target_is_empty_and_left_out_of_the_macro_mean(tmp_path):
    rng = np.random.default_rng(10)
    labels = np.array([rng.integers(0, 2, 60), np.zeros(60), np.full(60, np.nan)])
    scores = rng.random((3, 60))
    path = write(tmp_path / "p.tsv", labels, scores, ["test"] * 60, ("A", "B", "C"))
    runs = [evaluation.Run("s", model, 1, path) for model in ("m", "twin")]
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
    shuffled.to_csv(tmp_path / "shuffled.tsv", sep="\t", index=False)
    alone = evaluation.evaluate("d", [runs[3]._replace(predictions=str(tmp_path / "shuffled.tsv"))], 1, 30)["metrics"]
    key = ["fold", "target", "seed", "metric"]
    expected = pick(first["metrics"], model="weak", seed="2").set_index(key).sort_index()
    pd.testing.assert_frame_equal(pick(alone, seed="2").set_index(key).sort_index(), expected)


# -- strands, seeds, strata, calibration and baselines ----------------------------------------------------------------


@pytest.fixture
def stranded(tmp_path):
    """Two seeds with single strands: (runs, labels (n,), {seed: (2, n) forward and reverse}, Windows)."""
    rng = np.random.default_rng(12)
    n = 300
    labels = (rng.random(n) < 0.4).astype(float)
    scores, runs = {}, []
    for seed in (1, 2):
        scores[seed] = np.round(np.clip(0.6 * rng.random((2, n)) + 0.25 * labels, 0, 1), 3)
        path = write(tmp_path / f"{seed}.tsv", [labels], [scores[seed].mean(axis=0)], np.repeat("test", n))
        frame = pd.read_csv(path, sep="\t").assign(forward=scores[seed][0], reverse=scores[seed][1])
        frame.to_csv(path, sep="\t", index=False)
        runs.append(evaluation.Run("s", "m", seed, path))
    chroms = np.array(["chr2", "chr10", ""])[np.arange(n) % 3]
    windows = evaluation.Windows(np.array([f"w{i:04d}" for i in range(n)]), chroms, rng.random(n))
    return runs, labels, scores, windows


def test_separate_strands_are_rows_of_their_own_drawn_together(stranded, monkeypatch):
    runs, labels, scores, _ = stranded
    counts = statistics.resamples(len(labels), 40, np.random.default_rng(0))
    monkeypatch.setattr(statistics, "resamples", lambda *_: counts)
    table = evaluation.evaluate("d", runs, 1, 40)["metrics"]
    for seed in (1, 2):
        row = pick(table, seed=str(seed), strands="separate", metric="auroc").iloc[0]
        pooled = np.r_[labels, labels], scores[seed].ravel()
        assert row["value"] == pytest.approx(sk.roc_auc_score(*pooled), abs=1e-12)
        draws = [sk.roc_auc_score(*pooled, sample_weight=np.r_[drawn, drawn]) for drawn in counts]
        np.testing.assert_allclose([row["lower"], row["upper"]], np.percentile(draws, [2.5, 97.5]), atol=1e-12)
        assert (row["n"], row["n_positive"]) == (len(labels), labels.sum())
    both, single = (
        pick(table, seed="mean", strands=name, metric="auroc")["value"].item() for name in ("averaged", "separate")
    )
    assert both > single + 0.02


def test_the_forward_strand_alone_is_one_row_a_sequence(stranded):
    runs, labels, scores, _ = stranded
    for run in runs:
        frame = pd.read_csv(run.predictions, sep="\t").assign(reverse=np.nan, probability=scores[run.seed][0])
        frame.to_csv(run.predictions, sep="\t", index=False)
    table = evaluation.evaluate("d", runs, 1, 5)["metrics"]
    assert set(table["strands"]) == {"averaged"}
    for seed in (1, 2):
        found = pick(table, seed=str(seed), metric="auroc")["value"].item()
        assert found == pytest.approx(sk.roc_auc_score(labels, scores[seed][0]), abs=1e-12)


def test_spread_and_ensemble_of_seeds(stranded):
    runs, labels, scores, _ = stranded
    table = pick(evaluation.evaluate("d", runs, 1, 20)["metrics"], metric="auroc", strands="averaged").set_index("seed")
    values = [sk.roc_auc_score(labels, scores[seed].mean(axis=0)) for seed in (1, 2)]
    spread = table.loc["mean", ["value", "sd", "minimum", "maximum", "n_seeds"]].astype(float)
    np.testing.assert_allclose(spread, [np.mean(values), np.std(values, ddof=1), min(values), max(values), 2])
    together = np.mean([scores[1].mean(axis=0), scores[2].mean(axis=0)], axis=0)
    assert table.loc["ensemble", "value"] == pytest.approx(sk.roc_auc_score(labels, together), abs=1e-12)
    assert table.loc[["1", "2", "ensemble"], ["sd", "minimum", "maximum"]].isna().all(axis=None)


def test_strata_are_chromosomes_and_thirds_of_gc(stranded):
    runs, labels, scores, windows = stranded
    table = evaluation.evaluate("d", runs, 1, 30, windows)["strata"]
    auroc = pick(table, metric="auroc").set_index("stratum")
    assert auroc.index.tolist() == ["chr2", "chr10", "low", "middle", "high"]
    order = np.argsort(windows.gc)
    rows = dict(zip(("low", "middle", "high"), np.split(order, 3), strict=True))
    rows |= {name: np.flatnonzero(windows.chroms == name) for name in ("chr2", "chr10")}
    for name, chosen in rows.items():
        expected = np.mean([sk.roc_auc_score(labels[chosen], scores[seed].mean(axis=0)[chosen]) for seed in (1, 2)])
        row = auroc.loc[name]
        assert row["value"] == pytest.approx(expected, abs=1e-12)
        assert row["lower"] < row["value"] < row["upper"]
        assert (row["n"], row["n_positive"]) == (100, labels[chosen].sum())
    bounds = auroc.loc[["low", "middle", "high"], ["gc_from", "gc_to"]].to_numpy(float)
    np.testing.assert_allclose(
        bounds, [[windows.gc[part].min(), windows.gc[part].max()] for part in np.split(order, 3)]
    )
    assert auroc.loc[["chr2", "chr10"], ["gc_from", "gc_to"]].isna().all(axis=None)


def test_a_sequence_that_is_no_window_is_named(stranded):
    runs, _, _, windows = stranded
    short = evaluation.Windows(*(values[:-1] for values in windows))
    with pytest.raises(InputError, match="'w0299' is not in the table of windows"):
        evaluation.evaluate("d", runs, 1, 10, short)


def test_gc_of_windows_leaves_out_unknown_bases(tmp_path):
    files.write_table(tmp_path / "windows.tsv", pd.DataFrame({"id": ["a", "b", "c"], "chrom": ["chr1", "", "chr2"]}))
    codes = np.array([[0, 1, 2, 4], [3, 3, 0, 0], [4, 4, 4, 4]], dtype=np.uint8)
    files.write_array(tmp_path / "sequences.npy", codes)
    windows = evaluation.read_windows(tmp_path / "windows.tsv", tmp_path / "sequences.npy")
    np.testing.assert_allclose(windows.gc, [2 / 3, 0, np.nan])
    assert windows.chroms.tolist() == ["chr1", "", "chr2"]


def test_calibration_bins_count_the_sequences_of_each_probability(stranded):
    runs, labels, scores, _ = stranded
    table = pick(evaluation.evaluate("d", runs, 1, 10)["calibration"], seed="2")
    score = scores[2].mean(axis=0)
    place = np.digitize(score, np.arange(1, 10) / 10)
    for number, row in enumerate(table.itertuples()):
        inside = place == number
        assert (row.n, row.n_positive) == (inside.sum(), labels[inside].sum())
        if inside.any():
            assert row.predicted == pytest.approx(score[inside].mean())
            assert row.observed == pytest.approx(labels[inside].mean())
            assert row.lower <= row.observed <= row.upper
    assert table["n"].sum() == len(labels)


def test_baselines_come_second_and_say_whether_they_come_close(tmp_path):
    rng = np.random.default_rng(13)
    n = 600
    labels = np.arange(n)[None] % 2
    runs = []
    for model, gain in (("gc", 0.1), ("good", 0.5), ("poor", 0.1)):
        scores = np.clip(0.5 * rng.random((1, n)) + gain * labels, 0, 1)
        runs.append(evaluation.Run("s", model, 1, write(tmp_path / model, labels, scores, ["test"] * n)))
    table = pick(evaluation.evaluate("d", runs, 1, 200, baselines=["gc"])["comparisons"], metric="auroc")
    pairs = table.set_index(["model_a", "model_b"])
    assert pairs.index.tolist() == [("good", "poor"), ("good", "gc"), ("poor", "gc")]
    assert pairs["baseline"].tolist() == [0, 1, 1] and pairs["close"].tolist() == [0, 0, 1]
    assert (pairs["n"] == n).all() and (pairs["n_positive"] == n // 2).all()
    # Without several seeds the ensemble is the seed, and DeLong's interval is near the bootstrap's.
    np.testing.assert_allclose(pairs["difference"], pairs["delong_difference"], atol=1e-12)
    np.testing.assert_allclose(pairs[["lower", "upper"]], pairs[["delong_lower", "delong_upper"]], atol=0.015)
    np.testing.assert_allclose(pairs["p_holm"], statistics.holm(pairs["p_value"]))
    np.testing.assert_allclose(pairs["delong_bh"], statistics.benjamini_hochberg(pairs["delong_p"]))


def test_a_baseline_that_surely_beats_a_model_is_close_and_a_model_that_does_is_not(tmp_path):
    rng = np.random.default_rng(15)
    n = 600
    labels = np.arange(n)[None] % 2
    runs = []
    for model, gain in (("gc", 0.5), ("weak", 0.1)):
        scores = np.clip(0.5 * rng.random((1, n)) + gain * labels, 0, 1)
        runs.append(evaluation.Run("s", model, 1, write(tmp_path / model, labels, scores, ["test"] * n)))
    row = pick(evaluation.evaluate("d", runs, 1, 200, baselines=["gc"])["comparisons"], metric="auroc").iloc[0]
    assert (row["model_a"], row["model_b"]) == ("weak", "gc") and row["upper"] < -evaluation.CLOSE
    assert row["close"] == 1
    # Of two models neither is a baseline: a sure difference is none, either way.
    table = pick(evaluation.evaluate("d", runs, 1, 200)["comparisons"], metric="auroc")
    assert table["close"].tolist() == [0]


def test_a_difference_that_is_small_but_certain_is_close(tmp_path):
    rng = np.random.default_rng(14)
    n = 4000
    labels = np.arange(n)[None] % 2
    base = rng.random((1, n)) * 0.6 + 0.1 * labels
    runs = [
        evaluation.Run("s", name, 1, write(tmp_path / name, labels, base + gain * labels, ["test"] * n))
        for name, gain in (("a", 0.01), ("b", 0.0))
    ]
    row = pick(evaluation.evaluate("d", runs, 1, 200)["comparisons"], metric="auroc").iloc[0]
    assert row["lower"] > 0 and row["upper"] < evaluation.CLOSE and row["p_value"] < 0.05 and row["close"] == 1


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns="label"), ["no column label"]),
        (lambda f: f.iloc[:0], ["no rows"]),
        (lambda f: f.assign(fold=["test"] * 5 + ["dev"]), ["row 7", "fold is 'dev'", "train, valid, test"]),
        (lambda f: f.assign(label=[0, 1, 2, 0, 1, 0]), ["row 4", "label is '2.0'", "0, 1 or nothing"]),
        (lambda f: f.assign(label=["0", "1", "yes", "0", "1", "0"]), ["row 4", "label is 'yes'", "a number"]),
        (lambda f: f.assign(probability=[0.1, 1.5, 0, 0, 0, 0]), ["row 3", "probability is '1.5'", "from 0 to 1"]),
        (lambda f: f.assign(probability=[0.1, None, 0, 0, 0, 0]), ["row 3", "probability is empty", "from 0 to 1"]),
        (
            lambda f: f.assign(reverse=[0.1, None, 0, 0, 0, 0], forward=0.1),
            ["row 3", "reverse is empty", "from 0 to 1"],
        ),
        (lambda f: f.assign(forward=[0.1, 0, 0, 0, 0, 2], reverse=0.1), ["row 7", "forward is '2.0'"]),
        (lambda f: f.assign(forward=[0.1, None, 0, 0, 0, 0]), ["row 3", "forward is empty", "from 0 to 1"]),
        (lambda f: f.assign(reverse=0.1), ["row 2", "forward is empty", "from 0 to 1"]),
        (lambda f: f.assign(id=["a", "", "c", "d", "e", "f"]), ["row 3", "id is empty"]),
        (lambda f: f.assign(target=["A", "A", "A", "", "A", "A"]), ["row 5", "target is empty"]),
        (lambda f: f.assign(id=["a", "b", "c", "d", "e", "a"]), ["row 7", "repeat", "id is 'a'"]),
        (lambda f: f.assign(target=list("AAAAAB")), ["no row of id 'w0005' and target 'A'"]),
        (lambda f: f.assign(target=["A", "A", "A", "mean", "A", "A"]), ["a target is named 'mean'"]),
        (
            lambda f: f.assign(id=list("aabbcc"), target=list("ABABAB"), fold=["test"] * 5 + ["valid"]),
            ["row 6", "fold differs", "id 'c'"],
        ),
    ],
)
def test_bad_predictions_are_refused(tmp_path, change, words):
    path = tmp_path / "predictions.tsv"
    write(path, [[0, 1, 0, 1, 0, 1]], [np.full(6, 0.5)], ["test"] * 6)
    change(pd.read_csv(path, sep="\t")).to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError) as error:
        evaluation.read_predictions(path)
    assert str(error.value).startswith(f"{path}: ")
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.assign(id=f["id"].replace("w0003", "x")), ["ids", "'w0003'", "a.tsv only"]),
        (lambda f: f.assign(fold=["test", "test", "valid", "test"]), ["fold", "'w0002'", "test against valid"]),
        (lambda f: f.assign(label=[0, 0, 0, 1]), ["label", "'w0001'", "target 'A'", "1.0 against 0.0"]),
        (lambda f: f.assign(label=[0, None, 0, 1]), ["label", "'w0001'", "1.0 against nan"]),
        (lambda f: f.assign(target="B"), ["targets", "A against B"]),
    ],
)
def test_runs_of_one_split_must_hold_the_same_rows(tmp_path, change, words):
    paths = [tmp_path / "a.tsv", tmp_path / "b.tsv"]
    for path in paths:
        write(path, [[0, 1, 0, 1]], [np.full(4, 0.5)], ["test"] * 4)
    change(pd.read_csv(paths[1], sep="\t")).to_csv(paths[1], sep="\t", index=False)
    runs = [evaluation.Run("s", "m", seed, str(path)) for seed, path in enumerate(paths)]
    with pytest.raises(InputError) as error:
        evaluation.evaluate("d", runs, 1, 10)
    for word in [*map(str, paths), *words]:
        assert word in str(error.value)


def test_other_order_of_targets_is_put_right(tmp_path):
    rng = np.random.default_rng(11)
    labels, scores = rng.integers(0, 2, (2, 50)), rng.random((2, 50))
    straight = write(tmp_path / "a.tsv", labels, scores, ["test"] * 50, ("A", "B"))
    turned = write(tmp_path / "b.tsv", labels[::-1], scores[::-1], ["test"] * 50, ("B", "A"))
    runs = [evaluation.Run("s", "m", seed, path) for seed, path in enumerate((straight, turned))]
    table = evaluation.evaluate("d", runs, 1, 10)["metrics"]
    np.testing.assert_array_equal(pick(table, seed="0")["value"], pick(table, seed="1")["value"])


def test_splits_need_not_agree(tmp_path):
    runs = []
    for number, n in enumerate((30, 40)):
        labels = np.arange(n)[None] % 2
        path = write(tmp_path / f"{n}.tsv", labels, np.full((1, n), 0.5), ["test"] * n)
        runs.append(evaluation.Run(f"s{number}", "m", 1, path))
    table = evaluation.evaluate("d", runs, 1, 10)["metrics"]
    assert dict(zip(table["split"], table["n"], strict=True)) == {"s0": 30, "s1": 40}


def test_nothing_to_evaluate_is_refused(tmp_path):
    path = write(tmp_path / "p.tsv", [[0, 1]], [[0.1, 0.9]], ["train", "train"])
    with pytest.raises(InputError, match="no row of fold valid or test"):
        evaluation.evaluate("d", [evaluation.Run("s", "m", 1, path)], 1, 10)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "not JSON"),
        ("[]", "at least one run"),
        ('{"split": "s"}', "expected a list"),
        ('[{"split": "s"}]', "run 1: found {'split': 's'}, expected the keys split, model, seed, predictions"),
        ('[{"split": "s", "model": "m", "seed": "1", "predictions": "p"}]', "a whole number as seed"),
        ('[{"split": "s", "model": "m", "seed": -1, "predictions": "p"}]', "a whole number as seed"),
        ('[{"split": "s", "model": "m", "seed": true, "predictions": "p"}]', "a whole number as seed"),
        ('[{"split": "s", "model": 3, "seed": 1, "predictions": "p"}]', "text elsewhere"),
        (
            '[{"split": "s", "model": "m", "seed": 1, "predictions": "p"},'
            ' {"split": "s", "model": "m", "seed": 1, "predictions": "q"}]',
            "run 2: split 's', model 'm', seed 1 is twice",
        ),
    ],
)
def test_bad_runs_are_refused(text, words):
    with pytest.raises(InputError) as error:
        evaluation.parse_runs(text)
    assert words in str(error.value)
