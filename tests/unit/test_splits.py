"""Splits: every window in one fold, chromosomes and clusters apart, and no fold that cannot be used."""

import hashlib
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cisflow import tasks
from cisflow.data import splits
from cisflow.data.dataset import Dataset
from cisflow.errors import InputError

CHROMOSOME = {"kind": "chromosome", "valid": ["chr5"], "test": ["chr3", "chr4"]}


def assign(frame, targets, settings, name="split", near=None, task="binary"):
    """Folds of the windows of a frame with a column for each target."""
    labels = frame[targets].to_numpy(np.float32)
    dataset = Dataset(frame["id"].to_numpy(), None, labels, targets, tasks.get(task), frame)
    return splits.assign(dataset, splits.complete(settings, name), name, near)


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    n = 400
    return pd.DataFrame(
        {
            "id": [f"w{i}" for i in range(n)],
            "chrom": rng.choice(["chr1", "chr3", "chr4", "chr5", "chr22"], n),
            "liver": rng.choice([0.0, 1.0, np.nan], n),
            "lung": rng.choice([0, 1], n),
        }
    )


def test_a_chromosome_lies_in_one_fold(frame):
    folds = assign(frame, ["liver", "lung"], CHROMOSOME)
    expected = {"chr1": "train", "chr22": "train", "chr5": "valid", "chr3": "test", "chr4": "test"}
    assert folds.tolist() == [expected[chrom] for chrom in frame["chrom"]]


@pytest.mark.parametrize(
    "style", [{"valid": ["5"], "test": ["3", "Chr4"]}, {"valid": ["NC_000005.9"], "test": ["3", "CM000666.1"]}]
)
def test_chromosomes_may_be_named_in_another_style_than_the_windows(frame, style, capsys):
    expected = assign(frame, ["lung"], CHROMOSOME)
    assert assign(frame, ["lung"], CHROMOSOME | style, "s").tolist() == expected.tolist()
    assert f"split 's': chromosome '{style['valid'][0]}' is 'chr5' in the windows" in capsys.readouterr().err
    bare = frame.assign(chrom=frame["chrom"].str[3:])
    assert assign(bare, ["lung"], CHROMOSOME).tolist() == expected.tolist()


@given(n=st.integers(30, 300), valid=st.floats(0.1, 0.4), test=st.floats(0.1, 0.4), seed=st.integers(0, 99))
def test_a_random_split_has_the_sizes_asked_for(n, valid, test, seed):
    frame = pd.DataFrame({"id": [str(i) for i in range(n)]})
    settings = {"kind": "random", "valid": valid, "test": test, "seed": seed}
    counts = Counter(assign(frame, [], settings))
    assert counts["valid"] == round(valid * n) and counts["test"] == round(test * n)
    assert counts.total() == n


def test_a_random_split_depends_on_its_seed_alone(frame):
    settings = {"kind": "random", "valid": 0.1, "test": 0.2, "seed": 1}
    first = assign(frame, ["lung"], settings)
    assert np.array_equal(first, assign(frame, ["lung"], settings))
    assert not np.array_equal(first, assign(frame, ["lung"], {**settings, "seed": 2}))
    assert Counter(first) == {"train": 280, "test": 80, "valid": 40}


def test_a_random_split_does_not_lean_on_the_order_of_rows():
    """Over many seeds each row is held out about as often as any other."""
    frame = pd.DataFrame({"id": [str(i) for i in range(20)]})
    settings = {"kind": "random", "valid": 0.25, "test": 0.25}
    held_out = sum((assign(frame, [], {**settings, "seed": seed}) != "train") for seed in range(400))
    # Binomial(400, 1/2): standard deviation 10.
    assert held_out.min() > 150 and held_out.max() < 250


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"valid": ["chr7"]}, "valid names chromosome 'chr7', which no window has; expected one of chr1, chr22, chr3"),
        ({"valid": ["5", "chr5"]}, "chromosome 'chr5' is named twice"),
        ({"valid": ["3"]}, "chromosome 'chr3' is named twice"),
        ({"valid": ["7"]}, "valid names chromosome '7', which no window has; expected one of chr1, chr22, chr3"),
        ({"test": ["NC_000005.10"]}, "chromosome 'NC_000005.10' is named twice"),
        ({"valid": ["chr3"]}, "chromosome 'chr3' is named twice"),
        ({"valid": ["chr5", "chr5"]}, "valid: .* has non-unique elements"),
        ({"valid": []}, r"valid: \[\] is too short"),
        ({"test": ["chr1", "chr3", "chr4", "chr22"]}, "fold 'train' is empty"),
        (
            {"kind": "gene"},
            "kind is 'gene', expected one of chromosome, random, cluster, block, folds, genome, given, published",
        ),
        ({"kind": "random", "valid": 0.5, "test": 0.5}, "valid is 0.5 and test is 0.5, expected fractions above 0"),
        ({"kind": "random", "valid": 0, "test": 0.5}, "valid: 0 is less than or equal to the minimum of 0"),
        ({"kind": "random", "valid": 0.001, "test": 0.5}, "fold 'valid' is empty"),
    ],
)
def test_a_split_that_cannot_be_used_is_refused(frame, settings, words):
    with pytest.raises(InputError, match=f"^split 'by_chromosome'(: |.){words}"):
        assign(frame, ["liver", "lung"], {**CHROMOSOME, **settings}, "by_chromosome")


