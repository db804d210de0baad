"""What every attribution method promises, and what linear networks make of them."""

import numpy as np
import pytest
import torch

from cisflow.attribution import methods, targets, weighted
from cisflow.config.declared import classes
from cisflow.errors import InputError
from cisflow.models.network import Network
from cisflow.sequence import dna
from explained import PATH_METHODS, multipliers
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


@pytest.mark.parametrize("method", ["gradient", "tism", *PATH_METHODS])
@pytest.mark.parametrize("baseline", ["uniform", "zeros"])
def test_multipliers_of_a_linear_model_are_its_weights(linear, codes, method, baseline):
    found = multipliers(linear, codes, None, method, strands="forward", batch_size=2, baseline=baseline)
    weights = linear.layer.weight.detach().numpy().reshape(1, 2, 4, LENGTH)
    np.testing.assert_allclose(found, weights.repeat(5, axis=0), atol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"plan": False}])
@pytest.mark.parametrize("method", methods.NAMES)
def test_the_strands_of_the_network_are_explained_unless_told_otherwise(network, codes, method, settings):
    both, forward = (multipliers(network, codes, None, method, strands=one, **settings) for one in ("both", "forward"))
    assert np.abs(both - forward).max() > 0.01 * np.abs(both).max()
    np.testing.assert_array_equal(multipliers(network, codes, None, method, **settings), both)
    one_sided = Network(network, strands="forward")
    np.testing.assert_array_equal(multipliers(one_sided, codes, None, method, **settings), forward)
    np.testing.assert_array_equal(multipliers(one_sided, codes, None, method, strands="both", **settings), both)


@pytest.mark.parametrize("method", methods.NAMES)
def test_the_reverse_complement_has_the_reverse_complement_s_multipliers(network, codes, method):
    forward = multipliers(network, codes, None, method)
    reverse = multipliers(network, np.ascontiguousarray(dna.reverse_complement(codes)), None, method)
    np.testing.assert_allclose(forward, reverse[..., ::-1, ::-1], atol=1e-6)


@pytest.mark.parametrize("architecture", ["BassetLike", "MotifCNN"])
@pytest.mark.parametrize("method", methods.NAMES)
def test_neither_batches_nor_chunks_of_targets_matter(architecture, method):
    network = build(architecture)
    codes = np.random.default_rng(2).integers(0, 5, (3, 36)).astype(np.uint8)
    alone = multipliers(network, codes, None, method, batch_size=1, target_chunk=1)
    together = multipliers(network, codes, None, method, batch_size=500, target_chunk=2)
    # Effects of mutants are differences of outputs near 1, each with its rounding.
    np.testing.assert_allclose(alone, together, atol=1e-5 * np.abs(alone).max() + 1e-7)


@pytest.mark.parametrize("method", methods.NAMES)
def test_groups_are_weighted_sums_and_rows_may_have_their_own(network, codes, method):
    single = multipliers(network, codes, None, method)
    weights = np.array([[0.5, 0.5, 0], [1, 0, -1]], dtype=np.float32)
    grouped = multipliers(network, codes, weights, method)
    if method != "deep_lift_shap":
        tolerance = 1e-5 * np.abs(single).max()
        np.testing.assert_allclose(grouped, np.einsum("go,nocl->ngcl", weights, single), atol=tolerance)
    np.testing.assert_allclose(multipliers(network, codes, [2, 0], method), single[:, [2, 0]], atol=1e-6)
    which = np.array([[0], [1], [1], [0], [1]])
    own = multipliers(network, codes, targets.Targets(weights, 3, which), method)
    np.testing.assert_allclose(own[:, 0], grouped[np.arange(5), which[:, 0]], atol=1e-6)
    own = multipliers(network, codes, targets.Targets([2, 0], 3, which), method)
    np.testing.assert_allclose(own[:, 0], single[np.arange(5), [2, 0, 0, 2, 0]], atol=1e-6)


def test_entries_of_the_config_are_weighted_sums():
    entries = ["a", {"name": "m", "mean": ["b", "c"]}, {"name": "d", "contrast": ["m", "a"]}]
    groups = weighted.members(entries)
    assert groups == {"a": {"a": 1}, "m": {"b": 0.5, "c": 0.5}, "d": {"b": 0.5, "c": 0.5, "a": -1}}
    found = targets.from_members(groups, ["c", "b", "a"], ["d", "a", "d"])
    np.testing.assert_array_equal(found.values, [[0, 0, 1], [0.5, 0.5, 0], [0.5, 0.5, -1]])
    assert found.which[:, 0].tolist() == [2, 0, 2]
    assert not targets.from_members({"b": {"b": 1.0}}, ["c", "b"], ["b"]).weighted
    sides = weighted.members([{"name": "d", "contrast": [["a", "b"], ["c", "d"]]}])
    assert sides == {"d": {"a": 0.5, "b": 0.5, "c": -0.5, "d": -0.5}}
    with pytest.raises(InputError, match="two entries named 'a'"):
        weighted.members(["a", {"name": "a", "mean": ["b"]}])
    with pytest.raises(InputError, match="'d': 'b' is not predicted; expected one of x, y"):
        targets.from_members({"d": {"b": 1.0}}, ["x", "y"], [])


def test_gradients_of_the_weights_are_neither_left_nor_switched_off(network, codes):
    frozen = next(network.parameters()).requires_grad_(False)
    network.train()
    multipliers(network, codes, None, "integrated_gradients")
    assert network.training
    for parameter in network.parameters():
        assert parameter.grad is None and parameter.requires_grad == (parameter is not frozen)


def test_no_rows_give_no_multipliers(network):
    empty = np.empty((0, LENGTH), dtype=np.uint8)
    assert multipliers(network, empty, [0, 1], "tism").shape == (0, 2, 4, LENGTH)


def test_what_is_not_known_is_named(network, codes):
    with pytest.raises(InputError, match=f"unknown attribution method 'shap'; expected one of {methods.NAMES[0]}, "):
        methods.get("shap")
    with pytest.raises(InputError, match="tism: unknown key 'stepps'; expected keys: strands, "):
        methods.get("tism", stepps=3)
    # What another method reads, and a parameter of the functions, are no settings of this one.
    for name in ("steps", "seed"):
        with pytest.raises(InputError, match=f"--method: unknown key '{name}'; expected keys: .*, target_chunk$"):
            methods.read({"method": "tism", name: 3}, "--method")
    for name, value in (("target_chunk", 0), ("batch_size", 1.5), ("batch_size", "many"), ("batch_size", True)):
        with pytest.raises(InputError, match=rf"tism\.{name}: {value!r} is "):
            methods.get("tism", **{name: value})
    with pytest.raises(InputError, match=r"tism\.strands: 'reverse' is not one of \['both', 'forward'\]"):
        methods.get("tism", strands="reverse")
    with pytest.raises(InputError, match=r"integrated_gradients\.baseline: 'random' is not one of .*dinucleotide_shuf"):
        methods.get("integrated_gradients", baseline="random")
    with pytest.raises(InputError, match=r"targets: \[0, 3\]; expected outputs from 0 to 2"):
        multipliers(network, codes, [0, 3])
    with pytest.raises(InputError, match=r"targets: weights \(1, 2\); expected \(t, 3\)"):
        multipliers(network, codes, np.ones((1, 2), dtype=np.float32))


@pytest.mark.parametrize("method", methods.NAMES)
def test_every_method_says_what_it_is(method):
    (declared,) = classes(f"attribution/methods/{method}").values()
    assert declared.meaning.endswith((".", ":"))
