"""Arrays that a job fills row by row, killed anywhere."""

import numpy as np
import pytest

from cisflow.io.resumable import Rows

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
