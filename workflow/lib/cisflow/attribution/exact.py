"""Exact in silico mutagenesis of all targets at once, and its first-order expansion from an inner layer.

One changed base changes few activations of a convolutional network, so only those are evaluated. What is carried
through the network is the difference to the reference sequence, on the window that it can reach: convolutions are
linear in it, and non-linearities and pools add the reference's activations, which are computed once.
"""

import functools
from typing import NamedTuple

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional
from tqdm import tqdm

from cisflow import models
from cisflow.attribution.plan import Plan, Unplannable, is_relu, is_sigmoid
from cisflow.attribution.targets import Targets

# Rows of the small products of a window: enough to keep a core busy, few enough for its cache.
_MUTANTS_AT_ONCE = 384
_HEAD_ROWS = 1024
# Sizes (in x out channels) between which convolutions of few positions go by one product, and over which by several.
_SMALL_PRODUCT, _LARGE_PRODUCT = 10_000, 200_000
_DENSE_DEPTH = 256
_TAYLOR_SEQUENCES = 16
_SLAB_BYTES = 48 * 2**20
_ALTERNATIVES = np.array([[1, 2, 3], [2, 3, 0], [3, 0, 1], [0, 1, 2]])


class Effects(NamedTuple):
    """What `exact_ism` returns.

    Attributes
    ----------
    effects : (n, targets, 4, length) float32, or the caller's array: output of the mutant minus output of the sequence.
    route : "planned" (changed activations alone) or "plain" (a forward pass of the whole network for each mutant).
    reason : why the route is the plain one; empty where it is not.
    error : largest difference between planned effects and those of the forward passes that check them, in units of
        the network's outputs; NaN where nothing was checked.
    """

    effects: object
    route: str
    reason: str
    error: float


def _in_single_precision(function):
    """On a GPU convolutions round to ten bits unless they are told not to, which would drown small effects."""

    @functools.wraps(function)
    def wrapped(*args, **settings):
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):
            return function(*args, **settings)

    return wrapped


@_in_single_precision
@torch.inference_mode()
def exact_ism(
    model,
    codes,
    targets=None,
    device="cpu",
    start=0,
    end=None,
    out=None,
    memory_mb=256,
    checks=4,
    batch_size=64,
    seed=0,
    progress=True,
):
    """Exact in silico mutagenesis: output of every single-base mutant minus output of the sequence.

    Outputs are taken as the network gives them. The effect of the base present is 0; at an unknown base the
    reference is the sequence as it stands, and all four bases are alternatives.

    Parameters
    ----------
    model : network in eval mode, (n, 4, length) in, (n, targets) out.
    codes : (n, length) uint8 base codes, or (n, 4, length) float sequences.
    targets : indices of the outputs to attribute; None takes all.
    start, end : positions to mutate, 0-based half-open; effects elsewhere are 0. None: to the end.
    out : array (n, targets, 4, length) to write to (a memory map, say), block by block; elsewhere than at the
        positions to mutate it stays as it is. None makes one.
    memory_mb : working memory, beside the network and the result.
    checks : mutants, drawn at random by `seed` (what np.random.default_rng takes), whose effects are compared with
        forward passes of the whole network.
        Where they differ by more than rounding, everything is computed again the plain way.
    batch_size : mutants in a forward pass of the plain way.
    progress : show a bar that counts mutants.

    Returns
    -------
    Effects.
    """
    model = model.to(device).eval()
    x = _sequences(model, codes, device)
    length = x.shape[2]
    span = range(start, length if end is None else end)
    index = None if targets is None else torch.as_tensor(targets, device=device, dtype=torch.long)
    if out is None:
        n_targets = model(x.new_zeros(1, 4, length)).shape[1] if index is None else len(index)
        out = np.zeros((len(x), n_targets, 4, length), dtype=np.float32)
    try:
        plan = Plan(model, length)
    except Unplannable as error:
        return _plain(model, x, index, span, out, batch_size, str(error), progress)
    if not len(x) or not len(span):
        return Effects(out, "planned", "", float("nan"))
    for sequence, first, block in _planned(plan, x, index, span, memory_mb * 2**20, progress):
        out[sequence, :, :, first : first + block.shape[2]] = block
    if not checks:
        return Effects(out, "planned", "", float("nan"))
    error, allowed = _check(model, x, index, span, out, checks, seed)
    if not error <= allowed:
        reason = f"the plan's effects differ from the network's by {error:.2g}, more than rounding ({allowed:.2g})"
        return _plain(model, x, index, span, out, batch_size, reason, progress)
    return Effects(out, "planned", "", error)


