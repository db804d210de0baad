"""The commands as the rules call them: all there, and those of models from files to files."""

import json
import re

import lightgbm
import numpy as np
import pandas as pd
import pytest
import safetensors
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

import pipeline
import planted
from cisflow import classifiers, dna, evaluation, files, models, tuning
from cisflow.__main__ import command_names, main
from cisflow.attribution import methods, targets
from cisflow.commands import attribute as attribute_command
from cisflow.commands import tune as tune_command
from cisflow.resumable import Rows
from tables import check_table

MODEL = {
    "architecture": "MotifCNN",
    "settings": {"channels": 8, "width": 9, "hidden": 8},
    "training": {"max_epochs": 8, "batch_size": 32, "learning_rate": 0.01},
}
MANIFEST = {"settings", "inputs", "versions", "seed", "seconds", "peak_memory_mb", "device"}
N_FEATURES, INFORMATIVE = 6, 4


def call(command, *flags, **options):
    """Exit status of a command; an option `a_b` is --a-b, and a dict becomes JSON."""
    words = [command, *flags]
    for name, value in options.items():
        values = value if isinstance(value, list) else [value]
        words += [f"--{name.replace('_', '-')}", *(json.dumps(v) if isinstance(v, dict) else str(v) for v in values)]
    return main(words)


def train(dataset, folder, model=MODEL, seed=3):
    paths = {"output": folder / "model.safetensors", "history": folder / "history.tsv"}
    options = {"dataset": dataset, "split": dataset / "splits" / "random.tsv", "device": "cpu"}
    return call(
        "train", **options, **paths, model=model, seed=seed, work=folder / "work", manifest=folder / "manifest.json"
    )


def predict(dataset, folder):
    split = dataset / "splits" / "random.tsv"
    weights, output = folder / "model.safetensors", folder / "predictions.tsv"
    return call("predict", dataset=dataset, split=split, weights=weights, device="cpu", output=output)


def extract(dataset, weights, folder, shards):
    """Feature arrays in `folder`, by so many shards; the exit status of the last command."""
    common = {"extractor": {"strands": "both"}, "weights": weights, "dataset": dataset}
    parts = [folder / "shards" / f"{number}.npz" for number in range(1, shards + 1)]
    for number, part in enumerate(parts, 1):
        where = {"shard": number, "shards": shards, "device": "cpu", "output": part}
        assert call("features", **common, **where) == 0
    return call("gather-features", shards=parts, **common, output=folder)


def fit(dataset, features, folder, classifier, **settings):
    paths = {name: folder / f"{name}.tsv" for name in ("weights", "predictions")}
    return call(
        "fit",
        dataset=dataset,
        split=dataset / "splits" / "random.tsv",
        features=features,
        model={"classifier": classifier, "settings": settings},
        seed=1,
        output=folder / "model.txt",
        manifest=folder / "manifest.json",
        **paths,
    )


