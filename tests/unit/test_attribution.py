import numpy as np
import pytest
import torch
from torch import nn

from cisflow import dna, models
from cisflow.attribution import methods, scores
from cisflow.errors import InputError

LENGTH = 24


class Linear(nn.Module):
    """One linear output a target: every attribution method is exact on it."""

    output, length, n_outputs = "logit", LENGTH, 2

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4 * LENGTH, 2)

    def forward(self, x):
        return self.layer(x.flatten(1))


@pytest.fixture
def linear():
    torch.manual_seed(0)
    return Linear().eval()


@pytest.fixture
def network():
    torch.manual_seed(0)
    return models.build("MotifCNN", n_outputs=3, channels=8, width=5, pool=2, hidden=6).eval()


@pytest.fixture
def codes():
    return np.random.default_rng(0).integers(0, 4, (5, LENGTH)).astype(np.uint8)


def brute_force(model, codes, target):
    """Exact ISM, one mutant at a time."""
    effects = np.zeros((len(codes), 4, codes.shape[1]))
    for row, sequence in enumerate(codes):
        with torch.inference_mode():
            reference = float(model(models.one_hot(sequence[None], "cpu"))[0, target[row]])
            for position in range(len(sequence)):
                for base in range(4):
                    mutant = sequence.copy()
                    mutant[position] = base
                    if base != sequence[position]:
                        output = float(model(models.one_hot(mutant[None], "cpu"))[0, target[row]])
                        effects[row, base, position] = output - reference
    return effects


@pytest.mark.parametrize("strands", ["both", "forward"])
@pytest.mark.parametrize("batch_size", [7, 256])
def test_ism_equals_brute_force(network, codes, strands, batch_size):
    codes[0, 5] = dna.UNKNOWN
    targets = np.array([0, 1, 2, 0, 1])
    found = methods.multipliers(network, codes, targets, "ism", strands=strands, batch_size=batch_size)
    expected = brute_force(methods.BothStrands(network) if strands == "both" else network, codes, targets)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("method", ["tism", "integrated_gradients"])
def test_multipliers_of_a_linear_model_are_its_weights(linear, codes, method):
    targets = np.array([0, 1, 0, 1, 1])
    found = methods.multipliers(linear, codes, targets, method, strands="forward", batch_size=2)
    weights = linear.layer.weight.detach().numpy().reshape(2, 4, LENGTH)
    np.testing.assert_allclose(found, weights[targets], atol=1e-6)


def test_ism_of_a_linear_model_is_its_tism(linear, codes):
    targets = np.zeros(5, dtype=int)
    ism = methods.multipliers(linear, codes, targets, "ism")
    gradient = methods.multipliers(linear, codes, targets, "tism")
    np.testing.assert_allclose(ism, scores.transform(gradient, codes, "tism"), atol=1e-6)


def test_integrated_gradients_are_complete(network, codes):
    targets = np.zeros(5, dtype=int)
    found = methods.multipliers(network, codes, targets, "integrated_gradients", steps=200)
    contribution = scores.transform(found, codes, "global").sum(axis=(1, 2))
    both = methods.BothStrands(network)
    with torch.inference_mode():
        x = models.one_hot(codes, "cpu")
        difference = (both(x) - both(torch.full_like(x, 0.25)))[:, 0].numpy()
    np.testing.assert_allclose(contribution, difference, atol=2e-2 * np.abs(difference).max())


@pytest.mark.parametrize("method", ["tism", "integrated_gradients", "ism"])
def test_the_reverse_complement_has_the_reverse_complement_s_multipliers(network, codes, method):
    targets = np.array([0, 1, 2, 0, 1])
    forward = methods.multipliers(network, codes, targets, method)
    reverse = methods.multipliers(network, np.ascontiguousarray(dna.reverse_complement(codes)), targets, method)
    np.testing.assert_allclose(forward, reverse[:, ::-1, ::-1], atol=1e-5)


@pytest.mark.parametrize("method", ["tism", "integrated_gradients", "ism"])
def test_multipliers_do_not_depend_on_the_batch(network, codes, method):
    targets = np.array([0, 1, 2, 0, 1])
    alone = methods.multipliers(network, codes, targets, method, batch_size=1)
    together = methods.multipliers(network, codes, targets, method, batch_size=64)
    np.testing.assert_allclose(alone, together, atol=1e-6)


def test_no_rows_give_no_multipliers(network):
    empty = np.empty((0, LENGTH), dtype=np.uint8)
    found = methods.multipliers(network, empty, np.empty(0, dtype=int), "tism")
    assert found.shape == (0, 4, LENGTH)


def test_unknown_method_is_named(network, codes):
    with pytest.raises(InputError, match="unknown attribution method 'shap'; expected one of tism"):
        methods.multipliers(network, codes, np.zeros(5, dtype=int), "shap")
