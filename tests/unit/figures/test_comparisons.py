"""Models side by side, by themselves and beside a published study: every point, interval and baseline."""

import numpy as np
import pandas as pd
import pytest

from cisflow.errors import InputError
from cisflow.evaluation import results
from cisflow.io import tables
from cisflow.io.tables import write_table
from drawing import DATASET, LONG, MODELS, NOWHERE, drawn, svg_text
from evaluated import below_chance, comparison, comparison_table, metric_table, study, study_settings

STUDIED16 = [*(f"attention_conv_{i}" for i in range(15)), "lightgbm_kmers"]

# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "study of one model": (
        "study_comparison",
        lambda f: study(f, ["FSei", "LR on GC"], ("random", "random"), 1),
        study_settings(["FSei", "LR on GC"], ("random", "random"), same_data=True),
    ),
    "study of nine": (
        "study_comparison",
        lambda f: study(f, MODELS, close=MODELS[:4]),
        study_settings(MODELS),
    ),
    "study, long names": ("study_comparison", lambda f: study(f, LONG), study_settings(LONG)),
    "study of sixteen": (
        "study_comparison",
        lambda f: study(f, [f"model_{i}" for i in range(16)]),
        study_settings([f"model_{i}" for i in range(16)]),
    ),
    "study of sixteen, a baseline that wins or is below chance": (
        "study_comparison",
        lambda f: below_chance(study(f, STUDIED16, close=STUDIED16[:15]), STUDIED16[-1], "chromosome", 0.17),
        study_settings(STUDIED16) | {"baselines": {STUDIED16[-1]: 6}},
    ),
    "comparison of sixteen, a baseline that wins or is below chance": (
        "model_comparison",
        lambda f: below_chance(
            comparison(f, STUDIED16, ("random", "chromosome", "cluster"), 3, STUDIED16[:15]),
            STUDIED16[-1],
            "chromosome",
            0.17,
        ),
        DATASET | {"baselines": {STUDIED16[-1]: 6}},
    ),
    "study of nothing": (
        "study_comparison",
        lambda f: study(f, MODELS),
        study_settings(MODELS, ("other", "nowhere")),
    ),
    "comparison of one model": ("model_comparison", lambda f: comparison(f, ["FSei"], ("random",), 1), DATASET),
    "comparison of ten": ("model_comparison", lambda f: comparison(f, MODELS, ("random", "chromosome"), 5), DATASET),
    "comparison, long names": ("model_comparison", lambda f: comparison(f, LONG, ("random",), 1), DATASET),
    "comparison of nothing": ("model_comparison", lambda f: comparison(f, MODELS, ("random",), 1), NOWHERE),
    "comparison, baselines that come close": (
        "model_comparison",
        lambda f: comparison(f, MODELS, ("random", "chromosome"), 2, MODELS[:6]),
        DATASET | {"baselines": {MODELS[-1]: 6}},
    ),
}


@pytest.mark.parametrize(("n_models", "splits", "n_seeds"), [(1, ["random"], 1), (10, ["random", "homology"], 5)])
def test_comparison_has_a_point_for_each_model_and_seed(tmp_path, n_models, splits, n_seeds):
    path, frame = metric_table(tmp_path / "metrics.tsv", MODELS[:n_models], splits, n_seeds)
    figure = drawn(
        "model_comparison", {"metrics": path, "comparisons": comparison_table(tmp_path / "c.tsv", ["x"])}, DATASET
    )
    for axes, metric in zip(figure.axes, ("auroc", "average_precision", "accuracy", "brier"), strict=True):
        rows = frame[frame["metric"] == metric]
        points = np.concatenate([line.get_xdata() for line in axes.lines if line.get_linestyle() == "None"])
        np.testing.assert_allclose(np.sort(points), np.sort(rows["value"]))
        assert len(points) == n_models * len(splits) * (n_seeds + 1)
        intervals = np.concatenate([np.array(item.get_segments())[:, :, 0] for item in axes.collections])
        np.testing.assert_allclose(np.sort(intervals[:, 0]), np.sort(rows.loc[rows["seed"] == "mean", "lower"]))


