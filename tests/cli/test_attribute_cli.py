"""Attributions from files to files: rows, groups of targets, shards, and interruptions."""

import re

import numpy as np
import pytest

import planted
from calls import MODEL, call, predict, train
from cisflow import models
from cisflow.attribution import blocks, files, targets
from cisflow.commands import attribute as attribute_command
from cisflow.io.arrays import read_arrays
from cisflow.io.resumable import Rows
from cisflow.io.tables import read_table
from cisflow.sequence import dna
from tables import text


def attribute(dataset, folder, method, output, **selection):
    weights, predictions = folder / "model.safetensors", folder / "predictions.tsv"
    method = method if isinstance(method, dict) else {"method": method}
    options = {"method": method, "selection": selection, "seed": 1, "device": "cpu", "output": output}
    work = output.with_suffix(".work")
    return call("attribute", dataset=dataset, weights=weights, predictions=predictions, work=work, **options)


@pytest.mark.parametrize("method", ["integrated_gradients", "tism", "deep_lift_shap", "ism"])
def test_attributions_are_of_the_sequences_that_they_name(trained, tmp_path, method):
    dataset, folder = trained
    assert attribute(dataset, folder, method, tmp_path / "a.npz", folds=["valid", "test"], max_per_target=5) == 0
    with np.load(tmp_path / "a.npz") as arrays:
        ids, target, codes = arrays["ids"], arrays["target"], arrays["sequences"]
        assert arrays["multipliers"].shape == (len(ids), 4, 60) and arrays["multipliers"].dtype == np.float32
        assert np.isfinite(arrays["multipliers"]).all() and np.abs(arrays["multipliers"]).max() > 0
        assert arrays["baseline"].shape == (4,) and arrays["baseline"].dtype == np.float32
        assert str(arrays["method"]) == method
        probability, fold = arrays["probability"], arrays["fold"]
    assert codes.dtype == np.uint8 and probability.dtype == np.float32
    assert {name: (target == name).sum() for name in set(target)} == {"ap1": 5, "creb": 5}
    rows = [int(name.removeprefix("w")) for name in ids]
    np.testing.assert_array_equal(codes, np.load(dataset / "sequences.npy")[rows])
    predictions = text(folder / "predictions.tsv").set_index(["id", "target"]).loc[list(zip(ids, target, strict=True))]
    np.testing.assert_allclose(predictions["probability"].astype(float), probability, atol=1e-6)
    assert predictions["fold"].tolist() == fold.tolist() and set(fold) <= {"valid", "test"}
    assert set(predictions["label"]) == {"1"} and (probability > 0.5).all()
    assert not (tmp_path / "a.work").exists()


def shuffled(dataset, folder, output, n, **selection):
    """The attributions of shuffles of at most n rows by TISM."""
    weights, predictions = folder / "model.safetensors", folder / "predictions.tsv"
    options = {"method": {"method": "tism"}, "selection": selection, "seed": 1, "device": "cpu", "output": output}
    given = {"dataset": dataset, "weights": weights, "predictions": predictions, "work": output.with_suffix(".work")}
    assert call("attribute", **given, **options, shuffled=n) == 0
    return files.read(output)


def dinucleotides(codes):
    return np.bincount(codes[:-1] * 4 + codes[1:], minlength=16).tolist()


def test_shuffles_of_the_rows_are_explained_by_the_same_network(trained, tmp_path):
    dataset, folder = trained
    wanted = {"folds": ["valid", "test"], "max_per_target": 8}
    assert attribute(dataset, folder, "tism", tmp_path / "a.npz", **wanted) == 0
    rows, found = files.read(tmp_path / "a.npz"), shuffled(dataset, folder, tmp_path / "all.npz", 100, **wanted)
    assert found.keys() == rows.keys() and found.method == "tism"
    assert [dinucleotides(codes) for codes in found.codes] == [dinucleotides(codes) for codes in rows.codes]
    assert (found.codes != rows.codes).any(axis=1).mean() > 0.9
    network = models.load(folder / "model.safetensors")
    which = np.array([network.outputs.index(target) for target in found.targets])[:, None]
    own = targets.Targets(range(network.n_outputs), network.n_outputs, which)
    expected = blocks.multipliers(network, found.codes, own, "tism")[:, 0]
    np.testing.assert_allclose(found.multipliers, expected, atol=1e-5)
    some = shuffled(dataset, folder, tmp_path / "some.npz", 5, **wanted)
    names = some.keys()
    place = [found.keys().index(name) for name in names]
    assert len(place) == 5 and place == sorted(place)
    np.testing.assert_array_equal(some.codes, found.codes[place])


