"""Exact in silico mutagenesis of all targets at once."""

import functools
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from cisflow import models
from cisflow.attribution.ism.changes import Front, change_of, folded_weights, multiply
from cisflow.attribution.ism.graph import Plan, Unplannable
from cisflow.attribution.ism.plain import mutants, plain_effects

# Rows of the small products behind the front: enough to keep a core busy, few enough for its cache.
_HEAD_ROWS = 1024
_DENSE_DEPTH = 256
_SLAB_BYTES = 48 * 2**20


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


def in_single_precision(function):
    """On a GPU convolutions round to ten bits unless they are told not to, which would drown small effects."""

    @functools.wraps(function)
    def wrapped(*args, **settings):
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):
            return function(*args, **settings)

    return wrapped


@in_single_precision
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
    plan=None,
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
    plan : Plan of the model at this length, where one has been made; None makes it.

    Returns
    -------
    Effects.
    """
    model = model.to(device).eval()
    x = as_sequences(model, codes, device)
    length = x.shape[2]
    span = range(start, length if end is None else end)
    index = None if targets is None else torch.as_tensor(targets, device=device, dtype=torch.long)
    if out is None:
        n_targets = model(x.new_zeros(1, 4, length)).shape[1] if index is None else len(index)
        out = np.zeros((len(x), n_targets, 4, length), dtype=np.float32)
    try:
        plan = plan or Plan(model, length)
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


def as_sequences(model, codes, device):
    """(n, length) uint8 base codes or (n, 4, length) sequences -> (n, 4, length) in the network's precision."""
    dtype = next(model.parameters()).dtype
    codes = torch.as_tensor(np.ascontiguousarray(codes) if isinstance(codes, np.ndarray) else codes)
    x = models.Network.of(model).inputs(codes, device)[0] if codes.ndim == 2 else codes.to(device)
    return x.to(dtype)


def _planned(plan, x, index, span, memory, progress):
    """Yield (sequence, first position, effects (targets, 4, positions)) block by block."""
    rest, weights = _Rest(plan, index), folded_weights(plan)
    front = Front(plan, weights, x[:1])
    rest.meet(front)
    fit = max(1, int(memory / 2 / (4 * x.element_size() * rest.values_per_mutant(front))))
    at_once = max(1, fit // len(span))
    bar = tqdm(total=len(x) * len(span) * 3, desc="exact ism", unit="mutant", unit_scale=True, disable=not progress)
    for begin in range(0, len(x), at_once):
        if len(x) > 1:
            front = Front(plan, weights, x[begin : begin + at_once])
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
                rows = change_of(operation, rows, before[reference], True)
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


def _plain(model, x, index, span, out, batch_size, reason, progress):
    """Every mutant through the whole network."""
    tqdm.write(f"exact ism: plain forward passes, because {reason}")
    out[:, :, :, span.start : span.stop] = 0

    def outputs(sequences):
        return model(sequences) if index is None else model(sequences)[:, index]

    with tqdm(
        total=len(x) * len(span) * 3, desc="exact ism", unit="mutant", unit_scale=True, disable=not progress
    ) as bar:
        for sequence in range(len(x)):
            for position, base, effects in plain_effects(outputs, x[sequence], span, batch_size):
                out[sequence, :, base.cpu().numpy(), position.cpu().numpy()] = effects.float().cpu().numpy()
                bar.update(len(position))
    return Effects(out, "plain", reason, float("nan"))


def _check(model, x, index, span, out, checks, seed):
    """Largest difference of some mutants' effects to those of the network, and what rounding explains of it."""
    rng = np.random.default_rng(seed)
    error, scale, largest = 0.0, 0.0, 0.0
    for _ in range(checks):
        sequence, position = int(rng.integers(len(x))), int(rng.choice(span))
        base = int(rng.choice(np.flatnonzero((x[sequence, :, position] != 1).cpu().numpy())))
        mutant = mutants(x[sequence], torch.tensor([position]), torch.tensor([base]))
        outputs = model(torch.cat([mutant, x[sequence : sequence + 1]]))
        outputs = outputs if index is None else outputs[:, index]
        expected = (outputs[0] - outputs[1]).float().cpu().numpy()
        found = np.asarray(out[sequence, :, base, position])
        error = float(np.maximum(error, np.abs(found - expected).max()))
        scale, largest = max(scale, float(np.abs(expected).max())), max(largest, float(outputs.abs().max()))
    return error, 1e-4 * scale + 1e-5 * largest
