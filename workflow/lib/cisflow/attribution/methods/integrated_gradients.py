"""Integrated gradients (Sundararajan et al. 2017), by Gauss-Legendre quadrature.

Layers before the first non-linearity are passed once, not once a step: on the straight path their values change
straight too.
"""

import numpy as np
import torch

from cisflow.attribution.linear_front import split
from cisflow.attribution.method import (
    Chunked,
    Compared,
    backward,
    baselines_of,
    chunks,
    mean_over_baselines,
    rows_in_batch,
)
from cisflow.config.settings import setting


class Settings(Chunked, Compared):
    """The mean gradient on the straight path from the baseline."""

    baseline: str = setting(
        "uniform",
        choices=["uniform", "zeros", "dinucleotide_shuffled"],
        meaning="What a sequence is compared with: 0.25 in each channel, 0, or shuffles of itself.",
    )
    steps: int = setting(20, minimum=2, meaning="Points of the path.")


def prepare(network, length, n_targets, settings, seed):
    front, rest = split(network)
    # The nodes are those of [-1, 1], moved to [0, 1].
    points, weights = np.polynomial.legendre.leggauss(settings.steps)
    points, weights = (points + 1) / 2, weights / 2

    def path(begin, end, targets, part):
        """Mean gradients (k, n, …) of the targets in a slice on the way between two sets of the front's tensors."""
        n = len(end[0])
        at_once = max(1, settings.batch_size // (n * (part.stop - part.start)))
        cotangents = targets.cotangents(n, part)
        totals = [0] * len(end)
        for first in range(0, len(points), at_once):
            share = torch.tensor(points[first : first + at_once], dtype=cotangents.dtype, device=cotangents.device)
            weight = torch.tensor(weights[first : first + at_once], dtype=cotangents.dtype, device=cotangents.device)
            where = [_between(a, b, share).requires_grad_(True) for a, b in zip(begin, end, strict=True)]
            # Points of a path lie next to each other in the batch.
            weighted = (cotangents[:, :, None] * weight[:, None]).flatten(1, 2)
            found = backward([rest(*where)], where, [weighted])
            totals = [
                total + part.unflatten(1, (n, len(share))).sum(dim=2) for total, part in zip(totals, found, strict=True)
            ]
        return totals

    def against(x, base, targets):
        """Targets in slices: their multipliers (n, k, 4, length) against one baseline, and differences (n, k)."""
        x = x.clone().requires_grad_(True)
        end = front(x)
        with torch.no_grad():
            begin = front(base)
            difference = targets.of(rest(*end)) - targets.of(rest(*begin).expand(len(x), -1))
        fixed = [part.detach() for part in end]
        for part in chunks(n_targets, settings.target_chunk):
            (found,) = backward(end, [x], path(begin, fixed, targets, part), keep=True)
            yield part, found.transpose(0, 1), difference[:, part]

    def explain(x, codes, targets):
        bases, constant = baselines_of(x, codes, settings, seed)
        # A constant baseline is the same for every sequence: one pass serves all.
        each = [bases[:1, number] if constant else bases[:, number] for number in range(bases.shape[1])]
        parts = ((*found, base) for base in each for found in against(x, base, targets))
        return mean_over_baselines(x, n_targets, parts, len(each), constant)[0]

    return rows_in_batch(n_targets, settings), explain


def _between(begin, end, share):
    """Points (n points, …) at shares of the way from begin (n or 1, …) to end (n, …), all of a row together."""
    share = share.view(1, -1, *[1] * (end.ndim - 1))
    return (begin[:, None] + share * (end - begin)[:, None]).flatten(0, 1)
