"""Multipliers against closed forms, brute force, completeness, and tangermeme's and captum's own."""

import numpy as np
import pytest
import torch
from torch import nn

from cisflow import models
from cisflow.attribution import baselines, methods, scores, targets
from cisflow.attribution.deep_lift import deep_lift
from cisflow.attribution.ism.graph import Unplannable
from cisflow.attribution.linear_front import split
from cisflow.errors import InputError
from cisflow.sequence import dna

LENGTH = 24
PATH_METHODS = tuple(methods.DEFAULT_BASELINE)
SMALL = {
    "AttentionConv": {"length": 42, "n_outputs": 3, "channels": (6, 7, 8), "heads": 2, "hidden": (12, 8)},
    "BassetLike": {"length": 36, "n_outputs": 3},
    "ConvNet": {"length": 424, "n_outputs": 3, "channels": (4, 5, 6, 8), "hidden": (10, 12)},
    "FSei": {"n_outputs": 3, "channels": (4, 6, 8), "hidden": 10},
    "MotifCNN": {"n_outputs": 3, "channels": 8, "width": 5, "pool": 2, "hidden": 6},
    "Sei": {"n_targets": 3, "channels": (4, 6, 8)},
}
# Of those that take any, one that leaves enough for Sei's splines.
SIZES = {name: settings.get("length", 256) for name, settings in SMALL.items()}


class Linear(nn.Module):
    """Two linear outputs: every attribution method is exact on them."""

    output, length, n_outputs = "logit", LENGTH, 2

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4 * LENGTH, 2)

    def forward(self, x):
        return self.layer(x.flatten(1))


def build(architecture):
    torch.manual_seed(0)
    network = models.build(architecture, **SMALL[architecture])
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            # What an untrained one holds would make it the identity.
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return network.eval()


@pytest.fixture
def linear():
    torch.manual_seed(0)
    return Linear().eval()


@pytest.fixture
def network():
    return build("MotifCNN")


@pytest.fixture
def codes():
    return np.random.default_rng(0).integers(0, 4, (5, LENGTH)).astype(np.uint8)


@pytest.fixture(scope="module")
def planted():
    """Sequences with and without one motif for each of two outputs, and their labels."""
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 4, (512, 60)).astype(np.uint8)
    labels = rng.integers(0, 2, (512, 2))
    for target, motif in enumerate(("TGACTCA", "CACGTG")):
        for row in np.flatnonzero(labels[:, target]):
            start = 5 + 30 * target + rng.integers(0, 18)
            codes[row, start : start + len(motif)] = dna.encode(motif)
    return codes, labels


def train(network, planted):
    """The network once it has learned the motifs, and six of the sequences."""
    codes, labels = planted
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    x, y = models.one_hot(codes, "cpu"), torch.tensor(labels).float()
    network.train()
    for _ in range(120):
        optimiser.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(network(x), y)
        loss.backward()
        optimiser.step()
    assert loss < 0.1
    optimiser.zero_grad()
    return network.eval(), codes[:6]


def dense_behind(non_linearity, pool):
    layers = (nn.Conv1d(4, 16, 9), non_linearity(), pool(4), nn.Flatten(), nn.Linear(208, 16), non_linearity())
    network = nn.Sequential(*layers, nn.Linear(16, 2))
    network.n_outputs = 2
    return network


@pytest.fixture(scope="module")
def trained(planted):
    torch.manual_seed(0)
    # Smooth, so that a path needs few points.
    return train(dense_behind(nn.GELU, nn.AvgPool1d), planted)


def multipliers(network, codes, *args, **settings):
    return methods.multipliers(network, codes, *args, **{"n_baselines": 4, "layer": "pool1"} | settings)


def both_strands(network, codes):
    x = models.one_hot(codes, "cpu")
    with torch.no_grad():
        return (network(x) + network(x.flip(1, 2))).numpy() / 2


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


def attribution(network, codes, method, **settings):
    """The Attribution of all sequences in one block."""
    wanted = targets.Targets(None, network.n_outputs)
    ((_, found),) = methods.attribute(network, codes, wanted, method, **{"batch_size": 10**6} | settings)
    return found


