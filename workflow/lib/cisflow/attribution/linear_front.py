"""The layers of a network before its first non-linearity, taken apart from the rest."""

import operator

import torch
from torch import fx, nn

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


class _Tracer(fx.Tracer):
    def is_leaf_module(self, module, name):
        """Takes modules without children whole, so that what they compute from shapes is not followed."""
        return super().is_leaf_module(module, name) or not any(module.children())


def split(network):
    """A network in eval mode as (front, rest), with `network(x) = rest(*front(x))` and every tensor of `front` affine.

    The front holds all that is computed before a non-linearity: in Sei the first pair of convolutions, whose output is
    added to a later one, and the convolution after the pair. It gives back its input for a network that starts
    otherwise, or whose course torch.fx cannot follow. Weights are shared with the network, not copied.
    """
    try:
        graph = _Tracer().trace(network)
    # fx gives up on control flow with whatever error the network's own code then raises.
    except Exception:
        return _nothing, network
    affine = {next(node for node in graph.nodes if node.op == "placeholder")}
    for node in graph.nodes:
        if set(node.all_input_nodes) <= affine and node.all_input_nodes and _is_affine(node, network):
            affine.add(node)
    cut = [node for node in graph.nodes if node in affine and not affine.issuperset(node.users)]
    front, rest = fx.Graph(), fx.Graph()
    copies = {}
    for node in graph.nodes:
        if node in affine:
            copies[node] = front.node_copy(node, copies.get)
    front.output(tuple(copies[node] for node in cut))
    copies = {node: rest.placeholder(f"front_{number}") for number, node in enumerate(cut)}
    for node in graph.nodes:
        if node not in affine:
            copies[node] = rest.node_copy(node, copies.get)
    return fx.GraphModule(network, front), fx.GraphModule(network, rest)


def _nothing(x):
    return (x,)


def _is_affine(node, network):
    """Whether what a node computes is affine in its inputs."""
    if node.op == "call_module":
        return isinstance(network.get_submodule(node.target), AFFINE)
    both = len(node.all_input_nodes) == len(node.args) and not node.kwargs
    return node.op == "call_function" and node.target in (operator.add, torch.add) and both
