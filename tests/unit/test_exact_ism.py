"""Exact in silico mutagenesis against a forward pass of every mutant."""

import os

import numpy as np
import pytest
import torch
from torch import nn

from cisflow import models
from cisflow.attribution import blocks, methods
from cisflow.attribution.ism import changes, exact, taylor
from cisflow.attribution.ism import graph as plan
from cisflow.attribution.methods import ism
from cisflow.attribution.targets import Targets
from cisflow.sequence import dna
from small_networks import PLANNED, BothStrands, Recurrent, brute_force, sequences
from weights import randomise, unlike_each_other

# Those that are trained here, with one and with two logits for each of three targets.
TRAINED = {
    "basset": ("BassetLike", 101, {"length": 101}),
    "attention": ("AttentionConv", 83, {"length": 83, "channels": (4, 5, 6), "heads": 2, "hidden": (7, 8)}),
    "convnet": (
        "ConvNet",
        83,
        {"length": 83, "channels": (4, 5, 6, 7), "hidden": (8, 9), "pools": ((4, 2), (4, 2), (4, 2))},
    ),
    "fsei": ("FSei", 101, {"channels": (4, 5, 6), "hidden": 7}),
}


@pytest.fixture(params=PLANNED)
def network(request):
    torch.manual_seed(3)
    model, length = PLANNED[request.param]()
    return unlike_each_other(model).double(), sequences(length)


def test_effects_equal_brute_force_at_every_position_and_target(network):
    model, codes = network
    expected = brute_force(model, codes)
    found = exact.exact_ism(model, codes)
    assert (found.route, found.reason) == ("planned", "")
    assert np.abs(found.effects - expected).max() < 1e-7 * np.ptp(expected)


def test_the_base_present_has_no_effect(network):
    model, codes = network
    effects = exact.exact_ism(model, codes).effects
    known = codes < 4
    for row, sequence in enumerate(codes):
        present = effects[row][:, sequence[known[row]], np.flatnonzero(known[row])]
        assert (present == 0).all()


def test_chosen_targets_and_positions_are_those_of_all(network):
    model, codes = network
    everything = exact.exact_ism(model, codes).effects
    some = exact.exact_ism(model, codes, targets=[2, 0] if everything.shape[1] > 2 else [1, 0], start=7, end=36)
    chosen = everything[:, [2, 0] if everything.shape[1] > 2 else [1, 0], :, 7:36]
    np.testing.assert_allclose(some.effects[..., 7:36], chosen, atol=1e-7 * np.ptp(chosen))
    assert not some.effects[..., :7].any()
    assert not some.effects[..., 36:].any()


@pytest.mark.parametrize("targets", [None, [2, 0], [1]], ids=["all", "two", "one"])
@pytest.mark.parametrize("two_logits", [False, True], ids=["one logit", "two logits"])
@pytest.mark.parametrize("name", TRAINED)
def test_chosen_targets_of_trained_networks_equal_brute_force(name, two_logits, targets):
    torch.manual_seed(6)
    architecture, length, settings = TRAINED[name]
    model = models.build(architecture, n_outputs=3, two_logits=two_logits, **settings)
    model = unlike_each_other(model).double()
    expected = brute_force(model, sequences(length))[:, [0, 1, 2] if targets is None else targets]
    found = exact.exact_ism(model, sequences(length), targets)
    assert (found.route, found.effects.shape) == ("planned", expected.shape)
    assert np.abs(found.effects - expected).max() < 1e-6 * np.ptp(expected)


def test_memory_and_the_batch_of_sequences_do_not_change_the_answer(network):
    model, codes = network
    expected = exact.exact_ism(model, codes).effects
    little = exact.exact_ism(model, codes, memory_mb=0.05).effects
    alone = np.concatenate([exact.exact_ism(model, codes[[row]]).effects for row in range(2)])
    np.testing.assert_allclose(little, expected, atol=1e-7 * np.ptp(expected))
    np.testing.assert_allclose(alone, expected, atol=1e-7 * np.ptp(expected))


def test_the_neck_gets_no_more_mutants_than_the_memory_holds(monkeypatch):
    """The neck reads the whole layer, here of 250 positions, of which a mutant changes a few."""
    sizes = []

    class Watched(plan.Plan):
        def __init__(self, *args):
            super().__init__(*args)
            self.neck.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].nbytes))

    monkeypatch.setattr(exact, "Plan", Watched)
    model = models.build("MotifCNN", channels=8, hidden=400).eval()
    codes = np.random.default_rng(0).integers(0, 4, (1, 1000)).astype(np.uint8)
    exact.exact_ism(model, codes, end=60, memory_mb=8)
    assert max(sizes) <= 8 * 2**20
    assert len(sizes) > 1


@pytest.mark.parametrize("name", ["basset", "motif_cnn", "beluga", "sei"])
def test_in_single_precision_the_effects_are_those_of_double_precision(name):
    torch.manual_seed(5)
    model, length = PLANNED[name]()
    expected = brute_force(unlike_each_other(model).double(), sequences(length))
    found = exact.exact_ism(model.float(), sequences(length)).effects
    assert np.abs(found - expected).max() < 1e-5 * np.ptp(expected)


