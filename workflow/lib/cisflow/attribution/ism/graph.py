"""What a network does with one changed base: its local front, as a list of steps, and the rest that sees everything."""

import functools

import torch
from torch import nn

from cisflow.attribution import tracing
from cisflow.attribution.ism.steps import (
    POINTWISE,
    POINTWISE_FUNCTIONS,
    CallWith,
    fold_normalisation,
    frontier_of,
    local_front,
    needed,
    pool_before_relu,
)
from cisflow.attribution.tracing import extract, flattens, is_module, output
from cisflow.errors import InputError, listing
from cisflow.models.layers import LogitDifference, StrandConvolution
from cisflow.models.sei import SplineProjection

_IDENTITIES = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout)


class Unplannable(Exception):
    """The network has no local front that a plan could use; the message says why."""


class Plan:
    """A network as a local front and a rest, for sequences of one length.

    Parameters
    ----------
    model : nn.Module in eval mode, (n, 4, length) in, (n, targets) out.
    length : bases.
    until : name of one of the `layers`; the front then ends there.

    Attributes
    ----------
    graph : fx.GraphModule of the whole network, without dropout.
    entry : name of the node of the sequence.
    steps : list of Step in order of evaluation.
    jump : bases from one position of the coarsest step to the next.
    layers : {name: node} of the layers through which all later ones see the sequence, in order. `conv2` is the
        second convolution with its normalisation and non-linearity, `pool1` the first pooling, `add1` the first sum
        of two paths with its non-linearity; `input` is the sequence, `output` stands for the whole network.
    frontier : nodes of the front (or the sequence) that the rest reads.
    planar : nodes of the front with an axis of height 1, as Conv2d needs it.
    operations : the end of the network, where that is a chain: nn.Linear first, then more of them and pointwise
        operations; else empty. One whose outputs are subtracted in pairs (LogitDifference) is one with the difference.
    dense : whether the first of the operations reads the flattened frontier.
    neck : fx.GraphModule from the frontier to the operations; None with `dense`.
    neck_is_linear : whether the neck of a difference is the difference of the necks.

    Raises
    ------
    Unplannable : the network cannot be traced, or its first operation sees all positions at once.
    InputError : no such layer.
    """

    def __init__(self, model, length, until=None):
        try:
            self.graph = tracing.trace(model)
        except tracing.Untraceable as error:
            raise Unplannable(str(error)) from error
        _drop_identities(self.graph)
        _plain_convolutions(self.graph)
        entry = tracing.entry(self.graph)
        self.entry = entry.name
        steps, self.planar, refused = local_front(self.graph, entry, length)
        if not any(step.kind == "conv" for step in steps):
            raise Unplannable(f"no convolution before {refused}, which is not an operation on neighbourhoods")
        self.layers = _name_layers(self.graph, steps, self.entry)
        kept = None
        if until is not None:
            if until not in self.layers:
                raise InputError(f"unknown layer '{until}'; expected one of {listing(self.layers, 40)}")
            kept = self.layers[until]
        pool_before_relu(self.graph, steps, kept)
        steps, self.planar, _ = local_front(self.graph, entry, length)
        self.frontier = [kept] if kept else frontier_of(self.graph, steps, self.entry)
        self.steps = fold_normalisation(self.graph, needed(steps, self.frontier), self.frontier)
        self.jump = max((step.jump for step in self.steps), default=1)
        if any(self.jump % step.jump for step in self.steps):
            raise Unplannable("paths of strides that do not divide each other")
        self.operations, self.dense, self.neck, self.neck_is_linear = [], False, None, False
        if until is None:
            self._divide({step.name for step in steps} | {self.entry})

    def _divide(self, front):
        """Find the dense layers at the end, and what lies between them and the front."""
        nodes = {node.name: node for node in self.graph.graph.nodes}
        start = [nodes[name] for name in self.frontier]
        end = output(self.graph)
        linear = _first_dense(self.graph, front)
        if linear is not None and _all_pass(start, linear):
            self.operations = _chain(self.graph, linear)
        if self.operations:
            end = linear.args[0]
            self.dense = len(start) == 1 and flattens(self.graph, end) and end.args[0] is start[0]
        if not self.dense:
            self.neck = extract(self.graph, start, end)
            self.neck_is_linear = all(_is_linear(self.graph, node) for node in self.neck.graph.nodes)

    def extents(self):
        """Positions of each node that one mutant can change at most: {node: positions}."""
        result = {}
        for phase in range(self.jump):
            windows = {self.entry: (phase, phase)}
            for step in self.steps:
                low = min(windows[name][0] for name in step.inputs)
                high = max(windows[name][1] for name in step.inputs)
                low, high = windows[step.name] = step.reach(low, high)
                result[step.name] = max(result.get(step.name, 1), high - low + 1)
        return result or {self.entry: 1}

    @functools.cached_property
    def recorder(self):
        """fx.GraphModule from the sequence to {node: value}: the frontier, and what steps that are not linear need.

        A non-linearity needs its input; pooling by maximum or softmax, its input and its output.
        """
        wanted = set(self.frontier)
        for step in self.steps:
            if step.kind in ("pointwise", "strands", "max_pool", "softmax_pool"):
                wanted.update(step.inputs)
            if step.kind in ("max_pool", "softmax_pool"):
                wanted.add(step.name)
        nodes = [node for node in self.graph.graph.nodes if node.name in wanted]
        return extract(self.graph, [tracing.entry(self.graph)], {node.name: node for node in nodes})

    @functools.cached_property
    def rest(self):
        """fx.GraphModule from the layer `until` to the network's output."""
        node = next(node for node in self.graph.graph.nodes if node.name == self.frontier[0])
        return extract(self.graph, [node], output(self.graph))