def test_no_rows_have_no_shuffles(trained, tmp_path):
    assert not len(shuffled(*trained, tmp_path / "none.npz", 5, min_probability=0.9999999).ids)


@pytest.mark.parametrize("asked", [{}, {"strands": "forward"}, {"strands": "both"}])
@pytest.mark.parametrize("method", ["gradient", "ism"])
def test_what_a_network_predicts_is_explained_unless_told_otherwise(trained, one_sided, tmp_path, method, asked):
    for number, (dataset, folder) in enumerate((trained, one_sided)):
        output = tmp_path / f"{number}.npz"
        wanted = {"folds": ["test"], "max_per_target": 2}
        assert attribute(dataset, folder, {"method": method, **asked}, output, **wanted) == 0
        weights = folder / "model.safetensors"
        network, header = models.load(weights), models.read_header(weights)
        assert header["strands"] == ("both", "forward")[number]
        found = read_arrays(output, ("multipliers", "sequences", "target"))
        which = np.array([network.outputs.index(target) for target in found["target"]])[:, None]
        own = targets.Targets(range(network.n_outputs), network.n_outputs, which)
        forward, reverse = (
            blocks.multipliers(network, np.ascontiguousarray(codes), own, method, strands="forward")[:, 0]
            for codes in (found["sequences"], dna.reverse_complement(found["sequences"]))
        )
        both = (forward + reverse[:, ::-1, ::-1]) / 2
        assert len(which) and np.abs(forward - both).max() > 0.01 * np.abs(both).max()
        expected = {"forward": forward, "both": both}[asked.get("strands", network.strands)]
        np.testing.assert_allclose(found["multipliers"], expected, atol=1e-5)


@pytest.mark.parametrize("method", ["integrated_gradients", "deep_lift_shap"])
def test_completeness_of_each_row_is_in_the_file_and_in_the_log(trained, tmp_path, method, capsys):
    assert attribute(*trained, {"method": method, "n_baselines": 3}, tmp_path / "a.npz") == 0
    assert f"{method}: contributions miss the difference of the outputs (median " in capsys.readouterr().err
    with np.load(tmp_path / "a.npz") as arrays:
        present = dna.one_hot(arrays["sequences"])
        contributions = arrays["multipliers"] * (present - arrays["baseline"][:, None])
        error = contributions.sum(axis=(1, 2)) - arrays["output_difference"]
        np.testing.assert_allclose(error, arrays["completeness_error"], atol=1e-4)
        assert np.abs(arrays["output_difference"]).max() > 0.1


@pytest.mark.parametrize("name", ["seed", "stop"])
def test_what_is_no_setting_of_a_method_is_refused(trained, tmp_path, name, capsys):
    assert attribute(*trained, {"method": "tism", name: 1}, tmp_path / "a.npz") == 1
    assert f"--method: unknown key '{name}'; expected keys: strands, " in capsys.readouterr().err
    assert not (tmp_path / "a.npz").exists()


