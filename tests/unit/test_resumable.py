"""Arrays that a job fills row by row, killed anywhere."""

import json
import shutil

import numpy as np
import pytest

from cisflow.io.resumable import Rows
from holding import killed_soon, within

LAYOUT = {"a": ((3,), np.float16), "b": ((), np.int32)}
VALUES = {"a": np.arange(30).reshape(10, 3).astype(np.float16), "b": np.arange(10, dtype=np.int32)}


def part(first, last):
    return {name: values[first:last] for name, values in VALUES.items()}


def test_rows_after_the_last_commit_are_written_again(tmp_path):
    rows = Rows(tmp_path / "work", "key", 10, LAYOUT)
    rows.append(**part(0, 4))
    rows.commit()
    rows.append(**part(4, 7))
    rows.close()
    with Rows(tmp_path / "work", "key", 10, LAYOUT) as again:
        assert again.done == 4
        again.append(**part(4, 10))
        np.testing.assert_array_equal(again.read("b"), VALUES["b"])
        again.finish(tmp_path / "out", ["a", "b"])
    for name, values in VALUES.items():
        np.save(tmp_path / "plain.npy", values)
        assert (tmp_path / "out" / f"{name}.npy").read_bytes() == (tmp_path / "plain.npy").read_bytes()
    assert not (tmp_path / "work").exists()


def test_another_key_or_a_lost_array_starts_over(tmp_path):
    for key, lost in (("first", ""), ("second", ""), ("second", "b.npy")):
        (tmp_path / lost).unlink() if lost else None
        with Rows(tmp_path, key, 10, LAYOUT) as rows:
            assert rows.done == 0
            rows.append(**part(0, 5))
            rows.commit()


def test_arrays_that_are_not_whole_cannot_be_finished(tmp_path):
    with Rows(tmp_path / "work", "key", 10, LAYOUT) as rows:
        rows.append(**part(0, 5))
        with pytest.raises(ValueError, match="5 rows written, expected 10"):
            rows.finish(tmp_path / "out", ["a"])
        with pytest.raises(ValueError, match="a: rows of shape"):
            rows.append(a=np.zeros((2, 4)), b=np.zeros(2))


def replaced(path, by=None):
    """Put a folder, or bytes, where a file or folder is."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    if by is None:
        (path / "inner").mkdir(parents=True)
    else:
        path.write_bytes(by)


def progress(**changes):
    return lambda folder: (folder / "progress.json").write_text(json.dumps({"key": "key", "rows": 4} | changes))


def shorter(folder):
    with open(folder / "b.npy", "r+b") as handle:
        handle.truncate((folder / "b.npy").stat().st_size - 13)


def header(array):
    return lambda folder: np.save(folder / "a.npy", array)


OF_NO_USE = {
    "more rows than there are": progress(rows=11),
    "less than none": progress(rows=-1),
    "text for a number": progress(rows="4"),
    "a broken number": progress(rows=4.5),
    "no number": progress(rows=True),
    "a list": lambda folder: (folder / "progress.json").write_text("[4]"),
    "nothing": lambda folder: (folder / "progress.json").write_text(""),
    "half of it": lambda folder: replaced(folder / "progress.json", (folder / "progress.json").read_bytes()[:9]),
    "not text": lambda folder: replaced(folder / "progress.json", b"\xff\xfe\0"),
    "a folder of that name": lambda folder: replaced(folder / "progress.json"),
    "an array that is a folder": lambda folder: replaced(folder / "a.npy"),
    "an array with fewer rows": shorter,
    "an empty array": lambda folder: replaced(folder / "a.npy", b""),
    "rows of another width": header(np.zeros((10, 4), np.float16)),
    "more rows": header(np.zeros((12, 3), np.float16)),
    "another kind": header(np.zeros((10, 3), np.float32)),
    "a file for the folder": lambda folder: replaced(folder, b"a file"),
}


@pytest.mark.parametrize("spoil", OF_NO_USE.values(), ids=OF_NO_USE)
def test_progress_that_is_of_no_use_is_said_and_starts_over(tmp_path, capsys, spoil):
    folder = tmp_path / "work"
    with Rows(folder, "key", 10, LAYOUT) as rows:
        rows.append(**part(0, 6))
        rows.commit()
    progress()(folder)
    spoil(folder)
    with Rows(folder, "key", 10, LAYOUT) as rows:
        told = capsys.readouterr().err
        assert rows.done == 0 and told.count("\n") == 1 and told.endswith("; the job starts afresh\n")
        rows.append(**part(0, 10))
        rows.finish(tmp_path, ["a", "b"])
    for name, values in VALUES.items():
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), values)


def test_what_else_lies_in_the_folder_does_no_harm(tmp_path, capsys):
    folder = tmp_path / "work"
    with Rows(folder, "key", 10, LAYOUT) as rows:
        rows.append(**part(0, 6))
        rows.commit()
    (folder / "progress.json.tmp").mkdir()
    (folder / "other" / "inner").mkdir(parents=True)
    with Rows(folder, "key", 10, LAYOUT) as rows:
        assert rows.done == 6 and capsys.readouterr().err == ""
        rows.append(**part(6, 10))
        rows.finish(tmp_path, ["a", "b"])
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), VALUES["a"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "b.npy"]


def test_rows_wait_for_another_process_with_the_same_folder(tmp_path, capsys):
    with within(120), killed_soon(tmp_path / "work") as first, Rows(tmp_path / "work", "key", 10, LAYOUT):
        assert first.wait(timeout=60) < 0 and f"process {first.pid} of " in capsys.readouterr().err
