"""predictions.tsv of every task: its columns, and what is written read back."""

import numpy as np
import pytest

from cisflow import tasks
from cisflow.data.dataset import Dataset
from cisflow.evaluation import predictions
from cisflow.io.tables import write_table
from tables import check_table

FOLDS = np.array(["train", "valid", "test"])


def dataset(labels, task):
    """Three windows with one target."""
    values = np.array(labels, dtype=np.float32)[:, None]
    return Dataset(np.array(["a", "b", "c"]), np.zeros((3, 4), np.uint8), values, ["liver"], tasks.get(task))


@pytest.mark.parametrize(
    ("task", "schema", "columns", "labels"),
    [
        ("binary", "predictions", ("label", "probability"), [1, 0, None]),
        ("regression", "predictions.regression", ("value", "prediction"), [1.5, -0.1, None]),
    ],
)
def test_columns_are_those_of_the_task_and_labels_are_written_short(tmp_path, task, schema, columns, labels):
    truth, predicted = columns
    table = predictions.table(dataset(labels, task), FOLDS, None, None, np.array([[0.5], [0.25], [1]]))
    write_table(tmp_path / "predictions.tsv", table)
    check_table(tmp_path / "predictions.tsv", schema)
    header, *rows = (tmp_path / "predictions.tsv").read_text().splitlines()
    assert header.split("\t") == ["id", "fold", "target", truth, "forward", "reverse", predicted]
    texts = ["" if label is None else str(label) for label in labels]
    expected = zip("abc", FOLDS, ["liver"] * 3, texts, ["", "", ""], ["", "", ""], ["0.5", "0.25", "1"], strict=True)
    assert [tuple(row.split("\t")) for row in rows] == list(expected)


@pytest.mark.parametrize(("task", "labels"), [("binary", [0, None, 1]), ("regression", [2.5, None, -7])])
def test_what_is_written_is_read(tmp_path, task, labels):
    forward, reverse = np.array([[0.25], [0.5], [1]]), np.array([[0.75], [0], [1]])
    table = predictions.table(dataset(labels, task), FOLDS, forward, reverse, (forward + reverse) / 2)
    write_table(tmp_path / "predictions.tsv", table)
    found = predictions.read(tmp_path / "predictions.tsv", tasks.get(task))
    assert found.ids.tolist() == ["a", "b", "c"] and found.folds.tolist() == FOLDS.tolist()
    np.testing.assert_array_equal(found.labels, np.array([labels], dtype=float))
    np.testing.assert_array_equal(found.values["averaged"], [[[0.5, 0.25, 1]]])
    np.testing.assert_array_equal(found.values["separate"], [forward.T, reverse.T])
