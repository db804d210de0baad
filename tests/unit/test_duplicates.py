"""Near-duplicates against sets of strings compared pair by pair, and against what was planted."""

import itertools

import numpy as np
import pytest

from cisflow.data import duplicates
from cisflow.sequence import dna

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def kmers(codes, k):
    """Distinct k-mers of a sequence, each the smaller of itself and its reverse complement; by strings."""
    text = dna.decode(codes)
    words = {text[i : i + k] for i in range(len(text) - k + 1)}
    return {min(word, word[::-1].translate(COMPLEMENT)) for word in words if "N" not in word}


def by_pairs(codes, k, similarity):
    """{(first, second): similarity} of all pairs at or above a threshold."""
    held = [kmers(row, k) for row in codes]
    found = {}
    for one, two in itertools.combinations(range(len(held)), 2):
        larger = max(len(held[one]), len(held[two]))
        shared = len(held[one] & held[two])
        if larger and shared >= similarity * larger - 1e-9:
            found[one, two] = shared / larger
    return found


def mutated(rng, row, identity):
    """A copy in which exactly a share `identity` of the bases is kept."""
    copy, places = row.copy(), rng.permutation(len(row))[: round((1 - identity) * len(row))]
    copy[places] = (copy[places] + rng.integers(1, 4, len(places))) % 4
    return copy


@pytest.fixture(scope="module")
def awkward():
    """Sequences with substitutions, on both strands, shifted, with unknown bases, of few k-mers and of none."""
    rng = np.random.default_rng(0)
    rows = list(rng.integers(0, 4, (15, 120)))
    for row, identity in itertools.product(rows[:15], (0.7, 0.9, 0.97, 1)):
        copy = mutated(rng, row, identity)
        copy = dna.reverse_complement(copy) if rng.random() < 0.5 else copy
        copy = np.roll(copy, 30) if rng.random() < 0.3 else copy
        copy[: 50 * (rng.random() < 0.3)] = dna.UNKNOWN
        rows.append(copy)
    rows += [np.full(120, dna.UNKNOWN), np.zeros(120), np.full(120, 3), np.tile([1, 0], 60), np.tile([3, 2], 60)]
    return np.array(rows, dtype=np.uint8)


@pytest.mark.parametrize(("k", "similarity"), itertools.product((1, 4, 9, 15), (0.05, 0.2, 0.6, 1)))
def test_pairs_are_those_of_comparing_all_pairs(awkward, k, similarity):
    found = duplicates.find(awkward, duplicates.Settings(k=k, similarity=similarity))
    pairs = {(first, second): value for first, second, value in found.itertuples(index=False)}
    assert pairs == pytest.approx(by_pairs(awkward, k, similarity))
    assert list(pairs) == sorted(pairs)


def test_a_family_of_many_copies_is_found_whole():
    rng = np.random.default_rng(1)
    family = [mutated(rng, row, 0.97) for row in np.repeat(rng.integers(0, 4, (2, 300)), 40, axis=0)]
    codes = np.array([*family, *rng.integers(0, 4, (100, 300))], dtype=np.uint8)
    found = duplicates.find(codes, duplicates.Settings(k=11, similarity=0.1))
    assert set(zip(found["first"], found["second"], strict=True)) == set(by_pairs(codes, 11, 0.1))
    labels = duplicates.components(len(codes), found["first"], found["second"])
    assert labels.tolist() == [0] * 40 + [40] * 40 + list(range(80, 180))


def test_identity_at_which_pairs_are_found():
    """What the module's text promises of 15-mers and a threshold of 0.2, on 600 bp."""
    rng = np.random.default_rng(2)
    base = rng.integers(0, 4, (150, 600)).astype(np.uint8)
    shares, means = {}, {}
    for identity in (0.85, 0.90, 0.93, 0.95):
        copies = np.array([dna.reverse_complement(mutated(rng, row, identity)) for row in base])
        found = duplicates.find(np.concatenate([base, copies]), duplicates.Settings(k=15, similarity=0.01))
        assert (found["second"] - found["first"] == 150).all()
        shares[identity] = (found["similarity"] >= 0.2).sum() / 150
        means[identity] = found["similarity"].sum() / 150
    assert shares[0.85] < 0.03 and 0.3 < shares[0.90] < 0.75 and shares[0.93] > 0.95 and shares[0.95] == 1
    assert all(means[identity] == pytest.approx(identity**15, abs=0.02) for identity in means)


def test_components_against_walking():
    rng = np.random.default_rng(3)
    for n, m in ((1, 0), (60, 20), (300, 250), (2000, 1999)):
        first, second = rng.integers(0, n, m), rng.integers(0, n, m)
        if m == 1999:
            first, second = np.arange(1999), np.arange(1, 2000)
        near = [set() for _ in range(n)]
        for one, two in zip(first, second, strict=True):
            near[one].add(two)
            near[two].add(one)
        expected = np.full(n, -1)
        for row in range(n):
            waiting = [row] if expected[row] < 0 else []
            while waiting:
                other = waiting.pop()
                if expected[other] < 0:
                    expected[other] = row
                    waiting.extend(near[other])
        assert duplicates.components(n, first, second).tolist() == expected.tolist()


@pytest.mark.parametrize("codes", [np.empty((0, 30)), np.zeros((3, 5)), np.full((3, 30), dna.UNKNOWN)])
def test_nothing_to_compare(codes):
    assert duplicates.find(codes.astype(np.uint8), duplicates.Settings(k=15, similarity=0.2)).empty