@pytest.mark.parametrize("batch_size", [7, 256])
def test_ism_equals_brute_force(network, codes, batch_size):
    codes[0, 5] = dna.UNKNOWN
    found = multipliers(network, codes, None, "ism", batch_size=batch_size)
    np.testing.assert_allclose(found, brute_force(network, codes), atol=1e-6)


@pytest.mark.parametrize("architecture", ["BassetLike", "MotifCNN"])
@pytest.mark.parametrize("memory_mb", [1, 512])
def test_what_a_mutant_changes_is_all_that_ism_needs(architecture, memory_mb, monkeypatch):
    network = build(architecture)
    codes = np.random.default_rng(3).integers(0, 5, (5, 36)).astype(np.uint8)
    weights = np.array([[0.5, 0.5, 0], [1, 0, -1]], dtype=np.float32)
    which = np.array([[0, 1], [1, 1], [1, 0], [0, 0], [1, 0]])
    wanted = [None, [2, 0], weights, *(targets.Targets(values, 3, which) for values in ([2, 0], weights))]
    found = [multipliers(network, codes, values, "ism", memory_mb=memory_mb) for values in wanted]

    def unplannable(*_):
        raise Unplannable("the test says so")

    monkeypatch.setattr(methods, "Plan", unplannable)
    monkeypatch.delattr(methods, "exact_ism")
    for values, fast in zip(wanted, found, strict=True):
        plain = multipliers(network, codes, values, "ism")
        np.testing.assert_allclose(fast, plain, atol=1e-5 * np.abs(plain).max() + 1e-7)


def test_taylor_ism_runs_from_tism_to_ism(network, codes):
    def found(layer):
        return multipliers(network, codes, None, "taylor_ism", layer=layer)

    tism = scores.transform(multipliers(network, codes, None, "tism"), codes, "tism")
    np.testing.assert_allclose(found("input"), tism, atol=1e-6)
    np.testing.assert_allclose(found("output"), brute_force(network, codes), atol=1e-6)
    assert np.abs(found("pool1") - tism).max() > 0.01 * np.abs(tism).max()


def test_taylor_ism_says_what_it_needs(network, linear, codes):
    with pytest.raises(InputError, match="taylor_ism: no layer"):
        methods.multipliers(network, codes, None, "taylor_ism")
    with pytest.raises(InputError, match="conv9"):
        multipliers(network, codes, None, "taylor_ism", layer="conv9")
    with pytest.raises(InputError, match="taylor_ism: Linear has no layers to start from, because no convolution"):
        multipliers(linear, codes, None, "taylor_ism")


def test_a_network_without_a_plan_is_said_to_have_none(linear, codes, capsys):
    multipliers(linear, codes, None, "ism")
    assert "ism: plain forward passes, because no convolution" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["gradient", "tism", *PATH_METHODS])
@pytest.mark.parametrize("baseline", ["uniform", "zeros"])
def test_multipliers_of_a_linear_model_are_its_weights(linear, codes, method, baseline):
    found = multipliers(linear, codes, None, method, strands="forward", batch_size=2, baseline=baseline)
    weights = linear.layer.weight.detach().numpy().reshape(1, 2, 4, LENGTH)
    np.testing.assert_allclose(found, weights.repeat(5, axis=0), atol=1e-6)


def test_ism_of_a_linear_model_is_its_tism(linear, codes):
    gradient = multipliers(linear, codes)
    np.testing.assert_allclose(
        multipliers(linear, codes, None, "ism"), scores.transform(gradient, codes, "tism"), atol=1e-6
    )


@pytest.mark.parametrize("method", PATH_METHODS)
@pytest.mark.parametrize("baseline", baselines.BASELINES)
def test_contributions_add_up(linear, trained, codes, method, baseline):
    for network, sequences, limit in ((linear, codes, 1e-6), (*trained, 1e-3)):
        found = attribution(network, sequences, method, baseline=baseline, n_baselines=3)
        kept = baselines.stored(baseline)
        contributions = scores.transform(found.multipliers, sequences, "global", kept).sum(axis=(2, 3))
        outputs = both_strands(network, sequences)
        if baseline in baselines.CONSTANT:
            flat = torch.full((1, 4, sequences.shape[1]), baselines.CONSTANT[baseline])
            np.testing.assert_allclose(found.difference, outputs - network(flat).detach().numpy(), atol=1e-5)
        scale = np.abs(found.difference).max()
        np.testing.assert_allclose(contributions, found.difference, atol=limit * scale)
        np.testing.assert_allclose(found.error, contributions - found.difference, atol=1e-5 * scale)


