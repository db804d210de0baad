"""Integrated gradients and DeepLIFT/SHAP: completeness, their own rules, and tangermeme's and captum's numbers."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from cisflow import models
from cisflow.attribution import baselines, blocks, scores
from cisflow.attribution.linear_front import split
from cisflow.attribution.methods.deep_lift_shap import deep_lift
from cisflow.errors import InputError
from cisflow.sequence import dna
from explained import PATH_METHODS, attribution, both_strands, multipliers
from small_networks import SIZES, SMALL, Linear, build

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


@pytest.mark.parametrize("unknown", [0.25, 0.0])
def test_shuffles_keep_dinucleotides_and_belong_to_the_sequence(codes, unknown):
    codes = np.tile(codes, 4)
    codes[2, 10:13] = dna.UNKNOWN
    x = models.one_hot(codes, "cpu", unknown)
    made = baselines.make("dinucleotide_shuffled", x, codes, 3, seed=1)
    assert made.shape == (5, 3, 4, 96)

    def pairs(one_hot):
        # An unknown base is the same in each channel; as a fifth letter it takes part in pairs of its own.
        letters = np.where(one_hot.max(axis=0) == 1, one_hot.argmax(axis=0), dna.UNKNOWN)
        return np.bincount(letters[:-1] * 5 + letters[1:], minlength=25)

    for row in range(5):
        for shuffle in made[row].numpy():
            assert np.array_equal(pairs(shuffle), pairs(x[row].numpy()))
            assert np.array_equal(np.unique(shuffle), np.unique(x[row].numpy()))
            assert not np.array_equal(shuffle, x[row].numpy())
    alone = baselines.make("dinucleotide_shuffled", x[3:4], codes[3:4], 3, seed=1)
    assert torch.equal(alone[0], made[3])
    assert not torch.equal(baselines.make("dinucleotide_shuffled", x, codes, 3, seed=2), made)


@pytest.mark.parametrize("n_baselines", [1, 3])
@pytest.mark.parametrize("method", PATH_METHODS)
def test_sequences_without_another_shuffle_are_explained(linear, method, n_baselines, capsys):
    rng = np.random.default_rng(2)
    one_letter = ["A" * LENGTH, "N" * LENGTH]
    codes = dna.encode(
        "".join([*one_letter, "A" * 20 + "C" * (LENGTH - 20), "".join(rng.choice(list("ACGT"), LENGTH))])
    )
    codes = codes.reshape(4, LENGTH)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = attribution(
            linear, codes, method, baseline="dinucleotide_shuffled", n_baselines=n_baselines, strands="forward"
        )
    assert "3 of 4 sequences have no other order" in (told := capsys.readouterr().err)
    assert "2 of them hold a single letter" in told
    contributions = scores.transform(found.multipliers, codes, "global", baselines.stored("dinucleotide_shuffled"))
    assert np.isfinite(found.multipliers).all() and np.isfinite(found.error).all()
    # Of an unknown base the four letters cancel.
    np.testing.assert_allclose(contributions[:2].sum(axis=2), 0, atol=1e-6)
    np.testing.assert_array_equal(found.difference[:2], 0)
    # Of a linear output, the weight of the base that is there minus that of the bases that shuffles have there.
    x = models.one_hot(codes, "cpu")
    shuffled = baselines.make("dinucleotide_shuffled", x, codes, n_baselines, seed=0).numpy()
    assert not (shuffled[2] == x[2].numpy()).all(axis=(1, 2)).any()
    np.testing.assert_array_equal(shuffled[2].sum(axis=2), np.tile([20, LENGTH - 20, 0, 0], (n_baselines, 1)))
    weights = linear.layer.weight.detach().numpy().reshape(2, 4, LENGTH)
    expected = (weights * (x.numpy() - shuffled.mean(axis=1))[:, None]).sum(axis=2)
    np.testing.assert_allclose(contributions.sum(axis=2), expected, atol=1e-5)
    # The others have the shuffles that they have alone.
    alone = baselines.make("dinucleotide_shuffled", x[3:], codes[3:], n_baselines, seed=0).numpy()
    np.testing.assert_array_equal(shuffled[3], alone[0])


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
    with blocks.frozen(network):
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
