"""Networks of blocks under every attribution method."""

import numpy as np
import pytest
import torch

from cisflow import models
from cisflow.attribution import baselines, blocks, methods, scores
from cisflow.attribution.ism import exact, graph
from cisflow.attribution.linear_front import split
from cisflow.attribution.methods.deep_lift_shap import deep_lift
from explained import attribution, multipliers
from small_modular import NETWORKS, build
from small_networks import brute_force, sequences

SEVERAL = [name for name, (_, settings) in NETWORKS.items() if "segments" in settings]


@pytest.fixture(params=NETWORKS)
def name(request):
    return request.param


@pytest.mark.parametrize("targets", [None, [1]], ids=["all", "one"])
def test_exact_ism_has_a_plan_and_equals_brute_force(name, targets):
    model = build(name).double()
    codes = sequences(model.length)
    expected = brute_force(model, codes)
    found = exact.exact_ism(model, codes, targets, progress=False)
    assert (found.route, found.reason) == ("planned", "")
    expected = expected if targets is None else expected[:, targets]
    assert np.abs(found.effects - expected).max() < 1e-6 * np.ptp(expected) and np.ptp(expected) > 0


def test_little_memory_and_a_span_of_positions_change_nothing(name):
    model = build(name).double()
    codes = sequences(model.length)
    expected = exact.exact_ism(model, codes, progress=False).effects
    found = exact.exact_ism(model, codes, start=3, end=34, memory_mb=0.02, progress=False).effects
    np.testing.assert_allclose(found[..., 3:34], expected[..., 3:34], atol=1e-7 * np.ptp(expected))


def test_deep_lift_has_a_rule_for_every_layer(name):
    model = build(name).double()
    codes = np.random.default_rng(3).integers(0, 5, (3, model.length)).astype(np.uint8)
    x = models.one_hot(codes, "cpu").double()
    bases = baselines.make("dinucleotide_shuffled", x, codes, 2, seed=0)
    with blocks.frozen(model):
        found, difference = deep_lift(model, x, bases, torch.eye(model.n_outputs).double()[[0, 1, 1]], batch_size=4)
    contributions = found * (x[:, None] - bases)
    scale = contributions.abs().sum(dim=(2, 3))
    assert ((contributions.sum(dim=(2, 3)) - difference).abs() < 1e-6 * scale).all()
    with torch.no_grad():
        outputs = model(torch.cat([x[:1], bases[0]]))[:, 0]
    torch.testing.assert_close(difference[0], outputs[0] - outputs[1:])


def test_gradients_are_those_of_small_changes(name):
    model = build(name).double()
    # Between bases, where no two sites are the same, and no two maxima.
    x = torch.rand(1, 4, model.length, dtype=torch.double, requires_grad=True)
    (gradient,) = torch.autograd.grad(model(x)[:, 1].sum(), x)
    direction = torch.randn_like(x)
    with torch.no_grad():
        ahead, behind = (model(x + step * direction)[0, 1] for step in (1e-6, -1e-6))
    torch.testing.assert_close((gradient * direction).sum(), (ahead - behind) / 2e-6, atol=1e-6, rtol=1e-4)
    codes = np.random.default_rng(4).integers(0, 4, (1, model.length)).astype(np.uint8)
    x = models.one_hot(codes, "cpu").requires_grad_(True)
    (gradient,) = torch.autograd.grad(model.float()(x)[:, 1].sum(), x)
    found = multipliers(model, codes, None, "gradient", strands="forward")
    np.testing.assert_allclose(found[:, 1], gradient.numpy(), atol=1e-5 * float(gradient.abs().max()))


def test_integrated_gradients_add_up(name):
    model = build(name)
    front, rest = split(model)
    x = torch.rand(2, 4, model.length)
    torch.testing.assert_close(rest(*front(x)), model(x))
    codes = np.random.default_rng(5).integers(0, 4, (2, model.length)).astype(np.uint8)
    found = attribution(model, codes, "integrated_gradients", steps=200, strands="forward")
    scale = np.abs(found.multipliers * (models.one_hot(codes, "cpu").numpy()[:, None] - 0.25)).sum(axis=(2, 3))
    # Corners of ReLUs and maxima lie between the points of the path.
    assert (np.abs(found.error) < 0.02 * scale).all()


def test_taylor_ism_runs_from_tism_to_ism(name):
    model = build(name)
    codes = np.random.default_rng(6).integers(0, 4, (2, model.length)).astype(np.uint8)
    expected = brute_force(model, codes)
    tism = scores.transform(multipliers(model, codes, strands="forward"), codes, "tism")
    inner = [layer for layer in graph.Plan(model, model.length).layers if layer not in ("input", "output")]
    assert bool(inner) == (name not in SEVERAL)
    for layer in ("input", *inner[:2], "output"):
        found = multipliers(model, codes, None, "taylor_ism", layer=layer, strands="forward")
        if layer == "input":
            np.testing.assert_allclose(found, tism, atol=1e-5 * np.abs(tism).max())
        if layer == "output":
            np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())
        assert np.isfinite(found).all()


def test_every_method_runs_on_both_strands_with_its_defaults(name):
    model = build(name)
    codes = np.random.default_rng(7).integers(0, 5, (2, model.length)).astype(np.uint8)
    for method in methods.NAMES:
        found = multipliers(model, codes, [0], method, layer="input")
        assert found.shape == (2, 1, 4, model.length) and np.isfinite(found).all()