@pytest.mark.parametrize(
    "build",
    [
        lambda: dense_behind(nn.ReLU, nn.MaxPool1d),
        lambda: models.build("MotifCNN", n_outputs=2, channels=16, hidden=16),
    ],
    ids=["dense", "motif_cnn"],
)
def test_contributions_add_up_on_a_path_with_corners(build, planted):
    """Where a ReLU or a maximum bends the path, a few points miss what many find."""
    torch.manual_seed(0)
    network, codes = train(build(), planted)
    largest = {}
    for steps in (20, 1000):
        found = attribution(network, codes, "integrated_gradients", steps=steps)
        contributions = found.multipliers * (models.one_hot(codes, "cpu").numpy()[:, None] - 0.25)
        missed = np.abs(contributions.sum(axis=(2, 3)) - found.difference)
        largest[steps] = (missed / np.abs(contributions).sum(axis=(2, 3))).max()
    assert largest[1000] < 1e-3 < largest[20]


@pytest.mark.parametrize("settings", [{}, {"plan": False}])
@pytest.mark.parametrize("method", methods.METHODS)
def test_the_strands_of_the_network_are_explained_unless_told_otherwise(network, codes, method, settings):
    both, forward = (multipliers(network, codes, None, method, strands=one, **settings) for one in ("both", "forward"))
    assert np.abs(both - forward).max() > 0.01 * np.abs(both).max()
    np.testing.assert_array_equal(multipliers(network, codes, None, method, **settings), both)
    network.strands = "forward"
    np.testing.assert_array_equal(multipliers(network, codes, None, method, **settings), forward)
    np.testing.assert_array_equal(multipliers(network, codes, None, method, strands="both", **settings), both)


def test_shuffles_keep_dinucleotides_and_belong_to_the_sequence(codes):
    codes = np.tile(codes, 4)
    codes[2, 10:13] = dna.UNKNOWN
    x = models.one_hot(codes, "cpu")
    made = baselines.make("dinucleotide_shuffled", x, codes, 3, seed=1)
    assert made.shape == (5, 3, 4, 96)

    def pairs(one_hot):
        # An unknown base is 0.25 in each channel; as a fifth letter it takes part in pairs of its own.
        letters = np.where(one_hot.max(axis=0) == 1, one_hot.argmax(axis=0), dna.UNKNOWN)
        return np.bincount(letters[:-1] * 5 + letters[1:], minlength=25)

    for row in range(5):
        for shuffle in made[row].numpy():
            assert np.array_equal(pairs(shuffle), pairs(x[row].numpy()))
            assert not np.array_equal(shuffle, x[row].numpy())
    alone = baselines.make("dinucleotide_shuffled", x[3:4], codes[3:4], 3, seed=1)
    assert torch.equal(alone[0], made[3])
    assert not torch.equal(baselines.make("dinucleotide_shuffled", x, codes, 3, seed=2), made)


@pytest.mark.parametrize("method", methods.METHODS)
def test_the_reverse_complement_has_the_reverse_complement_s_multipliers(network, codes, method):
    forward = multipliers(network, codes, None, method)
    reverse = multipliers(network, np.ascontiguousarray(dna.reverse_complement(codes)), None, method)
    np.testing.assert_allclose(forward, reverse[..., ::-1, ::-1], atol=1e-6)