def test_groups_of_targets_are_explained(trained, tmp_path):
    entries = ["ap1", {"name": "both", "mean": ["ap1", "creb"]}, {"name": "either", "contrast": ["ap1", "creb"]}]
    wanted = {"folds": ["test"], "max_per_target": 4}
    assert attribute(*trained, "gradient", tmp_path / "a.npz", outputs=entries, **wanted) == 0
    assert attribute(*trained, "gradient", tmp_path / "b.npz", folds=["test"]) == 0
    single, group = (read_arrays(tmp_path / name, ("ids", "target", "multipliers")) for name in ("b.npz", "a.npz"))
    assert {name: (group["target"] == name).sum() for name in ("ap1", "both", "either")} == dict.fromkeys(
        ("ap1", "both", "either"), 4
    )
    of = {
        (row, target): number for number, (row, target) in enumerate(zip(single["ids"], single["target"], strict=True))
    }
    seen = set()
    for number, (row, target) in enumerate(zip(group["ids"], group["target"], strict=True)):
        parts = [single["multipliers"][of[row, name]] for name in ("ap1", "creb") if (row, name) in of]
        if target == "ap1":
            np.testing.assert_allclose(group["multipliers"][number], parts[0], atol=1e-6)
        elif len(parts) == 2:
            expected = (parts[0] + parts[1]) / 2 if target == "both" else parts[0] - parts[1]
            np.testing.assert_allclose(group["multipliers"][number], expected, atol=1e-6)
            seen.add(target)
    assert seen == {"both", "either"}


def test_targets_that_are_not_predicted_are_named(trained, tmp_path, capsys):
    assert attribute(*trained, "tism", tmp_path / "a.npz", outputs=["ap1", "gata"]) == 1
    assert "predictions.tsv: no target 'gata', which 'gata' of outputs asks for; expected one of ap1, creb" in (
        capsys.readouterr().err
    )


