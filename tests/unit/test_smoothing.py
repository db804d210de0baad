"""Smoothed slopes against draws of the changes that they are means over, and the gradient where these are small."""

import numpy as np
import pytest
import torch
from torch import fx, nn
from torch.nn import functional

from cisflow import models
from cisflow.attribution import blocks
from cisflow.attribution.ism import graph as plan
from cisflow.attribution.ism import taylor
from cisflow.attribution.ism.smoothing import smoothed
from cisflow.errors import InputError


class Functional(nn.Module):
    """ReLUs that are no modules."""

    def forward(self, x):
        return torch.relu(x) + functional.relu(-x) + x.relu()


class Planar(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, (1, 2)), nn.ReLU(), nn.MaxPool2d((1, 4)), nn.Flatten())

    def forward(self, x):
        return self.layers(x.unsqueeze(2))


NETWORKS = {
    "relu": nn.ReLU,
    "functional": Functional,
    "windows": lambda: nn.MaxPool1d(3),
    "all positions": lambda: nn.AdaptiveMaxPool1d(1),
    "planar": Planar,
    "layers": lambda: nn.Sequential(nn.Conv1d(3, 5, 2), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.LazyLinear(2)),
    # These keep their gradients.
    "overlapping windows": lambda: nn.MaxPool1d(3, 2),
    "padded windows": lambda: nn.MaxPool1d(3, padding=1),
    "smooth": nn.GELU,
}


@pytest.fixture
def z():
    return torch.randn(2, 3, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def traced(module):
    # What is traced itself is taken apart, and a layer in it is not.
    return fx.symbolic_trace(nn.Sequential(module.double().eval()))


def slopes(network, z, weights=None):
    """Output, and the gradient of its sum, weighted."""
    z = z.clone().requires_grad_(True)
    output = network(z)
    (output * (1 if weights is None else weights)).sum().backward()
    return output.detach(), z.grad


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_stay_and_small_changes_have_the_gradient(name, z):
    torch.manual_seed(0)
    module = NETWORKS[name]().double()
    module(z)
    network = traced(module)
    output, gradient = slopes(network, z)
    for width in (1e-9, 0.3):
        found, slope = slopes(smoothed(network, width), z)
        assert torch.equal(found, output)
        same = width < 1e-3 or name in ("overlapping windows", "padded windows", "smooth")
        assert torch.allclose(slope, gradient) == same


def test_a_relu_has_its_mean_slope_under_normal_changes(z):
    _, found = slopes(smoothed(traced(nn.ReLU()), 0.3), z)
    deviation = 0.3 * z.flatten(1).std(dim=1).view(-1, 1, 1, 1)
    changes = torch.randn(*z.shape, 40_000, generator=torch.Generator().manual_seed(1), dtype=z.dtype)
    expected = (z[..., None] + deviation * changes > 0).double().mean(dim=-1)
    torch.testing.assert_close(found, expected, atol=0.015, rtol=0)


@pytest.mark.parametrize(("pool", "size"), [(nn.MaxPool1d(5), 5), (nn.AdaptiveMaxPool1d(1), 11)])
def test_a_maximum_has_its_mean_slopes_under_gumbel_changes(z, pool, size):
    weights = torch.randn(2, 3, 11 // size, generator=torch.Generator().manual_seed(2), dtype=z.dtype)
    _, found = slopes(smoothed(traced(pool), 0.3), z, weights)
    scale = 0.3 * z.flatten(1).std(dim=1).view(-1, 1, 1, 1, 1)
    uniform = torch.rand(2, 3, 11 // size, size, 40_000, generator=torch.Generator().manual_seed(1), dtype=z.dtype)
    windows = z[..., : 11 // size * size].unflatten(-1, (-1, size))[..., None] - scale * (-uniform.log()).log()
    largest = functional.one_hot(windows.argmax(dim=3), size).double().mean(dim=3)
    expected = (largest * weights[..., None]).flatten(2)
    torch.testing.assert_close(found[..., : expected.shape[2]], expected, atol=0.02, rtol=0)
    assert not found[..., expected.shape[2] :].any()


@pytest.mark.parametrize("z", [torch.full((2, 3, 4), 5.0), torch.zeros(2, 3, 4), torch.tensor([[[5.0]], [[-5.0]]])])
def test_values_without_a_spread_have_slopes(z):
    """Of equal values each is the largest as often, and a ReLU far from 0 has its own slope."""
    _, slope = slopes(smoothed(traced(nn.AdaptiveMaxPool1d(1)), 0.3), z)
    torch.testing.assert_close(slope, torch.full_like(z, 1 / z.shape[-1]))
    _, slope = slopes(smoothed(traced(nn.ReLU()), 0.3), z)
    torch.testing.assert_close(slope, torch.where(z == 0, 0.5, (z > 0).float()))


def test_taylor_ism_takes_smoothed_slopes_of_each_sequence_by_itself():
    torch.manual_seed(0)
    model = models.build("MotifCNN", n_outputs=2, channels=8, hidden=6).double().eval()
    codes = np.random.default_rng(0).integers(0, 4, (3, 60)).astype(np.uint8)
    # The first-order effects: the change at the layer, times the smoothed slopes there.
    part = plan.Plan(model, 60, until="conv2")
    front = nn.Sequential(*model.layers[:7])
    rest = smoothed(part.rest, 0.5)
    found = taylor.taylor_ism(model, codes, [1], "conv2", smoothing=0.5)
    for row, position, base in ((0, 3, 1), (1, 30, 2), (2, 59, 3)):
        mutant = codes[[row]].copy()
        mutant[0, position] = base
        with torch.no_grad():
            before, after = (front(models.one_hot(each, "cpu").double()) for each in (codes[[row]], mutant))
        value = before.requires_grad_(True)
        (slope,) = torch.autograd.grad(rest(value)[0, 1], value)
        expected = ((after - before) * slope).sum().item()
        assert found[row, 0, base, position] == pytest.approx(expected, rel=1e-5, abs=1e-9)
    assert np.abs(found - taylor.taylor_ism(model, codes, [1], "conv2")).max() > 0.01 * np.ptp(found)
    alone = taylor.taylor_ism(model, codes[[1]], [1], "conv2", smoothing=0.5)
    np.testing.assert_allclose(alone[0], found[1], atol=1e-9)
    by_method = blocks.multipliers(
        model.float(), codes, [1], "taylor_ism", layer="conv2", smoothing=0.5, strands="forward"
    )
    np.testing.assert_allclose(by_method, found, atol=1e-5 * np.ptp(found))


@pytest.mark.parametrize("value", [-0.1, "wide", float("nan")])
def test_a_width_that_is_none_is_refused(value):
    model = models.build("MotifCNN").eval()
    codes = np.zeros((1, 40), dtype=np.uint8)
    with pytest.raises(InputError, match=r"taylor_ism\.smoothing: .* is (less than the minimum of 0|not of type)"):
        blocks.multipliers(model, codes, None, "taylor_ism", layer="pool1", smoothing=value)