@_in_single_precision
def taylor_ism(model, codes, targets, layer, device="cpu", memory_mb=256):
    """First-order in silico mutagenesis that is exact up to a layer and linear after it.

    The change that a mutant makes at the layer, times the gradient of the output there. At `input` this is TISM
    (Sasse et al. 2023), at `output` exact ISM; a deeper layer comes closer to exact ISM.

    Parameters
    ----------
    model, codes, device, memory_mb : as for `exact_ism`.
    targets : (t,) indices of the outputs, or (n, t), a row of them for each sequence; or Targets, but for `output`.
    layer : one of `plan.layers(model, length)`.

    Returns
    -------
    (n, t, 4, length) float32.

    Raises
    ------
    Unplannable : the network has no local front.
    InputError : no such layer.
    """
    model = model.to(device).eval()
    x = _sequences(model, codes, device)
    n, _, length = x.shape
    if not isinstance(targets, Targets):
        targets = torch.as_tensor(np.asarray(targets), device=device, dtype=torch.long)
        targets = targets.expand(n, -1) if targets.ndim == 1 else targets
    if layer == "output":
        chosen, where = torch.unique(targets, return_inverse=True)
        effects = exact_ism(model, x, chosen.tolist(), device, memory_mb=memory_mb).effects
        return effects[np.arange(n)[:, None], where.cpu().numpy()]
    plan = Plan(model, length, until=layer)
    rest = plan.gradient_graph(layer)
    name, weights = plan.frontier[0], _weights(plan)
    n_targets = len(targets) if isinstance(targets, Targets) else targets.shape[1]
    result = np.zeros((n, n_targets, 4, length), dtype=np.float32)
    for begin in range(0, n, _TAYLOR_SEQUENCES):
        at = slice(begin, begin + _TAYLOR_SEQUENCES)
        part = x[at]
        with torch.no_grad():
            front = _Front(plan, weights, part)
        chosen = targets.take(at, device) if isinstance(targets, Targets) else targets[at]
        gradient = _gradients(rest, front.values[name], chosen)
        with torch.no_grad():
            for rows, window, delta in front.mutants(range(length), memory_mb * 2**20):
                slopes = _at_windows(gradient, rows.sequence, window)
                effects = torch.einsum("panc,ptnc->pta", delta, slopes).float().cpu().numpy()
                for column in range(rows.alternatives.shape[1]):
                    result[begin + rows.sequence, :, rows.alternatives[:, column], rows.position] = effects[..., column]
    return result


def _sequences(model, codes, device):
    dtype = next(model.parameters()).dtype
    codes = torch.as_tensor(np.ascontiguousarray(codes) if isinstance(codes, np.ndarray) else codes)
    x = models.one_hot(codes, device) if codes.ndim == 2 else codes.to(device)
    return x.to(dtype)


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