def test_an_interrupted_attribution_goes_on_where_it_stopped(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(attribute_command, "COMMIT_EVERY_S", 0)
    method = {"method": "deep_lift_shap", "n_baselines": 3, "batch_size": 6}
    assert attribute(*trained, method, tmp_path / "whole.npz") == 0
    explain, rows = blocks.attribute, []

    def watched(*args, after):
        for part in explain(*args):
            if len(rows) == after:
                raise KeyboardInterrupt
            rows.append(part[0])
            yield part

    monkeypatch.setattr(blocks, "attribute", lambda *args: watched(*args, after=2))
    with pytest.raises(KeyboardInterrupt):
        attribute(*trained, method, tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()
    monkeypatch.setattr(blocks, "attribute", lambda *args: watched(*args, after=-1))
    assert attribute(*trained, method, tmp_path / "a.npz") == 0
    # Each row was computed once.
    assert [part.start for part in rows] == list(range(0, rows[-1].stop, 2)) and len(rows) > 4
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


@pytest.mark.parametrize("shards", [2, 20])
@pytest.mark.parametrize("method", ["deep_lift_shap", "ism"])
def test_shards_of_an_attribution_put_together_are_the_bytes_of_one_job(trained, tmp_path, method, shards):
    """With more shards than rows some are empty."""
    dataset, folder = trained
    settings = {"method": method, "batch_size": 6} | ({"n_baselines": 3} if method == "deep_lift_shap" else {})
    assert attribute(dataset, folder, settings, tmp_path / "whole.npz", max_per_target=9) == 0
    parts = [tmp_path / f"{number}-of-{shards}.npz" for number in range(1, shards + 1)]
    paths = {"dataset": dataset, "weights": folder / "model.safetensors", "predictions": folder / "predictions.tsv"}
    for number, part in enumerate(parts, 1):
        options = {"method": settings, "selection": {"max_per_target": 9}, "seed": 1, "device": "cpu", "output": part}
        where = {"shard": number, "shards": shards, "work": tmp_path / "work"}
        assert call("attribute", **paths, **options, **where) == 0
    rows = [len(read_arrays(part, ["ids"])["ids"]) for part in parts]
    assert sum(rows) == 18 and (min(rows) > 0) == (shards == 2) and max(rows) < 18
    assert call("gather-attributions", shards=parts, output=tmp_path / "gathered.npz") == 0
    assert (tmp_path / "gathered.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_where_no_prediction_is_sure_enough_nothing_is_explained(trained, tmp_path):
    assert attribute(*trained, "integrated_gradients", tmp_path / "a.npz", min_probability=0.999999) == 0
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["multipliers"].shape[0] == len(arrays["ids"]) == len(arrays["completeness_error"]) == 0
        assert arrays["multipliers"].shape[1:] == (4, arrays["sequences"].shape[1])


def test_finished_rows_of_another_job_are_not_used(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(attribute_command, "COMMIT_EVERY_S", 0)
    monkeypatch.setattr(Rows, "finish", lambda self, folder, names: None)
    assert attribute(*trained, "ism", tmp_path / "a.npz") == 0
    assert attribute(*trained, "gradient", tmp_path / "a.npz") == 0
    assert attribute(*trained, "gradient", tmp_path / "b.npz") == 0
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_finished_rows_of_another_program_are_not_used(trained, tmp_path, monkeypatch):
    """The digest of the code that makes Snakemake run a job again also makes the job begin again."""
    monkeypatch.setattr(attribute_command, "COMMIT_EVERY_S", 0)
    monkeypatch.setattr(Rows, "finish", lambda self, folder, names: None)
    explain, starts = blocks.attribute, []

    def watched(*args):
        starts.append(args[6])
        return explain(*args)

    monkeypatch.setattr(blocks, "attribute", watched)
    dataset, folder = trained
    paths = {"weights": folder / "model.safetensors", "predictions": folder / "predictions.tsv"}
    paths |= {"work": tmp_path / "work", "output": tmp_path / "a.npz"}
    for code in ({"code": "one"}, {"code": "one"}, {"code": "two"}, {}):
        options = {"method": {"method": "gradient", "batch_size": 4}, "seed": 1, "device": "cpu"}
        assert call("attribute", dataset=dataset, **paths, **options, **code) == 0
    assert starts[0] == starts[2] == starts[3] == 0 < starts[1]


def test_predictions_of_other_windows_are_not_explained(trained, tmp_path, capsys):
    dataset, folder = trained
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    told = (folder / "predictions.tsv").read_text()
    (tmp_path / "predictions.tsv").write_text(re.sub(r"^w", "other", told, flags=re.MULTILINE))
    assert attribute(dataset, tmp_path, "tism", tmp_path / "a.npz") == 1
    assert re.search(r"predictions.tsv: window 'other\d+' is not in .*windows.tsv", capsys.readouterr().err)
    assert not (tmp_path / "a.npz").exists()


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """(dataset of real-valued labels, folder of a network trained on it, with its predictions): two targets."""
    dataset, folder = tmp_path_factory.mktemp("dataset"), tmp_path_factory.mktemp("regression")
    planted.write(dataset, targets=("ap1", "creb"), task="regression")
    model = MODEL | {"training": MODEL["training"] | {"max_epochs": 3}}
    assert train(dataset, folder, model) == 0 and predict(dataset, folder) == 0
    return dataset, folder


@pytest.mark.parametrize("method", ["integrated_gradients", "ism"])
def test_a_network_of_numbers_is_explained_on_the_windows_of_the_folds(measured, tmp_path, method, capsys):
    dataset, folder = measured
    assert attribute(dataset, folder, method, tmp_path / "a.npz", folds=["test"]) == 0
    found = files.read(tmp_path / "a.npz")
    table = read_table(folder / "predictions.tsv", ["prediction", "value"], text=("id", "target", "fold"))
    expected = table[table["fold"] == "test"]
    assert found.keys() == list(zip(expected["id"], expected["target"], strict=True))
    np.testing.assert_allclose(found.prediction, expected["prediction"], rtol=1e-6)
    assert found.prediction.min() < 0 or found.prediction.max() > 1
    network = models.load(folder / "model.safetensors")
    x = models.one_hot(found.codes, "cpu")
    outputs = ((network(x) + network(x.flip(1, 2))) / 2).detach().numpy()
    column = [network.outputs.index(target) for target in found.targets]
    np.testing.assert_allclose(outputs[np.arange(len(column)), column], found.prediction, atol=1e-4)
    if method == "integrated_gradients":
        present = dna.one_hot(found.codes)
        contributions = (found.multipliers * (present - found.baseline[:, None])).sum(axis=(1, 2))
        np.testing.assert_allclose(contributions - found.difference, found.error, atol=1e-4)
    assert attribute(dataset, folder, method, tmp_path / "b.npz", folds=["test"], outputs=["creb"]) == 0
    assert set(files.read(tmp_path / "b.npz").targets) == {"creb"}
    assert "no window of" not in capsys.readouterr().err
