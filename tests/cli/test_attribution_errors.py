"""Commands on attributions: what is asked wrongly is told in one line, and files hold what their page says."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch

import pipeline
from attributed import write
from cisflow import models
from cisflow.__main__ import main
from cisflow.io.arrays import read_arrays, write_array
from cisflow.io.tables import read_table, write_table

LENGTH = 40
SETTINGS = {"n_outputs": 2, "channels": 4, "width": 5, "pool": 2, "hidden": 3}
METHODS = {"ism": {"method": "ism"}, "tism": {"method": "tism"}}
TRUTH = {"id": ["w0", "w1"], "target": ["x", "y"], "start": [3, 5], "end": [9, 12]}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Results of a dataset: one seed of an untrained network with its attributions."""
    folder = tmp_path_factory.mktemp("results")
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    weights = folder / "models" / "cnn" / "random" / "seed1" / "model.safetensors"
    header = {"architecture": "MotifCNN", "settings": SETTINGS, "targets": ["x", "y"]}
    models.save(weights, models.build("MotifCNN", **SETTINGS), header)
    codes = rng.integers(0, 4, (2, LENGTH)).astype(np.uint8)
    for name in METHODS:
        path = folder / "attributions" / "cnn" / "random" / "seed1" / f"{name}.npz"
        multipliers = rng.normal(size=(2, 4, LENGTH)).astype(np.float32)
        write(path, codes, multipliers, targets=np.array(["x", "y"]))
    return folder


def compare(results, folder, methods=METHODS, truth=None, reference="ism", targets=None, seeds=("1",)):
    words = ["compare-attributions", "--folder", str(results), "--model", "cnn", "--split", "random", "--seeds", *seeds]
    words += ["--methods", json.dumps(methods), "--device", "cpu"]
    words += ["--reference", reference, "--repeats", "1", "--n-timed", "1", "--output", str(folder / "out")]
    if targets:
        words += ["--outputs", json.dumps(targets)]
    if truth:
        write_table(folder / "truth.tsv", pd.DataFrame(TRUTH | truth))
        words += ["--truth", str(folder / "truth.tsv")]
    return main(words)


def told(capsys):
    """The last line on standard error, of a command that failed."""
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": [3, -5]}, "truth.tsv: row 2: start is -5 and end 12; expected whole numbers, 0 <= start < end"),
        ({"start": [9, 5]}, "truth.tsv: row 1: start is 9 and end 9; expected whole numbers, 0 <= start < end"),
        ({"start": [None, 5]}, "truth.tsv: row 1: start is nan and end 9; expected whole numbers"),
        ({"start": [3, 5.5]}, "truth.tsv: row 2: start is 5.5 and end 12; expected whole numbers"),
        ({"end": [9, 41]}, "truth.tsv: row 2: id 'w1': end is 41; expected 40 at most, the length of the sequences"),
    ],
)
def test_a_truth_that_lies_in_no_window_is_refused(results, tmp_path, capsys, change, words):
    assert compare(results, tmp_path, truth=change) == 1
    assert words in told(capsys)
    assert not (tmp_path / "out").exists()


def test_a_truth_within_the_windows_is_taken(results, tmp_path):
    assert compare(results, tmp_path, truth={"end": [9, LENGTH]}) == 0
    found = read_table(tmp_path / "out" / "planted.tsv", text=("id",)).set_index(["id", "method"])
    assert found.loc[("w1", "ism"), "base_rate"] == pytest.approx((LENGTH - 5) / LENGTH)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"methods": {"ism": METHODS["ism"]}}, "--methods: found 'ism' alone; expected another to compare with it"),
        ({"reference": "isms"}, "--reference: found 'isms'; expected one of ism, tism"),
        ({"seeds": ["1", "2"]}, "seed2/ism.npz: no such file"),
        ({"methods": METHODS | {"ig": {"method": "integrated_gradients"}}}, "seed1/ig.npz: no such file"),
        ({"methods": METHODS | {"tism": {"method": "tism", "plan": True}}}, "--methods: tism: unknown key 'plan'"),
        ({"methods": METHODS | {"tism": {}}}, "--methods: tism: found {}; expected the key method and its settings"),
        ({"targets": ["x"]}, "outputs: rows of 'y'; expected those of x alone"),
        ({"targets": ["x", "y", "z"]}, "outputs: 'z': 'z' is not predicted; expected one of x, y"),
    ],
)
def test_a_comparison_of_what_is_not_there_is_refused(results, tmp_path, capsys, given, words):
    assert compare(results, tmp_path, **given) == 1
    assert words in told(capsys)


