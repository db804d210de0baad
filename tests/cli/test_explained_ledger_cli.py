"""`cisflow explained-ledger` where networks have published weights, and are asked for groups of their outputs."""

import numpy as np
import pandas as pd
import pytest

from calls import call
from cisflow.data import dataset as datasets
from cisflow.data.windows import Windows, table
from cisflow.io.tables import write_table
from tables import check_table, text

FOLDS = ("train", "valid", "test")
GROUP = {"name": "bound", "mean": ["A", "B"]}


@pytest.fixture
def made(tmp_path):
    """A dataset of 60 windows with the label `bound`, its labels and its folds."""
    rng = np.random.default_rng(4)
    ids, labels = [f"w{number}" for number in range(60)], rng.integers(0, 2, 60)
    folds = np.array(FOLDS)[rng.integers(0, 3, 60)]
    frame = table(ids, [None] * 60)
    datasets.write(
        tmp_path / "d", Windows(frame, np.zeros((60, 8), np.uint8), labels.astype(np.float32)[:, None], ["bound"], {})
    )
    write_table(tmp_path / "split.tsv", pd.DataFrame({"id": ids, "fold": folds}))
    return tmp_path, labels, folds


def told(folder, selection, **choice):
    assert call("explained-ledger", dataset=folder / "d", **choice, selection=selection, output=folder / "out.tsv") == 0
    check_table(folder / "out.tsv", "explained_ledger")
    return text(folder / "out.tsv")


def test_windows_are_chosen_by_split_and_label(made):
    folder, labels, folds = made
    asked = {"folds": ["valid", "test"], "labels": [1], "outputs": [GROUP, "C"]}
    found = told(folder, asked, split=folder / "split.tsv")
    assert found["target"].tolist() == ["bound"] * 60 + ["C"] * 60
    for target in ("bound", "C"):
        reasons = found.loc[found["target"] == target, "reason"].tolist()
        expected = np.where(labels == 1, "", "label not asked for").astype(object)
        expected[folds == "train"] = "fold not asked for"
        assert reasons == expected.tolist()


def test_a_group_of_predicted_targets_has_the_windows_of_its_members(made):
    folder, _, folds = made
    rng = np.random.default_rng(5)
    rows = [(f"w{i}", folds[i], target, int(rng.random() < 0.5), rng.random()) for i in range(60) for target in "AB"]
    frame = pd.DataFrame(rows, columns=["id", "fold", "target", "label", "probability"])
    write_table(folder / "predictions.tsv", frame)
    found = told(folder, {"folds": ["test"], "outputs": [GROUP]}, predictions=folder / "predictions.tsv")
    right = frame[(frame["fold"] == "test") & (frame["label"] == 1) & (frame["probability"] > 0.5)]
    assert found["target"].unique().tolist() == ["bound"]
    assert set(found.loc[found["outcome"] == "kept", "id"]) == set(right["id"]) != set()


def test_without_predictions_the_outputs_must_be_named(made, capsys):
    folder, _, _ = made
    options = {"dataset": folder / "d", "split": folder / "split.tsv", "output": folder / "out.tsv"}
    assert call("explained-ledger", **options, selection={"folds": ["test"]}) == 1
    assert "--selection: no outputs; expected those to explain" in capsys.readouterr().err
