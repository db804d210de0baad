"""The first layer of a network: how its kernels respond to bases, and the network without the response of one of them.

A kernel's response is what the rest of the network reads of it: behind the first convolution and what follows it number
by number, the pooling of strands, batch normalisation and the non-linearity.
"""

import contextlib
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from cisflow.models import inference
from cisflow.models.kernels import first_convolutions
from cisflow.models.layers import Exponential, Operation, StrandConvolution, StrandPool
from cisflow.models.network import reverse_complement

# What changes each number by itself.
POINTWISE = (
    *(nn.BatchNorm1d, nn.ReLU, nn.GELU, nn.SiLU, nn.ELU, nn.LeakyReLU, nn.Softplus, nn.Sigmoid, nn.Tanh, nn.Identity),
    Exponential,
)
# What else may stand between a convolution and the response.
BETWEEN = (StrandPool, nn.Dropout)
# Windows, or windows without one kernel each, in a forward pass.
BATCH = 512


class Stem(NamedTuple):
    """The first layer of a network, or of one of its trunks, with k kernels of `width` bases.

    convolution : nn.Conv1d, (n, 4, positions) -> (n, k, positions); 2 k of a StrandConvolution. pointwise : modules
    that make a response of its numbers. last : the module whose output (n, k, positions) is the response.
    """

    convolution: nn.Conv1d
    pointwise: list
    last: nn.Module

    @property
    def n_kernels(self):
        return self.convolution.out_channels

    @property
    def width(self):
        return self.convolution.kernel_size[0]

    @property
    def both_strands(self):
        """Whether the layer itself scans both strands."""
        return isinstance(self.convolution, StrandConvolution)

    def responses(self, x):
        """What each kernel makes of each l-mer of one-hot sequences on the strand given.

        Parameters
        ----------
        x : (n, 4, positions).

        Returns
        -------
        (n, k, places) float32, one place for each l-mer that lies whole within the positions.
        """
        layer = self.convolution
        found = functional.conv1d(x, layer.weight, layer.bias, dilation=layer.dilation)
        for module in self.pointwise:
            found = module(found)
        return found


@torch.inference_mode()
def stems(network, codes, device):
    """The Stem of each trunk of a Network in eval mode; none where no nn.Conv1d reads the bases.

    Parameters
    ----------
    codes : (n, length) uint8, a sequence or more, for the order in which modules run.
    """
    network.to(device)
    convolutions = first_convolutions(network.module)
    if not convolutions:
        return []
    calls = []

    def note(module, inputs, output):
        if inputs and isinstance(output, torch.Tensor):
            calls.append((module, inputs[0], output))

    watched = [m for m in network.module.modules() if isinstance(m, Operation) or not any(m.children())]
    with contextlib.ExitStack() as stack:
        for module in watched:
            stack.callback(module.register_forward_hook(note).remove)
        network(*network.inputs(codes[:1], device))
    return [_stem(convolution, calls) for convolution in convolutions]


def _stem(convolution, calls):
    """The Stem of a convolution, from (module, its input, its output) of each call in their order."""
    pointwise, last = [], convolution
    current = next(output for module, _, output in calls if module is convolution)
    while following := [(module, output) for module, given, output in calls if given is current]:
        allowed = [pair for pair in following if isinstance(pair[0], (*POINTWISE, *BETWEEN))]
        # What else reads it, such as a shortcut around a block, reads the response that is there.
        if len(following) > 1 or not allowed or allowed[0][1] is current:
            break
        last, current = allowed[0]
        if isinstance(last, POINTWISE):
            pointwise.append(last)
    return Stem(convolution, pointwise, last)


@contextlib.contextmanager
def listening(module, before=False):
    """A list that gets the output of each call of a module, or its input where `before`, while the block runs."""
    found = []
    if before:
        handle = module.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
    else:
        handle = module.register_forward_hook(lambda _, __, output: found.append(output))
    try:
        yield found
    finally:
        handle.remove()


@contextlib.contextmanager
def replaced(stem, kernels, values):
    """While the block runs, each row of a batch has the response of one kernel replaced, at all positions.

    Parameters
    ----------
    kernels : (rows,) int64 tensor, the kernel of each row. values : (k,) tensor, what stands in its place.
    """

    def replace(_, __, output):
        changed = output.clone()
        rows = torch.arange(len(changed), device=changed.device)
        changed[rows, kernels] = values[kernels, None]
        return changed

    handle = stem.last.register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()


@torch.inference_mode()
def outputs(network, codes, device, stem=None, kernels=None, values=None):
    """Raw outputs and predictions, each (n, t) float32, the mean of the strands that the network predicts from.

    Parameters
    ----------
    network : Network in eval mode, on `device`. codes : (n, length) uint8.
    stem, kernels, values : as of `replaced`, kernels (n,) an array; without them nothing is replaced.
    """
    parts = []

    def part(start, stop):
        rows = inference.to_device(np.ascontiguousarray(codes[start:stop]), device)
        strands = [rows] if network.strands == "forward" else [rows, reverse_complement(rows)]
        context = contextlib.nullcontext()
        if stem is not None:
            context = replaced(stem, torch.as_tensor(kernels[start:stop], device=device), values)
        with context:
            raw = [network(*network.inputs(strand, device)).float() for strand in strands]
        raw[1:] = [network.turned(values) for values in raw[1:]]
        predicted = [network.predictions(values) for values in raw]
        return [(sum(found) / len(found)).cpu() for found in (raw, predicted)]

    for _, _, found in inference.in_batches(part, len(codes), BATCH):
        parts.append(found)
    return tuple(torch.cat(found).numpy() for found in zip(*parts, strict=True))
