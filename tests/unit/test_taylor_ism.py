"""Taylor ISM between TISM and exact ISM."""

import numpy as np
import pytest
import torch
from torch import nn

from cisflow import models
from cisflow.attribution import tracing
from cisflow.attribution.ism import exact, taylor
from cisflow.attribution.ism import graph as plan
from cisflow.errors import InputError
from small_networks import PLANNED, brute_force, sequences
from weights import unlike_each_other


@pytest.mark.parametrize("name", ["basset", "motif_cnn", "beluga", "sei"])
def test_taylor_ism_runs_from_tism_to_exact_ism(name):
    torch.manual_seed(4)
    model, length = PLANNED[name]()
    model = unlike_each_other(model).double()
    codes = sequences(length)
    names = list(plan.Plan(model, length).layers)
    targets = np.array([[2, 0], [1, 2]])
    found = {layer: taylor.taylor_ism(model, codes, targets, layer) for layer in (names[0], names[-1])}
    for column in range(2):
        x = models.one_hot(codes, "cpu").double().requires_grad_(True)
        model(x)[np.arange(2), targets[:, column]].sum().backward()
        tism = (x.grad - (x * x.grad).sum(dim=1, keepdim=True)).detach().numpy()
        np.testing.assert_allclose(found["input"][:, column], tism, atol=1e-6 * np.ptp(tism))
    everything = brute_force(model, codes)
    expected = np.stack([everything[row, targets[row]] for row in range(2)])
    assert np.abs(found["output"] - expected).max() < 1e-7 * np.ptp(expected)


@pytest.mark.parametrize("name", ["basset", "motif_cnn", "beluga", "sei"])
def test_taylor_ism_is_exact_where_the_rest_is_linear(name):
    torch.manual_seed(4)
    model, length = PLANNED[name]()
    model = unlike_each_other(model).double()
    layer = list(plan.Plan(model, length).layers)[-2]
    linear = {nn.ReLU: nn.Identity, nn.Sigmoid: nn.Identity, nn.AdaptiveMaxPool1d: lambda: nn.AdaptiveAvgPool1d(1)}
    for node in plan.Plan(model, length, until=layer).rest.graph.nodes:
        if node.op == "call_module" and type(model.get_submodule(node.target)) in linear:
            parent, _, child = node.target.rpartition(".")
            setattr(model.get_submodule(parent), child, linear[type(model.get_submodule(node.target))]())
    codes = sequences(length)
    changed = plan.Plan(model, length, until=layer)
    nodes = {node.name: node for node in changed.graph.graph.nodes}
    front = tracing.extract(changed.graph, [nodes[changed.entry]], nodes[changed.layers[layer]])
    rest = changed.rest
    # Its output at a mean of points is the mean of its outputs: nothing that is not linear is left.
    points = 3 * torch.randn(8, *front(models.one_hot(codes[:1], "cpu").double()).shape[1:], dtype=torch.float64)
    torch.testing.assert_close(rest(points.mean(dim=0, keepdim=True)), rest(points).mean(dim=0, keepdim=True))
    expected = brute_force(model, codes)
    targets = np.arange(expected.shape[1])
    assert np.abs(taylor.taylor_ism(model, codes, targets, layer) - expected).max() < 1e-7 * np.ptp(expected)
    # What lies before the layer is not linear.
    assert np.abs(taylor.taylor_ism(model, codes, targets, "input") - expected).max() > 1e-2 * np.ptp(expected)


def test_taylor_ism_comes_closer_layer_by_layer():
    torch.manual_seed(0)
    model, length = PLANNED["beluga"]()
    model, codes = model.eval(), np.random.default_rng(1).integers(0, 4, (6, length)).astype(np.uint8)
    ism = exact.exact_ism(model, codes, targets=[1]).effects
    agreement = [
        np.corrcoef(taylor.taylor_ism(model, codes, [1], layer).ravel(), ism.ravel())[0, 1]
        for layer in ("input", "pool1", "conv6")
    ]
    assert agreement[0] < agreement[1] < agreement[2]


def test_taylor_ism_does_not_depend_on_the_sequences_beside(monkeypatch):
    torch.manual_seed(0)
    model, length = PLANNED["beluga"]()
    model, codes = model.eval(), np.random.default_rng(1).integers(0, 5, (5, length)).astype(np.uint8)
    together = taylor.taylor_ism(model, codes, [1, 3], "pool1")
    monkeypatch.setattr(taylor, "SEQUENCES", 2)
    apart = taylor.taylor_ism(model, codes, [1, 3], "pool1", memory_mb=0.05)
    np.testing.assert_allclose(apart, together, atol=1e-5 * np.ptp(together))


def test_an_unknown_layer_is_named():
    model, length = PLANNED["motif_cnn"]()
    with pytest.raises(InputError, match="unknown layer 'conv9'; expected one of input, conv1, pool1"):
        taylor.taylor_ism(model.eval(), sequences(length), [0], "conv9")
