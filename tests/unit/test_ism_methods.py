"""The methods of in silico mutagenesis against brute force, and against each other."""

import numpy as np
import pytest
import torch

from cisflow.attribution import blocks, scores, targets
from cisflow.errors import InputError
from cisflow.sequence import dna
from explained import both_strands, multipliers
from small_networks import Linear, build

LENGTH = 24


@pytest.fixture
def linear():
    torch.manual_seed(0)
    return Linear(LENGTH).eval()


@pytest.fixture
def network():
    return build("MotifCNN")


@pytest.fixture
def codes():
    return np.random.default_rng(0).integers(0, 4, (5, LENGTH)).astype(np.uint8)


def brute_force(network, codes):
    """Exact ISM of every output, one mutant at a time."""
    reference = both_strands(network, codes)
    effects = np.zeros((len(codes), reference.shape[1], 4, codes.shape[1]))
    for position in range(codes.shape[1]):
        for base in range(4):
            mutants = codes.copy()
            mutants[:, position] = base
            changed = codes[:, position] != base
            effects[changed, :, base, position] = (both_strands(network, mutants) - reference)[changed]
    return effects


@pytest.mark.parametrize("batch_size", [7, 256])
def test_ism_equals_brute_force(network, codes, batch_size):
    codes[0, 5] = dna.UNKNOWN
    found = multipliers(network, codes, None, "ism", batch_size=batch_size)
    np.testing.assert_allclose(found, brute_force(network, codes), atol=1e-6)


@pytest.mark.parametrize("architecture", ["BassetLike", "MotifCNN"])
def test_what_a_mutant_changes_is_all_that_ism_needs(architecture):
    network = build(architecture)
    codes = np.random.default_rng(3).integers(0, 5, (5, 36)).astype(np.uint8)
    weights = np.array([[0.5, 0.5, 0], [1, 0, -1]], dtype=np.float32)
    which = np.array([[0, 1], [1, 1], [1, 0], [0, 0], [1, 0]])
    for values in (None, [2, 0], weights, *(targets.Targets(values, 3, which) for values in ([2, 0], weights))):
        fast, plain = (multipliers(network, codes, values, "ism", plan=plan) for plan in (True, False))
        np.testing.assert_allclose(fast, plain, atol=1e-5 * np.abs(plain).max() + 1e-7)


def test_taylor_ism_runs_from_tism_to_ism(network, codes):
    def found(layer):
        return multipliers(network, codes, None, "taylor_ism", layer=layer)

    tism = scores.transform(multipliers(network, codes, None, "tism"), codes, "tism")
    np.testing.assert_allclose(found("input"), tism, atol=1e-6)
    np.testing.assert_allclose(found("output"), brute_force(network, codes), atol=1e-6)
    assert np.abs(found("pool1") - tism).max() > 0.01 * np.abs(tism).max()


def test_taylor_ism_says_what_it_needs(network, linear, codes):
    with pytest.raises(InputError, match="taylor_ism: no key 'layer'"):
        blocks.multipliers(network, codes, None, "taylor_ism")
    with pytest.raises(InputError, match="conv9"):
        multipliers(network, codes, None, "taylor_ism", layer="conv9")
    with pytest.raises(InputError, match="taylor_ism: Linear has no layers to start from, because no convolution"):
        multipliers(linear, codes, None, "taylor_ism")


def test_a_network_without_a_plan_is_said_to_have_none(linear, codes, capsys):
    multipliers(linear, codes, None, "ism")
    assert "ism: plain forward passes, because no convolution" in capsys.readouterr().err


def test_ism_of_a_linear_model_is_its_tism(linear, codes):
    gradient = multipliers(linear, codes)
    np.testing.assert_allclose(
        multipliers(linear, codes, None, "ism"), scores.transform(gradient, codes, "tism"), atol=1e-6
    )
