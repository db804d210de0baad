"""Profiles from files to files: what a network of profiles predicts, and how far it is from what was counted."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import distance

from cisflow import tasks
from cisflow.__main__ import main
from cisflow.data import dataset as datasets
from cisflow.data.windows import Windows
from cisflow.io.arrays import write_array
from cisflow.io.tables import write_table

TASK = tasks.get("regression")
FOLDS = ["train"] * 4 + ["valid", "test"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A dataset of two tracks: reads gather around the planted TGACTCA, more of them in the second track."""
    place = tmp_path_factory.mktemp("profiles")
    rng = np.random.default_rng(0)
    n, length, bins = 240, 64, 16
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    starts = rng.integers(8, length - 15, n)
    for row, start in enumerate(starts):
        codes[row, start : start + 7] = [3, 2, 0, 1, 3, 1, 0]
    middles = (starts + 3.5) / (length / bins)
    shape = np.exp(-0.5 * ((np.arange(bins) + 0.5 - middles[:, None]) / 1.2) ** 2)
    rates = shape[:, None] * np.array([20, 60])[None, :, None] + 0.2
    counts = rng.poisson(rates).astype(np.float32)
    counts[0, 0] = 0
    described = {"target": ["a", "b"], "modality": "atac", "class": "", "group": "", "replicate": ""}
    ids = [f"w{i}" for i in range(n)]
    frame = pd.DataFrame({"id": ids, "chrom": "", "start": pd.NA, "end": pd.NA, "strand": ""})
    windows = Windows(
        frame, codes, counts.sum(2), ["a", "b"], {}, task=TASK, tracks=pd.DataFrame(described), profiles=counts
    )
    datasets.write(place, windows)
    write_table(place / "splits" / "random.tsv", pd.DataFrame({"id": ids, "fold": FOLDS * (n // 6)}))
    return place


@pytest.fixture(scope="module")
def predicted(folder):
    """The folder of a network of profiles that was trained on it."""
    run = folder / "models" / "bpnet" / "random" / "seed1"
    settings = {"kernels": 16, "layers": 2}
    training = {"loss": "profile_log_mse", "max_epochs": 30, "batch_size": 32, "learning_rate": 0.01, "patience": 30}
    model = {"architecture": "BPNet", "settings": settings, "training": training}
    common = ["--dataset", folder, "--split", folder / "splits" / "random.tsv", "--device", "cpu"]
    train = ["--model", json.dumps(model), "--seed", 1, "--work", run / "work", "--history", run / "history.tsv"]
    weights = run / "model.safetensors"
    assert main(["train", *map(str, [*common, *train, "--output", weights, "--manifest", run / "manifest.json"])]) == 0
    assert main(["predict", *map(str, [*common, "--weights", weights, "--output", run / "predictions.tsv"])]) == 0
    table = {"split": ["random"], "model": ["bpnet"], "seed": [1], "kind": ["network"], "k": [None]}
    write_table(folder / "runs.tsv", pd.DataFrame(table))
    return run


def test_predicted_shares_find_the_motif_and_turn_with_the_strand(folder, predicted):
    shares, dataset = np.load(predicted / "profiles.npy"), datasets.read(folder)
    assert shares.shape == dataset.profiles.shape
    np.testing.assert_allclose(shares.astype(np.float32).sum(axis=2), 1, atol=0.01)
    held_out = np.array(FOLDS * 40) == "test"
    found, true = shares[held_out, 1].argmax(axis=1), dataset.profiles[held_out, 1].argmax(axis=1)
    # Chance is 3 in 16.
    assert (np.abs(found - true) <= 1).mean() > 0.8


def test_distances_are_scipys_and_below_those_of_the_mean_profile(folder, predicted, tmp_path):
    dataset = datasets.read(folder)
    settings = {"seed": 1, "resamples": 50, "permutations": 10}
    words = ["--dataset", "d", "--folder", folder, "--runs", folder / "runs.tsv", "--settings", json.dumps(settings)]
    assert main(["evaluate-tracks", *map(str, [*words, "--output", tmp_path])]) == 0
    found = pd.read_csv(tmp_path / "tracks.tsv", sep="\t")
    found = found.query("metric == 'jensen_shannon' and axis == 'track' and fold == 'test' and seed == 'mean'")
    shares, held_out = np.load(predicted / "profiles.npy"), np.flatnonzero(np.array(FOLDS * 40) == "test")
    for place, track in enumerate("ab"):
        pairs = [(dataset.profiles[row, place], shares[row, place].astype(float)) for row in held_out]
        expected = np.mean([distance.jensenshannon(true, own, 2) for true, own in pairs if true.sum()])
        row = found.query(f"model == 'bpnet' and unit == '{track}'").iloc[0]
        assert row["value"] == pytest.approx(expected, rel=1e-5)
    means = found[found["unit"] == "mean"].set_index("model")["value"]
    assert means["bpnet"] < 0.8 * means["track_mean"]


def test_a_network_without_profiles_leaves_none_of_another(folder, predicted, tmp_path):
    write_array(tmp_path / "profiles.npy", np.zeros(3))
    model = {"architecture": "MotifCNN", "settings": {"channels": 4, "width": 5, "hidden": 4}}
    model |= {"training": {"max_epochs": 1}}
    common = ["--dataset", folder, "--split", folder / "splits" / "random.tsv", "--device", "cpu"]
    train = ["--model", json.dumps(model), "--seed", 1, "--work", tmp_path / "work", "--history", tmp_path / "h.tsv"]
    train += ["--output", tmp_path / "m.safetensors", "--manifest", tmp_path / "m.json"]
    assert main(["train", *map(str, [*common, *train])]) == 0
    weights = ["--weights", tmp_path / "m.safetensors", "--output", tmp_path / "predictions.tsv"]
    assert main(["predict", *map(str, [*common, *weights])]) == 0
    assert not (tmp_path / "profiles.npy").exists()