def _planned(plan, x, index, span, memory, progress):
    """Yield (sequence, first position, effects (targets, 4, positions)) block by block."""
    rest, weights = _Rest(plan, index), _weights(plan)
    front = _Front(plan, weights, x[:1])
    rest.meet(front)
    fit = max(1, int(memory / 2 / (4 * x.element_size() * rest.values_per_mutant(front))))
    at_once = max(1, fit // len(span))
    bar = tqdm(total=len(x) * len(span) * 3, desc="exact ism", unit="mutant", unit_scale=True, disable=not progress)
    for begin in range(0, len(x), at_once):
        if len(x) > 1:
            front = _Front(plan, weights, x[begin : begin + at_once])
            rest.meet(front)
        for first in range(span.start, span.stop, min(fit, len(span))):
            part = range(first, min(first + fit, span.stop))
            for number, block in enumerate(rest.effects(front, part, memory / 2)):
                yield begin + number, first, block.float().cpu().numpy()
            bar.update(len(front.x) * len(part) * 3)
    bar.close()


class _Rest:
    """What follows the front, as differences to the reference: the first dense layer, and the operations behind it."""

    def __init__(self, plan, index):
        self.plan = plan
        self.columns = None
        self.operations = [
            (each.weight, each.bias) if isinstance(each, nn.Linear) else each for each in plan.operations
        ]
        if index is not None:
            self._choose(index)

    def _choose(self, index):
        """Keep the targets asked for: in the last dense layer, where only pointwise operations follow it."""
        for number in reversed(range(len(self.operations))):
            if isinstance(self.operations[number], tuple):
                weight, bias = self.operations[number]
                self.operations[number] = (weight[index], None if bias is None else bias[index])
                return
        self.columns = index

    def meet(self, front):
        """Take over the reference sequences of a front: what enters each operation, (sequences, width)."""
        values = [front.values[name] for name in self.plan.frontier]
        rows = values[0].flatten(1) if self.plan.dense else self.plan.neck(*values)
        self.references = [rows]
        for operation in self.operations:
            rows = functional.linear(rows, *operation) if isinstance(operation, tuple) else operation(rows)
            self.references.append(rows)
        self.n_targets = rows.shape[1] if self.columns is None else len(self.columns)

    def values_per_mutant(self, front):
        """Values that a mutant keeps in memory until its outputs are there."""
        kept = 3 * self.n_targets
        if not self.plan.dense:
            return kept + self.references[0].shape[1]
        name = self.plan.frontier[0]
        width = front.channels(name) * (self.plan.extents()[name] + 2 * self._depth(front))
        return kept + width + 2 * self.references[1].shape[1]

    def _finish(self, rows, reference):
        """Change of the outputs from the change of what enters the operations (after the first, if that is `dense`)."""
        begin = 1 if self.plan.dense else 0
        for operation, before in zip(self.operations[begin:], self.references[begin:-1], strict=True):
            if isinstance(operation, tuple):
                rows = multiply(rows, operation[0])
            else:
                rows = _change_of(operation, rows, before[reference], True)
        return rows if self.columns is None else rows[:, self.columns]

    def effects(self, front, span, memory):
        """Yield (targets, 4, positions) for each sequence of the front."""
        n, targets = len(front.x), self.n_targets
        places, sequences, entering = self._entering(front, span, memory)
        rows = entering.new_zeros(n * 4 * len(span), targets)
        for begin in range(0, len(places), _HEAD_ROWS):
            part = slice(begin, begin + _HEAD_ROWS)
            reference = torch.as_tensor(sequences[part], device=rows.device)
            rows[torch.as_tensor(places[part], device=rows.device)] = self._finish(entering[part], reference)
        for block in rows.view(n, 4 * len(span), targets):
            yield block.T.contiguous().view(targets, 4, len(span))

    def _entering(self, front, span, memory):
        """Change of what enters the operations, or with `dense` of what comes out of the first.

        Returns
        -------
        places (m,): (sequence * 4 + base) * positions + position; sequences (m,); rows (m, width).
        """
        changed = list(front.entries(span))
        counts = np.empty(len(front.x) * len(span), dtype=np.int64)
        for rows in changed:
            counts[rows.order] = rows.alternatives.shape[1]
        offsets = np.cumsum(counts) - counts
        total = int(counts.sum())
        places, sequences = np.empty(total, dtype=np.int64), np.empty(total, dtype=np.int64)
        for rows in changed:
            mutants = offsets[rows.order][:, None] + np.arange(rows.alternatives.shape[1])
            row = rows.sequence[:, None] * 4 + rows.alternatives
            places[mutants] = row * len(span) + rows.position[:, None] - span.start
            sequences[mutants] = rows.sequence[:, None]
        collect = self._dense_difference if self.plan.dense else self._spliced
        return places, sequences, collect(front, span, memory, offsets, sequences)

    def _spliced(self, front, span, memory, offsets, sequences):
        """Where no dense layer reads the front itself: the neck, on the whole mutated layer."""
        result = self.references[0].new_zeros(len(sequences), self.references[0].shape[1])
        for rows, changes in front.changes(span, memory):
            if all(change is None for change in changes):
                continue
            p, a = rows.alternatives.shape
            there = torch.as_tensor(rows.sequence, device=result.device)
            values = []
            for name, change in zip(self.plan.frontier, changes, strict=True):
                table = front.tables[name]
                if self.plan.neck_is_linear:
                    layer = table.new_zeros(p, a, *table.shape[1:])
                else:
                    layer = table[there][:, None].repeat(1, a, 1, 1)
                if change is not None:
                    window, delta = change
                    for number, (position, exists) in enumerate(zip(*window, strict=True)):
                        inside = np.flatnonzero(exists)
                        if len(inside):
                            low, high = inside[0], inside[-1] + 1
                            begin = position[low]
                            layer[number, :, begin : begin + high - low] += delta[number, :, low:high]
                layer = layer.flatten(0, 1).transpose(1, 2)
                values.append(layer.unsqueeze(2) if name in self.plan.planar else layer)
            changed = self.plan.neck(*values)
            if not self.plan.neck_is_linear:
                changed = changed - self.references[0][there].repeat_interleave(a, 0)
            mutants = offsets[rows.order][:, None] + np.arange(a)
            result[torch.as_tensor(mutants.ravel(), device=result.device)] = changed
        return result

    def _depth(self, front):
        """Positions of the frontier that one product takes together, so that it is deep enough to be fast."""
        channels = front.channels(self.plan.frontier[0])
        return min(-(-_DENSE_DEPTH // channels), front.lengths[self.plan.frontier[0]])

    def _dense_difference(self, front, span, memory, offsets, sequences):
        """Change of the first dense layer's outputs: the changed positions alone, times their part of its weights.

        Mutants that change a position share its weights, so the product goes position by position.
        """
        name = self.plan.frontier[0]
        weight = self.operations[0][0]
        length, channels, depth = front.lengths[name], front.channels(name), self._depth(front)
        margin = depth - 1
        extent = self.plan.extents()[name] + 2 * margin
        changes = weight.new_zeros(len(sequences), extent, channels)
        first, last = np.zeros(len(sequences), dtype=np.int64), np.full(len(sequences), -1, dtype=np.int64)
        for rows, window, delta in front.mutants(span, memory):
            p, a, n, _ = delta.shape
            mutants = offsets[rows.order][:, None] + np.arange(a)
            changes[torch.as_tensor(mutants.ravel(), device=weight.device), margin : margin + n] = delta.flatten(0, 1)
            first[mutants], last[mutants] = window.position[:, :1], window.position[:, -1:]
        result = weight.new_zeros(len(sequences), weight.shape[0])
        flat = changes.view(-1, channels)
        for begin, slab in _slabs(weight, channels, length, depth):
            at = np.flatnonzero((first < begin + depth) & (last >= begin))
            if not len(at):
                continue
            place = (at * extent + begin - first[at] + margin)[:, None] + np.arange(depth)
            inputs = flat.index_select(0, torch.as_tensor(place.ravel(), device=weight.device))
            product = multiply(inputs.view(len(at), depth * channels), slab)
            for run in np.split(np.arange(len(at)), np.flatnonzero(np.diff(at) > 1) + 1):
                result[at[run[0]] : at[run[-1]] + 1] += product[run[0] : run[-1] + 1]
        return result


def _slabs(weight, channels, length, depth):
    """Yield (first position, weights (out, depth * channels)) of a dense layer behind a flattened (channels, length).

    Only a few positions are laid out at a time, so that the weights are never in memory twice. The next ones overwrite
    them.
    """
    out = weight.shape[0]
    weight = weight.view(out, channels, length)
    at_once = min(-(-length // depth), max(1, _SLAB_BYTES // (out * channels * depth * weight.element_size())))
    buffer = weight.new_empty(at_once, out, depth, channels)
    for begin in range(0, length, at_once * depth):
        part = weight[:, :, begin : begin + at_once * depth]
        missing = -part.shape[2] % depth
        if missing:
            part = functional.pad(part, (0, missing))
        part = part.unflatten(2, (-1, depth))
        slabs = buffer[: part.shape[2]]
        # A few rows at a time, because the rows of `part` are short runs that lie far apart: each stays in the cache.
        for row in range(0, out, 16):
            slabs[:, row : row + 16] = part[row : row + 16].permute(2, 0, 3, 1)
        for number, slab in enumerate(slabs.flatten(2)):
            yield begin + number * depth, slab


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


def _plain(model, x, index, span, out, batch_size, reason, progress):
    """Every mutant through the whole network."""
    tqdm.write(f"exact ism: plain forward passes, because {reason}")
    out[:, :, :, span.start : span.stop] = 0
    for sequence in range(len(x)):
        reference = model(x[sequence : sequence + 1])
        position, base = torch.nonzero(x[sequence].T[span.start : span.stop] != 1, as_tuple=True)
        position = position + span.start
        batches = range(0, len(position), batch_size)
        for begin in tqdm(batches, desc=f"sequence {sequence}", unit="batch", disable=not progress):
            where, what = position[begin : begin + batch_size], base[begin : begin + batch_size]
            effects = model(_mutants(x[sequence], where, what)) - reference
            effects = effects if index is None else effects[:, index]
            effects = effects.float().cpu().numpy()
            for row, (place, letter) in enumerate(zip(where.tolist(), what.tolist(), strict=True)):
                out[sequence, :, letter, place] = effects[row]
    return Effects(out, "plain", reason, float("nan"))


def _mutants(x, position, base):
    """(4, length) and (m,) positions and bases -> (m, 4, length)."""
    mutants = x.expand(len(position), -1, -1).clone()
    rows = torch.arange(len(position), device=x.device)
    mutants[rows, :, position] = 0
    mutants[rows, base, position] = 1
    return mutants


def _check(model, x, index, span, out, checks, seed):
    """Largest difference of some mutants' effects to those of the network, and what rounding explains of it."""
    rng = np.random.default_rng(seed)
    error, scale, largest = 0.0, 0.0, 0.0
    for _ in range(checks):
        sequence, position = int(rng.integers(len(x))), int(rng.choice(span))
        base = int(rng.choice(np.flatnonzero((x[sequence, :, position] != 1).cpu().numpy())))
        mutant = _mutants(x[sequence], torch.tensor([position]), torch.tensor([base]))
        outputs = model(torch.cat([mutant, x[sequence : sequence + 1]]))
        outputs = outputs if index is None else outputs[:, index]
        expected = (outputs[0] - outputs[1]).float().cpu().numpy()
        found = np.asarray(out[sequence, :, base, position])
        error = float(np.maximum(error, np.abs(found - expected).max()))
        scale, largest = max(scale, float(np.abs(expected).max())), max(largest, float(outputs.abs().max()))
    return error, 1e-4 * scale + 1e-5 * largest


class _Front:
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
        wanted = set(plan.frontier)
        for step in plan.steps:
            if step.kind in ("pointwise", "max_pool"):
                wanted.update(step.inputs)
            if step.kind == "max_pool":
                wanted.add(step.name)
        recorder = _Recorder(plan.graph, wanted)
        recorder.run(x)
        self.values = recorder.values
        # (sequences, positions, channels), so that a window is a run of whole rows.
        self.tables = {name: self._rows_of(value) for name, value in recorder.values.items()}
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
        return self.channels(self.steps[name].inputs[0]) if name in self.steps else 4

    def width(self):
        """Most values that one mutant needs of any layer, or of the whole frontier where the neck reads that."""
        changed = max(count * self.channels(name) for name, count in self.plan.extents().items())
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
        out = self._trim(step, *step.reach(*window))
        if out[0] > out[1]:
            return out, None
        method = {"conv": self._conv, "max_pool": self._max_pool, "mean_pool": self._mean_pool}[step.kind]
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
        return _change_of(step.operation, delta, reference, owned)

    def _conv(self, step, window, out, delta, _):
        p, a, n, channels = delta.shape
        weight = self.front.weights[step.name]
        if step.operation.groups > 1 or step.stride > 1:
            return self._conv_by_library(step, window, out, delta)
        if n == 1 and step.dilation == 1:
            taps = self._matching_taps(step, window[0], out)
            return (delta.view(p * a, channels) @ weight[taps].flatten(0, 1).T).view(p, a, len(taps), -1)
        size = channels * weight.shape[1]
        if delta.device.type != "cpu" or size < _SMALL_PRODUCT or (size < _LARGE_PRODUCT and n >= step.kernel):
            return self._conv_by_library(step, window, out, delta)
        rows = delta.view(p * a * n, channels)
        # Small products are faster together, large ones one by one, whose results stay in the cache.
        together = (
            None if size >= _LARGE_PRODUCT else multiply(rows, weight.flatten(0, 1)).view(p, a, n, *weight.shape[:2])
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


def _change_of(operation, delta, reference, owned):
    """f(z + d) - f(z) for a pointwise f; overwrites d where `owned`."""
    if is_relu(operation):
        # Without the rounding of a difference of two large numbers where both are positive.
        below, above = reference.clamp(max=0), reference.clamp(min=0).neg_()
        delta = delta.add_(below) if owned else delta + below
        return torch.maximum(delta, above, out=delta)
    plain = operation(delta + reference).sub_(operation(reference))
    if is_sigmoid(operation):
        # Likewise, where the change is small: s(z + d) - s(z) = (e^d - 1) s(z) s(-z - d).
        small = torch.expm1(delta) * torch.sigmoid(reference) * torch.sigmoid(-reference - delta)
        return torch.where(delta.abs() < 1, small, plain)
    return plain


class _Recorder(fx.Interpreter):
    """Runs a traced network and keeps the values of some of its nodes."""

    def __init__(self, graph, wanted):
        super().__init__(graph)
        self.wanted = wanted
        self.values = {}

    def run_node(self, node):
        value = super().run_node(node)
        if node.name in self.wanted:
            self.values[node.name] = value
        return value


def _scale(normalisation):
    factor = (normalisation.running_var + normalisation.eps).rsqrt()
    return factor if normalisation.weight is None else factor * normalisation.weight


def _weights(plan):
    """{convolution: weights (width, out, in), with the normalisation behind it}."""
    result = {}
    for step in plan.steps:
        if step.kind == "conv":
            weight = step.operation.weight.flatten(2)
            if step.normalisation is not None:
                weight = weight * _scale(step.normalisation)[:, None, None]
            result[step.name] = weight.permute(2, 0, 1).contiguous()
    return result


def _at_windows(table, sequence, window):
    """(n, t, positions, channels) on the windows of mutants, 0 outside of the layer: (p, t, n, channels)."""
    device = table.device
    rows = torch.as_tensor(sequence, device=device)[:, None]
    position = torch.as_tensor(window.position.clip(0, table.shape[2] - 1), device=device)
    values = table.permute(0, 2, 1, 3)[rows, position]
    values[torch.as_tensor(~window.exists, device=device)] = 0
    return values.transpose(1, 2)


def _gradients(rest, value, targets):
    """Gradient of each sequence's targets at the layer: (n, t, positions, channels)."""
    with torch.enable_grad():
        value = value.detach().clone().requires_grad_(True)
        outputs = rest(value)
        outputs = targets.of(outputs) if isinstance(targets, Targets) else outputs.gather(1, targets)
        columns = [torch.autograd.grad(column.sum(), value, retain_graph=True)[0] for column in outputs.unbind(1)]
    return torch.stack([column.flatten(2).transpose(1, 2) for column in columns], dim=1)