def test_results_are_written_to_the_caller_s_array(tmp_path):
    model, length = PLANNED["motif_cnn"]()
    model.eval()
    target = np.lib.format.open_memmap(tmp_path / "ism.npy", mode="w+", dtype=np.float32, shape=(2, 3, 4, length))
    found = exact.exact_ism(model, sequences(length), out=target)
    assert found.effects is target
    np.testing.assert_array_equal(np.load(tmp_path / "ism.npy"), exact.exact_ism(model, sequences(length)).effects)


@pytest.mark.parametrize("name", ["motif_cnn", "no plan"])
def test_every_effect_of_the_span_is_written_and_nothing_else(name):
    torch.manual_seed(0)
    model, length = (Recurrent(nn.Identity()), 20) if name == "no plan" else PLANNED[name]()
    model = model.double().eval()
    codes = np.random.default_rng(0).integers(0, 5, (2, length)).astype(np.uint8)
    expected = brute_force(model, codes)
    out = np.full(expected.shape, np.nan, dtype=np.float32)
    exact.exact_ism(model, codes, start=4, end=15, out=out)
    np.testing.assert_allclose(out[..., 4:15], expected[..., 4:15], atol=1e-6 * np.ptp(expected))
    assert np.isnan(out[..., :4]).all()
    assert np.isnan(out[..., 15:]).all()


@pytest.mark.parametrize("name", ["motif_cnn", "beluga", "no plan"])
def test_without_sequences_or_positions_there_is_nothing_to_do(name):
    model, length = (Recurrent(nn.Identity()), 20) if name == "no plan" else PLANNED[name]()
    codes = np.zeros((2, length), dtype=np.uint8)
    n_targets = len(model.eval()(models.one_hot(codes[:1], "cpu"))[0])
    none = exact.exact_ism(model, codes[:0])
    assert none.effects.shape == (0, n_targets, 4, length)
    assert np.isnan(none.error)
    nowhere = exact.exact_ism(model, codes, [1], start=3, end=3).effects
    assert nowhere.shape == (2, 1, 4, length)
    assert not nowhere.any()
    if name != "no plan":
        for layer in ("input", "output"):
            assert taylor.taylor_ism(model, codes[:0], [1], layer).shape == (0, 1, 4, length)


def test_every_way_to_convolve_gives_the_same(monkeypatch):
    torch.manual_seed(5)
    model, length = PLANNED["sei"]()
    model = model.eval()
    expected = exact.exact_ism(model, sequences(length)).effects
    for small, large in ((0, 0), (0, 10**6)):
        monkeypatch.setattr(changes, "SMALL_PRODUCT", small)
        monkeypatch.setattr(changes, "LARGE_PRODUCT", large)
        found = exact.exact_ism(model, sequences(length)).effects
        assert np.abs(found - expected).max() < 1e-5 * np.ptp(expected)


def beluga_of_true_size():
    """Random weights, and a sequence with unknown bases."""
    model = randomise(models.build("Beluga"), torch.Generator().manual_seed(0))
    codes = np.random.default_rng(1).integers(0, 4, (1, 2000)).astype(np.uint8)
    codes[0, [1, 1003]] = dna.UNKNOWN
    return model, codes


# Double precision tells whether the plan is right; single precision, what its rounding leaves.
PRECISIONS = {torch.float64: 1e-6, torch.float32: 1e-4}


@pytest.mark.slow
def test_effects_equal_brute_force_for_a_beluga_of_true_size():
    model, codes = beluga_of_true_size()
    # Both borders (the pools leave out what follows base 1989), unknown bases and those beside, and a random sample.
    sample = np.random.default_rng(2).choice(np.arange(2, 1989), 3, False)
    spans = [(0, 2), (1003, 1005), (1989, 1991), *((at, at + 1) for at in sample)]
    expected = brute_force(model.double(), codes, [place for span in spans for place in range(*span)])
    for precision, allowed in PRECISIONS.items():
        model = model.to(precision)
        for number, (begin, end) in enumerate(spans):
            # Its own checks pass once: the effects of all these mutants are compared here.
            checks = 0 if number else 4
            found = exact.exact_ism(model, codes, start=begin, end=end, checks=checks, progress=False)
            assert found.route == "planned"
            wanted = expected[..., begin:end]
            assert np.abs(found.effects[..., begin:end] - wanted).max() < allowed * np.ptp(wanted)


