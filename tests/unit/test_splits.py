"""Splits: every window in one fold, chromosomes and clusters apart, and no fold that cannot be used."""

import hashlib
import itertools
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from cisflow import tasks
from cisflow.config import entries
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
            "kind is 'gene', expected one of chromosome, random, cluster, block, folds, parts, genome, given, "
            "published",
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


# ---- k folds and genomes ---------------------------------------------------------------------------------------------


def spread_over(sizes, seed=0):
    """Windows of chromosomes with so many each, in random order, 1 kb apart, without near-duplicates."""
    rng = np.random.default_rng(seed)
    chrom = rng.permutation(np.repeat([f"c{number}" for number in range(len(sizes))], sizes))
    start = 1000 * np.arange(len(chrom))
    frame = pd.DataFrame({"id": [f"w{i}" for i in range(len(chrom))], "chrom": chrom, "start": start, "end": start + 9})
    return frame, pd.DataFrame({"first": [], "second": []}, dtype=np.int64)


def all_folds(frame, near=None, **settings):
    """Folds (k, n) of every fold of a split of kind `folds`."""
    kind = {"kind": "folds"} | settings
    return np.stack([assign(frame, [], kind | {"fold": fold}, near=near) for fold in range(1, settings["k"] + 1)])


@pytest.mark.parametrize("by", ["chromosome", "block", "cluster", "random"])
@examples(deadline=None, max_examples=40)
@given(sizes=st.lists(st.integers(1, 40), min_size=7, max_size=20), k=st.integers(3, 7), seed=st.integers(0, 99))
def test_over_all_folds_every_window_is_tested_once(by, sizes, k, seed):
    frame, near = spread_over(sizes, seed)
    folds = all_folds(frame, near, k=k, by=by, seed=seed, size=2000)
    for fold in ("test", "valid"):
        assert ((folds == fold).sum(axis=0) == 1).all()
    # What one fold is tested on, the one before is validated on.
    assert np.array_equal(folds[:-1] == "valid", folds[1:] == "test")
    assert np.array_equal(folds[-1] == "valid", folds[0] == "test")
    if by == "chromosome":
        assert all(len(set(row[frame["chrom"] == chrom])) == 1 for row in folds for chrom in set(frame["chrom"]))
    if by == "random":
        sizes = (folds == "test").sum(axis=1)
        assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("seed", range(8))
def test_chromosomes_are_grouped_as_evenly_as_any_grouping_does(seed):
    """Against all groupings of eight chromosomes in three, the largest group is within a twentieth of the best."""
    sizes = np.random.default_rng(seed).integers(20, 200, 8)
    frame, _ = spread_over(sizes)
    found = (all_folds(frame, k=3) == "test").sum(axis=1)
    groups = np.array(list(itertools.product(range(3), repeat=8)))
    totals = np.stack([(sizes * (groups == number)).sum(axis=1) for number in range(3)])
    assert found.sum() == sizes.sum()
    assert found.max() <= 1.05 * totals.max(axis=0).min()


def test_no_move_and_no_exchange_brings_two_folds_closer():
    rng = np.random.default_rng(4)
    counts = rng.integers(1, 1000, 30)
    group = splits.balanced(counts, 5, rng)
    size = np.bincount(group, counts, minlength=5)
    large = size.argmax()
    for small in set(range(5)) - {large}:
        gap = size[large] - size[small]
        losses = [a - b for a in counts[group == large] for b in [0, *counts[group == small]]]
        assert not any(0 < loss < gap for loss in losses)


def test_folds_depend_on_the_seed_alone():
    frame, near = spread_over([20] * 9)
    for by in ("chromosome", "random"):
        one, other = (all_folds(frame, near, k=3, by=by, seed=seed) for seed in (1, 2))
        assert np.array_equal(one, all_folds(frame, near, k=3, by=by, seed=1)) and not np.array_equal(one, other)