def test_comparison_guides_are_what_no_skill_scores(tmp_path):
    path, _ = metric_table(tmp_path / "metrics.tsv", ["FSei"], n=1000, n_positive=300)
    figure = drawn(
        "model_comparison", {"metrics": path, "comparisons": comparison_table(tmp_path / "c.tsv", ["x"])}, DATASET
    )
    labels = np.arange(1000) < 300
    constant = np.full(1000, labels.mean())
    expected = [0.5, labels.mean(), (labels == (constant >= 0.5)).mean(), ((labels - constant) ** 2).mean()]
    guides = [[line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 2] for axes in figure.axes]
    np.testing.assert_allclose(np.ravel(guides), expected)
    assert "random (test fold: n = 1,000, 300 positive)" in svg_text(figure)


def test_comparison_orders_models_by_auroc_and_bears_missing_values(tmp_path):
    path, frame = metric_table(tmp_path / "metrics.tsv", ["a", "b", "c"], n_seeds=2)
    frame.loc[(frame["model"] == "a") & (frame["metric"] == "auroc"), ["value", "lower", "upper"]] = np.nan
    write_table(path, frame)
    figure = drawn(
        "model_comparison", {"metrics": path, "comparisons": comparison_table(tmp_path / "c.tsv", ["x"])}, DATASET
    )
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["b", "c", "a"]


def test_a_value_that_is_no_number_is_named(tmp_path):
    path, frame = metric_table(tmp_path / "metrics.tsv", ["FSei"])
    write_table(path, frame.assign(value=["0.5", "high", *frame["value"].iloc[2:].astype(str)]))
    with pytest.raises(InputError, match=r"metrics.tsv: row 2: value is 'high', expected a number"):
        drawn(
            "model_comparison", {"metrics": path, "comparisons": comparison_table(tmp_path / "c.tsv", ["x"])}, DATASET
        )


def test_comparison_says_which_models_a_baseline_is_as_good_as(tmp_path):
    models = ["FSei", "LR", "gc_only"]
    inputs = comparison(tmp_path, models, ("random", "homology"), 1, ["LR"])
    settings = DATASET | {"baselines": {"gc_only": 1}}
    text = svg_text(drawn("model_comparison", inputs, settings)).replace("\n", " ")
    for split in ("random", "homology"):
        line = f"gc_only, which sees GC content alone, is as good as or better than a model in AUROC on {split}: LR "
        assert line + "(+0.012)." in text
    assert "FSei (" not in text and "below chance" not in text
    text = svg_text(drawn("model_comparison", inputs, DATASET | {"baselines": {"gc_only": 4}})).replace("\n", " ")
    assert "sees 4-mers alone (short words without position or order)" in text and "GC content" not in text
    # One that wins.
    comparison_table(tmp_path / "comparisons.tsv", models, close=["LR"], difference=-0.15)
    text = svg_text(drawn("model_comparison", inputs, settings)).replace("\n", " ")
    assert "as good as or better than a model in AUROC on random: LR (-0.150)." in text
    inputs = comparison(tmp_path, models, ("random",), 1)
    assert "as good as" not in svg_text(drawn("model_comparison", inputs, settings))


@pytest.mark.parametrize("name", ["model_comparison", "study_comparison"])
def test_a_baseline_below_chance_is_not_called_weak(tmp_path, name):
    models = [*MODELS[:3], "gc_only"]
    make = comparison if name == "model_comparison" else study
    inputs = make(tmp_path, models, ("random", "chromosome"), 1)
    settings = study_settings(models)
    assert "below chance" not in svg_text(drawn(name, inputs, settings | DATASET))
    below_chance(inputs, "gc_only", "chromosome", 0.17)
    text = svg_text(drawn(name, inputs, settings | DATASET)).replace("\n", " ")
    # Reversed it is at 0.83, above the second and third model (0.82 and 0.80) alone.
    reached = f"reversed its AUROC would be 0.830 and reach {MODELS[1]}, {MODELS[2]}. "
    assert "gc_only is below chance on chromosome: " + reached in text
    assert "GC content separates its test fold the other way round than its training fold." in text
    assert "gc_only is below chance on random" not in text