@pytest.mark.slow
@pytest.mark.skipif("CISFLOW_FULL_SIZE" not in os.environ, reason="takes half an hour: set CISFLOW_FULL_SIZE=1")
def test_effects_equal_brute_force_at_every_position_of_a_beluga_of_true_size():
    model, codes = beluga_of_true_size()
    expected = brute_force(model.double(), codes)
    for precision, allowed in PRECISIONS.items():
        found = exact.exact_ism(model.to(precision), codes)
        error = np.abs(found.effects - expected).max() / np.ptp(expected)
        print(f"{precision}: {error:.1e} of the range")
        assert found.route == "planned"
        assert error < allowed


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Recurrent(nn.Identity()), "no convolution before .*transpose"),
        (nn.Sequential(nn.Flatten(), nn.Linear(80, 2)), "no convolution before Flatten '0'"),
        (BothStrands(nn.Sequential(nn.Conv1d(4, 3, 3), nn.Flatten(), nn.Linear(54, 2))), None),
    ],
)
def test_other_networks_take_the_plain_way(model, reason, capsys):
    torch.manual_seed(0)
    codes = np.random.default_rng(0).integers(0, 5, (2, 20)).astype(np.uint8)
    model = model.double().eval()
    found = exact.exact_ism(model, codes, batch_size=7)
    assert found.route == ("planned" if reason is None else "plain")
    if reason:
        with pytest.raises(plan.Unplannable, match=reason):
            plan.Plan(model, 20)
        assert found.reason in capsys.readouterr().out
    expected = brute_force(model, codes)
    assert np.abs(found.effects - expected).max() < 1e-7 * np.ptp(expected)


def test_a_plan_that_is_wrong_is_found_out(monkeypatch):
    torch.manual_seed(0)
    model, length = PLANNED["motif_cnn"]()
    real = exact.folded_weights
    monkeypatch.setattr(exact, "folded_weights", lambda plan: {name: each * 1.01 for name, each in real(plan).items()})
    codes = sequences(length)
    found = exact.exact_ism(model.eval(), codes)
    assert found.route == "plain"
    assert "the plan's effects differ from the network's by" in found.reason
    np.testing.assert_allclose(found.effects, brute_force(model, codes), atol=1e-6)


def watched(model, checks):
    """The model, which adds the (sequence, mutant) of each pass that checks planned effects to a list."""

    def record(_, inputs):
        if len(inputs[0]) == 2:
            mutant, sequence = inputs[0].clone()
            checks.append((sequence, mutant))

    model.register_forward_pre_hook(record)
    return model.eval()


def test_checks_draw_mutants_that_differ_from_the_sequence():
    model, length = PLANNED["motif_cnn"]()
    drawn = []
    assert exact.exact_ism(watched(model, drawn), sequences(length), checks=40).route == "planned"
    assert len(drawn) == 40
    assert not any(torch.equal(sequence, mutant) for sequence, mutant in drawn)


def test_checks_of_another_block_draw_other_mutants(monkeypatch):
    monkeypatch.setattr(ism, "SEQUENCES", 1)
    model, length = PLANNED["motif_cnn"]()
    codes, drawn = sequences(length), []
    model = watched(model, drawn)
    method = methods.get("ism", strands="forward")
    assert len(list(blocks.attribute(model, codes, Targets([1], 3), method, progress=False))) == 2
    changed = [int((sequence != mutant).any(dim=0).nonzero()) for sequence, mutant in drawn]
    assert changed[:4] != changed[4:]
    whole = [mutant for _, mutant in drawn]
    drawn.clear()
    resumed = blocks.attribute(model, codes, Targets([1], 3), method, start=1, progress=False)
    assert len(list(resumed)) == 1
    assert all(torch.equal(mutant, before) for (_, mutant), before in zip(drawn, whole[4:], strict=True))


def test_a_plan_that_was_wrong_is_not_used_again(monkeypatch, capsys):
    torch.manual_seed(0)
    monkeypatch.setattr(ism, "SEQUENCES", 2)
    model, length = PLANNED["motif_cnn"]()
    real, plans = exact.folded_weights, []

    def wrong(plan):
        plans.append(plan)
        return {name: each * 1.01 for name, each in real(plan).items()}

    monkeypatch.setattr(exact, "folded_weights", wrong)
    codes = np.concatenate([sequences(length), sequences(length)[::-1]])
    weights = np.array([[1, 0, -0.5], [0, 0, 2]], dtype=np.float32)
    found = blocks.multipliers(model.eval(), codes, weights, "ism", strands="forward")
    expected = np.einsum("tu,nubl->ntbl", weights, brute_force(model, codes))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert len(plans) == 1
    printed = capsys.readouterr()
    assert (printed.out + printed.err).count("plain forward passes, because") == 1


@pytest.mark.parametrize("rows", [64, 65, 100])
def test_the_product_is_that_of_torch(rows):
    torch.manual_seed(0)
    x, weight, bias = torch.randn(rows, 37), torch.randn(5000, 37), torch.randn(5000)
    torch.testing.assert_close(changes.multiply(x, weight, bias), nn.functional.linear(x, weight, bias))


def test_differences_of_a_sigmoid_are_not_lost_in_its_saturation():
    reference, change = torch.tensor([[6.0, -3.0, 0.0, -90.0]]), torch.tensor([[1e-6, 1e-6, 200.0, 95.0]])
    expected = torch.sigmoid(reference.double() + change.double()) - torch.sigmoid(reference.double())
    found = changes.change_of(nn.Sigmoid(), change, reference, False)
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=0)
