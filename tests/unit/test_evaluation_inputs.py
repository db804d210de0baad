"""What an evaluation reads: predictions and runs that are refused, and those that are put right."""

import numpy as np
import pandas as pd
import pytest

from cisflow import tasks
from cisflow.errors import InputError
from cisflow.evaluation import predictions
from cisflow.evaluation import runs as table_of_runs
from cisflow.evaluation import tables as evaluation
from cisflow.evaluation.runs import Run
from predictions import pick, write


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns="label"), ["no column label"]),
        (lambda f: f.iloc[:0], ["no rows"]),
        (lambda f: f.assign(fold=["test"] * 5 + ["dev"]), ["row 7", "fold is 'dev'", "train, valid, test"]),
        (lambda f: f.assign(label=[0, 1, 2, 0, 1, 0]), ["row 4", "label is '2.0'", "0, 1 or empty"]),
        (lambda f: f.assign(label=["0", "1", "yes", "0", "1", "0"]), ["row 4", "label is 'yes'", "a number"]),
        (lambda f: f.assign(probability=[0.1, 1.5, 0, 0, 0, 0]), ["row 3", "probability is '1.5'", "from 0 to 1"]),
        (lambda f: f.assign(probability=[0.1, None, 0, 0, 0, 0]), ["row 3", "probability is empty", "from 0 to 1"]),
        (
            lambda f: f.assign(reverse=[0.1, None, 0, 0, 0, 0], forward=0.1),
            ["row 3", "reverse is empty", "from 0 to 1"],
        ),
        (lambda f: f.assign(forward=[0.1, 0, 0, 0, 0, 2], reverse=0.1), ["row 7", "forward is '2.0'"]),
        (lambda f: f.assign(forward=[0.1, None, 0, 0, 0, 0]), ["row 3", "forward is empty", "from 0 to 1"]),
        (lambda f: f.assign(reverse=0.1), ["row 2", "forward is empty", "from 0 to 1"]),
        (lambda f: f.assign(id=["a", "", "c", "d", "e", "f"]), ["row 3", "id is empty"]),
        (lambda f: f.assign(target=["A", "A", "A", "", "A", "A"]), ["row 5", "target is empty"]),
        (lambda f: f.assign(id=["a", "b", "c", "d", "e", "a"]), ["row 7", "repeat", "id is 'a'"]),
        (lambda f: f.assign(target=list("AAAAAB")), ["no row of id 'w0005' and target 'A'"]),
        (lambda f: f.assign(target=["A", "A", "A", "mean", "A", "A"]), ["a target is named 'mean'"]),
        (
            lambda f: f.assign(id=list("aabbcc"), target=list("ABABAB"), fold=["test"] * 5 + ["valid"]),
            ["row 6", "fold differs", "id 'c'"],
        ),
    ],
)
def test_bad_predictions_are_refused(tmp_path, change, words):
    path = write(tmp_path, [[0, 1, 0, 1, 0, 1]], [np.full(6, 0.5)], ["test"] * 6) / "predictions.tsv"
    change(pd.read_csv(path, sep="\t")).to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError) as error:
        predictions.read(path, tasks.get("binary"))
    assert str(error.value).startswith(f"{path}: ")
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.assign(id=f["id"].replace("w0003", "x")), ["ids", "'w0003'", "a/predictions.tsv only"]),
        (lambda f: f.assign(fold=["test", "test", "valid", "test"]), ["fold", "'w0002'", "test against valid"]),
        (lambda f: f.assign(label=[0, 0, 0, 1]), ["label", "'w0001'", "target 'A'", "1.0 against 0.0"]),
        (lambda f: f.assign(label=[0, None, 0, 1]), ["label", "'w0001'", "1.0 against nan"]),
        (lambda f: f.assign(target="B"), ["targets", "A against B"]),
    ],
)
def test_runs_of_one_split_must_hold_the_same_rows(tmp_path, change, words):
    folders = [write(tmp_path / name, [[0, 1, 0, 1]], [np.full(4, 0.5)], ["test"] * 4) for name in "ab"]
    paths = [folder / "predictions.tsv" for folder in folders]
    change(pd.read_csv(paths[1], sep="\t")).to_csv(paths[1], sep="\t", index=False)
    runs = [Run("s", "m", seed, folder) for seed, folder in enumerate(folders)]
    with pytest.raises(InputError) as error:
        evaluation.evaluate("d", runs, 1, 10)
    for word in [*map(str, paths), *words]:
        assert word in str(error.value)