def test_windows_without_chromosome_cannot_be_split_by_it(frame):
    frame.loc[[3, 9], "chrom"] = ""
    with pytest.raises(
        InputError, match=r"split 's': 2 of 400 windows have no chromosome \(w3, w9\); .* kind 'random'"
    ):
        assign(frame, ["lung"], CHROMOSOME, "s")


@pytest.mark.parametrize(("value", "counts"), [(0, "0 positives and 3 negatives"), (1, "3 positives and 0 negatives")])
def test_a_fold_without_one_of_the_classes_names_fold_target_and_counts(frame, value, counts):
    rows = frame.index[frame["chrom"] == "chr5"]
    frame.loc[rows, "liver"] = np.nan
    frame.loc[rows[:3], "liver"] = value
    words = f"split 's': fold 'valid' has {counts} of target 'liver' in {len(rows)} windows, expected at least one of"
    with pytest.raises(InputError, match=words):
        assign(frame, ["lung", "liver"], CHROMOSOME, "s")


# The split of the study, as its three files of row numbers.
PUBLISHED = {
    "train": (60794, "8d7b26d637130cbaa0b92ffc9a7c69d7"),
    "valid": (7599, "0fdcb9113d37f6924c2482e3e2e1bf5a"),
    "test": (7599, "7d5134f1967446162b84be02ca0ec7e2"),
}


def test_the_published_split_is_that_of_the_study():
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    frame = pd.DataFrame({"id": np.arange(75992).astype(str)})
    folds = assign(frame, [], {"kind": "published"})
    assert np.array_equal(np.random.get_state()[1], before)
    order = list(range(75992))
    np.random.RandomState(100).shuffle(order)
    # The order within a file is that of the permutation; a fold is the set of its rows.
    parts = {"valid": order[:7599], "test": order[7599:15198], "train": order[15198:]}
    for fold, (n, digest) in PUBLISHED.items():
        assert set(np.flatnonzero(folds == fold)) == set(parts[fold]) and len(parts[fold]) == n
        text = "".join(f"{row}\n" for row in parts[fold])
        assert hashlib.md5(text.encode()).hexdigest() == digest


CLUSTER = {"kind": "cluster", "valid": 0.15, "test": 0.2, "seed": 1}


def clustered(n=600, seed=0):
    """(windows without coordinates, near-duplicates, label of each window's family): families of 1 to 30."""
    rng = np.random.default_rng(seed)
    family = np.repeat(np.arange(n), rng.choice([1, 1, 1, 2, 5, 30], n))[:n]
    family = rng.permutation(family)
    order = np.argsort(family, kind="stable")
    same = family[order][1:] == family[order][:-1]
    near = pd.DataFrame({"first": order[:-1][same], "second": order[1:][same]})
    frame = pd.DataFrame({"id": [f"w{i}" for i in range(n)], "chrom": "", "start": pd.NA, "end": pd.NA})
    return frame, near, family


@pytest.mark.parametrize("seed", range(5))
def test_a_cluster_split_keeps_families_whole_and_has_the_sizes_asked_for(seed):
    frame, near, family = clustered(seed=seed)
    folds = assign(frame, [], {**CLUSTER, "seed": seed}, near=near)
    assert len(set(zip(family, folds, strict=True))) == len(set(family))
    assert Counter(folds) == {"train": 390, "test": 120, "valid": 90}
    assert np.array_equal(folds, assign(frame, [], {**CLUSTER, "seed": seed}, near=near))
    assert not np.array_equal(folds, assign(frame, [], {**CLUSTER, "seed": 99}, near=near))


