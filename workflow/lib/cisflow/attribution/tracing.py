"""A network as a graph of its operations (torch.fx), and parts cut out of it."""

import torch
from torch import fx, nn

from cisflow.models.layers import Operation


class Untraceable(Exception):
    """The course of a network cannot be followed; the message says why."""


class _Tracer(fx.Tracer):
    """Keeps whole what has an exact rule elsewhere, or cannot be traced as its forward looks at its input's shape."""

    def is_leaf_module(self, module, name):
        known = super().is_leaf_module(module, name) or isinstance(module, Operation)
        # The layers of a chain answer for themselves.
        return known or type(module) is not nn.Sequential and not _is_traceable(module)


def _is_traceable(module):
    try:
        _Tracer().trace(module)
    # A traced forward can fail in any way that its own code can.
    except Exception:
        return False
    return True


def trace(model):
    """The fx.GraphModule of a network in eval mode, whose weights it shares.

    Raises
    ------
    Untraceable : the network is in training mode, decides its course by values, or has more than one input or output.
    """
    if model.training:
        raise Untraceable("the network is in training mode")
    tracer = _Tracer()
    try:
        graph = tracer.trace(model)
    # As above.
    except Exception as error:
        raise Untraceable(f"it cannot be traced: {str(error).splitlines()[0]}") from error
    if sum(node.op == "placeholder" for node in graph.nodes) != 1:
        raise Untraceable("it takes more than one input")
    module = fx.GraphModule(tracer.root, graph)
    if not isinstance(output(module), fx.Node):
        raise Untraceable("it returns more than one tensor")
    return module


def entry(graph):
    """The node of the input."""
    return next(node for node in graph.graph.nodes if node.op == "placeholder")


def output(graph):
    """The node whose value the network returns."""
    return next(node for node in graph.graph.nodes if node.op == "output").args[0]


def is_module(graph, node, types):
    """Whether a node calls a module of one of these types."""
    return node.op == "call_module" and isinstance(graph.get_submodule(node.target), types)


def flattens(graph, node):
    """Whether a node flattens all axes but the first."""
    if is_module(graph, node, nn.Flatten):
        module = graph.get_submodule(node.target)
        return (module.start_dim, module.end_dim) == (1, -1)
    is_call = (node.op, node.target) in (("call_method", "flatten"), ("call_function", torch.flatten))
    return is_call and node.args[1:] in ((1,), (1, -1)) and not node.kwargs


def extract(graph, starts, end):
    """The part of a graph from the nodes `starts`, which become its inputs in that order, to `end`.

    Parameters
    ----------
    end : what the part returns: a node, a tuple of nodes or {name: node}.
    """
    part = fx.Graph()
    copies = {node: part.placeholder(node.name) for node in starts}
    needed, stack = set(), []
    fx.map_arg(end, stack.append)
    while stack:
        node = stack.pop()
        if node not in copies and node not in needed:
            needed.add(node)
            stack.extend(node.all_input_nodes)
    for node in graph.graph.nodes:
        if node in needed:
            copies[node] = part.node_copy(node, lambda source: copies[source])
    part.output(fx.map_arg(end, lambda node: copies[node]))
    return fx.GraphModule(graph, part)
