"""Networks from files to files: training, predictions, and features by shards."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import safetensors

import planted
from calls import MANIFEST, MODEL, call, predict, train
from cisflow import models
from cisflow.evaluation import tables as evaluation
from cisflow.evaluation.runs import Run
from cisflow.io.tables import write_table
from tables import check_table, text


def extract(dataset, weights, folder, shards):
    """Feature arrays in `folder`, by so many shards; the exit status of the last command."""
    common = {"extractor": {"strands": "both"}, "weights": weights, "dataset": dataset}
    parts = [folder / "shards" / f"{number}.npz" for number in range(1, shards + 1)]
    for number, part in enumerate(parts, 1):
        where = {"shard": number, "shards": shards, "device": "cpu", "output": part}
        assert call("features", **common, **where) == 0
    return call("gather-features", shards=parts, **common, output=folder)


def test_train_writes_weights_history_and_manifest(trained):
    _, folder = trained
    with safetensors.safe_open(folder / "model.safetensors", framework="np") as handle:
        header = json.loads(handle.metadata()["cisflow"])
        assert all(np.isfinite(handle.get_tensor(name)).all() for name in handle.keys())  # noqa: SIM118
    assert header["architecture"] == "MotifCNN" and header["targets"] == ["ap1", "creb"]
    history = check_table(folder / "history.tsv", "history")
    assert history["epoch"].tolist() == [str(number) for number in range(1, 9)]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest) >= MANIFEST | {"epochs", "parameters"}
    assert manifest["settings"] == MODEL and manifest["seed"] == 3 and manifest["device"] == "cpu"
    assert not (folder / "work").exists()


def test_the_same_seed_trains_the_same_bytes(trained, tmp_path):
    dataset, folder = trained
    assert train(dataset, tmp_path) == 0
    for name in ("model.safetensors", "history.tsv"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_folders_may_have_blanks_accents_and_quotes_in_their_names(trained, tmp_path):
    dataset, folder = tmp_path / "donn\u00e9es d'ici (2)", tmp_path / "r\u00e9sultats $HOME"
    shutil.copytree(trained[0], dataset)
    assert train(dataset, folder) == 0 and predict(dataset, folder) == 0
    for name in ("model.safetensors", "predictions.tsv"):
        assert (folder / name).read_bytes() == (trained[1] / name).read_bytes()
    assert extract(dataset, folder / "model.safetensors", folder / "features", 2) == 0
    n = len(text(dataset / "windows.tsv"))
    assert np.load(folder / "features" / "features.npy").shape == (n, 2)


def test_one_window_has_the_features_that_it_has_among_others(trained, tmp_path):
    """Batch normalisation does not take a window's neighbours into account where nothing is trained."""
    dataset, folder = trained
    assert extract(dataset, folder / "model.safetensors", tmp_path / "all", 1) == 0
    alone = tmp_path / "alone"
    shutil.copytree(dataset, alone)
    write_table(alone / "windows.tsv", pd.read_csv(dataset / "windows.tsv", sep="\t").iloc[:1])
    for name in ("sequences", "targets"):
        np.save(alone / f"{name}.npy", np.load(dataset / f"{name}.npy")[:1])
    assert extract(alone, folder / "model.safetensors", tmp_path / "one", 1) == 0
    one, every = (np.load(tmp_path / name / "features.npy") for name in ("one", "all"))
    np.testing.assert_allclose(one, every[:1], atol=1e-3)


def test_predictions_are_those_of_both_strands(trained):
    dataset, folder = trained
    ids = text(dataset / "windows.tsv")["id"].to_numpy()
    table = check_table(folder / "predictions.tsv", "predictions")
    assert table["id"].tolist() == np.repeat(ids, 2).tolist()
    assert table["target"].tolist() == ["ap1", "creb"] * len(ids)
    assert table["label"].tolist()[-3:] == ["1", "", ""]
    network = models.load(folder / "model.safetensors")
    codes = np.load(dataset / "sequences.npy")
    forward, reverse = (
        network(models.one_hot(strand, "cpu")).sigmoid().detach().numpy().ravel()
        for strand in (codes, np.ascontiguousarray((3 - codes)[:, ::-1]))
    )
    np.testing.assert_allclose(table["forward"].astype(float), forward, atol=1e-6)
    np.testing.assert_allclose(table["reverse"].astype(float), reverse, atol=1e-6)
    np.testing.assert_allclose(table["probability"].astype(float), (forward + reverse) / 2, atol=1e-6)