def test_a_cluster_split_puts_large_families_into_every_fold():
    """Over many seeds, a family of 30 is held out about as often as a single window."""
    frame, near, family = clustered()
    sizes = np.bincount(family)[family]
    large, single = [], []
    for seed in range(150):
        test = assign(frame, [], {**CLUSTER, "seed": seed}, near=near) == "test"
        large.append(test[sizes == 30].mean())
        single.append(test[sizes == 1].mean())
    assert 0.12 < np.mean(large) < 0.28 and 0.12 < np.mean(single) < 0.28


def test_a_cluster_split_keeps_overlapping_windows_together():
    rng = np.random.default_rng(0)
    start = rng.integers(0, 30000, 300)
    frame = pd.DataFrame({"id": range(300), "chrom": rng.choice(["a", "b", ""], 300), "start": start})
    frame["end"] = frame["start"] + 100
    near = pd.DataFrame({"first": [0, 5], "second": [1, 9]})
    folds = assign(frame, [], CLUSTER, near=near)
    assert folds[0] == folds[1] and folds[5] == folds[9]
    for i, one in enumerate(frame.itertuples()):
        for j, two in enumerate(frame.itertuples()):
            if one.chrom and one.chrom == two.chrom and abs(one.start - two.start) < 100:
                assert folds[i] == folds[j]


def test_a_cluster_split_asks_for_near_duplicates(frame):
    with pytest.raises(InputError, match="^split 's': found no table of near-duplicates"):
        assign(frame, ["lung"], CLUSTER, "s")


def test_a_family_larger_than_a_fold_goes_where_most_room_is():
    frame, near = pd.DataFrame({"id": list("abcdefghij"), "chrom": ""}), np.arange(8)
    near = pd.DataFrame({"first": near[:-1], "second": near[1:]})
    folds = assign(frame, [], {**CLUSTER, "valid": 0.1, "test": 0.3}, near=near)
    assert folds.tolist()[:8] == ["train"] * 8 and set(folds[8:]) <= {"valid", "test"}


def test_folds_of_real_numbers_need_two_distinct_values(frame):
    frame["liver"] = np.random.default_rng(1).normal(size=len(frame))
    frame.loc[::3, "liver"] = np.nan
    assert Counter(assign(frame, ["liver"], CHROMOSOME, task="regression")).keys() == {"train", "valid", "test"}
    rows = frame.index[frame["chrom"] == "chr5"]
    frame.loc[rows, "liver"] = np.nan
    frame.loc[rows[:2], "liver"] = 0.5
    words = f"split 's': fold 'valid' has 1 distinct values of target 'liver' in {len(rows)} windows, expected at least"
    with pytest.raises(InputError, match=words):
        assign(frame, ["liver"], CHROMOSOME, "s", task="regression")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_block_split_keeps_blocks_whole_and_has_about_the_sizes_asked_for(seed):
    rng = np.random.default_rng(seed)
    middles = rng.integers(100, 12_000_000, 5000)
    frame = pd.DataFrame({"id": [str(i) for i in range(5000)], "chrom": rng.choice(["1", "2"], 5000)})
    frame = frame.assign(start=middles - 100, end=middles + 100).astype({"start": "Int64", "end": "Int64"})
    settings = {"kind": "block", "size": 1_000_000, "valid": 0.15, "test": 0.25, "seed": seed}
    folds = assign(frame, [], settings)
    blocks = frame["chrom"] + "/" + (middles // 1_000_000).astype(str)
    assert pd.Series(folds).groupby(blocks).nunique().max() == 1
    # No fold is further from its share than a block of 1/24 of the windows.
    for fold, share in (("valid", 0.15), ("test", 0.25), ("train", 0.6)):
        assert abs((folds == fold).mean() - share) < 1.3 / 24
    other = assign(frame, [], settings | {"seed": seed + 10})
    assert not np.array_equal(folds, other)


def test_a_block_split_asks_for_coordinates(frame):
    nowhere = frame.assign(chrom="", start=pd.NA, end=pd.NA)
    with pytest.raises(InputError, match="400 of 400 windows have no chromosome"):
        assign(nowhere, ["lung"], {"kind": "block"})
