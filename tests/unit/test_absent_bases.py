"""Where a window holds no base, as behind a gene that is shorter: what every reader of base codes makes of it."""

import numpy as np
import pytest
import torch

from cisflow import models
from cisflow.attribution import baselines, scores
from cisflow.attribution.ism import exact
from cisflow.data import duplicates
from cisflow.features.kinds import composition
from cisflow.models.network import reverse_complement
from cisflow.sequence import dna
from small_networks import PLANNED, brute_force, sequences

LENGTH, HELD = 90, [90, 40, 60, 1, 0]


@pytest.fixture
def codes():
    """Windows that hold bases up to HELD alone; the third holds them at its right end."""
    codes = np.random.default_rng(0).integers(0, 4, (len(HELD), LENGTH)).astype(np.uint8)
    codes[1, 7] = dna.UNKNOWN
    for row, held in enumerate(HELD):
        codes[row, held:] = dna.ABSENT
    codes[2] = np.roll(codes[2], LENGTH - HELD[2])
    return codes


def held(codes):
    """The bases of each window, without what holds none."""
    return [row[row != dna.ABSENT] for row in codes]


def test_the_other_strand_has_none_on_the_other_side(codes):
    for both in (dna.reverse_complement(codes), reverse_complement(torch.from_numpy(codes)).numpy()):
        for row, bases in zip(both, held(codes), strict=True):
            assert np.array_equal(row[row != dna.ABSENT], dna.reverse_complement(bases))
        assert (both[1, : LENGTH - 40] == dna.ABSENT).all()
    assert np.array_equal(dna.reverse_complement(dna.reverse_complement(codes)), codes)


def test_a_network_reads_zeros(codes):
    x = models.one_hot(codes, "cpu").numpy()
    assert np.array_equal(x, dna.one_hot(codes))
    assert not x[codes.repeat(4, axis=0).reshape(len(codes), 4, -1) == dna.ABSENT].any()
    assert np.array_equal(x.sum(axis=1), codes != dna.ABSENT)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_composition_is_that_of_the_bases(codes, k):
    found = composition.frequencies(codes, k)
    for row, bases in zip(found, held(codes), strict=True):
        expected = composition.frequencies(bases[None], k)[0] if len(bases) >= k else np.zeros(found.shape[1])
        assert np.array_equal(row, expected)
    assert np.array_equal(dna.gc_content(codes[:4]), [dna.gc_content(bases) for bases in held(codes[:4])])
    assert np.isnan(dna.gc_content(codes[4]))


def test_near_duplicates_are_those_of_the_bases(codes):
    rows, words, sizes = duplicates.distinct_kmers(codes, 5)
    for row, bases in enumerate(held(codes)):
        _, expected, size = duplicates.distinct_kmers(bases[None], 5)
        assert np.array_equal(words[rows == row], expected) and sizes[row] == size[0]
    # Two short genes are no near-duplicates by what they lack.
    assert duplicates.find(codes, duplicates.Settings(k=5, similarity=0.9)).empty


def test_shuffles_have_no_base_where_there_is_none(codes):
    x = models.one_hot(codes, "cpu")
    made = baselines.make("dinucleotide_shuffled", x, codes, 3, seed=1)
    for row, bases in enumerate(held(codes)):
        there = codes[row] != dna.ABSENT
        assert not made[row][:, :, ~there].any() and (made[row][:, :, there].sum(dim=1) == 1).all()
        if len(bases) > 1:
            # As the bases alone are shuffled, but for the seed, which is the whole window's.
            letters = [np.where(one.max(axis=0) == 1, one.argmax(axis=0), 4) for one in made[row][:, :, there].numpy()]
            pairs = [np.bincount(5 * one[:-1] + one[1:], minlength=25) for one in [*letters, bases.astype(int)]]
            assert all(np.array_equal(pair, pairs[-1]) for pair in pairs)
            assert not np.array_equal(letters[0], bases)
    whole = baselines.make("dinucleotide_shuffled", x[:1], codes[:1], 3, seed=1)
    assert torch.equal(made[0], whole[0])


def test_what_is_not_there_has_no_score(codes):
    multipliers = np.random.default_rng(1).normal(size=(len(codes), 2, 4, LENGTH)).astype(np.float32)
    found = scores.observed(multipliers, codes)
    assert not found[(codes == dna.ABSENT)[:, None].repeat(2, axis=1)].any()


@pytest.mark.parametrize("name", sorted(PLANNED)[:4])
def test_exact_ism_puts_a_base_where_there_was_none(name):
    torch.manual_seed(3)
    model, length = PLANNED[name]()
    model, codes = model.eval().double(), sequences(length)
    codes[1, length - 20 :] = dna.ABSENT
    expected = brute_force(model, codes)
    found = exact.exact_ism(model, codes)
    assert found.route == "planned"
    assert np.abs(found.effects - expected).max() < 1e-7 * np.ptp(expected)
