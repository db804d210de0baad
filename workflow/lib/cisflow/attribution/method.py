"""What attribution methods share: settings that several of them read, and steps that several of them take."""

from typing import NamedTuple

import numpy as np
import torch

from cisflow.attribution import baselines
from cisflow.config import settings
from cisflow.config.settings import setting


class Attribution(NamedTuple):
    """Multipliers of n sequences and t targets, and how well those of a path method add up.

    multipliers : (n, t, 4, length) float32.
    difference : (n, t) float32, target of the sequence minus target of the baseline (mean over baselines); None for
        methods without a baseline.
    error : (n, t) float32, sum of the contributions minus `difference`: 0 where completeness holds; None likewise.
    """

    multipliers: np.ndarray
    difference: np.ndarray | None = None
    error: np.ndarray | None = None


class Common(settings.Settings):
    """Settings of every method."""

    strands: str = setting(
        None,
        choices=["both", "forward"],
        meaning="Explain the mean over both strands, or the forward one. Without it what the network predicts: the "
        "mean, or the forward one where `training.reverse_complement` is `none`.",
    )
    batch_size: int = setting(
        256,
        minimum=1,
        meaning="Sequences, points of a path, pairs with a baseline, or mutants that go through the whole network, in "
        "a pass; bounds the memory.",
    )

    @property
    def compared_with(self):
        """The baseline that contributions add up against, or None for a method without one."""
        return None


class Chunked(Common):
    """Settings of methods by backward passes."""

    target_chunk: int = setting(32, minimum=1, meaning="Targets in one backward pass, where a sequence has several.")


class InMemory(Common):
    """Settings of methods that keep to an amount of memory."""

    memory_mb: int = setting(
        512,
        minimum=16,
        meaning="Working memory of `ism` and `taylor_ism`, in MB, beside the network and the result; of "
        "`deep_lift_shap`, what the results of the sequences in a pass take.",
    )


class Compared(Common):
    """Settings of methods that compare a sequence with a baseline; each declares its own default of `baseline`."""

    n_baselines: int = setting(
        20,
        minimum=1,
        meaning="Shuffles of each sequence, for `dinucleotide_shuffled`. A sequence that no other has the "
        "dinucleotides of is shuffled base by base, which the log says; if it is of one letter, nothing of it "
        "contributes.",
    )

    @property
    def compared_with(self):
        return self.baseline


def chunks(n_targets, size):
    """Targets in slices that go through a backward pass together."""
    return [slice(first, min(first + size, n_targets)) for first in range(0, n_targets, size)]


def rows_in_batch(n_targets, settings):
    """Sequences that a pass holds with a chunk of targets each."""
    return max(1, settings.batch_size // max(1, min(n_targets, settings.target_chunk)))


def rows_in_memory(n_targets, length, memory_mb):
    """Sequences whose multipliers for so many targets `memory_mb` holds."""
    return memory_mb * 2**20 // (4 * 4 * length * max(1, n_targets))


def backward(outputs, inputs, cotangents, keep=False):
    """Vector-Jacobian products: for each input (k, *input), from k cotangents (k, *output) of each output."""
    if len(cotangents[0]) > 1:
        return torch.autograd.grad(outputs, inputs, cotangents, retain_graph=keep, is_grads_batched=True)
    found = torch.autograd.grad(outputs, inputs, [part[0] for part in cotangents], retain_graph=keep)
    return [part[None] for part in found]


def baselines_of(x, codes, settings, seed):
    """Baselines (n, k, 4, length) of sequences, and whether they are one constant."""
    made = baselines.make(settings.baseline, x, codes, settings.n_baselines, seed)
    return made, settings.baseline in baselines.CONSTANT


def mean_over_baselines(x, n_targets, parts, count, constant):
    """The Attribution as a mean over baselines, and the largest error of any as a share of its absolute contributions.

    Against one constant baseline b, contributions are m (x - b). Against shuffles b_k of the sequence there is no such
    b, so each position's mean of sum_i b_k,i m_k,i is subtracted from its multipliers: contributions are then m x, with
    a baseline of 0, and `corrected`, `tism` and `mean_effect` are what they would be without.

    Parameters
    ----------
    parts : for each of `count` baselines and for targets in slices: the slice, multipliers (n, k, 4, length),
        difference (n, k) and the baseline (n or 1, 4, length). They are summed as they come.
    """
    x = x.detach().cpu()
    total = torch.zeros((len(x), n_targets, *x.shape[1:]))
    total_difference, total_error, worst = *torch.zeros((2, len(x), n_targets)), 0.0
    for targets, found, difference, base in parts:
        found, difference, base = found.cpu(), difference.cpu(), base.cpu()[:, None]
        contributions = found * (x[:, None] - base)
        error = contributions.sum(dim=(2, 3)) - difference
        # Below that, the rounding of outputs near 1 would count.
        size = contributions.abs().sum(dim=(2, 3)).clamp_min(1e-3)
        worst = max(worst, (error.abs() / size).max().item())
        total[:, targets] += found if constant else found - (base * found).sum(dim=2, keepdim=True)
        total_difference[:, targets] += difference
        total_error[:, targets] += error
    means = (part.div_(count).numpy() for part in (total, total_difference, total_error))
    return Attribution(*means), worst
