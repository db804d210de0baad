"""Feature arrays on disk: rows of shards, the gathered array, and the groups of Sei's targets."""

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from cisflow.errors import InputError
from cisflow.features import arrays as features
from cisflow.io.arrays import write_arrays

NAMES = Path(__file__).parents[3] / "shared" / "data" / "sei" / "target.names.gz"


@pytest.mark.skipif(not NAMES.exists(), reason="needs Sei's list of target names, which is not in the repository")
@pytest.mark.parametrize(
    "rule, counts",
    [
        ("legacy", {"TF": 9471, "histone": 10064, "accessibility": 2372}),
        ("corrected", {"TF": 9275, "histone": 10070, "accessibility": 2562}),
    ],
)
def test_groups_of_the_published_names(tmp_path, rule, counts):
    path = tmp_path / "target.names"
    path.write_bytes(gzip.decompress(NAMES.read_bytes()))
    names, groups = features.read_target_names(path, rule, 21907)
    assert Counter(groups) == counts
    # By another road: the assays that the rules treat differently, counted one by one.
    assays = [name.split("|")[1].strip() for name in names]
    moved = Counter(assay.split(".")[0] for assay, group in zip(assays, groups, strict=True) if group == "TF")
    assert (moved["DNase"], moved["FAIRE"], moved["H1"]) == ((156, 34, 6) if rule == "legacy" else (0, 0, 0))


@pytest.mark.parametrize(
    "assay, legacy, corrected",
    [
        ("CTCF", "TF", "TF"),
        ("H3K27ac", "histone", "histone"),
        ("CENPA", "histone", "histone"),
        ("H1.2", "TF", "histone"),
        ("HDAC1", "TF", "TF"),
        ("DNase", "accessibility", "accessibility"),
        ("DNase.hot", "TF", "accessibility"),
        ("ATAC-seq", "accessibility", "accessibility"),
        ("FAIRE", "TF", "accessibility"),
    ],
)
def test_group_of_an_assay(assay, legacy, corrected):
    name = f"K562 | {assay} | ENCODE"
    assert (features.group_of(name), features.group_of(name, "corrected")) == (legacy, corrected)


@pytest.mark.parametrize("n, shards", [(1, 1), (7, 3), (200, 8), (5, 9)])
def test_shards_cover_all_rows_once_and_are_nearly_equal(n, shards):
    parts = [range(n)[features.shard_rows(n, shard, shards)] for shard in range(1, shards + 1)]
    assert [row for part in parts for row in part] == list(range(n))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    for shard in (0, shards + 1):
        with pytest.raises(InputError, match=f"expected a number from 1 to {shards}"):
            features.shard_rows(n, shard, shards)


def shard(path, ids, width, error):
    values = np.random.default_rng(len(ids)).random((len(ids), width)).astype(np.float16)
    write_arrays(path, ids=np.array(ids), features=values, largest_rounding_error=np.float32(error))
    return path, values


def test_gathered_rows_are_those_of_the_shards(tmp_path):
    (one, first), (two, second) = (
        shard(tmp_path / "1.npz", ["a", "b", "c"], 5, 0.25),
        shard(tmp_path / "2.npz", ["d", "e"], 5, 0.5),
    )
    output = tmp_path / "features.npy"
    assert features.gather([one, two], np.array(list("abcde")), output) == (5, 0.5)
    gathered = np.load(output, mmap_mode="r")
    assert gathered.dtype == np.float16 and gathered.shape == (5, 5) and gathered.flags.c_contiguous
    np.testing.assert_array_equal(gathered, np.concatenate([first, second]))


def test_gathered_strands_stay_apart(tmp_path):
    strands = np.random.default_rng(1).random((5, 2, 3)).astype(np.float16)
    for name, part in (("1", slice(0, 3)), ("2", slice(3, 5))):
        about = {"ids": np.array(list("abcde"))[part], "largest_rounding_error": np.float32(0)}
        write_arrays(tmp_path / f"{name}.npz", features=strands[part], **about)
    paths = [tmp_path / "1.npz", tmp_path / "2.npz"]
    assert features.gather(paths, np.array(list("abcde")), tmp_path / "features.npy") == (3, 0)
    np.testing.assert_array_equal(np.load(tmp_path / "features.npy"), strands)
    merged = shard(tmp_path / "2.npz", ["d", "e"], 3, 0)[0]
    with pytest.raises(InputError, match=r"2.npz: a window has \(3,\) values, expected \(2, 3\) as in .*1.npz"):
        features.gather([paths[0], merged], np.array(list("abcde")), tmp_path / "other.npy")


@pytest.mark.parametrize(
    "ids, width, expected, words",
    [
        (["d", "x"], 5, "abcde", "2.npz: its windows are not those at rows 3 to 5"),
        (["d", "e"], 4, "abcde", r"2.npz: a window has \(4,\) values, expected \(5,\) as in .*1.npz"),
        (["d", "e"], 5, "abcdef", "5 windows in all, expected 6"),
        (["d", "e"], 5, "abcd", "2.npz: its windows are not those at rows 3 to 5"),
    ],
)
def test_shards_that_do_not_fit_leave_no_array(tmp_path, ids, width, expected, words):
    paths = [shard(tmp_path / "1.npz", ["a", "b", "c"], 5, 0)[0], shard(tmp_path / "2.npz", ids, width, 0)[0]]
    with pytest.raises(InputError, match=words):
        features.gather(paths, np.array(list(expected)), tmp_path / "features.npy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.npz", "2.npz"]