def attribute(dataset, folder, method, output, **selection):
    weights, predictions = folder / "model.safetensors", folder / "predictions.tsv"
    method = method if isinstance(method, dict) else {"method": method}
    options = {"method": method, "selection": selection, "seed": 1, "device": "cpu", "output": output}
    work = output.with_suffix(".work")
    return call("attribute", dataset=dataset, weights=weights, predictions=predictions, work=work, **options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(dataset, folder of a network trained on it, with its predictions): two targets."""
    dataset, folder = tmp_path_factory.mktemp("dataset"), tmp_path_factory.mktemp("network")
    planted.write(dataset, targets=("ap1", "creb"))
    assert train(dataset, folder) == 0
    assert predict(dataset, folder) == 0
    return dataset, folder


@pytest.fixture(scope="module")
def featured(tmp_path_factory):
    """(dataset of one target, folder of features, the features): one feature tells the label, with noise."""
    dataset, folder = tmp_path_factory.mktemp("dataset"), tmp_path_factory.mktemp("features")
    ids, _, labels, _ = planted.write(dataset)
    values = np.random.default_rng(1).random((len(ids), N_FEATURES))
    values[:, INFORMATIVE] = 0.3 * values[:, INFORMATIVE] + 0.5 * np.nan_to_num(labels[:, 0])
    values = values.astype(np.float16)
    files.write_array(folder / "features.npy", values)
    files.write_table(folder / "ids.tsv", pd.DataFrame({"id": ids}))
    names = [f"f{number}" for number in range(N_FEATURES)]
    files.write_table(folder / "targets.tsv", pd.DataFrame({"name": names, "group": "all"}))
    return dataset, folder, values.astype(np.float64)


@pytest.fixture(scope="module")
def stranded(featured, tmp_path_factory):
    """(dataset, folder of features of separate strands, the features (n, 2, f)): strands differ by noise."""
    dataset, features, values = featured
    folder, rng = tmp_path_factory.mktemp("stranded"), np.random.default_rng(2)
    values = (values[:, None] + rng.normal(0, 0.2, (len(values), 2, N_FEATURES))).astype(np.float16)
    files.write_array(folder / "features.npy", values)
    for name in ("ids.tsv", "targets.tsv"):
        (folder / name).write_bytes((features / name).read_bytes())
    return dataset, folder, values.astype(np.float64)


def text(path):
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)


@pytest.mark.parametrize("command", command_names())
def test_command_has_a_help_and_a_rule(command, capsys):
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0
    assert f"usage: cisflow {command}" in capsys.readouterr().out
    rules = "".join(path.read_text() for path in (pipeline.ROOT / "workflow" / "rules").glob("*.smk"))
    assert f"python -m cisflow {command} " in rules


def test_every_command_that_a_rule_calls_exists():
    rules = "".join(path.read_text() for path in (pipeline.ROOT / "workflow" / "rules").glob("*.smk"))
    assert set(re.findall(r"python -m cisflow ([a-z-]+)", rules)) == set(command_names())


def test_unknown_command_ends_with_the_list(capsys):
    assert main(["trian"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("cisflow: unknown command 'trian'")
    for command in command_names():
        assert re.search(rf"^  {command} +\S", told, re.MULTILINE)


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


def test_predictions_are_those_of_both_strands(trained):
    dataset, folder = trained
    ids = text(dataset / "windows.tsv")["id"].to_numpy()
    table = check_table(folder / "predictions.tsv", "predictions")
    assert table["id"].tolist() == np.repeat(ids, 2).tolist()
    assert table["target"].tolist() == ["ap1", "creb"] * len(ids)
    assert table["label"].tolist()[-3:] == ["1", "", ""]
    network, _ = models.load(folder / "model.safetensors")
    codes = np.load(dataset / "sequences.npy")
    forward, reverse = (
        models.probabilities(network, network(models.one_hot(strand, "cpu"))).detach().numpy().ravel()
        for strand in (codes, np.ascontiguousarray((3 - codes)[:, ::-1]))
    )
    np.testing.assert_allclose(table["forward"].astype(float), forward, atol=1e-6)
    np.testing.assert_allclose(table["reverse"].astype(float), reverse, atol=1e-6)
    np.testing.assert_allclose(table["probability"].astype(float), (forward + reverse) / 2, atol=1e-6)


@pytest.fixture(scope="module")
def one_sided(tmp_path_factory):
    """(dataset, folder of a network of the forward strand alone, with its predictions)."""
    dataset, folder = tmp_path_factory.mktemp("dataset"), tmp_path_factory.mktemp("forward")
    planted.write(dataset)
    model = MODEL | {"training": MODEL["training"] | {"max_epochs": 3, "reverse_complement": "none"}}
    assert train(dataset, folder, model) == 0 and predict(dataset, folder) == 0
    return dataset, folder


def test_a_network_of_the_forward_strand_is_judged_on_it(one_sided):
    dataset, folder = one_sided
    table = check_table(folder / "predictions.tsv", "predictions")
    assert set(table["reverse"]) == {""} and (table["probability"] == table["forward"]).all()
    network, _ = models.load(folder / "model.safetensors")
    forward = network(models.one_hot(np.load(dataset / "sequences.npy"), "cpu")).sigmoid().detach().numpy()
    np.testing.assert_allclose(table["probability"].astype(float), forward.ravel(), atol=1e-6)
    run = evaluation.Run("random", "m", 3, str(folder / "predictions.tsv"))
    assert set(evaluation.evaluate("d", [run], 1, 5)["metrics"]["strands"]) == {"averaged"}


@pytest.mark.parametrize("asked", [{}, {"strands": "forward"}, {"strands": "both"}])
@pytest.mark.parametrize("method", ["gradient", "ism"])
def test_what_a_network_predicts_is_explained_unless_told_otherwise(trained, one_sided, tmp_path, method, asked):
    for number, (dataset, folder) in enumerate((trained, one_sided)):
        output = tmp_path / f"{number}.npz"
        wanted = {"folds": ["test"], "max_per_target": 2}
        assert attribute(dataset, folder, {"method": method, **asked}, output, **wanted) == 0
        network, header = models.load(folder / "model.safetensors")
        assert header["strands"] == ("both", "forward")[number]
        found = files.read_arrays(output, ("multipliers", "sequences", "target"))
        which = np.array([header["targets"].index(target) for target in found["target"]])[:, None]
        own = targets.Targets(range(network.n_outputs), network.n_outputs, which)
        forward, reverse = (
            methods.multipliers(network, np.ascontiguousarray(codes), own, method, strands="forward")[:, 0]
            for codes in (found["sequences"], dna.reverse_complement(found["sequences"]))
        )
        both = (forward + reverse[:, ::-1, ::-1]) / 2
        assert len(which) and np.abs(forward - both).max() > 0.01 * np.abs(both).max()
        expected = {"forward": forward, "both": both}[asked.get("strands", header["strands"])]
        np.testing.assert_allclose(found["multipliers"], expected, atol=1e-5)


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


def test_logistic_regression_is_what_its_text_says(featured, tmp_path):
    dataset, features, x = featured
    assert fit(dataset, features, tmp_path, "logistic_regression") == 0
    weights = text(tmp_path / "weights.tsv")
    strengths = weights["weight"].astype(float)
    assert weights["name"].tolist() == [f"f{number}" for number in range(N_FEATURES)]
    assert strengths[INFORMATIVE] > 3 * strengths.drop(INFORMATIVE).abs().max()
    model = json.loads((tmp_path / "model.txt").read_text())
    logits = model["intercept"] + ((x - model["mean"]) / model["scale"]) @ np.array(model["coefficients"])
    table = check_table(tmp_path / "predictions.tsv", "predictions")
    np.testing.assert_allclose(table["probability"].astype(float), 1 / (1 + np.exp(-logits)), atol=1e-5)
    assert set(table["forward"]) == set(table["reverse"]) == {""}
    test = (table["fold"] == "test") & (table["label"] != "")
    assert ((table["probability"].astype(float) > 0.5) == (table["label"] == "1"))[test].mean() > 0.9
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert set(manifest) >= MANIFEST and manifest["features"] == N_FEATURES and set(manifest["chosen"]) >= {"C"}


def test_gradient_boosting_is_what_lightgbm_reads_back(featured, tmp_path):
    dataset, features, x = featured
    assert fit(dataset, features, tmp_path, "lightgbm", n_estimators=40, learning_rate=0.1) == 0
    booster = lightgbm.Booster(model_file=tmp_path / "model.txt")
    table = check_table(tmp_path / "predictions.tsv", "predictions")
    np.testing.assert_allclose(table["probability"].astype(float), booster.predict(x), atol=1e-7)
    splits = text(tmp_path / "weights.tsv")["weight"].astype(float)
    assert splits.tolist() == booster.feature_importance("split").tolist()
    assert splits.idxmax() == INFORMATIVE
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["chosen"]["trees"] == booster.num_trees()


def test_separate_strands_are_neighbouring_rows_that_stay_on_the_disk(stranded):
    dataset, features, x = stranded
    _, source = classifiers.load(dataset, features)
    assert source.strands == 2 and source.values.shape == (2 * len(x), N_FEATURES)
    # A copy in memory could be written to; the map cannot.
    assert isinstance(source.values, np.memmap) and not source.values.flags.writeable
    np.testing.assert_array_equal(source.take(np.array([6, 7])), x[3])


def test_regression_is_fitted_to_both_strands_and_predicts_each(stranded, tmp_path):
    dataset, features, x = stranded
    assert fit(dataset, features, tmp_path, "logistic_regression", standardise=False, tolerance=1e-6) == 0
    table = check_table(tmp_path / "predictions.tsv", "predictions")
    label, forward, reverse, probability = (
        pd.to_numeric(table[name]).to_numpy() for name in ("label", "forward", "reverse", "probability")
    )
    np.testing.assert_allclose(probability, (forward + reverse) / 2, atol=1e-9)
    # All strands in two blocks, by another solver.
    train, valid = (np.flatnonzero((table["fold"] == fold) & ~np.isnan(label)) for fold in ("train", "valid"))
    blocks = {name: np.concatenate([x[rows, 0], x[rows, 1]]) for name, rows in (("train", train), ("valid", valid))}
    y = {"train": np.tile(label[train], 2), "valid": np.tile(label[valid], 2)}
    fits = [LogisticRegression(C=c, tol=1e-10, max_iter=10_000) for c in (0.001, 0.01, 0.1, 1.0)]
    losses = [log_loss(y["valid"], one.fit(blocks["train"], y["train"]).predict_proba(blocks["valid"])) for one in fits]
    best = fits[int(np.argmin(losses))]
    for strand, found in enumerate((forward, reverse)):
        np.testing.assert_allclose(found, best.predict_proba(x[:, strand])[:, 1], atol=1e-3)
    chosen = json.loads((tmp_path / "manifest.json").read_text())["chosen"]
    assert chosen["C"] == best.C and chosen["valid_log_loss"] == pytest.approx(min(losses), abs=1e-4)


def test_boosting_predicts_both_strands_and_they_are_evaluated_as_rows(stranded, tmp_path):
    dataset, features, x = stranded
    assert fit(dataset, features, tmp_path, "lightgbm", n_estimators=30, learning_rate=0.1) == 0
    booster = lightgbm.Booster(model_file=tmp_path / "model.txt")
    found = evaluation.read_predictions(tmp_path / "predictions.tsv")
    order = pd.Index(text(dataset / "windows.tsv")["id"]).get_indexer(found.ids)
    expected = np.stack([booster.predict(x[order, strand]) for strand in (0, 1)])
    np.testing.assert_allclose(found.probabilities["separate"][:, 0], expected, atol=1e-7)
    np.testing.assert_allclose(found.probabilities["averaged"][0, 0], expected.mean(axis=0), atol=1e-7)
    run = evaluation.Run("random", "boosting", 1, str(tmp_path / "predictions.tsv"))
    metrics = evaluation.evaluate("d", [run], 1, 20)["metrics"]
    rows = (found.folds == "test") & ~np.isnan(found.labels[0])
    own = metrics[(metrics["fold"] == "test") & (metrics["metric"] == "auroc") & (metrics["seed"] == "1")]
    own = own.set_index("strands")["value"]
    separate = roc_auc_score(np.tile(found.labels[0, rows], 2), expected[:, rows].ravel())
    assert own["separate"] == pytest.approx(separate, abs=1e-6)
    assert own["averaged"] == pytest.approx(roc_auc_score(found.labels[0, rows], expected[:, rows].mean(0)), abs=1e-6)
    # Early stopping watched both strands of the validation fold.
    rows = (found.folds == "valid") & ~np.isnan(found.labels[0])
    auroc = roc_auc_score(np.tile(found.labels[0, rows], 2), expected[:, rows].ravel())
    chosen = json.loads((tmp_path / "manifest.json").read_text())["chosen"]
    assert chosen["valid_auroc"] == pytest.approx(auroc, abs=1e-6)


def test_the_search_keeps_the_strands_of_a_window_in_one_fold(stranded, tmp_path, monkeypatch):
    dataset, features, _ = stranded
    parts, score = [], tuning._auroc
    monkeypatch.setattr(tuning, "_auroc", lambda whole, part, *rest: parts.append(part) or score(whole, part, *rest))
    common = {"dataset": dataset, "split": dataset / "splits" / "random.tsv", "features": features, "seed": 1}
    model = {"settings": {"n_estimators": 5}, "tune": {"n_trials": 1, "n_folds": 3, "space": {"num_leaves": [2, 9]}}}
    assert call("tune", **common, model=model, work=tmp_path / "trials", output=tmp_path / "tuning.tsv") == 0
    assert len(parts) == 3
    folds = dict(text(dataset / "splits" / "random.tsv")[["id", "fold"]].to_numpy())
    known = ~np.isnan(np.load(dataset / "targets.npy")[:, 0])
    n_train = sum(folds[name] == "train" for name in text(dataset / "windows.tsv")["id"][known])
    for fitted, held_out in parts:
        assert len(fitted) + len(held_out) == 2 * n_train
        assert not set(fitted // 2) & set(held_out // 2)


def test_tuned_boosting_has_the_settings_of_the_best_trial(featured, tmp_path):
    dataset, features, _ = featured
    common = {"dataset": dataset, "split": dataset / "splits" / "random.tsv", "features": features, "seed": 1}
    tune = {"n_trials": 3, "n_startup": 2, "n_folds": 2, "space": {"num_leaves": [2, 9], "learning_rate": [0.05, 0.3]}}
    model = {"classifier": "lightgbm", "settings": {"n_estimators": 10}, "tune": tune}
    trials, work = tmp_path / "tuning.tsv", tmp_path / "trials"
    assert call("tune", **common, model=model, work=work, output=trials) == 0
    table = check_table(trials, "tuning")
    assert table["trial"].tolist() == list(np.repeat(["1", "2", "3"], 2)) and not work.exists()
    paths = {name: tmp_path / f"{name}.tsv" for name in ("weights", "predictions")}
    outputs = {"output": tmp_path / "model.txt", "manifest": tmp_path / "manifest.json"}
    assert call("fit", **common, model=model, tuning=trials, **paths, **outputs) == 0
    settings = json.loads((tmp_path / "manifest.json").read_text())["settings"]["settings"]
    best = table[table["best"] == "1"].set_index("parameter")["value"].astype(float)
    assert settings == {"n_estimators": 10, **best}
    text = (tmp_path / "model.txt").read_text()
    assert f"[num_leaves: {best['num_leaves']:.0f}]" in text


def test_trials_on_other_folds_are_not_continued(featured, tmp_path, monkeypatch):
    dataset, features, _ = featured
    split = text(dataset / "splits" / "random.tsv")
    turned = split.assign(fold=split["fold"].replace({"train": "test", "test": "train"}))
    turned.to_csv(tmp_path / "turned.tsv", sep="\t", index=False)
    common = {"dataset": dataset, "features": features, "seed": 1}
    tune = {"n_trials": 1, "n_startup": 1, "n_folds": 2}
    common["model"] = {"classifier": "lightgbm", "settings": {"n_estimators": 10}, "tune": tune}
    monkeypatch.setattr(tune_command.shutil, "rmtree", lambda folder: None)
    first, second, tables = dataset / "splits" / "random.tsv", tmp_path / "turned.tsv", []
    for work, folds in (("one", first), ("one", second), ("two", second)):
        assert call("tune", **common, split=folds, work=tmp_path / work, output=tmp_path / "tuning.tsv") == 0
        tables.append((tmp_path / "tuning.tsv").read_text())
    assert tables[0] != tables[1] == tables[2]


@pytest.mark.parametrize("classifier", ["logistic_regression", "lightgbm"])
def test_the_same_fit_gives_the_same_bytes(featured, tmp_path, classifier):
    dataset, features, _ = featured
    for run in ("one", "two"):
        assert fit(dataset, features, tmp_path / run, classifier) == 0
    for name in ("model.txt", "weights.tsv", "predictions.tsv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda ids: ids[::-1], "ids.tsv: its windows are not those of "),
        (lambda ids: ids[:-1], "features.npy: shape is (240, 6), expected (239, 6)"),
    ],
)
def test_features_of_other_windows_are_refused(featured, tmp_path, capsys, change, words):
    dataset, features, values = featured
    for name in ("targets.tsv", "features.npy"):
        (tmp_path / name).write_bytes((features / name).read_bytes())
    files.write_table(tmp_path / "ids.tsv", pd.DataFrame({"id": change([f"w{number}" for number in range(240)])}))
    assert fit(dataset, tmp_path, tmp_path / "out", "logistic_regression") == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_classifier_on_several_targets_is_refused(trained, featured, tmp_path, capsys):
    assert fit(trained[0], featured[1], tmp_path, "logistic_regression") == 1
    assert "targets.tsv: 2 targets (ap1, creb); a classifier on features expects one" in capsys.readouterr().err


@pytest.mark.parametrize("command", [train, predict])
def test_a_split_of_other_windows_is_refused(trained, tmp_path, capsys, command):
    dataset, folder = trained
    for path in dataset.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    split = text(dataset / "splits" / "random.tsv").assign(id=lambda frame: frame["id"].replace("w7", "other"))
    files.write_table(tmp_path / "splits" / "random.tsv", split)
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    assert command(tmp_path, tmp_path) == 1
    assert "random.tsv: window 'w7' has no fold (1 of 240 have none)" in capsys.readouterr().err
    assert not (tmp_path / "predictions.tsv").exists()


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
    assert f"unknown setting '{name}' of attribution; expected one of strands, " in capsys.readouterr().err
    assert not (tmp_path / "a.npz").exists()


def test_groups_of_targets_are_explained(trained, tmp_path):
    entries = ["ap1", {"name": "both", "mean": ["ap1", "creb"]}, {"name": "either", "contrast": ["ap1", "creb"]}]
    wanted = {"folds": ["test"], "max_per_target": 4}
    assert attribute(*trained, "gradient", tmp_path / "a.npz", targets=entries, **wanted) == 0
    assert attribute(*trained, "gradient", tmp_path / "b.npz", folds=["test"]) == 0
    single, group = (
        files.read_arrays(tmp_path / name, ("ids", "target", "multipliers")) for name in ("b.npz", "a.npz")
    )
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
    assert attribute(*trained, "tism", tmp_path / "a.npz", targets=["ap1", "gata"]) == 1
    assert "predictions.tsv: no target 'gata', which 'gata' of targets asks for; expected one of ap1, creb" in (
        capsys.readouterr().err
    )


def test_an_interrupted_attribution_goes_on_where_it_stopped(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(attribute_command, "COMMIT_EVERY_S", 0)
    method = {"method": "deep_lift_shap", "n_baselines": 3, "batch_size": 6}
    assert attribute(*trained, method, tmp_path / "whole.npz") == 0
    explain, rows = methods.attribute, []

    def watched(*args, after, **settings):
        for part in explain(*args, **settings):
            if len(rows) == after:
                raise KeyboardInterrupt
            rows.append(part[0])
            yield part

    monkeypatch.setattr(methods, "attribute", lambda *args, **settings: watched(*args, after=2, **settings))
    with pytest.raises(KeyboardInterrupt):
        attribute(*trained, method, tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()
    monkeypatch.setattr(methods, "attribute", lambda *args, **settings: watched(*args, after=-1, **settings))
    assert attribute(*trained, method, tmp_path / "a.npz") == 0
    # Each row was computed once.
    assert [part.start for part in rows] == list(range(0, rows[-1].stop, 2)) and len(rows) > 4
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


@pytest.mark.parametrize("shards", [2, 20])
@pytest.mark.parametrize("method", ["deep_lift_shap", "ism"])
def test_shards_of_an_attribution_put_together_are_the_bytes_of_one_job(trained, tmp_path, method, shards):
    """With more shards than rows some are empty."""
    dataset, folder = trained
    settings = {"method": method, "n_baselines": 3, "batch_size": 6}
    assert attribute(dataset, folder, settings, tmp_path / "whole.npz", max_per_target=9) == 0
    parts = [tmp_path / f"{number}-of-{shards}.npz" for number in range(1, shards + 1)]
    paths = {"dataset": dataset, "weights": folder / "model.safetensors", "predictions": folder / "predictions.tsv"}
    for number, part in enumerate(parts, 1):
        options = {"method": settings, "selection": {"max_per_target": 9}, "seed": 1, "device": "cpu", "output": part}
        where = {"shard": number, "shards": shards, "work": tmp_path / "work"}
        assert call("attribute", **paths, **options, **where) == 0
    rows = [len(files.read_arrays(part, ["ids"])["ids"]) for part in parts]
    assert sum(rows) == 18 and (min(rows) > 0) == (shards == 2) and max(rows) < 18
    assert call("gather-attributions", shards=parts, output=tmp_path / "gathered.npz") == 0
    assert (tmp_path / "gathered.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_where_no_prediction_is_sure_enough_nothing_is_explained(trained, tmp_path):
    assert attribute(*trained, "integrated_gradients", tmp_path / "a.npz", min_probability=1) == 0
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
    explain, starts = methods.attribute, []

    def watched(*args, start, **settings):
        starts.append(start)
        return explain(*args, start=start, **settings)

    monkeypatch.setattr(methods, "attribute", watched)
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
