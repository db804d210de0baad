"""What a network does with one changed base: its local front, as a list of steps, and the rest that sees everything."""

import functools
import operator
from dataclasses import dataclass, replace

import torch
from torch import fx, nn
from torch.nn import functional

from cisflow.errors import InputError, listing
from cisflow.models.layers import LogitDifference
from cisflow.models.sei import SplineProjection

_IDENTITIES = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout)
_POINTWISE = (
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
_POINTWISE_FUNCTIONS = (*_RELU_FUNCTIONS, functional.gelu, functional.silu, torch.sigmoid, torch.tanh)
_ADDITIONS = (operator.add, operator.iadd, torch.add)
_MAX_POOLS = (nn.MaxPool1d, nn.MaxPool2d)
_MEAN_POOLS = (nn.AvgPool1d, nn.AvgPool2d)


class Unplannable(Exception):
    """The network has no local front that a plan could use; the message says why."""


@dataclass(frozen=True)
class Step:
    """One operation of the local front, on activations (channels, positions).

    Attributes
    ----------
    name : node of the traced graph whose values it computes.
    kind : `conv`, `scale` (batch normalisation), `pointwise`, `max_pool`, `mean_pool`, `add` or `reshape`.
    inputs : nodes that it reads.
    operation : module or function of the node.
    length, jump : positions of its output, and bases from one to the next.
    kernel, stride, dilation, padding : of its sliding window; padding is that on the left.
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


class Plan:
    """A network as a local front and a rest, for sequences of one length.

    Parameters
    ----------
    model : nn.Module in eval mode, (n, 4, length) in, (n, targets) out.
    length : bases.
    until : name of a layer (see `layers`); the front then ends there.

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
        self.graph = _trace(model)
        _drop_identities(self.graph)
        entries = [node for node in self.graph.graph.nodes if node.op == "placeholder"]
        self.entry = entries[0].name
        steps, self.planar, refused = _front(self.graph, entries[0], length)
        if not any(step.kind == "conv" for step in steps):
            raise Unplannable(f"no convolution before {refused}, which is not an operation on neighbourhoods")
        self.layers = _name_layers(self.graph, steps, self.entry)
        kept = None
        if until is not None:
            if until not in self.layers:
                raise InputError(f"unknown layer '{until}'; expected one of {listing(self.layers, 40)}")
            kept = self.layers[until]
        _pool_before_relu(self.graph, steps, kept)
        steps, self.planar, _ = _front(self.graph, entries[0], length)
        self.frontier = [kept] if kept else _frontier(self.graph, steps, self.entry)
        self.steps = _fold_normalisation(self.graph, _needed(steps, self.frontier), self.frontier)
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
        end = _output(self.graph)
        linear = _first_dense(self.graph, front)
        if linear is not None and _all_pass(start, linear):
            self.operations = _chain(self.graph, linear)
        if self.operations:
            end = linear.args[0]
            self.dense = len(start) == 1 and _flattens(self.graph, end) and end.args[0] is start[0]
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

        A non-linearity needs its input; pooling by maximum, its input and its output.
        """
        wanted = set(self.frontier)
        for step in self.steps:
            if step.kind in ("pointwise", "max_pool"):
                wanted.update(step.inputs)
            if step.kind == "max_pool":
                wanted.add(step.name)
        nodes = [node for node in self.graph.graph.nodes if node.name in wanted]
        entry = next(node for node in self.graph.graph.nodes if node.name == self.entry)
        return extract(self.graph, [entry], {node.name: node for node in nodes})

    @functools.cached_property
    def rest(self):
        """fx.GraphModule from the layer `until` to the network's output."""
        node = next(node for node in self.graph.graph.nodes if node.name == self.frontier[0])
        return extract(self.graph, [node], _output(self.graph))


def layers(model, length):
    """Names of the layers that Taylor ISM can start from, from `input` (TISM) to `output` (exact ISM).

    Raises
    ------
    Unplannable : see Plan.
    """
    return list(Plan(model, length).layers)


class _Tracer(fx.Tracer):
    """Keeps a module whole that `_chain` knows, or that cannot be traced as its forward looks at its input's shape."""

    def is_leaf_module(self, module, name):
        known = super().is_leaf_module(module, name) or isinstance(module, LogitDifference)
        # The layers of a chain answer for themselves.
        return known or type(module) is not nn.Sequential and not _is_traceable(module)


def _is_traceable(module):
    try:
        _Tracer().trace(module)
    # A traced forward can fail in any way that its own code can.
    except Exception:
        return False
    return True


def _trace(model):
    if model.training:
        raise Unplannable("the network is in training mode")
    tracer = _Tracer()
    try:
        graph = tracer.trace(model)
    # As above.
    except Exception as error:
        raise Unplannable(f"it cannot be traced: {str(error).splitlines()[0]}") from error
    if sum(node.op == "placeholder" for node in graph.nodes) != 1:
        raise Unplannable("it takes more than one input")
    module = fx.GraphModule(tracer.root, graph)
    if not isinstance(_output(module), fx.Node):
        raise Unplannable("it returns more than one tensor")
    return module


def _output(graph):
    return next(node for node in graph.graph.nodes if node.op == "output").args[0]


def _is(graph, node, types):
    return node.op == "call_module" and isinstance(graph.get_submodule(node.target), types)


def _drop_identities(graph):
    for node in list(graph.graph.nodes):
        contiguous = node.op == "call_method" and node.target == "contiguous"
        if contiguous or _is(graph, node, _IDENTITIES):
            node.replace_all_uses_with(node.args[0])
            graph.graph.erase_node(node)
    graph.recompile()


def _front(graph, entry, length):
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
    if node.op == "call_function" and node.target in _ADDITIONS:
        both = len(node.args) == 2 and len(inputs) == 2 and not node.kwargs
        alike = both and known[inputs[1]] == (length, jump) and len({name in planar for name in inputs}) == 1
        return Step(node.name, "add", inputs, node.target, length, jump) if alike else None
    if node.op == "call_function" and node.target in _POINTWISE_FUNCTIONS:
        plain = len(node.args) == 1 and not set(node.kwargs) - {"inplace", "approximate"}
        return Step(node.name, "pointwise", inputs, _CallWith(node), length, jump) if plain else None
    if node.op == "call_method" and node.target in ("relu", "sigmoid", "tanh"):
        return Step(node.name, "pointwise", inputs, getattr(torch, node.target), length, jump)
    if node.op != "call_module" or len(node.args) != 1 or node.kwargs:
        return None
    module = graph.get_submodule(node.target)
    if isinstance(module, _POINTWISE):
        return Step(node.name, "pointwise", inputs, module, length, jump)
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


class _CallWith:
    """The function of a node, with the settings that the node gives it, never in place."""

    def __init__(self, node):
        self.function = node.target
        self.settings = {key: value for key, value in node.kwargs.items() if key != "inplace"}

    def __call__(self, x):
        return self.function(x, **self.settings)


def is_relu(operation):
    return isinstance(operation, nn.ReLU) or _function(operation) in _RELU_FUNCTIONS


def is_sigmoid(operation):
    return isinstance(operation, nn.Sigmoid) or _function(operation) is torch.sigmoid


def _function(operation):
    return operation.function if isinstance(operation, _CallWith) else operation


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


def _first_dense(graph, front):
    """The first nn.Linear behind the front, or None."""
    reached = set(front)
    for node in graph.graph.nodes:
        if node.name not in front and any(source.name in reached for source in node.all_input_nodes):
            if _is(graph, node, nn.Linear):
                return node
            reached.add(node.name)
    return None


def extract(graph, starts, end):
    """The part of a graph from the nodes `starts`, which become its inputs, to a node or {name: node}."""
    part = fx.Graph()
    copies = {node: part.placeholder(node.name) for node in starts}
    needed, stack = set(), list(end.values()) if isinstance(end, dict) else [end]
    while stack:
        node = stack.pop()
        if node not in copies and node not in needed:
            needed.add(node)
            stack.extend(node.all_input_nodes)
    for node in graph.graph.nodes:
        if node in needed:
            copies[node] = part.node_copy(node, lambda source: copies[source])
    part.output({name: copies[node] for name, node in end.items()} if isinstance(end, dict) else copies[end])
    return fx.GraphModule(graph, part)


def _chain(graph, node):
    """Modules and functions from a dense layer to the output, if each feeds the next alone; else an empty list."""
    result = []
    while node.op != "output":
        if _is(graph, node, (nn.Linear, *_POINTWISE)):
            result.append(graph.get_submodule(node.target))
        elif _is(graph, node, LogitDifference) and isinstance(result[-1], nn.Linear):
            result[-1] = _differences(result[-1])
        elif node.op == "call_function" and node.target in _POINTWISE_FUNCTIONS and len(node.args) == 1:
            result.append(_CallWith(node))
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
    return _is(graph, node, (nn.AdaptiveAvgPool1d, SplineProjection)) or _flattens(graph, node)


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


def _flattens(graph, node):
    if _is(graph, node, nn.Flatten):
        module = graph.get_submodule(node.target)
        return (module.start_dim, module.end_dim) == (1, -1)
    is_call = (node.op, node.target) in (("call_method", "flatten"), ("call_function", torch.flatten))
    return is_call and node.args[1:] in ((1,), (1, -1)) and not node.kwargs


def _frontier(graph, steps, entry):
    """Nodes of the front that something outside of it reads."""
    front = {step.name for step in steps} | {entry}
    nodes = [node for node in graph.graph.nodes if node.name in front]
    return [node.name for node in nodes if any(user.name not in front for user in node.users)]


def _needed(steps, frontier):
    wanted, kept = set(frontier), []
    for step in reversed(steps):
        if step.name in wanted:
            kept.append(step)
            wanted.update(step.inputs)
    return kept[::-1]


def _fold_normalisation(graph, steps, frontier):
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


def _pool_before_relu(graph, steps, kept):
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
        kind = {"conv": "conv", "max_pool": "pool", "mean_pool": "pool", "add": "add"}.get(step.kind)
        if kind is None:
            continue
        numbers[kind] = numbers.get(kind, 0) + 1
        end = step.name
        while len(readers[end]) == 1 and kinds.get(readers[end][0]) in ("scale", "pointwise"):
            end = readers[end][0]
        place = order[end]
        if not any(first < place < last for first, last in edges):
            result[f"{kind}{numbers[kind]}"] = end
    result["output"] = _output(graph).name
    return result