def test_a_baseline_whose_interval_holds_chance_is_not_below_it():
    rows = {"split": "s", "metric": "auroc", "model": ["gc", "kmers", "net"]}
    rows |= {"value": [0.45, 0.3, 0.7], "lower": [0.38, 0.2, 0.6], "upper": [0.52, 0.4, 0.8]}
    found = results.reversals(pd.DataFrame(rows), {"gc": 1, "kmers": 4})
    assert found == [results.Reversal("kmers", "s", 0.7, ["net"])]


@pytest.mark.parametrize("name", ["model_comparison", "study_comparison"])
def test_a_model_below_chance_is_named_with_its_numbers(tmp_path, name):
    models = [*MODELS[:3], "gc_only"]
    make = comparison if name == "model_comparison" else study
    inputs = make(tmp_path, models, ("random", "chromosome"), 1)
    below_chance(inputs, MODELS[1], "chromosome", 0.38)
    text = svg_text(drawn(name, inputs, study_settings(models) | DATASET)).replace("\n", " ")
    said = f"Below chance on chromosome (AUROC, 0.5 is chance): {MODELS[1]} 0.380 (0.330 to 0.430)."
    assert said in text and text.count("Below chance") == 1


def test_a_model_whose_interval_holds_chance_is_not_below_it():
    rows = {"split": ["s", "s", "t"], "metric": "pearson", "model": ["a", "b", "a"]}
    rows |= {"value": [-0.2, -0.3, 0.1], "lower": [-0.4, -0.5, -0.1], "upper": [0.02, -0.1, 0.2]}
    assert results.chance_notes(pd.DataFrame(rows), metric="pearson") == [
        "Below chance on s (Pearson's r, 0 is chance): b -0.300 (-0.500 to -0.100)."
    ]


def test_study_comparison_draws_each_way_to_measure(tmp_path):
    models = [*MODELS[5:9], "LR on GC"]
    inputs = study(tmp_path, models)
    figure = drawn("study_comparison", inputs, study_settings(models))
    table = tables.table(inputs["metrics"], results.METRIC_COLUMNS, ("value", "lower", "upper"))
    table = table[(table["seed"] == "mean") & table["model"].isin(models[:-1])]
    ways = {
        "s": {"split": "random", "strands": "separate"},
        "o": {"split": "random", "strands": "averaged"},
        "^": {"split": "chromosome", "strands": "averaged"},
    }
    for axes, published, right in zip(
        figure.axes, ("auroc", "auprc_trapezoid"), ("auroc", "average_precision"), strict=True
    ):
        for marker, where in ways.items():
            rows = tables.matching(table, **where, metric=published if marker == "s" else right)
            (line,) = [line for line in axes.lines if line.get_marker() == marker]
            np.testing.assert_allclose(np.sort(line.get_xdata()), np.sort(rows["value"]))
        (paper,) = [line for line in axes.lines if line.get_marker() == "D"]
        expected = [0.77, 0.78, 0.79, 0.8] if published == "auroc" else [0.6] * 4
        np.testing.assert_allclose(np.sort(paper.get_xdata()), expected)
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == models[:-1]


def test_study_comparison_says_where_composition_comes_close_and_whose_data_it_is(tmp_path):
    inputs = study(tmp_path, MODELS[:4], close=MODELS[1:2])
    text = svg_text(drawn("study_comparison", inputs, study_settings(MODELS[:4])))
    line = f"{MODELS[3]}, which sees GC content alone, is as good as or better than a model in AUROC on chromosome: "
    assert line + f"{MODELS[1]} (+0.012)." in text.replace("\n", " ")
    assert "measured on other data" in text and "Published (other data)" in text
    assert "Base rate behind the published AUPRC: 27.2%." in text
    plain = study(tmp_path, MODELS[:4])
    text = svg_text(drawn("study_comparison", plain, study_settings(MODELS[:4], same_data=True))).replace("\n", " ")
    assert "as good as" not in text and "other data" not in text and "Published (split random)" in text
    assert f"{MODELS[3]}: GC content alone, chromosome, 95% interval" in text