@pytest.mark.parametrize("architecture", ["BassetLike", "MotifCNN"])
@pytest.mark.parametrize("method", methods.METHODS)
def test_neither_batches_nor_chunks_of_targets_matter(architecture, method):
    network = build(architecture)
    codes = np.random.default_rng(2).integers(0, 5, (3, 36)).astype(np.uint8)
    alone = multipliers(network, codes, None, method, batch_size=1, target_chunk=1)
    together = multipliers(network, codes, None, method, batch_size=500, target_chunk=2)
    # Effects of mutants are differences of outputs near 1, each with its rounding.
    np.testing.assert_allclose(alone, together, atol=1e-5 * np.abs(alone).max() + 1e-7)


@pytest.mark.parametrize("method", methods.METHODS)
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
    groups = targets.members(entries)
    assert groups == {"a": {"a": 1}, "m": {"b": 0.5, "c": 0.5}, "d": {"b": 0.5, "c": 0.5, "a": -1}}
    found = targets.from_members(groups, ["c", "b", "a"], ["d", "a", "d"])
    np.testing.assert_array_equal(found.values, [[0, 0, 1], [0.5, 0.5, 0], [0.5, 0.5, -1]])
    assert found.which[:, 0].tolist() == [2, 0, 2]
    assert not targets.from_members({"b": {"b": 1.0}}, ["c", "b"], ["b"]).weighted
    with pytest.raises(InputError, match="two entries named 'a'"):
        targets.members(["a", {"name": "a", "mean": ["b"]}])
    with pytest.raises(InputError, match="'d': 'b' is not predicted; expected one of x, y"):
        targets.from_members({"d": {"b": 1.0}}, ["x", "y"], [])


def test_gradients_of_the_weights_are_neither_left_nor_switched_off(network, codes):
    frozen = next(network.parameters()).requires_grad_(False)
    network.train()
    multipliers(network, codes, None, "integrated_gradients")
    assert network.training
    for parameter in network.parameters():
        assert parameter.grad is None and parameter.requires_grad == (parameter is not frozen)


@pytest.mark.parametrize("architecture", SMALL)
def test_the_linear_front_and_the_rest_are_the_network(architecture):
    network = build(architecture)
    front, rest = split(network)
    x = torch.rand(3, 4, SIZES[architecture])
    # In Sei the pair of convolutions and the one after it, both of which are used further on.
    convolutions = {"Sei": 3, "FSei": 3, "ConvNet": 2}.get(architecture, 1)
    assert sum(isinstance(module, nn.Conv1d) for module in front.modules()) == convolutions
    assert len(front(x)) == (2 if architecture in ("Sei", "FSei") else 1)
    torch.testing.assert_close(rest(*front(x)), network(x))
    other = torch.rand_like(x)
    for both, one, two, none in zip(*(front(part) for part in (x + other, x, other, x * 0)), strict=True):
        torch.testing.assert_close(both - two, one - none, atol=1e-5, rtol=1e-5)


def test_a_network_that_cannot_be_split_is_explained_whole(network, codes):
    class Branching(nn.Module):
        n_outputs = 3

        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, x):
            return self.network(x if x.sum() > 0 else -x)

    whole = Branching()
    assert split(whole)[1] is whole
    # The bare network is interpolated behind its front.
    expected = multipliers(network, codes, None, "integrated_gradients")
    found = multipliers(whole, codes, None, "integrated_gradients")
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("architecture", SMALL)
def test_deep_lift_has_a_rule_for_every_layer_of_the_registry(architecture):
    # In double precision, so that what is left is the rules' and not rounding.
    network = build(architecture).double()
    codes = np.random.default_rng(3).integers(0, 5, (3, SIZES[architecture])).astype(np.uint8)
    x = models.one_hot(codes, "cpu").double()
    bases = baselines.make("dinucleotide_shuffled", x, codes, 2, seed=0)
    with methods.frozen(network):
        found, difference = deep_lift(network, x, bases, torch.eye(3).double(), batch_size=4)
    contributions = found * (x[:, None] - bases)
    scale = contributions.abs().sum(dim=(2, 3))
    assert ((contributions.sum(dim=(2, 3)) - difference).abs() < 1e-6 * scale).all()
    with torch.no_grad():
        outputs = network(torch.cat([x[:1], bases[0]]))[:, 0]
    torch.testing.assert_close(difference[0], outputs[0] - outputs[1:])


