"""The layers of a network before its first non-linearity, taken apart from the rest."""

import operator

import torch
from torch import nn

from cisflow.attribution import tracing

# Affine in their input, in eval mode.
AFFINE = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Linear,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.AvgPool1d,
    nn.Dropout,
    nn.Identity,
    nn.Flatten,
    nn.Unflatten,
)


def split(network):
    """A network in eval mode as (front, rest), with `network(x) = rest(*front(x))` and every tensor of `front` affine.

    The front holds all that is computed before a non-linearity: in Sei the first pair of convolutions, whose output is
    added to a later one, and the convolution after the pair. It gives back its input for a network that starts
    otherwise, or whose course cannot be followed. Weights are shared with the network, not copied.
    """
    try:
        graph = tracing.trace(network)
    except tracing.Untraceable:
        return _nothing, network
    nodes = graph.graph.nodes
    affine = {tracing.entry(graph)}
    for node in nodes:
        if set(node.all_input_nodes) <= affine and node.all_input_nodes and _is_affine(graph, node):
            affine.add(node)
    cut = tuple(node for node in nodes if node in affine and not affine.issuperset(node.users))
    front = tracing.extract(graph, [tracing.entry(graph)], cut)
    return front, tracing.extract(graph, cut, tracing.output(graph))


def _nothing(x):
    return (x,)


def _is_affine(graph, node):
    """Whether what a node computes is affine in its inputs."""
    if node.op == "call_module":
        return tracing.is_module(graph, node, AFFINE)
    both = len(node.all_input_nodes) == len(node.args) and not node.kwargs
    return node.op == "call_function" and node.target in (operator.add, torch.add) and both
