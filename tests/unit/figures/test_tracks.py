"""Figures of numbers on two axes: what they show is what the tables of the evaluation say."""

import numpy as np
import pandas as pd
import pytest

from cisflow import tasks
from cisflow.data.dataset import Dataset
from cisflow.evaluation import runs, tracks
from cisflow.evaluation import tables as evaluation
from cisflow.io.tables import write_table
from drawing import DATASET, LONG, SPLIT, drawn, svg_text
from predictions import write

TASK = tasks.get("regression")
BASELINES = {"ridge": 6}
MODELS = ["network", "ridge", "wide"]


def evaluated(folder, models=MODELS, n=90, t=6, modalities=("atac",), replicates=1, folds=("test", "train"), cv=1):
    """Paths of runs, metrics and tables on two axes, of models whose noise grows from one to the next.

    Parameters
    ----------
    cv : number of splits, whose test folds do not overlap where there are several.
    """
    rng = np.random.default_rng(0)
    targets = [f"track {number}" for number in range(t)]
    labels = rng.normal(4, 3, (t, n))
    described = {
        "target": targets,
        "modality": [modalities[number * len(modalities) // t] for number in range(t)],
        "class": "",
        "group": [f"g{number // replicates}" for number in range(t)],
        "replicate": [str(number % replicates) if replicates > 1 else "" for number in range(t)],
    }
    if replicates > 1:
        labels = np.repeat(labels[::replicates], replicates, axis=0)[:t] + rng.normal(0, 0.5, (t, n))
    rows = []
    for number, model in enumerate(models):
        for split in range(1, cv + 1):
            values = labels + (1 + number) * rng.normal(size=labels.shape)
            place = folder / "models" / model / f"s{split}" / "seed1"
            names = np.resize(folds, n) if cv == 1 else np.where(np.arange(n) % cv == split - 1, "test", "train")
            write(place, labels, values, names, targets, TASK)
            rows.append((f"s{split}", model, 1, "network"))
    write_table(folder / "runs.tsv", pd.DataFrame(rows, columns=["split", "model", "seed", "kind"]).assign(k=None))
    trained = runs.read(folder / "runs.tsv")
    ids = np.array([f"w{i:04d}" for i in range(n)])
    codes = rng.integers(0, 4, (n, 40)).astype(np.uint8)
    dataset = Dataset(ids, codes, labels.T.astype(np.float32), targets, TASK, tracks=pd.DataFrame(described))
    pools = {"pooled": [f"s{split}" for split in range(1, cv + 1)]} if cv > 1 else {}
    found = tracks.evaluate("demo", trained, dataset, 1, 40, 20, pools=pools, k=5)
    found["metrics"] = evaluation.evaluate("demo", trained, 1, 30, None, TASK)["metrics"]
    for name, table in found.items():
        write_table(folder / f"{name}.tsv", table)
    return {name: str(folder / f"{name}.tsv") for name in ("runs", *found)}


def given(*names):
    """Function of a folder and of what `evaluated` takes -> the inputs of a figure."""
    keys = {"comparisons": "track_comparisons"}
    return lambda folder, *more, **keywords: {
        name: evaluated(folder, *more, **keywords)[keys.get(name, name)] for name in names
    }


NUMBERS = DATASET | {"task": "regression", "baselines": BASELINES}
ON_SPLIT = SPLIT | {"split": "s1", "task": "regression", "baselines": BASELINES}
TRACKS, PAIRS = given("tracks"), given("tracks", "comparisons")
SIMILARITY, HEATMAP = given("similarity"), given("runs", "metrics")
NONE = {"folds": ("valid", "train")}

# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "three models": ("track_correlations", TRACKS, NUMBERS),
    "replicates": ("track_correlations", lambda f: TRACKS(f, replicates=2), NUMBERS),
    "two modalities, long names": (
        "track_correlations",
        lambda f: TRACKS(f, LONG[:5], t=12, modalities=("atac", LONG[0])),
        NUMBERS,
    ),
    "no track, nothing tested": ("track_correlations", lambda f: TRACKS(f, **NONE), NUMBERS),
    "a model, another and a baseline": ("model_against_model", PAIRS, NUMBERS),
    "many regions": ("model_against_model", lambda f: PAIRS(f, LONG[:3], n=4000, t=5), NUMBERS),
    "pooled folds": ("model_against_model", lambda f: PAIRS(f, cv=3), NUMBERS),
    "no pair, nothing to compare": ("model_against_model", lambda f: PAIRS(f, MODELS[:1]), NUMBERS),
    "regions by similarity": ("similarity", SIMILARITY, NUMBERS),
    "regions of many models": ("similarity", lambda f: SIMILARITY(f, LONG[:8]), NUMBERS),
    "no region, nothing alike": ("similarity", lambda f: SIMILARITY(f, **NONE), NUMBERS),
    "six tracks": ("track_heatmap", HEATMAP, ON_SPLIT),
    "many tracks": ("track_heatmap", lambda f: HEATMAP(f, LONG[:2], n=1500, t=60), ON_SPLIT),
    "no heat map of nothing tested": ("track_heatmap", lambda f: HEATMAP(f, **NONE), ON_SPLIT),
}


def test_means_are_drawn_where_the_table_has_them(tmp_path):
    inputs = evaluated(tmp_path)
    figure = drawn("track_correlations", {"tracks": inputs["tracks"]}, NUMBERS)
    table = pd.read_csv(inputs["tracks"], sep="\t")
    rows = table.query("fold == 'test' and metric == 'pearson' and unit == 'mean' and seed == 'mean'")
    for axes, axis in zip(figure.axes, ("track", "region"), strict=True):
        expected = rows[rows["axis"] == axis].sort_values("value", ascending=False)["value"].dropna()
        diamonds = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "D"]
        np.testing.assert_allclose(diamonds, expected, atol=1e-6)


