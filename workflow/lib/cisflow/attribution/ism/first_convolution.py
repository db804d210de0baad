"""First-order effects of mutants behind a network's first convolution, where few operations give all there is.

Every mutant there is a sum over the convolution's taps, a maximum and a product with the gradient. Tensor operations
write each of these for all mutants before they come to the next; here none of them leaves the processor's cache.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numba
import numpy as np
import torch

from cisflow.attribution.ism.steps import is_relu


class Shape(NamedTuple):
    """A front that is one convolution, with or without pooling by maximum and a ReLU behind it.

    convolution : its node. pool : node of the pooling, or None. relu : node that the ReLU reads.
    padding, size : bases on the left of the convolution; positions of a pool (1 without).
    """

    convolution: str
    pool: str | None
    relu: str
    padding: int
    size: int


def shape_of(plan):
    """The Shape of a plan's front, or None where it is another."""
    steps = [step for step in plan.steps if step.kind != "reshape"]
    kinds = [step.kind for step in steps]
    if kinds not in (["conv", "pointwise"], ["conv", "max_pool", "pointwise"]) or plan.frontier != [steps[-1].name]:
        return None
    first, last = steps[0], steps[-1]
    pool = steps[1] if len(steps) == 3 else None
    slides = first.stride == first.dilation == first.operation.groups == 1
    if not slides or not is_relu(last.operation):
        return None
    if pool is not None and (pool.stride != pool.kernel or pool.padding):
        return None
    name, size = (None, 1) if pool is None else (pool.name, pool.kernel)
    return Shape(first.name, name, last.inputs[0], first.padding, size)


def effects(shape, front, gradient, threads):
    """Effects of all mutants to first order: the change at the front's end, times the gradient there.

    Parameters
    ----------
    shape : of the front's plan.
    front : changes.Front of n sequences, on the CPU.
    gradient : (n, t, positions, channels), by the end of the front.
    threads : cores to use.

    Returns
    -------
    (n, t, 4, length), in the precision of the front; 0 at the base present.
    """
    before = front.tables[shape.relu]
    # A pool of one position is its own maximum.
    distance = torch.zeros_like(before) if shape.pool is None else front.below_maximum[shape.pool]
    x = front.x.transpose(1, 2).contiguous()
    weights = front.weights[shape.convolution].transpose(1, 2).contiguous()
    arrays = [each.numpy() for each in (x, distance, before, gradient.contiguous())]
    weights = weights.detach().numpy()
    result = np.zeros((*gradient.shape[:2], 4, x.shape[1]), dtype=weights.dtype)

    def run(row):
        _sequence(*(each[row] for each in arrays), weights, shape.padding, shape.size, result[row])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(len(result))))
    return result


@numba.njit(nogil=True, fastmath={"reassoc", "contract", "nsz"}, cache=True)
def _sequence(x, distance, before, slopes, weights, padding, size, result):
    """Effects of all mutants of one sequence into `result` (t, 4, length).

    x : (length, 4). distance : (m, channels), inputs of the pools less the maximum of each. before : (positions,
    channels), what the ReLU reads. slopes : (t, positions, channels). weights : (taps, 4, channels).
    """
    taps, _, channels = weights.shape
    n_pools = before.shape[0]
    present = np.empty((taps, channels), dtype=x.dtype)
    change = np.empty(channels, dtype=x.dtype)
    for place in range(x.shape[0]):
        present[:] = 0
        for base in range(4):
            share = x[place, base]
            if share != 0:
                for tap in range(taps):
                    for channel in range(channels):
                        present[tap, channel] += share * weights[tap, base, channel]
        first = max(0, place + padding - taps + 1)
        last = min(n_pools * size - 1, place + padding)
        for base in range(4):
            if x[place, base] == 1:
                continue
            for pool in range(first // size, last // size + 1):
                change[:] = -np.inf
                for position in range(pool * size, (pool + 1) * size):
                    if first <= position <= last:
                        tap = place + padding - position
                        for channel in range(channels):
                            mutated = distance[position, channel] + weights[tap, base, channel] - present[tap, channel]
                            change[channel] = mutated if mutated > change[channel] else change[channel]
                    else:
                        for channel in range(channels):
                            same = distance[position, channel]
                            change[channel] = same if same > change[channel] else change[channel]
                # The change behind the ReLU, without the rounding of a difference of two large numbers.
                for channel in range(channels):
                    reference = before[pool, channel]
                    moved = change[channel] + (reference if reference < 0 else 0)
                    floor = -reference if reference > 0 else 0
                    change[channel] = moved if moved > floor else floor
                for target in range(slopes.shape[0]):
                    total = x.dtype.type(0)
                    for channel in range(channels):
                        total += change[channel] * slopes[target, pool, channel]
                    result[target, base, place] += total