def test_deep_lift_of_a_layer_without_a_rule_is_an_error(codes):
    class Squared(nn.Module):
        def forward(self, x):
            return x**2

    network = nn.Sequential(nn.Conv1d(4, 3, 5), Squared(), nn.Flatten(), nn.Linear(3 * (LENGTH - 4), 1))
    network.n_outputs = 1
    with pytest.raises(InputError, match="contributions miss the difference of the outputs by .* has no rule"):
        multipliers(network, codes, None, "deep_lift_shap")


def test_tangermeme_agrees():
    from tangermeme.deep_lift_shap import deep_lift_shap
    from tangermeme.saliency import saliency

    network = build("BassetLike")
    codes = np.random.default_rng(4).integers(0, 4, (4, 36)).astype(np.uint8)
    x = models.one_hot(codes, "cpu")
    found = scores.transform(multipliers(network, codes, [1], strands="forward"), codes, "corrected")
    expected = saliency(network, x, target=1, hypothetical=True, device="cpu").detach().numpy()
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-6)
    bases = baselines.make("dinucleotide_shuffled", x, codes, 4, seed=0)
    expected = deep_lift_shap(network, x, target=1, references=bases, hypothetical=True, device="cpu").numpy()
    found = multipliers(network, codes, [1], "deep_lift_shap", strands="forward", batch_size=6)
    np.testing.assert_allclose(
        scores.transform(found, codes, "hypothetical", baselines.stored("dinucleotide_shuffled"))[:, 0],
        expected,
        atol=1e-6,
    )


def test_captum_agrees():
    captum = pytest.importorskip("captum.attr", reason="captum is installed for benchmarks only")
    network = build("Sei")
    codes = np.random.default_rng(5).integers(0, 4, (2, 128)).astype(np.uint8)
    x = models.one_hot(codes, "cpu")
    contributions = captum.IntegratedGradients(network).attribute(
        x, torch.full_like(x, 0.25), target=2, n_steps=20, method="gausslegendre"
    )
    found = multipliers(network, codes, [2], "integrated_gradients", strands="forward", steps=20)
    found = scores.transform(found, codes, "global")[:, 0]
    np.testing.assert_allclose(found, contributions.numpy(), atol=1e-4 * np.abs(found).max())


def test_no_rows_give_no_multipliers(network):
    empty = np.empty((0, LENGTH), dtype=np.uint8)
    assert multipliers(network, empty, [0, 1], "tism").shape == (0, 2, 4, LENGTH)


def test_what_is_not_known_is_named(network, codes):
    with pytest.raises(InputError, match="unknown attribution method 'shap'; expected one of gradient, tism"):
        multipliers(network, codes, None, "shap")
    with pytest.raises(InputError, match="unknown setting 'stepps' of attribution; expected one of strands, "):
        multipliers(network, codes, None, "tism", stepps=3)
    # A parameter of the functions is no setting of a method.
    with pytest.raises(InputError, match="unknown setting 'seed' of attribution; expected one of .*, smoothing$"):
        methods.block_rows(network, codes, targets.Targets(None, 3), "tism", seed=3)
    for name, value in (("steps", 0), ("n_baselines", 1.5), ("batch_size", "many"), ("memory_mb", -1)):
        with pytest.raises(
            InputError, match=f"setting '{name}' of attribution is {value!r}; expected an integer from 1"
        ):
            multipliers(network, codes, None, "tism", **{name: value})
    with pytest.raises(InputError, match="setting 'strands' of attribution is 'reverse'; expected both or forward"):
        multipliers(network, codes, None, "tism", strands="reverse")
    with pytest.raises(InputError, match="unknown baseline 'random'; expected one of uniform, zeros, dinucleotide"):
        multipliers(network, codes, None, "integrated_gradients", baseline="random")
    with pytest.raises(InputError, match=r"targets: \[0, 3\]; expected outputs from 0 to 2"):
        multipliers(network, codes, [0, 3])
    with pytest.raises(InputError, match=r"targets: weights \(1, 2\); expected \(t, 3\)"):
        multipliers(network, codes, np.ones((1, 2), dtype=np.float32))
