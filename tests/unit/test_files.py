"""Atomic writes, round trips, and readers that refuse what is not whole."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cisflow
from cisflow.errors import InputError, listing
from cisflow.io import files
from cisflow.io.arrays import read_array, read_arrays, write_array, write_arrays
from cisflow.io.manifests import manifest
from cisflow.io.tables import read_table, write_table


def test_atomic_makes_folders_and_leaves_no_temporary(tmp_path):
    path = tmp_path / "a" / "b" / "c.txt"
    files.write_text(path, "done\n")
    assert path.read_text() == "done\n"
    assert [item.name for item in path.parent.iterdir()] == ["c.txt"]


def test_an_exception_leaves_the_old_file_untouched(tmp_path):
    path = tmp_path / "c.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.atomic(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["c.txt"]


def test_atomic_replaces_a_whole_directory(tmp_path):
    path = tmp_path / "report"
    for content in ("one", "two"):
        with files.atomic(path) as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content)
    assert [item.name for item in path.iterdir()] == ["two"]
    assert [item.name for item in tmp_path.iterdir()] == ["report"]


def test_a_killed_writer_leaves_no_file_and_the_next_one_succeeds(tmp_path):
    path = tmp_path / "c.txt"
    program = (
        "import os, signal, sys\n"
        "from cisflow.io import files\n"
        "with files.atomic(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(cisflow.__file__).parents[1])}
    result = subprocess.run([sys.executable, "-c", program, str(path)], env=environment, check=False)
    assert result.returncode == -signal.SIGKILL
    assert not path.exists()
    files.write_text(path, "whole")
    assert [item.name for item in tmp_path.iterdir()] == ["c.txt"]


def test_a_table_comes_back_as_it_was(tmp_path):
    path = tmp_path / "t.tsv"
    frame = pd.DataFrame({"id": ["007", "NA", ""], "value": [0.1, np.nan, 1e-12], "count": [1, 2, 3]})
    write_table(path, frame)
    assert path.read_text() == "id\tvalue\tcount\n007\t0.1\t1\nNA\t\t2\n\t1e-12\t3\n"
    back = read_table(path, columns=("id", "value"))
    assert back["id"].tolist() == ["007", "NA", ""]
    assert np.array_equal(back["value"], frame["value"], equal_nan=True)
    assert back["count"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        ("", "not a tab-separated table"),
        ("id\tx\na\t1\t2\t3\n", "not a tab-separated table"),
        ("id\tx\na\t1\n", "no column score; found columns id, x"),
    ],
)
def test_read_table_refuses(tmp_path, content, words):
    path = tmp_path / "t.tsv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=f"t.tsv: {words}"):
        read_table(path, columns=("id", "score"))


def test_an_array_comes_back_as_it_was(tmp_path):
    path = tmp_path / "a.npy"
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    write_array(path, array.T)
    assert np.array_equal(read_array(path, dtype="float32", shape=(4, None), finite=True), array.T)
    assert isinstance(read_array(path, mmap=True), np.memmap)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dtype": "float16"}, "dtype is float32, expected float16"),
        ({"shape": (3, None)}, r"shape is \(2, 2\), expected \(3, any\)"),
        ({"shape": (None,)}, r"shape is \(2, 2\), expected \(any\)"),
        ({"finite": True}, r"1 values are not finite, the first at index \(1, 0\)"),
    ],
)
def test_read_array_refuses_what_it_was_not_told_to_expect(tmp_path, options, words):
    path = tmp_path / "a.npy"
    write_array(path, np.array([[1, 2], [np.nan, 4]], dtype=np.float32))
    with pytest.raises(InputError, match=f"a.npy: {words}"):
        read_array(path, **options)


@pytest.mark.parametrize("keep", [0, 20, 140])
def test_a_truncated_array_is_refused(tmp_path, keep):
    path = tmp_path / "a.npy"
    write_array(path, np.arange(10.0))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match="a.npy: not a complete .npy array"):
        read_array(path)


def test_arrays_come_back_and_have_the_same_bytes_each_time(tmp_path):
    arrays = {"ids": np.array(["a", "b"]), "x": np.arange(6.0).reshape(2, 3)}
    for name in ("one.npz", "two.npz"):
        write_arrays(tmp_path / name, **arrays)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    back = read_arrays(tmp_path / "one.npz", ["x", "ids"])
    assert np.array_equal(back["x"], arrays["x"]) and np.array_equal(back["ids"], arrays["ids"])
    with pytest.raises(InputError, match="one.npz: no array y; found ids, x"):
        read_arrays(tmp_path / "one.npz", ["y"])


@pytest.mark.parametrize("keep", [0, 30, 400])
def test_a_truncated_archive_is_refused(tmp_path, keep):
    path = tmp_path / "a.npz"
    write_arrays(path, x=np.arange(100.0))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match="a.npz: not a complete .npz archive"):
        read_arrays(path, ["x"])


def test_a_manifest_says_how_an_output_was_made(tmp_path):
    source = tmp_path / "in.txt"
    source.write_text("input\n")
    with manifest(tmp_path / "manifest.json", {"window": 600}, [source], seed=7) as record:
        record["n"] = 3
    content = json.loads((tmp_path / "manifest.json").read_text())
    assert content["settings"] == {"window": 600}
    assert content["inputs"] == {str(source): hashlib.sha256(b"input\n").hexdigest()}
    assert (content["seed"], content["n"]) == (7, 3)
    assert content["versions"]["numpy"] == np.__version__
    assert content["seconds"] >= 0 and 1 < content["peak_memory_mb"] < 1e6


def test_no_manifest_without_an_output(tmp_path):
    with pytest.raises(RuntimeError), manifest(tmp_path / "manifest.json", {}, []):
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_read_json_names_the_file(tmp_path):
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(InputError, match="x.json: not readable as JSON"):
        files.read_json(tmp_path / "x.json")


def test_listing_says_how_many_it_leaves_out():
    assert listing([1, 2]) == "1, 2"
    assert listing(range(7), 3) == "0, 1, 2 and 4 more"