@pytest.mark.parametrize(
    ("architecture", "sizes", "words"),
    [
        ("Beluga", {"lengths": [200, 400]}, "timing: lengths: found 200; expected 2000 alone, which Beluga reads"),
        ("Basset", {}, "unknown architecture 'Basset'; expected one of AttentionConv, BPNet, "),
        ("MotifCNN", {"lengths": []}, "--sizes.lengths: [] is too short; expected 1 or more"),
    ],
)
def test_what_cannot_be_timed_is_refused(tmp_path, capsys, architecture, sizes, words):
    sizes = {"lengths": [60], "sequences": [1], "targets": [1]} | sizes
    settings = {"hidden": 2} if architecture == "Beluga" else {}
    model = json.dumps({"architecture": architecture, "settings": settings})
    given = ["--model", model, "--methods", json.dumps({"tism": METHODS["tism"]}), "--sizes", json.dumps(sizes)]
    assert main(["time-attributions", *given, "--device", "cpu", "--output", str(tmp_path / "timing.tsv")]) == 1
    assert words in told(capsys)


@pytest.fixture(scope="module")
def explained(results, tmp_path_factory):
    """A dataset of ten windows and the predictions of the network, right for target x and wrong for y."""
    folder = tmp_path_factory.mktemp("dataset")
    names = [f"w{row}" for row in range(10)]
    frame = pd.DataFrame({"id": names, "chrom": "chr1", "start": 0, "end": LENGTH, "strand": "+", "x": 1, "y": 1})
    write_table(folder / "windows.tsv", frame)
    codes = np.random.default_rng(1).integers(0, 4, (10, LENGTH)).astype(np.uint8)
    write_array(folder / "sequences.npy", codes)
    write_array(folder / "targets.npy", np.ones((10, 2), dtype=np.float32))
    write_table(folder / "targets.tsv", pd.DataFrame({"target": ["x", "y"]}))
    rows = [(name, "test", target, 1, 0.9 if target == "x" else 0.2) for name in names for target in "xy"]
    table = pd.DataFrame(rows, columns=["id", "fold", "target", "label", "probability"])
    write_table(folder / "predictions.tsv", table)
    return folder, results / "models" / "cnn" / "random" / "seed1" / "model.safetensors"


def attribute(folder, weights, output, method, selection):
    words = ["attribute", "--dataset", folder, "--weights", weights, "--predictions", folder / "predictions.tsv"]
    words += ["--method", json.dumps(method), "--selection", json.dumps(selection), "--seed", 1, "--device", "cpu"]
    return main([str(word) for word in (*words, "--work", output.with_suffix(".work"), "--output", output)])


@pytest.mark.parametrize(
    ("method", "selection", "words"),
    [
        ({"layer": "pool1"}, {}, '--method: found {"layer": "pool1"}; expected the key method and its settings'),
        ({"method": "taylor_ism", "layer": "pool9"}, {}, "unknown layer 'pool9'; expected one of input, conv1, pool1"),
        ({"method": "tism"}, {"target": ["x"]}, "--selection: unknown key 'target'; expected keys: folds, labels"),
        ({"method": "tism"}, {"folds": "test"}, "--selection.folds: 'test' is not of type 'array'"),
        ({"method": "tism"}, {"outputs": ["z"]}, "no target 'z', which 'z' of outputs asks for; expected one of x, y"),
        ({"method": "tism"}, {"outputs": [{"name": "g", "mean": []}]}, "outputs: found {'name': 'g', 'mean': []}; "),
        ({"method": "tism"}, {"outputs": [{"mean": ["x"]}]}, "outputs: found {'mean': ['x']}; expected an output's"),
    ],
)
def test_what_cannot_be_explained_is_refused(explained, tmp_path, capsys, method, selection, words):
    assert attribute(*explained, tmp_path / "a.npz", method, selection) == 1
    assert words in told(capsys)
    assert not (tmp_path / "a.npz").exists()


@pytest.mark.parametrize(("targets", "rows", "without"), [(["x", "y"], 10, "y"), (["y"], 0, "y"), (["x"], 10, None)])
def test_targets_without_a_window_to_explain_are_told(explained, tmp_path, capsys, targets, rows, without):
    assert attribute(*explained, tmp_path / "a.npz", {"method": "tism"}, {"outputs": targets}) == 0
    assert len(read_arrays(tmp_path / "a.npz", ["ids"])["ids"]) == rows
    line = f"no window of the folds and labels asked for that is predicted correctly: {without}"
    assert (line in capsys.readouterr().err.splitlines()) == (without is not None)


def test_a_file_holds_what_its_page_says(explained, tmp_path):
    page = (pipeline.ROOT / "docs" / "attributions.md").read_text().split("\n## ")[0]
    named = {name for row in re.findall(r"^\|(.*?)\|", page, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    selection = {"outputs": ["x"], "max_per_target": 2}
    for method, without in (("integrated_gradients", set()), ("tism", {"output_difference", "completeness_error"})):
        assert attribute(*explained, tmp_path / f"{method}.npz", {"method": method}, selection) == 0
        with np.load(tmp_path / f"{method}.npz") as arrays:
            assert set(arrays) == named - without
            assert arrays["multipliers"].shape == (2, 4, LENGTH) and arrays["sequences"].dtype == np.uint8
