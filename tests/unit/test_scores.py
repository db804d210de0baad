"""Identities between the kinds of score, on random multipliers and on a linear model with known answers."""

import numpy as np
import pytest

from cisflow.attribution.scores import KINDS, observed, transform
from cisflow.errors import InputError
from cisflow.sequence import dna

N, LENGTH = 5, 17


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    return rng.normal(size=(N, 4, LENGTH)), rng.integers(0, 4, (N, LENGTH)).astype(np.uint8)


def test_each_kind_against_its_definition_in_loops(data):
    multipliers, codes = data
    baseline = np.array([0.3, 0.2, 0.1, 0.4])
    x = dna.one_hot(codes)
    for n, j, p in [(0, 0, 0), (1, 2, 5), (4, 3, 16), (2, 1, 9)]:
        m = multipliers[n, :, p]
        expected = {
            "local": m[j],
            "global": m[j] * (x[n, j, p] - baseline[j]),
            "hypothetical": m[j] - sum(baseline[i] * m[i] for i in range(4)),
            "corrected": m[j] - sum(m) / 4,
            "tism": m[j] - m[codes[n, p]],
            "mean_effect": m[j] - m[codes[n, p]] - sum(m[i] - m[codes[n, p]] for i in range(4)) / 3,
        }
        assert set(expected) == set(KINDS)
        for kind, value in expected.items():
            assert transform(multipliers, codes, kind, baseline)[n, j, p] == pytest.approx(value)


def test_contributions_sum_to_the_hypothetical_score_of_the_base_present(data):
    multipliers, codes = data
    baseline = np.random.default_rng(4).dirichlet(np.ones(4), size=LENGTH).T
    contributions = transform(multipliers, codes, "global", baseline).sum(axis=1)
    assert np.allclose(contributions, observed(transform(multipliers, codes, "hypothetical", baseline), codes))


def test_global_scores_of_a_linear_model_are_complete(data):
    weights, codes = data[0][0], data[1]
    multipliers = np.broadcast_to(weights, (N, 4, LENGTH))
    outputs = np.einsum("cl,ncl->n", weights, dna.one_hot(codes))
    baseline_output = 0.25 * weights.sum()
    assert np.allclose(transform(multipliers, codes, "global").sum(axis=(1, 2)), outputs - baseline_output)


def test_tism_of_a_linear_model_is_exact_mutagenesis(data):
    weights, codes = data[0][0], data[1]
    multipliers = np.broadcast_to(weights, (N, 4, LENGTH))
    scores = transform(multipliers, codes, "tism")

    def output(row):
        return (weights * dna.one_hot(row)).sum()

    for n, j, p in [(0, 1, 3), (3, 2, 16), (4, 0, 0)]:
        mutant = codes[n].copy()
        mutant[p] = j
        assert scores[n, j, p] == pytest.approx(output(mutant) - output(codes[n]))


def test_tism_is_nought_at_the_base_present_and_changes_nothing_twice(data):
    multipliers, codes = data
    once = transform(multipliers, codes, "tism")
    assert np.array_equal(observed(once, codes), np.zeros((N, LENGTH)))
    assert np.array_equal(transform(once, codes, "tism"), once)


def test_corrected_is_hypothetical_at_an_even_baseline_and_sums_to_nought(data):
    multipliers, codes = data
    corrected = transform(multipliers, codes, "corrected")
    assert np.allclose(corrected, transform(multipliers, codes, "hypothetical", 0.25))
    assert np.allclose(corrected.sum(axis=1), 0)


@pytest.mark.parametrize("kind", ["tism", "corrected", "hypothetical"])
def test_a_constant_added_to_all_bases_of_a_position_changes_nothing(data, kind):
    multipliers, codes = data
    shift = np.random.default_rng(5).normal(size=(N, 1, LENGTH))
    assert np.allclose(transform(multipliers + shift, codes, kind), transform(multipliers, codes, kind))


