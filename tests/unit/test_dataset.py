"""The dataset folder: what is written comes back, for every task, and what cannot be written or read is refused."""

import numpy as np
import pandas as pd
import pytest

from cisflow import tasks
from cisflow.data import dataset as datasets
from cisflow.data import windows
from cisflow.data.windows import Windows
from cisflow.errors import InputError
from cisflow.io.genome import Locus
from cisflow.io.tables import write_table


@pytest.fixture
def small():
    """Three windows of four bases, two targets, one label missing, one window without coordinates."""
    loci = [Locus("1", 0, 4, "+"), None, Locus("X", 10, 14)]
    labels = np.array([[1, 0], [0, np.nan], [0, 1]], dtype=np.float32)
    codes = np.arange(12, dtype=np.uint8).reshape(3, 4) % 5
    return Windows(windows.table(["007", "b", "c"], loci), codes, labels, ["liver", "lung"], {"too short": 2})


def test_what_is_written_comes_back(tmp_path, small):
    datasets.write(tmp_path, small)
    assert (tmp_path / "windows.tsv").read_text() == (
        "id\tchrom\tstart\tend\tstrand\tliver\tlung\n007\t1\t0\t4\t+\t1\t0\nb\t\t\t\t\t0\t\nc\tX\t10\t14\t.\t0\t1\n"
    )
    assert (tmp_path / "targets.tsv").read_text() == (
        "target\tn_positive\tn_negative\tn_missing\nliver\t1\t2\t0\nlung\t1\t1\t1\n"
    )
    dataset = datasets.read(tmp_path, coordinates=True)
    assert dataset.targets == ["liver", "lung"] and dataset.task.name == "binary"
    assert dataset.ids.tolist() == ["007", "b", "c"] == dataset.frame["id"].tolist()
    assert dataset.frame["chrom"].tolist() == ["1", "", "X"]
    assert dataset.labels.dtype == np.float32 and dataset.codes.dtype == np.uint8
    np.testing.assert_array_equal(dataset.labels, small.labels)
    np.testing.assert_array_equal(dataset.codes, small.codes)
    mapped = datasets.read(tmp_path, mmap=True)
    assert isinstance(mapped.codes, np.memmap) and mapped.frame is None
    np.testing.assert_array_equal(mapped.codes, small.codes)
    assert not (tmp_path / "truth.tsv").exists()


@pytest.mark.parametrize("targets", [["liver", "liver"], ["start", "lung"], ["", "lung"]])
def test_a_target_name_that_cannot_be_a_column_is_refused(tmp_path, small, targets):
    with pytest.raises(InputError, match="windows.tsv: target name '.*' cannot be a column"):
        datasets.write(tmp_path, small._replace(targets=targets))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("ids", "words"),
    [(["a", "b", "a"], "rows 2 and 4 have the same id 'a'"), (["a", "", "c"], "row 3: the id is empty")],
)
def test_ids_are_unique_and_not_empty(tmp_path, small, ids, words):
    with pytest.raises(InputError, match=f"windows.tsv: {words}"):
        datasets.write(tmp_path, small._replace(frame=small.frame.assign(id=ids)))


def test_no_window_at_all_is_an_error_that_tells_what_was_dropped(tmp_path, small):
    empty = small._replace(frame=small.frame.iloc[:0])
    with pytest.raises(InputError, match="no window is left, expected at least one .dropped: too short: 2"):
        datasets.write(tmp_path, empty)


VALUES = np.array([[1.5, 0], [-0.1, np.nan], [np.nan, 1e6]], dtype=np.float32)


def test_real_numbers_come_back_with_their_task(tmp_path, small):
    datasets.write(tmp_path, small._replace(labels=VALUES, task=tasks.get("regression")))
    assert (tmp_path / "windows.tsv").read_text() == (
        "id\tchrom\tstart\tend\tstrand\tliver\tlung\n"
        "007\t1\t0\t4\t+\t1.5\t0\nb\t\t\t\t\t-0.1\t\nc\tX\t10\t14\t.\t\t1000000\n"
    )
    table = pd.read_csv(tmp_path / "targets.tsv", sep="\t")
    assert table["target"].tolist() == ["liver", "lung"] and table["task"].unique().tolist() == ["regression"]
    dataset = datasets.read(tmp_path)
    assert dataset.task.name == "regression"
    np.testing.assert_array_equal(dataset.labels, VALUES)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["ranking", "ranking"], "targets.tsv: unknown task 'ranking'; expected one of binary, regression"),
        (["binary", "regression"], "targets.tsv: found tasks binary, regression, expected one for all targets"),
    ],
)
def test_a_task_that_is_none_is_refused(tmp_path, small, names, words):
    datasets.write(tmp_path, small)
    write_table(tmp_path / "targets.tsv", pd.DataFrame({"target": small.targets, "task": names}))
    with pytest.raises(InputError, match=words):
        datasets.read(tmp_path)


@pytest.mark.parametrize(
    ("file", "array", "words"),
    [
        ("sequences.npy", np.zeros((2, 4), np.uint8), r"sequences.npy: shape is \(2, 4\), expected \(3, any\)"),
        ("sequences.npy", np.zeros((3, 4)), "sequences.npy: dtype is float64, expected uint8"),
        ("targets.npy", np.zeros((3, 1), np.float32), r"targets.npy: shape is \(3, 1\), expected \(3, 2\)"),
    ],
)
def test_files_that_disagree_are_refused(tmp_path, small, file, array, words):
    datasets.write(tmp_path, small)
    np.save(tmp_path / file, array)
    with pytest.raises(InputError, match=words):
        datasets.read(tmp_path)


def test_folds_are_joined_by_id(tmp_path):
    datasets.write_folds(tmp_path / "s.tsv", ["a", "007", "c"], np.array(["train", "test", "valid"], dtype=object))
    assert datasets.read_folds(tmp_path / "s.tsv", ["c", "a", "007"]).tolist() == ["valid", "train", "test"]
    with pytest.raises(InputError, match=r"s.tsv: window 'd' has no fold \(1 of 2 have none\)"):
        datasets.read_folds(tmp_path / "s.tsv", ["a", "d"])
    write_table(tmp_path / "s.tsv", pd.DataFrame({"id": ["a"], "fold": ["dev"]}))
    with pytest.raises(InputError, match="s.tsv: fold 'dev'; expected one of train, valid, test"):
        datasets.read_folds(tmp_path / "s.tsv", ["a"])


def test_near_duplicates_are_joined_by_id(tmp_path):
    pairs = pd.DataFrame({"first": [0, 1], "second": [1, 2], "similarity": [1, 0.25]})
    datasets.write_near_duplicates(tmp_path / "near.tsv", ["a", "7", "z"], pairs)
    assert (tmp_path / "near.tsv").read_text() == "id\tother\tsimilarity\na\t7\t1\n7\tz\t0.25\n"
    near = datasets.read_near_duplicates(tmp_path / "near.tsv", ["7", "z", "a"])
    assert near.to_numpy().tolist() == [[2, 0], [0, 1]]
    with pytest.raises(InputError, match="near.tsv: other 'z' is no window of the dataset"):
        datasets.read_near_duplicates(tmp_path / "near.tsv", ["7", "a"])
