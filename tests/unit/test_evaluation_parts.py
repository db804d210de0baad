"""Strands, seeds, strata, calibration and baselines, as an evaluation tells them apart."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from cisflow.data.dataset import Dataset
from cisflow.errors import InputError
from cisflow.evaluation import statistics, strata
from cisflow.evaluation import tables as evaluation
from cisflow.evaluation.runs import Run
from predictions import pick, write


@pytest.fixture
def stranded(tmp_path):
    """Two seeds with single strands: (runs, labels (n,), {seed: (2, n) forward and reverse}, Windows)."""
    rng = np.random.default_rng(12)
    n = 300
    labels = (rng.random(n) < 0.4).astype(float)
    scores, runs = {}, []
    for seed in (1, 2):
        scores[seed] = np.round(np.clip(0.6 * rng.random((2, n)) + 0.25 * labels, 0, 1), 3)
        path = write(tmp_path / str(seed), [labels], [scores[seed].mean(axis=0)], np.repeat("test", n))
        frame = pd.read_csv(path / "predictions.tsv", sep="\t").assign(forward=scores[seed][0], reverse=scores[seed][1])
        frame.to_csv(path / "predictions.tsv", sep="\t", index=False)
        runs.append(Run("s", "m", seed, path))
    chroms = np.array(["chr2", "chr10", ""])[np.arange(n) % 3]
    windows = strata.Windows(np.array([f"w{i:04d}" for i in range(n)]), chroms, rng.random(n))
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
    short = strata.Windows(*(values[:-1] for values in windows))
    with pytest.raises(InputError, match="'w0299' is not in the table of windows"):
        evaluation.evaluate("d", runs, 1, 10, short)


def test_gc_of_windows_leaves_out_unknown_bases():
    frame = pd.DataFrame({"id": ["a", "b", "c"], "chrom": ["chr1", "", "chr2"]})
    codes = np.array([[0, 1, 2, 4], [3, 3, 0, 0], [4, 4, 4, 4]], dtype=np.uint8)
    windows = strata.windows_of(Dataset(np.array(["a", "b", "c"]), codes, np.zeros((3, 1)), ["t"], frame=frame))
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
        folder = write(tmp_path / model, labels, scores, ["test"] * n)
        runs.append(Run("s", model, 1, folder, k=1 if model == "gc" else None))
    table = pick(evaluation.evaluate("d", runs, 1, 200)["comparisons"], metric="auroc")
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
        folder = write(tmp_path / model, labels, scores, ["test"] * n)
        runs.append(Run("s", model, 1, folder, k=1 if model == "gc" else None))
    row = pick(evaluation.evaluate("d", runs, 1, 200)["comparisons"], metric="auroc").iloc[0]
    assert (row["model_a"], row["model_b"]) == ("weak", "gc") and row["upper"] < -evaluation.CLOSE
    assert row["close"] == 1
    # Of two models neither is a baseline: a sure difference is none, either way.
    runs = [run._replace(k=None) for run in runs]
    table = pick(evaluation.evaluate("d", runs, 1, 200)["comparisons"], metric="auroc")
    assert table["close"].tolist() == [0]


def test_a_difference_that_is_small_but_certain_is_close(tmp_path):
    rng = np.random.default_rng(14)
    n = 4000
    labels = np.arange(n)[None] % 2
    base = rng.random((1, n)) * 0.6 + 0.1 * labels
    runs = [
        Run("s", name, 1, write(tmp_path / name, labels, base + gain * labels, ["test"] * n))
        for name, gain in (("a", 0.01), ("b", 0.0))
    ]
    row = pick(evaluation.evaluate("d", runs, 1, 200)["comparisons"], metric="auroc").iloc[0]
    assert row["lower"] > 0 and row["upper"] < evaluation.CLOSE and row["p_value"] < 0.05 and row["close"] == 1
