"""Heads: from the features of a sequence to its outputs, modality by modality."""

import torch
from torch import nn

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.models.blocks import dense, vectors


class Profile(settings.Settings):
    """The head for shapes of profiles, a convolution at every position."""

    width: int = setting(75, minimum=1, meaning="Positions that a kernel reads.")
    crop: int = setting(0, minimum=0, meaning="Bases on either side that the profile leaves out.")


class Readout(nn.Module):
    """(n, width) features -> (n, t) raw outputs: a dense stack, then a linear head a modality, side by side.

    Parameters
    ----------
    stack : dense.Settings, or None.
    heads : {modality: dense.Settings of layers of its own}, of those that have some.
    modalities : {name: number of outputs}.
    features : numbers of the vector of each track that heads read, see `vectors`, and rank their bottleneck; None of
        heads that know their tracks alone.
    """

    def __init__(self, stack, heads, modalities, width, features=None, rank=None):
        super().__init__()
        layers, width = ([], width) if stack is None else dense.stack(stack, width)
        self.dense = nn.Sequential(*layers)
        self.heads = nn.ModuleDict()
        for name, count in modalities.items():
            layers, wide = dense.stack(heads[name], width) if name in heads else ([], width)
            last = [nn.Linear(wide, count)] if features is None else vectors.layers(wide, rank, features, count)
            self.heads[head(name)] = nn.Sequential(*layers, *last)

    def forward(self, x):
        x = self.dense(x)
        found = [head(x) for head in self.heads.values()]
        return found[0] if len(found) == 1 else torch.cat(found, dim=1)


def head(modality):
    """Name of the module of a modality's head: a dot would divide it, and a bare name might be one of torch's own."""
    return f"to_{modality.replace('.', '_')}"
