"""Changes that single-base mutants make to the activations of a network's local front.

One changed base changes few activations of a convolutional network, so only those are evaluated. What is carried
through the network is the difference to the reference sequence, on the window that it can reach: convolutions are
linear in it, and non-linearities and pools add the reference's activations, which are computed once.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from cisflow.attribution.ism.steps import is_exponential, is_relu, is_sigmoid

# Rows of the small products of a window: enough to keep a core busy, few enough for its cache.
_MUTANTS_AT_ONCE = 384
# Sizes (in x out channels) between which convolutions of few positions go by one product, and over which by several.
SMALL_PRODUCT, LARGE_PRODUCT = 10_000, 200_000
_ALTERNATIVES = np.array([[1, 2, 3], [2, 3, 0], [3, 0, 1], [0, 1, 2]])


class _Rows(NamedTuple):
    """Mutants of one shape: entries (a sequence and a position), and as many alternatives at each.

    sequence, position : (p,) int; alternatives : (p, a) base codes; order : (p,) place among all entries.
    """

    sequence: np.ndarray
    position: np.ndarray
    alternatives: np.ndarray
    order: np.ndarray


class _Window(NamedTuple):
    """Positions of a layer, (p, n): which, and whether they exist there."""

    position: np.ndarray
    exists: np.ndarray


class Front:
    """The reference activations of some sequences on the local front, and the changes that mutants make to them."""

    def __init__(self, plan, weights, x):
        self.plan = plan
        self.x = x
        self.steps = {step.name: step for step in plan.steps}
        self.lengths = {step.name: step.length for step in plan.steps} | {plan.entry: x.shape[2]}
        self.jumps = {step.name: step.jump for step in plan.steps} | {plan.entry: 1}
        self.readers = {}
        for step in plan.steps:
            for name in step.inputs:
                self.readers[name] = self.readers.get(name, 0) + 1
        for name in plan.frontier:
            self.readers[name] = self.readers.get(name, 0) + 1
        self.values = plan.recorder(x)
        # (sequences, positions, channels), so that a window is a run of whole rows.
        self.tables = {name: self._rows_of(value) for name, value in self.values.items()}
        self.below_maximum = {
            step.name: self._distance_to_maximum(step) for step in plan.steps if step.kind == "max_pool"
        }
        self.weights = weights

    def _rows_of(self, value):
        return value.flatten(2).transpose(1, 2).contiguous()

    def _distance_to_maximum(self, step):
        """How far each input of a pool lies below the maximum of its window, -inf in no window.

        Only where windows do not overlap; elsewhere None.
        """
        if step.stride < step.kernel:
            return None
        inputs, pooled = self.tables[step.inputs[0]], self.tables[step.name]
        place = torch.arange(inputs.shape[1], device=inputs.device) + step.padding
        number = place // step.stride
        inside = (number < step.length) & (place % step.stride < step.kernel)
        distance = inputs - pooled[:, number.clamp(max=step.length - 1)]
        distance[:, ~inside] = -torch.inf
        return distance

    def channels(self, name):
        if name in self.weights:
            return self.weights[name].shape[1]
        if name not in self.steps:
            return 4
        step = self.steps[name]
        return self.channels(step.inputs[0]) // (2 if step.kind == "strands" else 1)

    def width(self):
        """Most values that one mutant needs of any layer, or of the whole frontier where the neck reads that."""
        extents = self.plan.extents()
        changed = max(count * self.channels(name) for name, count in extents.items())
        for step in self.plan.steps:
            if step.kind == "softmax_pool":
                # Of every window that changes all positions are needed.
                changed = max(changed, extents[step.name] * step.kernel * self.channels(step.name))
        if self.plan.neck is None:
            return changed
        return max(changed, sum(self.lengths[name] * self.channels(name) for name in self.plan.frontier))

    def entries(self, span):
        """Mutants at all positions of `span`: lists of _Rows whose windows lie alike."""
        codes = torch.where((self.x == 1).sum(1) == 1, self.x.argmax(1), 4).cpu().numpy()[:, span.start : span.stop]
        sequence, place = np.indices(codes.shape)
        sequence, position, codes = sequence.ravel(), place.ravel() + span.start, codes.ravel()
        for unknown in (False, True):
            for phase in range(self.plan.jump):
                rows = np.flatnonzero(((codes == 4) == unknown) & (position % self.plan.jump == phase))
                if len(rows):
                    known = codes[rows]
                    alternatives = np.tile(np.arange(4), (len(rows), 1)) if unknown else _ALTERNATIVES[known]
                    yield _Rows(sequence[rows], position[rows], alternatives, rows)

    def mutants(self, span, memory):
        """Yield (rows, window, change) for all mutants of `span`, at the one node of the frontier.

        change : (p, a, n, channels). Mutants without effect there are left out.
        """
        for rows, changes in self.changes(span, memory):
            if changes[0] is not None:
                yield (rows, *changes[0])

    def changes(self, span, memory):
        """Yield (rows, [(window, change) or None for each node of the frontier])."""
        fit = int(memory / 4 / (self.width() * self.x.element_size()))
        at_once = max(1, min(_MUTANTS_AT_ONCE, fit) // 3)
        for rows in self.entries(span):
            for begin in range(0, len(rows.order), at_once):
                part = _Rows(*(field[begin : begin + at_once] for field in rows))
                yield part, self._propagate(part)

    def _propagate(self, rows):
        blocks, phase = np.divmod(rows.position, self.plan.jump)
        phase = int(phase[0])
        walk = _Walk(self, rows.sequence, blocks, rows.alternatives.shape[1])
        windows, deltas = {self.plan.entry: (phase, phase)}, {self.plan.entry: self._change_of_base(rows)}
        left = dict(self.readers)
        for step in self.plan.steps:
            for name in step.inputs:
                left[name] -= 1
            # The last reader of a change may overwrite it.
            owned = [left[name] == 0 for name in step.inputs]
            sources = [(windows[name], deltas[name]) for name in step.inputs]
            windows[step.name], deltas[step.name] = walk.take(step, sources, owned)
            for name in step.inputs:
                if left[name] == 0:
                    deltas[name] = None
        result = []
        for name in self.plan.frontier:
            delta = deltas[name]
            result.append(None if delta is None else (walk.window(name, *windows[name]), delta))
        return result

    def _change_of_base(self, rows):
        """(p, a, 1, 4): the alternative minus what is there."""
        at = torch.as_tensor(rows.position, device=self.x.device)
        present = self.x[torch.as_tensor(rows.sequence, device=self.x.device), :, at]
        bases = torch.eye(4, device=self.x.device, dtype=self.x.dtype)
        alternative = bases[torch.as_tensor(rows.alternatives, device=self.x.device)]
        return (alternative - present[:, None])[:, :, None]


class _Walk:
    """One set of mutants on its way through the front. Windows are relative to each mutant's own block."""

    def __init__(self, front, sequence, blocks, n_alternatives):
        self.front = front
        self.sequence = sequence
        self.blocks = blocks
        self.first, self.last = int(blocks.min()), int(blocks.max())
        self.n_alternatives = n_alternatives

    def take(self, step, sources, owned):
        if step.kind == "add":
            return self._add(sources, owned)
        window, delta = sources[0]
        if delta is None:
            return window, None
        if step.kind == "reshape":
            return window, delta
        if step.kind == "scale":
            factor = _scale(step.operation)
            return window, delta.mul_(factor) if owned[0] else delta * factor
        if step.kind == "pointwise":
            return window, self._pointwise(step, window, delta, owned[0])
        if step.kind == "strands":
            return window, self._strands(step, window, delta)
        out = self._trim(step, *step.reach(*window))
        if out[0] > out[1]:
            return out, None
        method = getattr(self, f"_{step.kind}")
        result = method(step, window, out, delta, owned[0])
        # Padding is no position: nothing changes there.
        missing, where = np.nonzero(~self.window(step.name, *out).exists)
        if len(missing):
            result[torch.as_tensor(missing), :, torch.as_tensor(where)] = 0
        return out, result

    def _trim(self, step, low, high):
        """A window without the positions that exist for none of the mutants."""
        per_block = self.front.plan.jump // step.jump
        return max(low, -self.last * per_block), min(high, step.length - 1 - self.first * per_block)

    def window(self, name, low, high):
        front = self.front
        position = self.blocks[:, None] * (front.plan.jump // front.jumps[name]) + np.arange(low, high + 1)
        return _Window(position, (position >= 0) & (position < front.lengths[name]))

    def _reference(self, table, name, low, high):
        """The reference's values on a window, (p, 1, n, channels); those outside of the layer are arbitrary."""
        position = self.window(name, low, high).position.clip(0, self.front.lengths[name] - 1)
        rows = torch.as_tensor((self.sequence[:, None] * table.shape[1] + position).ravel(), device=table.device)
        values = table.view(-1, table.shape[2]).index_select(0, rows)
        return values.view(len(self.blocks), 1, high - low + 1, -1)

    def _add(self, sources, owned):
        there = [(window, delta, own) for (window, delta), own in zip(sources, owned, strict=True) if delta is not None]
        if not there:
            return sources[0]
        low, high = min(window[0] for window, _, _ in there), max(window[1] for window, _, _ in there)
        total = None
        for window, delta, own in sorted(there, key=lambda each: each[0][1] - each[0][0], reverse=True):
            if total is None:
                if window == (low, high):
                    total = delta if own else delta.clone()
                    continue
                total = delta.new_zeros(*delta.shape[:2], high - low + 1, delta.shape[3])
            total[:, :, window[0] - low : window[1] - low + 1] += delta
        return (low, high), total

    def _pointwise(self, step, window, delta, owned):
        name = step.inputs[0]
        reference = self._reference(self.front.tables[name], name, *window)
        return change_of(step.operation, delta, reference, owned)

    def _strands(self, step, window, delta):
        reference = self._reference(self.front.tables[step.inputs[0]], step.inputs[0], *window)
        return _of_channels(step.operation, delta + reference) - _of_channels(step.operation, reference)

    def _slice(self, step, window, out, delta, _):
        begin = out[0] - window[0] - step.padding
        return delta[:, :, begin : begin + out[1] - out[0] + 1].clone()

    def _softmax_pool(self, step, window, out, delta, _):
        """Whole windows of the reference, with the change where it is."""
        front, name = self.front, step.inputs[0]
        low, high = out[0] * step.stride - step.padding, (out[1] + 1) * step.stride - step.padding - 1
        values = self._reference(front.tables[name], name, low, high).repeat(1, delta.shape[1], 1, 1)
        first, last = max(low, window[0]), min(high, window[1])
        values[:, :, first - low : last - low + 1] += delta[:, :, first - window[0] : last - window[0] + 1]
        logits = values
        missing, where = np.nonzero(~self.window(name, low, high).exists)
        if len(missing):
            logits = values.clone()
            logits[torch.as_tensor(missing), :, torch.as_tensor(where)] = -torch.inf
        values, logits = (each.unflatten(2, (-1, step.kernel)) for each in (values, logits))
        # A window without positions has no softmax; `take` sets what it gives to 0.
        pooled = (values * logits.softmax(dim=3).nan_to_num()).sum(dim=3)
        return pooled - self._reference(front.tables[step.name], step.name, *out)

    def _conv(self, step, window, out, delta, _):
        p, a, n, channels = delta.shape
        weight = self.front.weights[step.name]
        if step.operation.groups > 1 or step.stride > 1:
            return self._conv_by_library(step, window, out, delta)
        if n == 1 and step.dilation == 1:
            taps = self._matching_taps(step, window[0], out)
            return (delta.view(p * a, channels) @ weight[taps].flatten(0, 1).T).view(p, a, len(taps), -1)
        size = channels * weight.shape[1]
        if delta.device.type != "cpu" or size < SMALL_PRODUCT or (size < LARGE_PRODUCT and n >= step.kernel):
            return self._conv_by_library(step, window, out, delta)
        rows = delta.view(p * a * n, channels)
        # Small products are faster together, large ones one by one, whose results stay in the cache.
        together = (
            None if size >= LARGE_PRODUCT else multiply(rows, weight.flatten(0, 1)).view(p, a, n, *weight.shape[:2])
        )
        result = delta.new_zeros(p, a, out[1] - out[0] + 1, weight.shape[1])
        for tap in range(step.kernel):
            shift = step.padding - step.dilation * tap
            low, high = max(out[0], window[0] + shift), min(out[1], window[1] + shift)
            if low <= high:
                begin = low - shift - window[0]
                part = slice(begin, begin + high - low + 1)
                if together is None:
                    product = multiply(rows, weight[tap]).view(p, a, n, -1)[:, :, part]
                else:
                    product = together[:, :, part, tap]
                result[:, :, low - out[0] : high - out[0] + 1] += product
        return result

    def _matching_taps(self, step, place, out):
        """Which tap of each output reads the one changed position."""
        return [place + step.padding - output for output in range(out[0], out[1] + 1)]

    def _conv_by_library(self, step, window, out, delta):
        p, a, n, channels = delta.shape
        weight = self.front.weights[step.name].permute(1, 2, 0).unsqueeze(2)
        # Positions before and behind the window that the outputs read: nothing changes there.
        before = window[0] - (out[0] * step.stride - step.padding)
        behind = out[1] * step.stride - step.padding + step.dilation * (step.kernel - 1) - window[1]
        planar = delta.view(p * a, n, channels).transpose(1, 2).unsqueeze(2)
        count = out[1] - out[0] + 1
        settings = {"dilation": (1, step.dilation), "groups": step.operation.groups}
        if step.stride == 1 and min(before, behind) >= 0:
            pad = max(before, behind)
            result = functional.conv2d(planar, weight, padding=(0, pad), **settings)
            result = result[..., pad - before : pad - before + count]
        else:
            padded = functional.pad(planar, (before, behind))
            result = functional.conv2d(padded, weight, stride=(1, step.stride), **settings)
        return result.squeeze(2).transpose(1, 2).contiguous().view(p, a, count, -1)

    def _taps(self, step, window, out):
        """For each tap of a window: which outputs find it among the changed positions, and the first such position."""
        for tap in range(step.kernel):
            shift = tap - step.padding
            low = max(out[0], -((shift - window[0]) // step.stride))
            high = min(out[1], (window[1] - shift) // step.stride)
            yield tap, low, high, low * step.stride + shift - window[0]

    def _mean_pool(self, step, window, out, delta, _):
        p, a, _, channels = delta.shape
        result = delta.new_zeros(p, a, out[1] - out[0] + 1, channels)
        for _, low, high, begin in self._taps(step, window, out):
            if low <= high:
                stop = begin + (high - low) * step.stride + 1
                result[:, :, low - out[0] : high - out[0] + 1] += delta[:, :, begin : stop : step.stride]
        return result.div_(step.kernel)

    def _max_pool(self, step, window, out, delta, owned):
        front, name = self.front, step.inputs[0]
        distance = front.below_maximum[step.name]
        table = front.tables[name] if distance is None else distance
        mutated = self._reference(table, name, *window)
        mutated = delta.add_(mutated) if owned else delta + mutated
        if step.padding:
            missing, where = np.nonzero(~self.window(name, *window).exists)
            mutated[torch.as_tensor(missing), :, torch.as_tensor(where)] = -torch.inf
        p, a, _, channels = delta.shape
        result = delta.new_full((p, a, out[1] - out[0] + 1, channels), -torch.inf)
        for tap, low, high, begin in self._taps(step, window, out):
            if low <= high:
                part = result[:, :, low - out[0] : high - out[0] + 1]
                stop = begin + (high - low) * step.stride + 1
                torch.maximum(part, mutated[:, :, begin : stop : step.stride], out=part)
            # Positions of these windows that the mutant leaves as they are.
            for output in (*range(out[0], min(low, out[1] + 1)), *range(max(high + 1, low, out[0]), out[1] + 1)):
                place = output * step.stride + tap - step.padding
                same = self._reference(table, name, place, place)
                same[torch.as_tensor(~self.window(name, place, place).exists[:, 0])] = -torch.inf
                part = result[:, :, output - out[0] : output - out[0] + 1]
                torch.maximum(part, same, out=part)
        if distance is None:
            result -= self._reference(front.tables[step.name], step.name, *out)
        return result


def change_of(operation, delta, reference, owned):
    """f(z + d) - f(z) for a pointwise f; overwrites d where `owned`."""
    if is_relu(operation):
        # Without the rounding of a difference of two large numbers where both are positive.
        below, above = reference.clamp(max=0), reference.clamp(min=0).neg_()
        delta = delta.add_(below) if owned else delta + below
        return torch.maximum(delta, above, out=delta)
    if is_exponential(operation):
        # Likewise: e^(z + d) - e^z = e^z (e^d - 1).
        return operation(reference) * torch.expm1(delta)
    plain = operation(delta + reference).sub_(operation(reference))
    if is_sigmoid(operation):
        # Likewise, where the change is small: s(z + d) - s(z) = (e^d - 1) s(z) s(-z - d).
        small = torch.expm1(delta) * torch.sigmoid(reference) * torch.sigmoid(-reference - delta)
        return torch.where(delta.abs() < 1, small, plain)
    return plain


def _of_channels(operation, x):
    """An operation on (n, channels, positions), of (p, a, positions, channels)."""
    return operation(x.flatten(0, 1).transpose(1, 2)).transpose(1, 2).unflatten(0, x.shape[:2])


def _scale(normalisation):
    factor = (normalisation.running_var + normalisation.eps).rsqrt()
    return factor if normalisation.weight is None else factor * normalisation.weight


def folded_weights(plan):
    """{convolution: weights (width, out, in), with the normalisation behind it}."""
    result = {}
    for step in plan.steps:
        if step.kind == "conv":
            weight = step.operation.weight.flatten(2)
            if step.normalisation is not None:
                weight = weight * _scale(step.normalisation)[:, None, None]
            result[step.name] = weight.permute(2, 0, 1).contiguous()
    return result


def multiply(x, weight, bias=None):
    """functional.linear for (rows, n) and (out, n).

    On a CPU a pointwise convolution over 16 runs of rows does the same product, by the library that also serves the
    other convolutions; on AMD processors that one is twice as fast.
    """
    rows, depth = x.shape
    if x.device.type != "cpu" or x.dtype != torch.float32 or rows < 64:
        return functional.linear(x, weight, bias)
    padded = functional.pad(x, (0, 0, 0, -rows % 16)) if rows % 16 else x
    planar = padded.view(16, -1, depth).transpose(1, 2).unsqueeze(2)
    result = x.new_empty(len(padded), len(weight))
    for begin in range(0, len(weight), 4096):
        part = slice(begin, begin + 4096)
        product = functional.conv2d(planar, weight[part, :, None, None], None if bias is None else bias[part])
        result[:, part] = product.squeeze(2).transpose(1, 2).reshape(len(padded), -1)
    return result[:rows]