def test_of_k_folds_the_pooled_one_is_drawn(tmp_path):
    text = svg_text(drawn("track_correlations", {"tracks": evaluated(tmp_path, cv=3)["tracks"]}, NUMBERS))
    assert "pooled, atac" in text and "s1" not in text and "n = 90" in text


def test_points_are_the_correlations_of_both_models(tmp_path):
    inputs = evaluated(tmp_path)
    figure = drawn(
        "model_against_model", {"tracks": inputs["tracks"], "comparisons": inputs["track_comparisons"]}, NUMBERS
    )
    table = pd.read_csv(inputs["tracks"], sep="\t").query("fold == 'test' and metric == 'pearson' and seed == 'mean'")
    table = table[(table["axis"] == "track") & (table["unit"].str.startswith("track"))]
    values = table.pivot_table(index="unit", columns="model", values="value")
    # The best model against the next, then against the baseline.
    for axes, other in ((figure.axes[0], "wide"), (figure.axes[2], "ridge")):
        points = next(line for line in axes.lines if line.get_marker() == "o")
        np.testing.assert_allclose(np.sort(points.get_ydata()), np.sort(values["network"]))
        np.testing.assert_allclose(np.sort(points.get_xdata()), np.sort(values[other]))
    assert "per track across regions network beats" in svg_text(figure).replace("\n", " ")


@pytest.mark.parametrize("settings", [ON_SPLIT])
def test_regions_of_the_heat_map_are_those_measured_and_predicted(tmp_path, settings):
    inputs = evaluated(tmp_path, n=60)
    figure = drawn("track_heatmap", {name: inputs[name] for name in ("runs", "metrics")}, settings)
    predictions = pd.read_csv(tmp_path / "models" / "network" / "s1" / "seed1" / "predictions.tsv", sep="\t")
    held_out = predictions[predictions["fold"] == "test"]
    for axes, column in zip(figure.axes[:2], ("value", "prediction"), strict=True):
        expected = held_out.pivot(index="id", columns="target", values=column).to_numpy()
        shown = np.asarray(axes.images[0].get_array())
        np.testing.assert_allclose(np.sort(shown.sum(axis=1)), np.sort(expected.sum(axis=1)), rtol=1e-6)
