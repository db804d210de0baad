"""Small networks with random weights, of the registry and unlike it, and the brute force that explains them."""

import numpy as np
import torch
from torch import nn

from cisflow import models
from cisflow.models.beluga import Beluga
from cisflow.sequence import dna

# One of every architecture that reads one-hot sequence, but Beluga, whose length is fixed.
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


def build(architecture):
    """One of SMALL in eval mode."""
    torch.manual_seed(0)
    network = models.build(architecture, **SMALL[architecture])
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            # What an untrained one holds would make it the identity.
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return network.eval()


class Linear(nn.Module):
    """Two linear outputs: every attribution method is exact on them."""

    n_outputs = 2

    def __init__(self, length):
        super().__init__()
        self.length = length
        self.layer = nn.Linear(4 * length, 2)

    def forward(self, x):
        return self.layer(x.flatten(1))


class SmallBeluga(nn.Module):
    """Beluga's layers at another width and length, of the real network's modules."""

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


# (network, length), of those that exact in silico mutagenesis has a plan for.
PLANNED = {
    "basset": lambda: (models.build("BassetLike", length=101, n_outputs=3), 101),
    "motif_cnn": lambda: (models.build("MotifCNN", n_outputs=3, channels=16, hidden=6), 83),
    "beluga": lambda: (SmallBeluga(150), 150),
    "sei": lambda: (models.build("Sei", n_targets=5, channels=(4, 5, 6)), 301),
    "odd": lambda: (Odd(), 70),
    "recurrent": lambda: (Recurrent(nn.Sequential(nn.Conv1d(4, 6, 5), nn.Tanh(), nn.AvgPool1d(2))), 40),
}


def sequences(length):
    """Two of them, with unknown bases."""
    codes = np.random.default_rng(0).integers(0, 4, (2, length)).astype(np.uint8)
    codes[0, [0, 33]] = dna.UNKNOWN
    return codes


@torch.inference_mode()
def brute_force(model, codes, positions=None):
    """Every mutant through the network, at all positions or some: (n, targets, 4, length) float64, 0 elsewhere."""
    length, inputs = codes.shape[1], models.Network.of(model).inputs
    dtype = next(model.parameters()).dtype
    at = np.arange(length) if positions is None else np.array(positions)
    effects = []
    for sequence in codes:
        reference = model(inputs(sequence[None], "cpu")[0].to(dtype))
        # The base present is no mutant: its effect is zero.
        base, place = np.nonzero(np.arange(4)[:, None] != sequence[at])
        mutants = np.tile(sequence, (len(base), 1))
        mutants[np.arange(len(base)), at[place]] = base
        outputs = torch.cat([model(part) for part in inputs(mutants, "cpu")[0].to(dtype).split(64)])
        effects.append(np.zeros((reference.shape[1], 4, length)))
        effects[-1][:, base, at[place]] = (outputs - reference).double().T.numpy()
    return np.stack(effects)
