"""Parts that several networks share. Every operation that is not linear is a module, so that hooks can reach it."""

import torch
from torch import nn


class Product(nn.Module):
    """The sum of products of two tensors that `equation` spells, as torch.einsum does.

    A module because the rules of DeepLIFT/SHAP attach to modules: each instance is used once in a forward pass.
    """

    def __init__(self, equation):
        super().__init__()
        self.equation = equation

    def forward(self, left, right):
        return torch.einsum(self.equation, left, right)


class AttentionPool(nn.Module):
    """(n, channels, positions) -> (n, channels): each channel's mean over positions, weighted by learned attention.

    The weights are a softmax over positions of a linear map of the channels, which starts as the identity.
    """

    def __init__(self, channels):
        super().__init__()
        self.to_attn_logits = nn.Parameter(torch.eye(channels))
        self.softmax = nn.Softmax(dim=-1)
        self.pool = Product("ncp,ncp->nc")

    def forward(self, x):
        return self.pool(x, self.softmax(torch.einsum("ncp,cd->ndp", x, self.to_attn_logits)))


class LogitDifference(nn.Module):
    """(n, 2 t) -> (n, t): second minus first of each pair of logits, for networks as Daoud & Ben-Hur (2025) built them.

    The softmax over a pair is the sigmoid of this difference, and its cross-entropy the binary cross-entropy, so a
    network with two logits a target is trained and read like one with a single logit.
    """

    def forward(self, x):
        return x[:, 1::2] - x[:, 0::2]


def logits(n_inputs, n_outputs, two_logits):
    """The last layer of a network, and what turns its outputs into one logit a target.

    `two_logits` belongs to the networks of Daoud & Ben-Hur (2025), which have two logits a target in the last layer;
    their difference is the output. It is there for their numbers of parameters and their checkpoints.
    """
    if two_logits:
        return nn.Linear(n_inputs, 2 * n_outputs), LogitDifference()
    return nn.Linear(n_inputs, n_outputs), nn.Identity()


def renamed(model, layers):
    """{name of a tensor of `model`: its name in a published checkpoint}.

    Parameters
    ----------
    layers : {layer here: its name there}, of every layer that holds tensors and is not called the same.
    """
    names = {}
    for name in model.state_dict():
        layer = next((layer for layer in layers if name.startswith(f"{layer}.")), None)
        names[name] = name if layer is None else layers[layer] + name[len(layer) :]
    return names