def test_folds_by_cluster_keep_families_whole():
    frame, near, family = clustered()
    for folds in all_folds(frame, near, k=4, by="cluster"):
        assert len(set(zip(family, folds, strict=True))) == len(set(family))
        assert 140 <= (folds == "test").sum() <= 160


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"k": 3}, "fold is None; expected a number from 1 to 3, k"),
        ({"k": 3, "fold": 4}, "fold is 4; expected a number from 1 to 3, k"),
        ({"k": 2, "fold": 1}, "k: 2 is less than the minimum of 3"),
        ({"k": 6, "fold": 1}, "k is 6; expected at most 4, one a chromosome"),
        ({"k": 3, "fold": 1, "by": "cluster"}, "found no table of near-duplicates, which folds by cluster expect"),
        ({"k": 3, "fold": 1, "by": "gene"}, "by: 'gene' is not one of"),
    ],
)
def test_folds_that_cannot_be_made_are_refused(settings, words):
    frame, _ = spread_over([5, 5, 5, 5])
    with pytest.raises(InputError, match=f"^split 's'(: |.){words}") as error:
        assign(frame, [], {"kind": "folds"} | settings, "s")
    assert "\n" not in str(error.value)


def of_genomes(settings, name="s"):
    """Folds of 40 windows of each of three genomes, on four chromosomes each."""
    genomes = np.repeat(["human", "mouse", "yeast"], 40)
    chrom = [f"{genome}:chr{number % 4}" for number, genome in enumerate(genomes)]
    frame = pd.DataFrame({"id": [f"w{i}" for i in range(120)], "chrom": chrom})
    dataset = Dataset(frame["id"].to_numpy(), None, np.empty((120, 0)), [], frame=frame, genomes=genomes)
    return splits.assign(dataset, splits.complete({"kind": "genome"} | settings, name), name), genomes, frame


def test_a_species_is_held_out():
    folds, genomes, _ = of_genomes({"test": ["mouse"], "valid": ["yeast"]})
    assert {(genome, fold) for genome, fold in zip(genomes, folds, strict=True)} == {
        ("human", "train"),
        ("mouse", "test"),
        ("yeast", "valid"),
    }


@pytest.mark.parametrize(("by", "share", "expected"), [("chromosome", 0.25, 20), ("random", 0.2, 16)])
def test_the_rest_is_validated_on_by_a_share(by, share, expected):
    folds, genomes, frame = of_genomes({"test": ["mouse"], "by": by, "share": share})
    assert (folds[genomes == "mouse"] == "test").all() and not (folds[genomes != "mouse"] == "test").any()
    assert (folds == "valid").sum() == expected
    if by == "chromosome":
        assert all(len(set(folds[frame["chrom"] == chrom])) == 1 for chrom in set(frame["chrom"]))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"test": ["rat"]}, "test names genome 'rat', which no window has; expected one of human, mouse, yeast"),
        ({"test": ["mouse"], "valid": ["mouse"]}, "genome 'mouse' is named twice, expected once"),
        ({"test": ["mouse", "human"], "valid": ["yeast"]}, "fold 'train' is empty"),
        ({"test": ["mouse"], "share": 0.01}, "fold 'valid' is empty"),
        ({}, "no key 'test'"),
    ],
)
def test_genomes_that_cannot_be_held_out_are_refused(settings, words):
    with pytest.raises(InputError, match=f"^split 's': {words}"):
        of_genomes(settings)


def test_one_genome_has_none_to_hold_out(frame):
    with pytest.raises(InputError, match="^split 's': the dataset has one genome; expected a source of kind 'genomes'"):
        assign(frame, [], {"kind": "genome", "test": ["mouse"]}, "s")


def test_an_entry_without_a_fold_is_as_many_splits_as_it_has_folds():
    given = {"a": {"kind": "random"}, "cv": {"kind": "folds", "k": 3, "by": "random"}, "b": {"kind": "published"}}
    found = entries.splits("d", given)
    assert list(found) == ["a", "cv1", "cv2", "cv3", "b"]
    assert [found[f"cv{fold}"] for fold in (1, 2, 3)] == [given["cv"] | {"fold": fold} for fold in (1, 2, 3)]
    single = {"cv": given["cv"] | {"fold": 2}}
    assert entries.splits("d", single) == single
    for clash in ({"cv2": {"kind": "random"}} | given, given | {"cv2": {"kind": "random"}}):
        with pytest.raises(InputError, match="^config: datasets.d.splits.cv: fold 'cv2' has the name of another split"):
            entries.splits("d", clash)
