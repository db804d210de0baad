"""Slopes for changes that are not small.

A gradient holds for infinitely small changes, and a mutant's are not: where a ReLU is just off or a maximum just won,
its slope at the sequence says little. The mean slope over changes of some size says more, at the same cost.
"""

import torch
from torch import fx, nn

from cisflow.attribution.ism.steps import is_relu, sliding_window


def smoothed(network, width):
    """The network with other gradients: those of ReLUs and maxima are means over random changes of what they read.

    Its outputs stay what they are. With z what a layer reads and s = `width` times the standard deviation of z within
    the sequence, a ReLU has the slope Phi(z / s), the mean of its slopes at z plus a normal change of deviation s; and
    a maximum over z_i has the slopes softmax(z / s), the shares in which each is the largest after Gumbel changes of
    scale s (Gumbel 1954; Yellott 1977, J. Math. Psychol. 15, 109-144).

    Parameters
    ----------
    network : fx.GraphModule in eval mode; batches first. Maxima over windows that overlap, or reach over the ends, and
        all other layers keep their gradients.
    width : more than 0.

    Returns
    -------
    fx.GraphModule.
    """
    graph, copies = fx.Graph(), {}
    graph.output(graph.graph_copy(network.graph, copies))
    for node in list(graph.nodes):
        module = network.get_submodule(node.target) if node.op == "call_module" else None
        function = node.target if node.op == "call_function" else module
        pool = 0 if isinstance(module, nn.AdaptiveMaxPool1d) and module.output_size in (1, (1,)) else _size(module)
        if (node.op, node.target) == ("call_method", "relu") or is_relu(function):
            call = _relu, (node.args[0], width)
        elif pool is not None:
            call = _maximum, (node.args[0], width, pool)
        else:
            continue
        with graph.inserting_after(node):
            node.replace_all_uses_with(graph.call_function(*call))
        graph.erase_node(node)
    return fx.GraphModule(network, graph)


def _size(module):
    """Positions of each window of a maximum along the last axis, where windows lie side by side; else None."""
    if not isinstance(module, nn.MaxPool1d | nn.MaxPool2d):
        return None
    shape = sliding_window(module, isinstance(module, nn.MaxPool2d))
    if shape is None:
        return None
    _, kernel, stride, _, padding, _ = shape
    return kernel if kernel == stride and not padding else None


def _deviation(z, width):
    """`width` standard deviations of each sequence's values, of a single one 0, in the shape of z; never 0 itself."""
    deviation = z.flatten(1).std(dim=1, correction=min(1, z[0].numel() - 1)) * width
    return deviation.clamp_min(torch.finfo(z.dtype).tiny).view(-1, *[1] * (z.ndim - 1))


class _Relu(torch.autograd.Function):
    @staticmethod
    def forward(context, z, width):
        context.save_for_backward(torch.special.ndtr(z / _deviation(z, width)))
        return z.relu()

    @staticmethod
    def backward(context, gradient):
        return gradient * context.saved_tensors[0], None


class _Largest(torch.autograd.Function):
    """Of the last axis."""

    @staticmethod
    def forward(context, z, width):
        largest = z.amax(dim=-1, keepdim=True)
        # Subtracted first: where all values are the same, the division could overflow.
        context.save_for_backward(torch.softmax((z - largest) / _deviation(z, width), dim=-1))
        return largest.squeeze(-1)

    @staticmethod
    def backward(context, gradient):
        return gradient[..., None] * context.saved_tensors[0], None


def _relu(z, width):
    return _Relu.apply(z, width)


def _maximum(z, width, size):
    """Over windows of so many positions, or of all positions (`size` 0), which are then one."""
    if not size:
        return _Largest.apply(z, width)[..., None]
    return _Largest.apply(z[..., : z.shape[-1] // size * size].unflatten(-1, (-1, size)), width)
