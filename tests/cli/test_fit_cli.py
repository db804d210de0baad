"""Classifiers on features, from files to files: fitted, tuned, and on single strands."""

import json
import shutil

import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

import planted
from calls import MANIFEST, call
from cisflow import tasks
from cisflow.classifiers import data, tuning
from cisflow.commands import tune as tune_command
from cisflow.evaluation import predictions
from cisflow.evaluation import tables as evaluation
from cisflow.evaluation.runs import Run
from cisflow.io.arrays import write_array
from cisflow.io.tables import write_table
from tables import check_table, text

N_FEATURES, INFORMATIVE = 6, 4


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


@pytest.fixture(scope="module")
def featured(tmp_path_factory):
    """(dataset of one target, folder of features, the features): one feature tells the label, with noise."""
    dataset, folder = tmp_path_factory.mktemp("dataset"), tmp_path_factory.mktemp("features")
    ids, _, labels, _ = planted.write(dataset)
    values = np.random.default_rng(1).random((len(ids), N_FEATURES))
    values[:, INFORMATIVE] = 0.3 * values[:, INFORMATIVE] + 0.5 * np.nan_to_num(labels[:, 0])
    values = values.astype(np.float16)
    write_array(folder / "features.npy", values)
    write_table(folder / "ids.tsv", pd.DataFrame({"id": ids}))
    names = [f"f{number}" for number in range(N_FEATURES)]
    write_table(folder / "targets.tsv", pd.DataFrame({"name": names, "group": "all"}))
    return dataset, folder, values.astype(np.float64)


@pytest.fixture(scope="module")
def stranded(featured, tmp_path_factory):
    """(dataset, folder of features of separate strands, the features (n, 2, f)): strands differ by noise."""
    dataset, features, values = featured
    folder, rng = tmp_path_factory.mktemp("stranded"), np.random.default_rng(2)
    values = (values[:, None] + rng.normal(0, 0.2, (len(values), 2, N_FEATURES))).astype(np.float16)
    write_array(folder / "features.npy", values)
    for name in ("ids.tsv", "targets.tsv"):
        (folder / name).write_bytes((features / name).read_bytes())
    return dataset, folder, values.astype(np.float64)


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
    _, source = data.load(dataset, features)
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
    found = predictions.read(tmp_path / "predictions.tsv", tasks.get("binary"))
    order = pd.Index(text(dataset / "windows.tsv")["id"]).get_indexer(found.ids)
    expected = np.stack([booster.predict(x[order, strand]) for strand in (0, 1)])
    np.testing.assert_allclose(found.values["separate"][:, 0], expected, atol=1e-7)
    np.testing.assert_allclose(found.values["averaged"][0, 0], expected.mean(axis=0), atol=1e-7)
    run = Run("random", "boosting", 1, tmp_path)
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
    parts, divide = [], tuning.cross_validation
    monkeypatch.setattr(tuning, "cross_validation", lambda *given: parts.extend(divide(*given)) or parts)
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
    monkeypatch.setattr(tune_command.work, "remove", lambda folder: None)
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
    write_table(tmp_path / "ids.tsv", pd.DataFrame({"id": change([f"w{number}" for number in range(240)])}))
    assert fit(dataset, tmp_path, tmp_path / "out", "logistic_regression") == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_classifier_on_labels_that_are_no_classes_is_refused(featured, tmp_path, capsys):
    dataset, features, _ = featured
    other = tmp_path / "dataset"
    shutil.copytree(dataset, other)
    write_table(other / "targets.tsv", pd.DataFrame({"target": ["label"], "task": "regression"}))
    assert fit(other, features, tmp_path, "logistic_regression") == 1
    assert "targets.tsv: task regression; the classifier expects task binary" in capsys.readouterr().err


def test_a_classifier_on_several_targets_is_refused(trained, featured, tmp_path, capsys):
    assert fit(trained[0], featured[1], tmp_path, "logistic_regression") == 1
    assert "targets.tsv: 2 targets (ap1, creb); a classifier on features expects one" in capsys.readouterr().err