def _drop_identities(graph):
    for node in list(graph.graph.nodes):
        contiguous = node.op == "call_method" and node.target == "contiguous"
        if contiguous or is_module(graph, node, _IDENTITIES):
            node.replace_all_uses_with(node.args[0])
            graph.graph.erase_node(node)
    graph.recompile()


@torch.no_grad()
def _plain_convolutions(graph):
    """Puts the plain convolution that it is in the place of each that reads both strands."""
    for node in graph.graph.nodes:
        if is_module(graph, node, StrandConvolution):
            weight, bias = graph.get_submodule(node.target).both()
            # Drawing first weights would move the random numbers of all that follows.
            plain = nn.utils.skip_init(nn.Conv1d, *weight.shape[1::-1], weight.shape[2], padding="same", bias=False)
            plain.weight = nn.Parameter(weight, requires_grad=False)
            plain.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
            graph.add_submodule(node.target, plain)


def _first_dense(graph, front):
    """The first nn.Linear behind the front, or None."""
    reached = set(front)
    for node in graph.graph.nodes:
        if node.name not in front and any(source.name in reached for source in node.all_input_nodes):
            if is_module(graph, node, nn.Linear):
                return node
            reached.add(node.name)
    return None


def _chain(graph, node):
    """Modules and functions from a dense layer to the output, if each feeds the next alone; else an empty list."""
    result = []
    while node.op != "output":
        if is_module(graph, node, (nn.Linear, *POINTWISE)):
            result.append(graph.get_submodule(node.target))
        elif is_module(graph, node, LogitDifference) and isinstance(result[-1], nn.Linear):
            result[-1] = _differences(result[-1])
        elif node.op == "call_function" and node.target in POINTWISE_FUNCTIONS and len(node.args) == 1:
            result.append(CallWith(node))
        else:
            return []
        if len(node.users) != 1:
            return []
        node = next(iter(node.users))
    return result


@torch.no_grad()
def _differences(layer):
    """LogitDifference of a dense layer as a dense layer of its own: differences of its rows, which are as linear."""
    pairs = LogitDifference()
    # Drawing first weights would move the random numbers of all that follows.
    result = nn.utils.skip_init(nn.Linear, layer.in_features, layer.out_features // 2, layer.bias is not None)
    result.weight = nn.Parameter(pairs(layer.weight.T).T.contiguous(), requires_grad=False)
    if layer.bias is not None:
        result.bias = nn.Parameter(pairs(layer.bias[None])[0], requires_grad=False)
    return result


def _is_linear(graph, node):
    """Whether an operation is linear and without a constant term."""
    if node.op in ("placeholder", "output"):
        return True
    return is_module(graph, node, (nn.AdaptiveAvgPool1d, SplineProjection)) or flattens(graph, node)


def _all_pass(starts, gate):
    """Whether the output depends on the front through the node `gate` alone, and the gate on the front."""
    stack, seen = list(starts), set()
    while stack:
        node = stack.pop()
        if node in seen or node is gate:
            continue
        seen.add(node)
        if node.op == "output":
            return False
        stack.extend(user for user in node.users if user not in starts)
    return True


def _name_layers(graph, steps, entry):
    """Names of the layers that cut the network in two: all that comes after sees the sequence through them alone."""
    order = {node.name: number for number, node in enumerate(graph.graph.nodes)}
    edges = [
        (order[node.name], order[user.name])
        for node in graph.graph.nodes
        if node.op != "get_attr"
        for user in node.users
    ]
    readers = {}
    for node in graph.graph.nodes:
        readers[node.name] = [user.name for user in node.users]
    kinds = {step.name: step.kind for step in steps}
    result, numbers = {"input": entry}, {}
    for step in steps:
        kind = {"conv": "conv", "max_pool": "pool", "mean_pool": "pool", "softmax_pool": "pool", "add": "add"}.get(
            step.kind
        )
        if kind is None:
            continue
        numbers[kind] = numbers.get(kind, 0) + 1
        end = step.name
        while len(readers[end]) == 1 and kinds.get(readers[end][0]) in ("scale", "pointwise", "strands"):
            end = readers[end][0]
        place = order[end]
        if not any(first < place < last for first, last in edges):
            result[f"{kind}{numbers[kind]}"] = end
    result["output"] = output(graph).name
    return result
