"""The local front of a network: operations on neighbourhoods, from the sequence to the first that sees everything."""

import operator
from dataclasses import dataclass, replace

import torch
from torch import fx, nn
from torch.nn import functional

from cisflow.models.layers import Exponential, SoftmaxPool, StrandPool

POINTWISE = (
    Exponential,
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardswish,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.Mish,
    nn.ReLU,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softplus,
    nn.Softsign,
    nn.Tanh,
)
_RELU_FUNCTIONS = (torch.relu, functional.relu)
POINTWISE_FUNCTIONS = (*_RELU_FUNCTIONS, functional.gelu, functional.silu, torch.sigmoid, torch.tanh)
_ADDITIONS = (operator.add, operator.iadd, torch.add)
_MAX_POOLS = (nn.MaxPool1d, nn.MaxPool2d)
_MEAN_POOLS = (nn.AvgPool1d, nn.AvgPool2d)


@dataclass(frozen=True)
class Step:
    """One operation of the local front, on activations (channels, positions).

    Attributes
    ----------
    name : node of the traced graph whose values it computes.
    kind : `conv`, `scale` (batch normalisation), `pointwise`, `strands` (the channels of two strands as one, at each
        position), `max_pool`, `mean_pool`, `softmax_pool`, `add`, `slice` (a run of positions) or `reshape`.
    inputs : nodes that it reads.
    operation : module or function of the node.
    length, jump : positions of its output, and bases from one to the next.
    kernel, stride, dilation, padding : of its sliding window; padding is that on the left, of a slice what it leaves
        out there, as a negative number.
    normalisation : batch normalisation that follows a convolution and is one step with it, or None.
    """

    name: str
    kind: str
    inputs: tuple
    operation: object
    length: int
    jump: int
    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    padding: int = 0
    normalisation: object = None

    def reach(self, low, high):
        """First and last output position that input positions low … high change."""
        first = -((self.dilation * (self.kernel - 1) - low - self.padding) // self.stride)
        return first, (high + self.padding) // self.stride


def local_front(graph, entry, length):
    """Steps of the local front, the nodes with an axis of height 1, and what the first refused operation is."""
    steps, planar = [], set()
    known = {entry.name: (length, 1)}
    refused = None
    for node in graph.graph.nodes:
        if node is entry or not node.all_input_nodes:
            continue
        if any(source.name not in known for source in node.all_input_nodes):
            continue
        step = _step(graph, node, known, planar)
        if step is None:
            refused = refused or _describe(graph, node)
            continue
        steps.append(step)
        known[node.name] = (step.length, step.jump)
        if _raises_axis(node, planar) or step.inputs[0] in planar:
            planar.add(node.name)
    return steps, planar, refused or "the output"


def _describe(graph, node):
    if node.op == "call_module":
        return f"{type(graph.get_submodule(node.target)).__name__} '{node.target}'"
    if node.op == "output":
        return "the output"
    return f"'{getattr(node.target, '__name__', node.target)}'"


def _raises_axis(node, planar):
    """x.unsqueeze(2) of (n, channels, positions)."""
    is_call = (node.op, node.target) in (("call_method", "unsqueeze"), ("call_function", torch.unsqueeze))
    return is_call and node.args[0].name not in planar and node.args[1:] in ((2,), (-2,)) and not node.kwargs


def _step(graph, node, known, planar):
    """The step of a node whose inputs are local, or None where it is not an operation on neighbourhoods."""
    inputs = tuple(source.name for source in node.all_input_nodes)
    length, jump = known[inputs[0]]
    if node.op == "output":
        return None
    if _raises_axis(node, planar):
        return Step(node.name, "reshape", inputs, None, length, jump)
    if (node.op, node.target) == ("call_method", "narrow"):
        # x.narrow(2, start, length) of (n, channels, positions).
        plain = len(node.args) == 4 and node.args[1] == 2 and not node.kwargs and inputs[0] not in planar
        start, count = node.args[2:] if plain else (None, None)
        return Step(node.name, "slice", inputs, None, count, jump, padding=-start) if plain else None
    if node.op == "call_function" and node.target in _ADDITIONS:
        both = len(node.args) == 2 and len(inputs) == 2 and not node.kwargs
        alike = both and known[inputs[1]] == (length, jump) and len({name in planar for name in inputs}) == 1
        return Step(node.name, "add", inputs, node.target, length, jump) if alike else None
    if node.op == "call_function" and node.target in POINTWISE_FUNCTIONS:
        plain = len(node.args) == 1 and not set(node.kwargs) - {"inplace", "approximate"}
        return Step(node.name, "pointwise", inputs, CallWith(node), length, jump) if plain else None
    if node.op == "call_method" and node.target in ("relu", "sigmoid", "tanh"):
        return Step(node.name, "pointwise", inputs, getattr(torch, node.target), length, jump)
    if node.op != "call_module" or len(node.args) != 1 or node.kwargs:
        return None
    module = graph.get_submodule(node.target)
    if isinstance(module, POINTWISE):
        return Step(node.name, "pointwise", inputs, module, length, jump)
    if isinstance(module, StrandPool):
        return Step(node.name, "strands", inputs, module, length, jump)
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and module.track_running_stats:
        return Step(node.name, "scale", inputs, module, length, jump)
    shape = sliding_window(module, inputs[0] in planar)
    if shape is None:
        return None
    kind, kernel, stride, dilation, left, right = shape
    out = (length + left + right - dilation * (kernel - 1) - 1) // stride + 1
    if out < 1:
        return None
    return Step(node.name, kind, inputs, module, out, jump * stride, kernel, stride, dilation, left)


class CallWith:
    """The function of a node, with the settings that the node gives it, never in place."""

    def __init__(self, node):
        self.function = node.target
        self.settings = {key: value for key, value in node.kwargs.items() if key != "inplace"}

    def __call__(self, x):
        return self.function(x, **self.settings)


def is_relu(operation):
    return isinstance(operation, nn.ReLU) or _function(operation) in _RELU_FUNCTIONS


def is_exponential(operation):
    return isinstance(operation, Exponential)


def is_sigmoid(operation):
    return isinstance(operation, nn.Sigmoid) or _function(operation) is torch.sigmoid


def _function(operation):
    return operation.function if isinstance(operation, CallWith) else operation


def sliding_window(module, planar):
    """(kind, kernel, stride, dilation, left and right padding) along the sequence, or None."""
    if isinstance(module, nn.Conv2d if planar else nn.Conv1d):
        if module.padding_mode != "zeros":
            return None
        kernel, stride = _along(module.kernel_size, planar), _along(module.stride, planar)
        dilation = module.dilation[-1]
        if None in (kernel, stride):
            return None
        if module.padding == "same":
            total = dilation * (kernel - 1)
            return "conv", kernel, stride, dilation, total // 2, total - total // 2
        padding = 0 if module.padding == "valid" else _along(module.padding, planar, flat=0)
        return None if padding is None else ("conv", kernel, stride, dilation, padding, padding)
    if isinstance(module, SoftmaxPool):
        return "softmax_pool", module.size, module.size, 1, module.padding, module.padding
    kind = "max_pool" if isinstance(module, _MAX_POOLS) else "mean_pool" if isinstance(module, _MEAN_POOLS) else None
    if kind is None or isinstance(module, nn.MaxPool2d | nn.AvgPool2d) != planar or module.ceil_mode:
        return None
    kernel, stride = _along(module.kernel_size, planar), _along(module.stride, planar)
    padding = _along(module.padding, planar, flat=0)
    if None in (kernel, stride, padding):
        return None
    if kind == "max_pool" and (_along(module.dilation, planar) != 1 or module.return_indices):
        return None
    if kind == "mean_pool" and padding and not module.count_include_pad:
        return None
    if getattr(module, "divisor_override", None):
        return None
    return kind, kernel, stride, 1, padding, padding


def _along(value, planar, flat=1):
    """A setting of a sliding window along the sequence; None where it also slides across the axis of height 1."""
    if not isinstance(value, tuple):
        # One number sets both axes of a planar window.
        return value if not planar or value == flat else None
    if not planar:
        return value[0]
    return value[1] if value[0] == flat else None


def frontier_of(graph, steps, entry):
    """Nodes of the front that something outside of it reads."""
    front = {step.name for step in steps} | {entry}
    nodes = [node for node in graph.graph.nodes if node.name in front]
    return [node.name for node in nodes if any(user.name not in front for user in node.users)]


def needed(steps, frontier):
    """Those of the steps that the frontier's values follow from."""
    wanted, kept = set(frontier), []
    for step in reversed(steps):
        if step.name in wanted:
            kept.append(step)
            wanted.update(step.inputs)
    return kept[::-1]


def fold_normalisation(graph, steps, frontier):
    """Batch normalisation right after a convolution becomes part of it."""
    readers = {}
    for step in steps:
        for name in step.inputs:
            readers.setdefault(name, []).append(step)
    folded, result = {}, []
    for step in steps:
        if step.name in folded:
            result.append(folded[step.name])
            continue
        follower = readers.get(step.name, [])
        if step.kind == "conv" and step.name not in frontier and [each.kind for each in follower] == ["scale"]:
            scale = follower[0]
            folded[scale.name] = replace(step, name=scale.name, normalisation=scale.operation)
        else:
            result.append(step)
    return result


def pool_before_relu(graph, steps, kept):
    """Max pooling and ReLU commute exactly; pooling first leaves a fraction of the ReLU's work."""
    kinds = {step.name: step for step in steps}
    for node in graph.graph.nodes:
        pool, relu = kinds.get(node.name), kinds.get(node.args[0].name) if _has_node(node) else None
        if pool is None or relu is None or pool.kind != "max_pool" or not is_relu(relu.operation):
            continue
        first = node.args[0]
        if len(first.users) == 1 and first.name != kept:
            first_call = (first.op, first.target, first.args[1:], first.kwargs)
            node_call = (node.op, node.target, node.args[1:], node.kwargs)
            first.op, first.target, first.kwargs = node_call[0], node_call[1], node_call[3]
            node.op, node.target, node.kwargs = first_call[0], first_call[1], first_call[3]
            first.args, node.args = (first.args[0], *node_call[2]), (first, *first_call[2])
    graph.recompile()


def _has_node(node):
    return bool(node.args) and isinstance(node.args[0], fx.Node)
