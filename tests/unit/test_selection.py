"""Which windows are explained: of classes those that are predicted correctly, of numbers those of the folds."""

import numpy as np
import pandas as pd
import pytest

from cisflow import tasks
from cisflow.attribution import selection
from cisflow.data.dataset import Dataset
from cisflow.errors import InputError
from cisflow.io.tables import write_table


@pytest.fixture
def predictions(tmp_path):
    rows = [
        ("a", "test", "x", 1, 0.9),
        ("b", "test", "x", 1, 0.4),
        ("c", "test", "x", 0, 0.1),
        ("d", "train", "x", 1, 0.8),
        ("e", "test", "x", None, 0.99),
        ("f", "test", "y", 1, 0.7),
        ("g", "test", "y", 1, 0.95),
    ]
    path = tmp_path / "predictions.tsv"
    write_table(path, pd.DataFrame(rows, columns=["id", "fold", "target", "label", "probability"]))
    return path


def chosen(predictions, **settings):
    return selection.select(predictions, selection.Settings.complete(settings, "selection"))["id"].tolist()


def test_default_is_the_correctly_predicted_positives_of_the_test_fold(predictions):
    assert chosen(predictions) == ["a", "f", "g"]


def test_folds_labels_and_probability_narrow_the_choice(predictions):
    assert chosen(predictions, folds=["train", "test"]) == ["a", "d", "f", "g"]
    assert chosen(predictions, labels=[0, 1]) == ["a", "c", "f", "g"]
    assert chosen(predictions, min_probability=0.8) == ["a", "g"]


def test_at_most_so_many_rows_of_a_target(predictions):
    few = chosen(predictions, folds=["train", "test"], max_per_target=1)
    assert len(few) == 2
    assert few == chosen(predictions, folds=["train", "test"], max_per_target=1)


def test_another_network_is_explained_on_the_same_windows_where_it_predicts_them(tmp_path):
    ids = [f"w{number}" for number in range(200)]
    drawn = []
    for number, wrong in enumerate((set(), set(ids[::10]))):
        rows = [(item, "test", "x", 1, 0.1 if item in wrong else 0.9) for item in ids]
        path = tmp_path / f"{number}.tsv"
        write_table(path, pd.DataFrame(rows, columns=["id", "fold", "target", "label", "probability"]))
        drawn.append(set(chosen(path, max_per_target=50)))
    assert drawn[0] - set(ids[::10]) <= drawn[1]
    assert len(drawn[0]) == len(drawn[1]) == 50


@pytest.fixture
def measured(tmp_path):
    """Predictions of numbers; one window has not been measured."""
    task = tasks.get("regression")
    rows = [
        ("a", "test", "x", 1.5, 1.25),
        ("a", "test", "y", -3, 0.5),
        ("b", "train", "x", 0.1, 0.4),
        ("b", "train", "y", 0, 0.1),
        ("c", "test", "x", None, -7.5),
        ("c", "test", "y", 0.5, 2.5),
    ]
    path = tmp_path / "predictions.tsv"
    write_table(path, pd.DataFrame(rows, columns=["id", "fold", "target", task.truth, task.predicted]))
    return path, task


def test_of_numbers_the_windows_of_the_folds_are_explained(measured):
    path, task = measured
    # What is asked of classes does not narrow the choice.
    settings = selection.Settings(labels=[0], min_probability=0.9)
    found = selection.select(path, settings, task=task)
    assert list(zip(found["id"], found["target"], strict=True)) == [("a", "x"), ("a", "y"), ("c", "x"), ("c", "y")]
    assert found["prediction"].tolist() == [1.25, 0.5, -7.5, 2.5]
    groups = {"mean": {"x": 0.5, "y": 0.5}, "difference": {"x": 1.0, "y": -1.0}}
    found = selection.select(path, selection.Settings(folds=["train", "test"]), groups, task).set_index(
        ["target", "id"]
    )
    assert found.loc["mean", "prediction"].to_dict() == pytest.approx({"a": 0.875, "b": 0.25, "c": -2.5})
    assert found.loc["difference", "prediction"].to_dict() == pytest.approx({"a": 1.25, "b": 0.4, "c": -7.5})


def test_of_numbers_the_same_windows_are_drawn_for_every_output_and_group(tmp_path):
    task, rng = tasks.get("regression"), np.random.default_rng(0)
    rows = [(f"w{number}", "test", target, None) for number in range(60) for target in "xyz"]
    path = tmp_path / "predictions.tsv"
    frame = pd.DataFrame(rows, columns=["id", "fold", "target", task.truth])
    write_table(path, frame.assign(**{task.truth: np.where(rng.random(180) < 0.5, np.nan, 1), task.predicted: 0.5}))
    groups = {"x": {"x": 1.0}, "difference": {"y": 1.0, "z": -1.0}}
    for asked, names in ((None, ["x", "y", "z"]), (groups, list(groups))):
        found = selection.select(path, selection.Settings(max_per_target=7), asked, task)
        windows = {name: part["id"].tolist() for name, part in found.groupby("target")}
        assert sorted(windows) == sorted(names) and len({tuple(sorted(ids)) for ids in windows.values()}) == 1
        assert len(found) == 7 * len(names)


@pytest.mark.parametrize(("task", "expected"), [("binary", ["w1"]), ("regression", ["w0", "w1", "w3"])])
def test_windows_without_predictions_are_chosen_by_label_where_labels_are_classes(task, expected):
    labels = np.array([[0, 1], [1, 0], [1, 1], [np.nan, 0]], dtype=np.float32)
    ids = np.array(["w0", "w1", "w2", "w3"])
    dataset = Dataset(ids, np.zeros((4, 5), np.uint8), labels, ["x", "y"], tasks.get(task))
    folds = np.array(["test", "test", "train", "test"])
    found = selection.of_windows(dataset, folds, selection.Settings(), {"x": {"out": 1.0}})
    assert found["id"].tolist() == expected and set(found["target"]) == {"x"} and set(found["fold"]) == {"test"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"target": ["x"]}, "selection: unknown key 'target'; expected keys: folds, labels"),
        ({"folds": "test"}, "selection.folds: 'test' is not of type 'array'"),
        ({"labels": [2]}, r"selection.labels\[0\]: 2 is not one of \[0, 1\]"),
        ({"max_per_target": 0}, "selection.max_per_target: 0 is less than the minimum of 1"),
    ],
)
def test_what_is_asked_wrongly_is_refused(given, words):
    with pytest.raises(InputError, match=words):
        selection.Settings.complete(given, "selection")
