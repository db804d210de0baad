"""First-order effects behind the first convolution, against a forward pass of every mutant and the gradient there."""

import numpy as np
import pytest
import torch
from torch import nn

from cisflow import models
from cisflow.attribution import tracing
from cisflow.attribution.ism import changes, first_convolution, taylor
from cisflow.attribution.ism import graph as plan
from cisflow.sequence import dna
from weights import unlike_each_other


class Planar(nn.Module):
    """A convolution over one axis of two, as in Beluga."""

    def __init__(self):
        super().__init__()
        self.front = nn.Sequential(nn.Conv2d(4, 5, (1, 8)), nn.ReLU(), nn.MaxPool2d((1, 3)))
        self.rest = nn.Sequential(nn.Flatten(), nn.Linear(60, 6), nn.Tanh(), nn.Linear(6, 3))

    def forward(self, x):
        return self.rest(self.front(x.unsqueeze(2)))


def sequential(*front, width):
    return nn.Sequential(*front, nn.Flatten(), nn.Linear(width, 6), nn.Tanh(), nn.Linear(6, 3))


# (network, length): pools that leave positions out at the end, padding on both sides and none, a kernel that is wider
# than a pool and one that is narrower, a kernel as wide as the sequence.
TAKEN = {
    "basset": lambda: (models.build("BassetLike", length=101, n_outputs=3), 101),
    "motif_cnn": lambda: (models.build("MotifCNN", n_outputs=3, channels=16, hidden=6), 83),
    "planar": lambda: (Planar(), 44),
    "narrow": lambda: (sequential(nn.Conv1d(4, 7, 3), nn.ReLU(), nn.MaxPool1d(5), width=35), 31),
    "one position": lambda: (sequential(nn.Conv1d(4, 7, 12, bias=False), nn.ReLU(), nn.MaxPool1d(1), width=7), 12),
}
OTHERS = {
    "another non-linearity": [nn.Conv1d(4, 7, 5), nn.GELU(), nn.MaxPool1d(2)],
    "strides": [nn.Conv1d(4, 7, 5, stride=2), nn.ReLU(), nn.MaxPool1d(2)],
    "dilation": [nn.Conv1d(4, 7, 5, dilation=2), nn.ReLU(), nn.MaxPool1d(2)],
    "groups": [nn.Conv1d(4, 8, 5, groups=2), nn.ReLU(), nn.MaxPool1d(2)],
    "pools that overlap": [nn.Conv1d(4, 7, 5), nn.ReLU(), nn.MaxPool1d(3, 2)],
    "pools with padding": [nn.Conv1d(4, 7, 5), nn.ReLU(), nn.MaxPool1d(4, padding=1)],
    "means": [nn.Conv1d(4, 7, 5), nn.ReLU(), nn.AvgPool1d(2)],
    "no non-linearity": [nn.Conv1d(4, 7, 5), nn.MaxPool1d(2)],
}


def changes_of(front, sequence, dtype):
    """Every mutant through the front: what it changes there, (4 * length, channels, positions)."""
    mutants = np.tile(sequence, (4, len(sequence), 1))
    mutants[:, np.arange(len(sequence)), np.arange(len(sequence))] = np.arange(4)[:, None]
    mutants = np.concatenate([sequence[None], mutants.reshape(-1, len(sequence))])
    with torch.no_grad():
        values = front(models.one_hot(mutants, "cpu").to(dtype))
    return values[1:] - values[:1]


def by_forward_passes(model, codes, layer):
    """(n, targets, 4, length) float64: each mutant's change at the layer, times the gradient there."""
    graph = plan.Plan(model, codes.shape[1], until=layer)
    nodes = {node.name: node for node in graph.graph.graph.nodes}
    front = tracing.extract(graph.graph, [nodes[graph.entry]], nodes[graph.layers[layer]])
    rest = graph.rest
    effects = []
    for sequence in codes:
        value = front(models.one_hot(sequence[None], "cpu").double()).detach().requires_grad_(True)
        slopes = [torch.autograd.grad(output, value, retain_graph=True)[0] for output in rest(value)[0]]
        change = changes_of(front, sequence, torch.float64)
        effects.append([(change * slope).flatten(1).sum(dim=1).reshape(4, -1).numpy() for slope in slopes])
    return np.array(effects)


@pytest.mark.parametrize("layer", ["conv1", "pool1"])
@pytest.mark.parametrize("name", TAKEN)
def test_effects_are_those_of_forward_passes(name, layer):
    torch.manual_seed(1)
    model, length = TAKEN[name]()
    model = unlike_each_other(model).double()
    codes = np.random.default_rng(0).integers(0, 4, (3, length)).astype(np.uint8)
    codes[0, [0, 5]] = dna.UNKNOWN
    assert first_convolution.shape_of(plan.Plan(model, length, until=layer)) is not None
    expected = by_forward_passes(model, codes, layer)
    found = taylor.taylor_ism(model, codes, np.arange(3), layer)
    assert np.abs(found - expected).max() < 1e-6 * np.ptp(expected)
    known = codes[1:]
    rows, positions = np.indices(known.shape)
    assert not found[1:][rows, :, known, positions].any()


@pytest.mark.parametrize("layers", OTHERS.values(), ids=OTHERS)
def test_other_fronts_take_the_general_way(layers):
    torch.manual_seed(1)
    model = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(3)).double().eval()
    model(torch.zeros(1, 4, 40, dtype=torch.float64))
    assert first_convolution.shape_of(plan.Plan(model, 40, until="pool1")) is None


def test_in_single_precision_small_changes_are_not_lost_beside_large_values():
    """A bias lifts all that the ReLU reads: the difference of two of its outputs would keep three digits."""
    torch.manual_seed(1)
    model = sequential(nn.Conv1d(4, 7, 5, padding=2), nn.ReLU(), width=280).eval()
    with torch.no_grad():
        model[0].weight *= 0.1
        model[0].bias += 300
    codes = np.random.default_rng(0).integers(0, 4, (1, 40)).astype(np.uint8)
    layer = plan.Plan(model, 40, until="conv1")
    slopes = torch.randn(1, 1, 40, 7)
    with torch.no_grad():
        front = changes.Front(layer, changes.folded_weights(layer), models.one_hot(codes, "cpu"))
        found = first_convolution.effects(first_convolution.shape_of(layer), front, slopes, threads=1)
    change = changes_of(model[:2].double(), codes[0], torch.float64)
    expected = torch.einsum("mcp,pc->m", change, slopes[0, 0].double()).reshape(4, -1).numpy()
    assert np.abs(found[0, 0] - expected).max() < 1e-6 * np.ptp(expected)
