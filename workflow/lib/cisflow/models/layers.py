"""Parts that several networks share. Every operation that is not linear is a module, so that hooks can reach it."""

import math

import torch
from torch import nn
from torch.nn import functional

ACTIVATIONS = ("relu", "gelu", "silu", "softplus", "exp", "none")


class Operation(nn.Module):
    """Base of modules that attributions know as a whole: no graph of a network looks inside of one."""


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


class Exponential(Operation):
    """e to the power of each number, an activation that lets few positions speak (Koo & Ploenzke 2021)."""

    def forward(self, x):
        return x.exp()


class Logarithm(Operation):
    """Natural logarithm of each number plus a constant."""

    def __init__(self, offset=0.0):
        super().__init__()
        self.offset = offset

    def forward(self, x):
        return (x + self.offset).log()


def activation(name):
    """A new module of one of ACTIVATIONS; "none" is the identity."""
    return {
        "relu": nn.ReLU,
        "gelu": nn.GELU,
        "silu": nn.SiLU,
        "softplus": nn.Softplus,
        "exp": Exponential,
        "none": nn.Identity,
    }[name]()


class StrandConvolution(nn.Conv1d, Operation):
    """(n, 4, positions) -> (n, 2 kernels, positions): what each kernel finds on the strand given, then on the other.

    The latter is at the position of the base that a site of the other strand has in its middle: a convolution with
    the kernel's reverse complement, its weights in the reverse order of bases and of positions.

    Parameters
    ----------
    width : odd, so that a site has a middle.
    """

    def __init__(self, kernels, width, bias=True):
        super().__init__(4, kernels, width, padding="same", bias=bias)

    def both(self):
        """(weights (2 kernels, 4, width), bias (2 kernels,) or None) of the plain convolution that this one is."""
        bias = None if self.bias is None else torch.cat([self.bias, self.bias])
        return torch.cat([self.weight, self.weight.flip(1, 2)]), bias

    def forward(self, x):
        return functional.conv1d(x, *self.both(), padding=self.kernel_size[0] // 2)


class StrandPool(Operation):
    """(n, 2 channels, positions) -> (n, channels, positions): one number of each channel's two, position by position.

    The first half of the channels is of one strand, the second of the other.
    """


class StrandMean(StrandPool):
    def forward(self, x):
        forward, reverse = x.chunk(2, dim=1)
        return (forward + reverse) / 2


class StrandMaximum(StrandPool):
    def forward(self, x):
        return torch.maximum(*x.chunk(2, dim=1))


class StrandSoftmax(StrandPool):
    """The mean of the two, weighted by their softmax."""

    def __init__(self):
        super().__init__()
        self.softmax = nn.Softmax(dim=1)
        self.mean = Product("nscp,nscp->ncp")

    def forward(self, x):
        both = x.unflatten(1, (2, -1))
        return self.mean(both, self.softmax(both))


STRAND_POOLS = {"mean": StrandMean, "max": StrandMaximum, "softmax": StrandSoftmax}


class SoftmaxPool(Operation):
    """(n, channels, positions) -> (n, channels, windows): of each window the mean, weighted by its softmax.

    Parameters
    ----------
    size : positions of a window; windows lie side by side.
    padding : positions before the first and behind the last that are in a window, but have no weight.
    """

    def __init__(self, size, padding=0):
        super().__init__()
        self.size, self.padding = size, padding
        self.softmax = nn.Softmax(dim=-1)
        self.mean = Product("ncws,ncws->ncw")

    def extra_repr(self):
        return f"size={self.size}, padding={self.padding}"

    def forward(self, x):
        windows = (x.shape[-1] + 2 * self.padding) // self.size
        # What fills no window is left out.
        ends = (self.padding, windows * self.size - x.shape[-1] - self.padding)
        logits = functional.pad(x, ends, value=-math.inf).unflatten(2, (windows, self.size))
        values = functional.pad(x, ends).unflatten(2, (windows, self.size))
        return self.mean(values, self.softmax(logits))


def alibi_slopes(heads):
    """Slope of the attention bias of each head (Press et al. 2022).

    A geometric series from 2^(-8/h) to 2^-8 for h heads, h a power of two; otherwise that of the next lower power of
    two, and then every other one of twice as many heads.
    """
    whole = 2 ** int(math.log2(heads))
    series = [2 ** (-8 * (head + 1) / whole) for head in range(whole)]
    between = [2 ** (-4 * (head + 1) / whole) for head in range(0, 2 * whole, 2)]
    return series + between[: heads - whole]


class LogitDifference(Operation):
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
