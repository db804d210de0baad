"""ROC and precision-recall curves: the numbers and lines of the tables, and published numbers beside them."""

import numpy as np
import pandas as pd
import pytest

from cisflow.errors import InputError
from cisflow.io.tables import read_table, write_table
from drawing import (
    LONG,
    MODELS,
    NOWHERE,
    SPLIT,
    drawn,
    svg_text,
)
from evaluated import below_chance, curve_table, metric_table, performance, study_settings, with_published

# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "performance of one model": ("performance_curves", lambda f: performance(f, ["FSei"]), SPLIT),
    "performance of ten": ("performance_curves", lambda f: performance(f, MODELS), SPLIT),
    "performance, long names": ("performance_curves", lambda f: performance(f, LONG), SPLIT),
    "performance, many targets": (
        "performance_curves",
        lambda f: performance(f, MODELS[:3], ("a", "b", "mean")),
        SPLIT,
    ),
    "performance below chance, long names": (
        "performance_curves",
        lambda f: below_chance(
            below_chance(performance(f, LONG), LONG[0], SPLIT["split"], 0.38), LONG[1], SPLIT["split"], 0.4
        ),
        SPLIT,
    ),
    "performance of nothing": ("performance_curves", lambda f: performance(f, MODELS), NOWHERE),
    "performance beside a study": (
        "performance_curves",
        lambda f: with_published(f, MODELS),
        SPLIT | {"published": study_settings([*MODELS, "x"])["study"]["published"], "same_data": True},
    ),
    "performance of a set, long names": (
        "performance_curves",
        lambda f: with_published(f, LONG),
        SPLIT | {"published": study_settings(LONG)["study"]["published"], "models": LONG[2:]},
    ),
}


def test_performance_says_the_numbers_of_the_table(tmp_path):
    path, frame = metric_table(tmp_path / "metrics.tsv", MODELS, ("random", "chromosome"), 3)
    inputs = {"curves": curve_table(tmp_path / "curves.tsv", frame), "metrics": path}
    figure = drawn("performance_curves", inputs, {"dataset": "demo", "split": "chromosome"})
    text = svg_text(figure)
    means = frame[(frame["seed"] == "mean") & (frame["split"] == "chromosome")]
    for row in means[means["metric"].isin(["auroc", "average_precision"])].itertuples():
        assert f"{row.value:.3f} ({row.lower:.3f}\u2013{row.upper:.3f})" in text
    assert "n = 1,210, 400 positive" in text and f"{400 / 1210:.3f}" in text
    places = [text.index(model + "\n") for model in means[means["metric"] == "auroc"].sort_values("value")["model"]]
    assert places == sorted(places, reverse=True)


def test_performance_says_which_models_are_below_chance(tmp_path):
    inputs = performance(tmp_path, MODELS[:3])
    assert "Below chance" not in svg_text(drawn("performance_curves", inputs, SPLIT))
    text = svg_text(drawn("performance_curves", below_chance(inputs, MODELS[2], SPLIT["split"], 0.38), SPLIT))
    assert f"(AUROC, 0.5 is chance): {MODELS[2]} 0.380 (0.330 to 0.430)." in text.replace("\n", " ")


def test_performance_draws_the_curves_of_the_table(tmp_path):
    path, frame = metric_table(tmp_path / "metrics.tsv", MODELS[:3])
    curves = curve_table(tmp_path / "curves.tsv", frame)
    figure = drawn("performance_curves", {"curves": curves, "metrics": path}, SPLIT)
    table = pd.read_csv(curves, sep="\t")
    for axes, curve in zip(figure.axes, ("roc", "pr"), strict=False):
        lines = {line.get_label(): line for line in axes.lines if line.get_label() in MODELS}
        assert set(lines) == set(MODELS[:3])
        for model, line in lines.items():
            rows = table[(table["model"] == model) & (table["curve"] == curve)]
            points = line.get_xydata()[1:] if curve == "roc" else line.get_xydata()
            np.testing.assert_allclose(points, rows[["x", "y"]])
        assert len(axes.collections) == 3
    assert {line.get_drawstyle() for line in figure.axes[1].lines[:3]} == {"steps-pre"}