def test_a_network_of_the_forward_strand_is_judged_on_it(one_sided):
    dataset, folder = one_sided
    table = check_table(folder / "predictions.tsv", "predictions")
    assert set(table["reverse"]) == {""} and (table["probability"] == table["forward"]).all()
    network = models.load(folder / "model.safetensors")
    forward = network(models.one_hot(np.load(dataset / "sequences.npy"), "cpu")).sigmoid().detach().numpy()
    np.testing.assert_allclose(table["probability"].astype(float), forward.ravel(), atol=1e-6)
    run = Run("random", "m", 3, folder)
    assert set(evaluation.evaluate("d", [run], 1, 5)["metrics"]["strands"]) == {"averaged"}


def test_a_network_of_real_numbers_predicts_them(tmp_path):
    _, codes, labels, folds = planted.write(tmp_path, targets=("first", "second"), task="regression")
    assert train(tmp_path, tmp_path) == 0 and predict(tmp_path, tmp_path) == 0
    assert models.read_header(tmp_path / "model.safetensors")["task"] == "regression"
    check_table(tmp_path / "history.tsv", "history.regression")
    table = check_table(tmp_path / "predictions.tsv", "predictions.regression")
    found = {name: pd.to_numeric(table[name]).to_numpy().reshape(240, 2) for name in table.columns[3:]}
    np.testing.assert_array_equal(found["value"], labels)
    network = models.load(tmp_path / "model.safetensors")
    forward = network(models.one_hot(codes, "cpu")).detach().numpy()
    np.testing.assert_allclose(found["forward"], forward, atol=1e-6)
    np.testing.assert_allclose(found["prediction"], (found["forward"] + found["reverse"]) / 2, atol=1e-6)
    test = (folds == "test") & ~np.isnan(labels[:, 0])
    assert np.corrcoef(found["prediction"][test, 0], labels[test, 0])[0, 1] > 0.8


def test_a_network_of_another_task_is_refused(trained, tmp_path, capsys):
    planted.write(tmp_path, task="regression")
    (tmp_path / "model.safetensors").write_bytes((trained[1] / "model.safetensors").read_bytes())
    assert predict(tmp_path, tmp_path) == 1
    message = f"model.safetensors: the network is of task binary; expected regression, that of {tmp_path}"
    assert message in capsys.readouterr().err


def test_features_do_not_depend_on_the_number_of_shards(trained, tmp_path):
    dataset, folder = trained
    for shards in (1, 3):
        assert extract(dataset, folder / "model.safetensors", tmp_path / str(shards), shards) == 0
    for name in ("features.npy", "ids.tsv", "targets.tsv"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "3" / name).read_bytes()
    values = np.load(tmp_path / "3" / "features.npy")
    assert values.dtype == np.float16 and values.shape == (240, 2)
    assert text(tmp_path / "3" / "ids.tsv")["id"].tolist() == text(dataset / "windows.tsv")["id"].tolist()
    assert check_table(tmp_path / "3" / "targets.tsv", "features_targets")["name"].tolist() == ["ap1", "creb"]
    assert set(json.loads((tmp_path / "3" / "manifest.json").read_text())) >= {"settings", "inputs", "versions"}
    # The same numbers by another road: what `predict` writes.
    probability = text(folder / "predictions.tsv")["probability"].to_numpy(dtype=float).reshape(240, 2)
    np.testing.assert_allclose(values, probability, atol=2.0**-11)


def test_shards_of_other_windows_are_refused(trained, tmp_path, capsys):
    dataset, folder = trained
    assert extract(dataset, folder / "model.safetensors", tmp_path, 2) == 0
    parts = [tmp_path / "shards" / f"{number}.npz" for number in (2, 1)]
    common = {"extractor": {}, "weights": folder / "model.safetensors", "dataset": dataset}
    assert call("gather-features", shards=parts, **common, output=tmp_path / "out") == 1
    assert "2.npz: its windows are not those at rows 0 to 120 of the dataset" in capsys.readouterr().err
    assert not (tmp_path / "out" / "features.npy").exists()
    assert call("gather-features", shards=parts[1:], **common, output=tmp_path / "out") == 1
    assert "120 windows in all, expected 240" in capsys.readouterr().err


@pytest.mark.parametrize("command", [train, predict])
def test_a_split_of_other_windows_is_refused(trained, tmp_path, capsys, command):
    dataset, folder = trained
    for path in dataset.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    split = text(dataset / "splits" / "random.tsv").assign(id=lambda frame: frame["id"].replace("w7", "other"))
    write_table(tmp_path / "splits" / "random.tsv", split)
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    assert command(tmp_path, tmp_path) == 1
    assert "random.tsv: window 'w7' has no fold (1 of 240 have none)" in capsys.readouterr().err
    assert not (tmp_path / "predictions.tsv").exists()
