"""What an evaluation reads: predictions and runs that are refused, and those that are put right."""

import numpy as np
import pandas as pd
import pytest

from cisflow.errors import InputError
from cisflow.evaluation import tables as evaluation
from predictions import pick, write


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns="label"), ["no column label"]),
        (lambda f: f.iloc[:0], ["no rows"]),
        (lambda f: f.assign(fold=["test"] * 5 + ["dev"]), ["row 7", "fold is 'dev'", "train, valid, test"]),
        (lambda f: f.assign(label=[0, 1, 2, 0, 1, 0]), ["row 4", "label is '2.0'", "0, 1 or nothing"]),
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
    path = tmp_path / "predictions.tsv"
    write(path, [[0, 1, 0, 1, 0, 1]], [np.full(6, 0.5)], ["test"] * 6)
    change(pd.read_csv(path, sep="\t")).to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError) as error:
        evaluation.read_predictions(path)
    assert str(error.value).startswith(f"{path}: ")
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.assign(id=f["id"].replace("w0003", "x")), ["ids", "'w0003'", "a.tsv only"]),
        (lambda f: f.assign(fold=["test", "test", "valid", "test"]), ["fold", "'w0002'", "test against valid"]),
        (lambda f: f.assign(label=[0, 0, 0, 1]), ["label", "'w0001'", "target 'A'", "1.0 against 0.0"]),
        (lambda f: f.assign(label=[0, None, 0, 1]), ["label", "'w0001'", "1.0 against nan"]),
        (lambda f: f.assign(target="B"), ["targets", "A against B"]),
    ],
)
def test_runs_of_one_split_must_hold_the_same_rows(tmp_path, change, words):
    paths = [tmp_path / "a.tsv", tmp_path / "b.tsv"]
    for path in paths:
        write(path, [[0, 1, 0, 1]], [np.full(4, 0.5)], ["test"] * 4)
    change(pd.read_csv(paths[1], sep="\t")).to_csv(paths[1], sep="\t", index=False)
    runs = [evaluation.Run("s", "m", seed, str(path)) for seed, path in enumerate(paths)]
    with pytest.raises(InputError) as error:
        evaluation.evaluate("d", runs, 1, 10)
    for word in [*map(str, paths), *words]:
        assert word in str(error.value)


def test_other_order_of_targets_is_put_right(tmp_path):
    rng = np.random.default_rng(11)
    labels, scores = rng.integers(0, 2, (2, 50)), rng.random((2, 50))
    straight = write(tmp_path / "a.tsv", labels, scores, ["test"] * 50, ("A", "B"))
    turned = write(tmp_path / "b.tsv", labels[::-1], scores[::-1], ["test"] * 50, ("B", "A"))
    runs = [evaluation.Run("s", "m", seed, path) for seed, path in enumerate((straight, turned))]
    table = evaluation.evaluate("d", runs, 1, 10)["metrics"]
    np.testing.assert_array_equal(pick(table, seed="0")["value"], pick(table, seed="1")["value"])


def test_splits_need_not_agree(tmp_path):
    runs = []
    for number, n in enumerate((30, 40)):
        labels = np.arange(n)[None] % 2
        path = write(tmp_path / f"{n}.tsv", labels, np.full((1, n), 0.5), ["test"] * n)
        runs.append(evaluation.Run(f"s{number}", "m", 1, path))
    table = evaluation.evaluate("d", runs, 1, 10)["metrics"]
    assert dict(zip(table["split"], table["n"], strict=True)) == {"s0": 30, "s1": 40}


def test_nothing_to_evaluate_is_refused(tmp_path):
    path = write(tmp_path / "p.tsv", [[0, 1]], [[0.1, 0.9]], ["train", "train"])
    with pytest.raises(InputError, match="no row of fold valid or test"):
        evaluation.evaluate("d", [evaluation.Run("s", "m", 1, path)], 1, 10)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "not JSON"),
        ("[]", "at least one run"),
        ('{"split": "s"}', "expected a list"),
        ('[{"split": "s"}]', "run 1: found {'split': 's'}, expected the keys split, model, seed, predictions"),
        ('[{"split": "s", "model": "m", "seed": "1", "predictions": "p"}]', "a whole number as seed"),
        ('[{"split": "s", "model": "m", "seed": -1, "predictions": "p"}]', "a whole number as seed"),
        ('[{"split": "s", "model": "m", "seed": true, "predictions": "p"}]', "a whole number as seed"),
        ('[{"split": "s", "model": 3, "seed": 1, "predictions": "p"}]', "text elsewhere"),
        (
            '[{"split": "s", "model": "m", "seed": 1, "predictions": "p"},'
            ' {"split": "s", "model": "m", "seed": 1, "predictions": "q"}]',
            "run 2: split 's', model 'm', seed 1 is twice",
        ),
    ],
)
def test_bad_runs_are_refused(text, words):
    with pytest.raises(InputError) as error:
        evaluation.parse_runs(text)
    assert words in str(error.value)