def test_performance_of_many_targets_shows_their_mean(tmp_path):
    figure = drawn("performance_curves", performance(tmp_path, ["FSei"], ("a", "b", "mean")), SPLIT)
    assert len([line for line in figure.axes[0].lines if line.get_label() == "FSei"]) == 1
    assert "mean of 2 targets, n = 1,200, 400 positive" in svg_text(figure)
    inputs = performance(tmp_path, ["FSei"], ("a", "b"))
    with pytest.raises(InputError, match="found targets a, b and no row for 'mean'"):
        drawn("performance_curves", inputs, SPLIT)


def test_performance_without_intervals_or_metrics(tmp_path):
    path, frame = metric_table(tmp_path / "metrics.tsv", ["FSei", "LR"])
    curves = curve_table(tmp_path / "curves.tsv", frame)
    frame.loc[frame["model"] == "FSei", ["lower", "upper"]] = np.nan
    value = frame.loc[(frame["model"] == "FSei") & (frame["metric"] == "auroc"), "value"].iloc[-1]
    write_table(path, frame[(frame["model"] == "FSei") & (frame["metric"] == "auroc")].assign(n_positive=np.nan))
    text = svg_text(drawn("performance_curves", {"curves": curves, "metrics": path}, SPLIT))
    assert f"{value:.3f}\n" in text and "n/a" in text and "unknown positive" in text


def test_a_model_keeps_its_look_on_every_split(tmp_path):
    inputs = performance(tmp_path, MODELS[:4])
    curves = read_table(inputs["curves"])
    gone = (curves["model"] == MODELS[0]) & (curves["split"] == "chromosome")
    write_table(inputs["curves"], curves[~gone])
    colours = []
    for split in ("random", "chromosome"):
        axes = drawn("performance_curves", inputs, SPLIT | {"split": split}).axes[0]
        colours.append({line.get_label(): line.get_color() for line in axes.lines if line.get_label() in MODELS})
    assert len(colours[0]) == 4 and len(colours[1]) == 3
    assert colours[1].items() <= colours[0].items()


def test_performance_says_published_numbers_and_draws_the_set_alone(tmp_path):
    inputs = with_published(tmp_path, MODELS[:4])
    rows = study_settings(MODELS[:4])["study"]["published"]
    del rows[MODELS[1]]
    whole = drawn("performance_curves", inputs, SPLIT)
    figure = drawn("performance_curves", inputs, SPLIT | {"models": MODELS[:2], "published": rows, "same_data": True})
    text = svg_text(figure)
    assert "0.800, 0.600" in text and "0.790, 0.600" not in text and MODELS[2] + "\n" not in text
    assert "Published: on the same data, base rate 27.2%" in text and "count each strand a row" in text
    # A set keeps the colours of the whole.
    lines = [{line.get_label(): line.get_color() for line in each.axes[0].lines} for each in (figure, whole)]
    assert all(lines[0][model] == lines[1][model] for model in MODELS[:2])
    assert "Published: on other data" in svg_text(drawn("performance_curves", inputs, SPLIT | {"published": rows}))


def test_performance_on_another_split_does_not_claim_the_published_one(tmp_path):
    inputs = with_published(tmp_path, MODELS[:4])
    settings = {"published": study_settings(MODELS[:4])["study"]["published"], "same_data": True}
    settings |= {"published_split": "random"}
    text = svg_text(drawn("performance_curves", inputs, SPLIT | settings))
    assert "Published: on the same data" in text and "not on this one" not in text
    text = svg_text(drawn("performance_curves", inputs, SPLIT | settings | {"split": "chromosome"}))
    assert "Published: measured on split 'random', not on this one" in text and "same data" not in text
