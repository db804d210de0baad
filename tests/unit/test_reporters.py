"""Reporter assays that ship, as config/reporters.yaml has them: how well they are predicted, and what was learned."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import Ridge

import pipeline
from cisflow.__main__ import main
from cisflow.attribution import files
from cisflow.data import dataset as datasets
from cisflow.evaluation import axes
from cisflow.io.tables import write_table

pytestmark = pytest.mark.slow
CONFIG = yaml.safe_load((pipeline.ROOT / "config" / "reporters.yaml").read_text())
FULL_SIZE = pytest.mark.skipif("CISFLOW_FULL_SIZE" not in os.environ, reason="takes minutes: set CISFLOW_FULL_SIZE=1")


def call(command, **options):
    """Run a command whose options are words, paths or what is given as JSON."""
    words = [command]
    for name, value in options.items():
        text = json.dumps(value) if isinstance(value, dict | list) else str(value)
        words += [f"--{name.replace('_', '-')}", text]
    assert main(words) == 0


def trained(folder, name, model):
    """The dataset's folder, with one seed of a model of the config trained and judged."""
    entry = CONFIG["datasets"][name]
    place, run = folder / name, folder / name / "models" / model / "published" / "seed1"
    (resource,) = {entry["source"]["table"]}
    path = pipeline.ROOT / CONFIG["resources"][resource]["url"]
    call(
        "windows",
        dataset=name,
        source=entry["source"],
        window=entry["window"],
        task="regression",
        targets=entry["targets"],
        seed=1,
        inputs=f"{resource}={path}",
        output=place,
    )
    split = place / "splits" / "published.tsv"
    call("split", windows=place / "windows.tsv", name="published", settings={"kind": "given"}, output=split)
    common = {"dataset": place, "split": split, "device": "cpu"}
    weights = run / "model.safetensors"
    how = {key: CONFIG["models"][model][key] for key in ("architecture", "settings", "training")}
    outputs = {"output": weights, "history": run / "history.tsv", "manifest": run / "manifest.json"}
    call("train", **common, model=how, seed=1, work=folder / "work", **outputs)
    call("predict", **common, weights=weights, output=run / "predictions.tsv")
    table = {"split": "published", "model": [model], "seed": 1, "kind": "network", "k": None}
    write_table(place / "runs.tsv", pd.DataFrame(table))
    settings = {"seed": 1, "resamples": 100, "permutations": 20}
    call("evaluate-tracks", dataset=name, folder=place, runs=place / "runs.tsv", settings=settings, output=place)
    return place


def correlations(place, model):
    """Rows of Pearson's r per track of the test fold, by track."""
    table = pd.read_csv(place / "tracks.tsv", sep="\t")
    rows = table.query(f"model == '{model}' and fold == 'test' and axis == 'track' and metric == 'pearson'")
    return rows[rows["seed"] == "mean"].set_index("unit")


def test_splicing_is_predicted_better_than_one_replicate_predicts_the_other(tmp_path):
    rows = correlations(trained(tmp_path, "splicing", "splice_site"), "splice_site")
    print(rows[["value", "ceiling"]])
    assert rows.loc[["inclusion_1", "inclusion_2"], "value"].min() >= 0.75
    assert abs(rows.loc["inclusion_1", "ceiling"] - 0.786) < 0.01


@FULL_SIZE
def test_the_boxes_of_the_promoter_and_the_site_of_crp_come_first(tmp_path):
    place = trained(tmp_path, "promoter", "promoter_network")
    run = place / "models" / "promoter_network" / "published" / "seed1"
    # An additive ridge regression has 0.549.
    assert correlations(place, "promoter_network").loc["activity", "value"] > 0.62
    call(
        "attribute",
        dataset=place,
        weights=run / "model.safetensors",
        predictions=run / "predictions.tsv",
        selection={"max_per_target": 1000},
        method={"method": "ism"},
        seed=1,
        device="cpu",
        work=tmp_path / "rows",
        output=tmp_path / "ism.npz",
    )
    effect = np.abs(files.read(tmp_path / "ism.npz").multipliers).mean(axis=(0, 1))
    found, free = [], np.ones(75, dtype=bool)
    for start in np.argsort(-np.convolve(effect, np.ones(6), "valid"), kind="stable"):
        if free[start : start + 6].all():
            found.append(int(start))
            free[start : start + 6] = False
    # The -35 box lies at 39 to 45, the -10 box at 63 to 69, TGTGAGTTAGCTCACT at 6 to 22.
    assert all(min(abs(start - site) for site in (39, 63, 17, 6)) <= 1 for start in found[:4]), found[:6]
    assert {min((39, 63, 17, 6), key=lambda site: abs(site - start)) for start in found[:4]} == {39, 63, 17, 6}


@FULL_SIZE
def test_the_bins_of_a_promoter_are_predicted_and_their_mean_better_than_by_a_weight_a_base(tmp_path):
    place = trained(tmp_path, "promoter_bins", "bins_network")
    dataset = datasets.read(place)
    table = pd.read_csv(place / "models" / "bins_network" / "published" / "seed1" / "predictions.tsv", sep="\t")
    predicted = table.pivot(index="id", columns="target", values="prediction").loc[dataset.ids, dataset.targets]
    predicted, labels = predicted.to_numpy(), dataset.labels.astype(np.float64)
    test, train = (dataset.folds == name for name in ("test", "train"))
    bins = np.arange(10)
    truth, found = (values @ bins / values.sum(axis=1) for values in (labels, predicted))
    one_hot = np.eye(4)[dataset.codes][..., :3].reshape(len(dataset.ids), -1)
    additive = Ridge(10).fit(one_hot[train], truth[train]).predict(one_hot)
    pairs = (("bins", found), ("ridge", additive))
    known = {name: np.corrcoef(values[test], truth[test])[0, 1] for name, values in pairs}
    marginal = np.broadcast_to(labels[train].sum(axis=0), labels[test].shape)
    distance = {
        name: axes.jensen_shannon(labels[test], values).mean()
        for name, values in (("bins", predicted[test]), ("all", marginal))
    }
    # Reads of a thousand variants that are predicted alike tell where in the bins those are.
    order = np.array_split(np.flatnonzero(test)[np.argsort(found[test])], 10)
    pooled = [axes.jensen_shannon(labels[rows].sum(axis=0), predicted[rows].sum(axis=0)) for rows in order]
    apart = [axes.jensen_shannon(labels[rows].sum(axis=0), marginal[0]) for rows in order]
    print(known, distance, np.round(pooled, 3), np.round(apart, 3))
    assert known["bins"] > known["ridge"] + 0.08 and abs(known["ridge"] - 0.549) < 0.01
    assert distance["bins"] < distance["all"] - 0.02
    assert np.mean(pooled) < 0.5 * np.mean(apart)
