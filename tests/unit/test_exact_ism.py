import os

import numpy as np
import pytest
import torch
from torch import nn

from cisflow import models
from cisflow.attribution import methods
from cisflow.attribution.ism import changes, exact, taylor
from cisflow.attribution.ism import graph as plan
from cisflow.attribution.targets import Targets
from cisflow.errors import InputError
from cisflow.models import layers
from cisflow.models.beluga import Beluga
from cisflow.sequence import dna
from weights import randomise, unlike_each_other


class SmallBeluga(nn.Module):
    """Beluga's layers at another width and length, of the real network's modules."""

    output = "logit"

    def __init__(self, length, channels=(5, 6, 7), hidden=9, n_targets=4):
        super().__init__()
        with torch.device("meta"):
            layout = Beluga()
        self.reshape = layout.reshape
        widths = iter([4, *(width for width in channels for _ in range(2))])
        ahead = next(widths)
        front = []
        for module in layout.model[0]:
            if isinstance(module, nn.Conv2d):
                behind = next(widths)
                module = nn.Conv2d(ahead, behind, (1, 4))
                ahead = behind
            front.append(module)
        front = nn.Sequential(*front)
        with torch.inference_mode():
            columns = front(torch.zeros(1, 4, 1, length)).shape[3]
        dense = nn.Sequential(nn.Identity(), nn.Linear(ahead * columns, hidden))
        last = nn.Sequential(nn.Identity(), nn.Linear(hidden, n_targets))
        self.model = nn.Sequential(front, nn.Sequential(nn.Dropout(0.5), nn.Flatten(), dense, nn.ReLU(), last))

    forward = Beluga.forward


class Odd(nn.Module):
    """What the networks of the registry have not: strides, overlapping and mean pools, GELU, groups, functions."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(4, 6, 7, stride=2, padding=3)
        self.norm = nn.BatchNorm1d(6)
        self.grouped = nn.Conv1d(6, 8, 3, padding="same", groups=2)
        self.same = nn.Conv1d(8, 8, 4, padding="same", dilation=2)
        self.overlapping = nn.MaxPool1d(3, 2, padding=1)
        self.mean = nn.AvgPool1d(3, 2, padding=1)
        self.gelu = nn.GELU()
        self.middle = nn.LayerNorm(8)
        self.last = nn.Linear(8, 3)

    def forward(self, x):
        x = self.overlapping(torch.nn.functional.gelu(self.norm(torch.relu(self.first(x)))))
        x = self.grouped(x)
        x = self.mean(self.gelu(self.same(x)) + x)
        return self.last(self.middle(x.mean(dim=2)))


class BothStrands(nn.Module):
    """The network sees each base in two places: no operation on neighbourhoods."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return (self.network(x) + self.network(x.flip(1, 2))) / 2


class Recurrent(nn.Module):
    def __init__(self, front):
        super().__init__()
        self.front = front
        self.recurrent = nn.LSTM(4 if isinstance(front, nn.Identity) else 6, 5, batch_first=True)
        self.last = nn.Linear(5, 2)

    def forward(self, x):
        return self.last(self.recurrent(self.front(x).transpose(1, 2))[0][:, -1])


NETWORKS = {
    "basset": lambda: (models.build("BassetLike", length=101, n_outputs=3), 101),
    "motif_cnn": lambda: (models.build("MotifCNN", n_outputs=3, channels=16, hidden=6), 83),
    "beluga": lambda: (SmallBeluga(150), 150),
    "sei": lambda: (models.build("Sei", n_targets=5, channels=(4, 5, 6)), 301),
    "odd": lambda: (Odd(), 70),
    "recurrent": lambda: (Recurrent(nn.Sequential(nn.Conv1d(4, 6, 5), nn.Tanh(), nn.AvgPool1d(2))), 40),
}


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


@pytest.fixture(params=NETWORKS)
def network(request):
    torch.manual_seed(3)
    model, length = NETWORKS[request.param]()
    return unlike_each_other(model).double(), sequences(length)


def sequences(length):
    codes = np.random.default_rng(0).integers(0, 4, (2, length)).astype(np.uint8)
    codes[0, [0, 33]] = dna.UNKNOWN
    return codes


@torch.inference_mode()
def brute_force(model, codes, positions=None):
    """Every mutant through the network, at all positions or some: (n, targets, 4, length) float64, 0 elsewhere."""
    length = codes.shape[1]
    dtype = next(model.parameters()).dtype
    at = np.arange(length) if positions is None else np.array(positions)
    effects = []
    for sequence in codes:
        reference = model(models.one_hot(sequence[None], "cpu").to(dtype))
        mutants = np.tile(sequence, (4 * len(at), 1))
        mutants[np.arange(4 * len(at)), np.tile(at, 4)] = np.repeat(np.arange(4), len(at))
        outputs = torch.cat([model(part) for part in models.one_hot(mutants, "cpu").to(dtype).split(64)])
        effects.append(np.zeros((reference.shape[1], 4, length)))
        effects[-1][:, :, at] = (outputs - reference).double().T.reshape(-1, 4, len(at)).numpy()
    return np.stack(effects)


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