def test_other_order_of_targets_is_put_right(tmp_path):
    rng = np.random.default_rng(11)
    labels, scores = rng.integers(0, 2, (2, 50)), rng.random((2, 50))
    straight = write(tmp_path / "a", labels, scores, ["test"] * 50, ("A", "B"))
    turned = write(tmp_path / "b", labels[::-1], scores[::-1], ["test"] * 50, ("B", "A"))
    runs = [Run("s", "m", seed, path) for seed, path in enumerate((straight, turned))]
    table = evaluation.evaluate("d", runs, 1, 10)["metrics"]
    np.testing.assert_array_equal(pick(table, seed="0")["value"], pick(table, seed="1")["value"])


def test_splits_need_not_agree(tmp_path):
    runs = []
    for number, n in enumerate((30, 40)):
        labels = np.arange(n)[None] % 2
        path = write(tmp_path / str(n), labels, np.full((1, n), 0.5), ["test"] * n)
        runs.append(Run(f"s{number}", "m", 1, path))
    table = evaluation.evaluate("d", runs, 1, 10)["metrics"]
    assert dict(zip(table["split"], table["n"], strict=True)) == {"s0": 30, "s1": 40}


def test_nothing_to_evaluate_is_refused(tmp_path):
    path = write(tmp_path / "p", [[0, 1]], [[0.1, 0.9]], ["train", "train"])
    with pytest.raises(InputError, match="no row of fold valid or test"):
        evaluation.evaluate("d", [Run("s", "m", 1, path)], 1, 10)


RUNS = {"split": ["s", "s"], "model": ["m", "gc"], "seed": [1, 1], "kind": ["network", "classifier"], "k": [None, 1]}


def test_runs_lie_beside_their_table(tmp_path):
    pd.DataFrame(RUNS).to_csv(tmp_path / "runs.tsv", sep="\t", index=False)
    network, baseline = table_of_runs.read(tmp_path / "runs.tsv")
    assert network.predictions == tmp_path / "models" / "m" / "s" / "seed1" / "predictions.tsv"
    assert (network.kind, network.k, baseline.kind, baseline.k) == ("network", None, "classifier", 1)
    assert table_of_runs.baselines([network, baseline]) == {"gc": 1}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": ["1", "one"]}, "row 2: seed is 'one', expected a number"),
        ({"seed": [1, -1]}, "row 3: seed -1, k 1; expected whole numbers"),
        ({"seed": [1.5, 1]}, "row 2: seed 1.5"),
        ({"seed": [1, None]}, "row 3: seed nan"),
        ({"k": [None, 0]}, "row 3: seed 1, k 0; expected whole numbers"),
        ({"kind": ["network", "tree"]}, "row 3: kind is 'tree', expected one of network, classifier"),
        ({"model": ["m", "m"]}, "row 3: split 's', model 'm', seed 1 is twice"),
        ({name: [] for name in RUNS}, "no row, expected at least one run"),
    ],
)
def test_bad_runs_are_refused(tmp_path, changes, words):
    pd.DataFrame(RUNS | changes).to_csv(tmp_path / "runs.tsv", sep="\t", index=False)
    with pytest.raises(InputError) as error:
        table_of_runs.read(tmp_path / "runs.tsv")
    assert str(error.value).startswith(f"{tmp_path / 'runs.tsv'}: ") and words in str(error.value)


@pytest.mark.parametrize(
    ("task", "metrics", "words"),
    [
        (
            "regression",
            ["pearson", "auroc"],
            "metric 'auroc' is of task binary; dataset 'd' has task regression; "
            "expected one of pearson, spearman, rmse",
        ),
        (
            "binary",
            ["rmse"],
            "metric 'rmse' is of task regression; dataset 'd' has task binary; expected one of auroc,",
        ),
        ("binary", ["f1"], "unknown metric 'f1'; expected one of auroc, average_precision,"),
    ],
)
def test_a_metric_that_the_task_does_not_have_is_refused(task, metrics, words):
    with pytest.raises(InputError) as error:
        evaluation.evaluate("d", [], 1, 10, task=tasks.get(task), metrics=metrics)
    assert words in str(error.value)