@pytest.mark.parametrize("kind", ["global", "hypothetical"])
def test_all_forms_of_a_baseline_agree(data, kind):
    multipliers, codes = data
    expected = transform(multipliers, codes, kind, 0.25)
    for shape in [(4,), (4, LENGTH), (N, 4, LENGTH)]:
        assert np.array_equal(transform(multipliers, codes, kind, np.full(shape, 0.25)), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_go_along_with_the_reverse_complement(data, kind):
    multipliers, codes = data
    flipped = transform(multipliers[:, ::-1, ::-1], dna.reverse_complement(codes), kind)
    assert np.allclose(flipped, transform(multipliers, codes, kind)[:, ::-1, ::-1])


@pytest.mark.parametrize("kind", KINDS)
def test_dtype_stays_and_codes_broadcast_over_targets(data, kind):
    multipliers, codes = data
    both = np.stack([multipliers, -multipliers], axis=1).astype(np.float32)
    scores = transform(both, codes[:, None], kind)
    assert scores.dtype == np.float32 and scores.shape == (N, 2, 4, LENGTH)
    assert np.allclose(scores[:, 1], transform(-multipliers, codes, kind), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_several_targets_share_a_sequence_and_its_baseline(data, kind):
    multipliers, codes = data
    several = np.random.default_rng(6).normal(size=(N, 3, 4, LENGTH))
    several[:, 1] = multipliers
    baseline = np.random.default_rng(7).dirichlet(np.ones(4), size=(N, LENGTH)).swapaxes(1, 2)
    scores = transform(several, codes, kind, baseline)
    assert scores.shape == several.shape
    np.testing.assert_array_equal(scores[:, 1], transform(multipliers, codes, kind, baseline))
    np.testing.assert_allclose(observed(scores, codes)[:, 1], observed(scores[:, 1], codes))


@pytest.mark.parametrize("kind", KINDS)
def test_at_the_observed_base_the_rest_is_nought(data, kind):
    multipliers, codes = data
    scores = transform(multipliers, codes, kind, at_observed=True)
    full = transform(multipliers, codes, kind)
    present = dna.one_hot(codes) == 1
    assert np.array_equal(scores[present], full[present]) and not scores[~present].any()


def test_the_mean_effect_at_the_base_present_is_that_of_its_three_replacements(data):
    multipliers, codes = data
    effects = transform(multipliers, codes, "tism")
    found = observed(transform(multipliers, codes, "mean_effect"), codes)
    assert np.allclose(found, -effects.sum(axis=1) / 3)


def test_centred_tism_is_the_corrected_gradient(data):
    multipliers, codes = data
    tism = transform(multipliers, codes, "tism")
    assert np.allclose(tism - tism.mean(axis=1, keepdims=True), transform(multipliers, codes, "corrected"))


def test_hypothetical_scores_weighted_by_their_baseline_sum_to_nought(data):
    multipliers, codes = data
    baseline = np.random.default_rng(8).dirichlet(np.ones(4), size=(N, LENGTH)).swapaxes(1, 2)
    scores = transform(multipliers, codes, "hypothetical", baseline)
    assert np.allclose((baseline * scores).sum(axis=1), 0)


def test_with_a_baseline_of_nought_contributions_are_gradient_times_input(data):
    multipliers, codes = data
    assert np.array_equal(transform(multipliers, codes, "global", 0), multipliers * dna.one_hot(codes))


def test_at_an_unknown_base_the_mean_over_bases_is_observed():
    scores = np.array([[[1.0], [2.0], [3.0], [6.0]]])
    assert observed(scores, np.array([[dna.UNKNOWN]], dtype=np.uint8)) == 3


def test_unknown_kinds_and_shapes_that_do_not_fit_are_refused(data):
    multipliers, codes = data
    with pytest.raises(InputError, match="unknown kind of score 'mean'; expected one of local, global"):
        transform(multipliers, codes, "mean")
    with pytest.raises(InputError, match=r"multipliers \(5, 4, 17\) do not fit sequences \(5, 16\)"):
        transform(multipliers, codes[:, 1:], "local")
    with pytest.raises(InputError, match="do not fit sequences"):
        transform(np.swapaxes(multipliers, 1, 2), codes, "local")
    with pytest.raises(InputError, match=r"multipliers \(5, 4, 17\) do not fit sequences \(4, 17\)"):
        transform(multipliers, codes[1:], "local")
    with pytest.raises(InputError, match=r"baseline \(3,\) does not fit multipliers \(5, 4, 17\)"):
        transform(multipliers, codes, "global", np.zeros(3))