@pytest.mark.parametrize("bias", [True, False])
def test_the_difference_of_two_logits_is_one_dense_layer(bias):
    torch.manual_seed(6)
    model = unlike_each_other(models.build("BassetLike", length=101, n_outputs=3, two_logits=True)).double()
    if not bias:
        model.dense[-2].bias = None
    drawn = torch.get_rng_state()
    planned = plan.Plan(model, 101)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert planned.dense and planned.neck is None
    kinds = [type(operation) for operation in planned.operations]
    assert kinds == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    hidden = torch.randn(4, 300, dtype=torch.double)
    torch.testing.assert_close(planned.operations[-1](hidden), model.dense[-2:](hidden))
    expected = brute_force(model, sequences(101))
    found = exact.exact_ism(model, sequences(101))
    assert np.abs(found.effects - expected).max() < 1e-7 * np.ptp(expected)


def test_two_logits_behind_another_layer_than_a_dense_one_are_followed_by_the_neck():
    torch.manual_seed(6)
    model = nn.Sequential(
        nn.Conv1d(4, 6, 5), nn.MaxPool1d(4), nn.Flatten(), nn.Linear(54, 8), nn.ReLU(), layers.LogitDifference()
    )
    model.double().eval()
    codes = sequences(40)
    assert not plan.Plan(model, 40).operations
    expected = brute_force(model, codes)
    assert np.abs(exact.exact_ism(model, codes).effects - expected).max() < 1e-7 * np.ptp(expected)


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
    model, length = NETWORKS[name]()
    expected = brute_force(unlike_each_other(model).double(), sequences(length))
    found = exact.exact_ism(model.float(), sequences(length)).effects
    assert np.abs(found - expected).max() < 1e-5 * np.ptp(expected)


def test_results_are_written_to_the_caller_s_array(tmp_path):
    model, length = NETWORKS["motif_cnn"]()
    model.eval()
    target = np.lib.format.open_memmap(tmp_path / "ism.npy", mode="w+", dtype=np.float32, shape=(2, 3, 4, length))
    found = exact.exact_ism(model, sequences(length), out=target)
    assert found.effects is target
    np.testing.assert_array_equal(np.load(tmp_path / "ism.npy"), exact.exact_ism(model, sequences(length)).effects)


@pytest.mark.parametrize("name", ["motif_cnn", "no plan"])
def test_every_effect_of_the_span_is_written_and_nothing_else(name):
    torch.manual_seed(0)
    model, length = (Recurrent(nn.Identity()), 20) if name == "no plan" else NETWORKS[name]()
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
    model, length = (Recurrent(nn.Identity()), 20) if name == "no plan" else NETWORKS[name]()
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
    model, length = NETWORKS["sei"]()
    model = model.eval()
    expected = exact.exact_ism(model, sequences(length)).effects
    for small, large in ((0, 0), (0, 10**6)):
        monkeypatch.setattr(changes, "_SMALL_PRODUCT", small)
        monkeypatch.setattr(changes, "_LARGE_PRODUCT", large)
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
    for begin, end in spans:
        expected = brute_force(model.double(), codes, range(begin, end))
        for precision, allowed in PRECISIONS.items():
            found = exact.exact_ism(model.to(precision), codes, start=begin, end=end, progress=False)
            assert found.route == "planned"
            assert np.abs(found.effects - expected)[..., begin:end].max() < allowed * np.ptp(expected)


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
    model, length = NETWORKS["motif_cnn"]()
    real = exact.folded_weights
    monkeypatch.setattr(exact, "folded_weights", lambda plan: {name: each * 1.01 for name, each in real(plan).items()})
    codes = sequences(length)
    found = exact.exact_ism(model.eval(), codes)
    assert found.route == "plain"
    assert "the plan's effects differ from the network's by" in found.reason
    np.testing.assert_allclose(found.effects, brute_force(model, codes), atol=1e-6)


@pytest.fixture
def checked(monkeypatch):
    """The mutants that checks of planned effects draw from here on: a list of (sequence, mutant)."""
    drawn = []
    real = exact._mutants

    def spy(x, position, base):
        mutants = real(x, position, base)
        drawn.extend((x.clone(), mutant) for mutant in mutants)
        return mutants

    monkeypatch.setattr(exact, "_mutants", spy)
    return drawn


def test_checks_draw_mutants_that_differ_from_the_sequence(checked):
    model, length = NETWORKS["motif_cnn"]()
    assert exact.exact_ism(model.eval(), sequences(length), checks=40).route == "planned"
    assert len(checked) == 40
    assert not any(torch.equal(sequence, mutant) for sequence, mutant in checked)


