"""Attribution files: what is written comes back, what does not fit is refused, and rows are joined by id and target."""

import numpy as np
import pytest

from attributed import attributions, write
from cisflow.attribution import files
from cisflow.errors import InputError
from cisflow.io.arrays import read_arrays, write_arrays


def random_rows(n=5, length=100, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 5, (n, length)).astype(np.uint8)
    return codes, rng.normal(0, 1, (n, 4, length)).astype(np.float32)


def check_equal(found, expected):
    for name, value in expected._asdict().items():
        if value is None:
            assert getattr(found, name) is None
        else:
            np.testing.assert_array_equal(getattr(found, name), value)


@pytest.mark.parametrize("measured", [True, False])
def test_what_is_written_comes_back(tmp_path, measured):
    given = {"difference": np.arange(5, dtype=np.float32), "error": np.ones(5, dtype=np.float32)} if measured else {}
    expected = attributions(*random_rows(), **given)
    files.write(tmp_path / "a.npz", expected)
    found = files.read(tmp_path / "a.npz")
    check_equal(found, expected)
    assert isinstance(found.method, str) and found.multipliers.dtype == np.float32 and found.codes.dtype == np.uint8
    files.write(tmp_path / "b.npz", found)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_names_of_the_arrays(tmp_path):
    path = write(tmp_path / "a.npz", *random_rows())
    expected = ["multipliers", "ids", "target", "fold", "probability", "sequences", "baseline", "method"]
    assert list(np.load(path)) == expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ids": np.array(["a"])}, r"ids \(1,\) and target \(5,\) do not fit; expected \(m, 4, length\)"),
        ({"sequences": np.zeros((5, 99), np.uint8)}, r"sequences \(5, 99\)"),
        ({"fold": np.array(["test"] * 4)}, "fold has 4 rows; expected 5, as ids"),
        (
            {"multipliers": np.where(np.arange(5)[:, None, None] == 2, np.nan, random_rows()[1])},
            r"row 3, id 'w2': found a multiplier that is not finite \(1 of 5 rows\)",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, changes, words):
    path = write(tmp_path / "bad.npz", *random_rows())
    write_arrays(path, **read_arrays(path) | changes)
    with pytest.raises(InputError, match=words) as error:
        files.read(path)
    assert str(error.value).startswith(f"{path}: ")


def test_missing_arrays_are_named(tmp_path):
    write_arrays(tmp_path / "x.npz", ids=np.array(["a"]), fold=np.array(["test"]))
    with pytest.raises(InputError, match=r"x\.npz: no array multipliers, target, probability, .*; found ids, fold"):
        files.read(tmp_path / "x.npz")


def test_hypothetical_scores_do_not_depend_on_the_baseline_in_the_file():
    codes, multipliers = random_rows()
    found = attributions(codes, multipliers, baseline=np.zeros(4, np.float32)).hypothetical()
    np.testing.assert_allclose(found, multipliers - multipliers.mean(axis=1, keepdims=True), atol=1e-6)


def test_methods_are_read_on_their_common_rows_in_the_order_of_the_first(tmp_path):
    codes, multipliers = random_rows()
    first, second = np.array([4, 0, 2, 3]), np.array([0, 1, 2, 4])
    whole = attributions(codes, multipliers)
    files.write(tmp_path / "first.npz", whole.take(first))
    files.write(tmp_path / "second.npz", whole.take(second)._replace(multipliers=-multipliers[second]))
    found = files.read_common({"b": tmp_path / "first.npz", "a": tmp_path / "second.npz"})
    assert list(found) == ["b", "a"]
    for part in found.values():
        assert part.keys() == [("w4", "t"), ("w0", "t"), ("w2", "t")]
    check_equal(found["b"], whole.take([4, 0, 2]))
    np.testing.assert_array_equal(found["a"].multipliers, -found["b"].multipliers)


def test_a_row_twice_or_another_sequence_of_one_id_are_refused(tmp_path):
    codes, multipliers = random_rows()
    first = write(tmp_path / "first.npz", codes, multipliers)
    twice = write(tmp_path / "twice.npz", codes, multipliers, ids=np.array(["w0", "w1", "w2", "w1", "w4"]))
    with pytest.raises(InputError, match=r"twice\.npz: id 'w1', target 't' occurs more than once"):
        files.read_common({"first": first, "twice": twice})
    codes = codes.copy()
    codes[3, 5] = (codes[3, 5] + 1) % 4
    other = write(tmp_path / "other.npz", codes, multipliers)
    with pytest.raises(InputError, match=r"other\.npz: id 'w3' has another sequence than in .*first\.npz"):
        files.read_common({"first": first, "other": other})
    shorter = write(tmp_path / "short.npz", codes[:, :90], multipliers[..., :90])
    with pytest.raises(InputError, match=r"short\.npz: sequences are 90 bases long, those of .*first\.npz 100"):
        files.read_common({"first": first, "short": shorter})


def test_methods_without_a_common_row_have_none(tmp_path):
    rows = random_rows()
    first = write(tmp_path / "first.npz", *rows)
    other = write(tmp_path / "other.npz", *rows, targets=np.full(5, "u"))
    found = files.read_common({"first": first, "other": other})
    assert [len(part.ids) for part in found.values()] == [0, 0]


def test_parts_put_together_are_the_whole(tmp_path):
    # Texts of a part may be shorter than those of the whole.
    ids = np.array(["a", "bb", "c", "dddd", "e"])
    whole = attributions(*random_rows(), ids=ids, difference=np.zeros(5, np.float32), error=np.ones(5, np.float32))
    files.write(tmp_path / "whole.npz", whole)
    paths = [tmp_path / f"{number}.npz" for number in range(3)]
    for path, part in zip(paths, (slice(0, 2), slice(2, 2), slice(2, 5)), strict=True):
        files.write(path, whole.take(part)._replace(ids=np.array(ids[part].tolist(), dtype=str)))
    files.write(tmp_path / "again.npz", files.concatenated(paths))
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    files.write(paths[1], whole.take(slice(0, 0))._replace(method="ism"))
    with pytest.raises(InputError, match=r"1\.npz: found method ism; expected gradient"):
        files.concatenated(paths)