def test_checks_of_another_block_draw_other_mutants(checked, monkeypatch):
    monkeypatch.setattr(methods, "ISM_SEQUENCES", 1)
    model, length = NETWORKS["motif_cnn"]()
    codes = sequences(length)
    methods.multipliers(model.eval(), codes, [1], "ism", strands="forward")
    changed = [int((sequence != mutant).any(dim=0).nonzero()) for sequence, mutant in checked]
    assert changed[:4] != changed[4:]
    whole = [mutant for _, mutant in checked]
    checked.clear()
    resumed = methods.attribute(model, codes, Targets([1], 3), "ism", strands="forward", start=1, progress=False)
    assert len(list(resumed)) == 1
    assert all(torch.equal(mutant, before) for (_, mutant), before in zip(checked, whole[4:], strict=True))


def test_a_plan_that_was_wrong_is_not_used_again(monkeypatch, capsys):
    torch.manual_seed(0)
    monkeypatch.setattr(methods, "ISM_SEQUENCES", 2)
    model, length = NETWORKS["motif_cnn"]()
    real, plans = exact.folded_weights, []

    def wrong(plan):
        plans.append(plan)
        return {name: each * 1.01 for name, each in real(plan).items()}

    monkeypatch.setattr(exact, "folded_weights", wrong)
    codes = np.concatenate([sequences(length), sequences(length)[::-1]])
    weights = np.array([[1, 0, -0.5], [0, 0, 2]], dtype=np.float32)
    found = methods.multipliers(model.eval(), codes, weights, "ism", strands="forward")
    expected = np.einsum("tu,nubl->ntbl", weights, brute_force(model, codes))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert len(plans) == 1
    printed = capsys.readouterr()
    assert (printed.out + printed.err).count("plain forward passes, because") == 1


def test_layers_are_named_in_order():
    with torch.device("meta"):
        basset, sei = models.build("BassetLike").eval(), models.build("Sei").eval()
    assert plan.layers(basset, 600) == ["input", "conv1", "pool1", "conv2", "conv3", "pool2", "output"]
    names = plan.layers(sei, 4096)
    # The second convolution of a pair is the input of the residual path and of the sum: the first inside it is none.
    assert names[:4] == ["input", "conv1", "conv2", "add1"]
    assert "conv3" not in names


def test_plans_have_the_networks_receptive_fields():
    with torch.device("meta"):
        beluga = plan.Plan(models.build("Beluga").eval(), 2000)
    assert beluga.jump == 16
    assert beluga.dense
    # A receptive field of 309 bp and a stride of 16 leave at most ceil(309 / 16) positions that one base can change.
    assert beluga.extents()[beluga.frontier[0]] == 20


@pytest.mark.parametrize("name", ["basset", "motif_cnn", "beluga", "sei"])
def test_taylor_ism_runs_from_tism_to_exact_ism(name):
    torch.manual_seed(4)
    model, length = NETWORKS[name]()
    model = unlike_each_other(model).double()
    codes = sequences(length)
    names = plan.layers(model, length)
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
    model, length = NETWORKS[name]()
    model = unlike_each_other(model).double()
    layer = plan.layers(model, length)[-2]
    linear = {nn.ReLU: nn.Identity, nn.Sigmoid: nn.Identity, nn.AdaptiveMaxPool1d: lambda: nn.AdaptiveAvgPool1d(1)}
    for node in plan.Plan(model, length, until=layer).rest.graph.nodes:
        if node.op == "call_module" and type(model.get_submodule(node.target)) in linear:
            parent, _, child = node.target.rpartition(".")
            setattr(model.get_submodule(parent), child, linear[type(model.get_submodule(node.target))]())
    codes = sequences(length)
    changed = plan.Plan(model, length, until=layer)
    nodes = {node.name: node for node in changed.graph.graph.nodes}
    front = plan.extract(changed.graph, [nodes[changed.entry]], nodes[changed.layers[layer]])
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
    model, length = NETWORKS["beluga"]()
    model, codes = model.eval(), np.random.default_rng(1).integers(0, 4, (6, length)).astype(np.uint8)
    ism = exact.exact_ism(model, codes, targets=[1]).effects
    agreement = [
        np.corrcoef(taylor.taylor_ism(model, codes, [1], layer).ravel(), ism.ravel())[0, 1]
        for layer in ("input", "pool1", "conv6")
    ]
    assert agreement[0] < agreement[1] < agreement[2]


def test_taylor_ism_does_not_depend_on_the_sequences_beside(monkeypatch):
    torch.manual_seed(0)
    model, length = NETWORKS["beluga"]()
    model, codes = model.eval(), np.random.default_rng(1).integers(0, 5, (5, length)).astype(np.uint8)
    together = taylor.taylor_ism(model, codes, [1, 3], "pool1")
    monkeypatch.setattr(taylor, "_TAYLOR_SEQUENCES", 2)
    apart = taylor.taylor_ism(model, codes, [1, 3], "pool1", memory_mb=0.05)
    np.testing.assert_allclose(apart, together, atol=1e-5 * np.ptp(together))


def test_an_unknown_layer_is_named():
    model, length = NETWORKS["motif_cnn"]()
    with pytest.raises(InputError, match="unknown layer 'conv9'; expected one of input, conv1, pool1"):
        taylor.taylor_ism(model.eval(), sequences(length), [0], "conv9")


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
