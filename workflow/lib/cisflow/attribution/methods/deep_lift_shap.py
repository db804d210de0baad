"""DeepLIFT/SHAP: tangermeme's rules, and those for what its table lacks: maxima over all positions or two strands, …"""

import contextlib
import warnings

import torch
from tangermeme.deep_lift_shap import BilinearOp, _nonlinear, deep_lift_shap
from torch import nn

from cisflow.attribution import baselines
from cisflow.attribution.method import (
    Compared,
    InMemory,
    baselines_of,
    mean_over_baselines,
    rows_in_memory,
)
from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.models.device import deterministic
from cisflow.models.layers import Exponential, Logarithm, Product, StrandMaximum


class Settings(InMemory, Compared):
    """DeepLIFT's rescale rule (Shrikumar et al. 2017), the mean over the baselines (Lundberg & Lee 2017)."""

    baseline: str = setting(
        "dinucleotide_shuffled",
        choices=["uniform", "zeros", "dinucleotide_shuffled"],
        meaning="What a sequence is compared with: 0.25 in each channel, 0, or shuffles of itself.",
    )
    max_error: float = setting(
        0.001,
        above=0,
        meaning="Share of the absolute contributions by which they may miss the difference of the outputs; more is an "
        "error.",
    )


def prepare(network, length, n_targets, settings, seed):
    def explain(x, codes, targets):
        bases, constant = baselines_of(x, codes, settings, seed)

        def parts():
            for number in range(n_targets):
                target = slice(number, number + 1)
                weights = targets.cotangents(len(x), target)[0]
                found, difference = deep_lift(network, x, bases, weights, settings.batch_size)
                for base in range(bases.shape[1]):
                    which = slice(base, base + 1)
                    yield target, found[:, which], difference[:, which], bases[:, base]

        result, error = mean_over_baselines(x, n_targets, parts(), bases.shape[1], constant)
        if error > settings.max_error:
            raise InputError(
                f"deep_lift_shap: contributions miss the difference of the outputs by {error:.2g} of their absolute "
                f"sum; expected {settings.max_error:g} at most. A layer that is not linear has no rule: every one "
                "must be a module of torch.nn that tangermeme knows, used once"
            )
        return result

    constant = settings.baseline in baselines.CONSTANT
    pairs = settings.batch_size // (1 if constant else settings.n_baselines)
    return max(1, min(pairs, rows_in_memory(n_targets, length, settings.memory_mb))), explain


class _Explained(nn.Module):
    """A weighted sum of a network's outputs as the only output, with the weights of each pass; keeps what it gave."""

    def __init__(self, network, weights):
        super().__init__()
        self.network = network
        self.weights = iter(weights)
        self.seen = []

    def forward(self, x):
        output = (self.network(x) * next(self.weights).repeat(2, 1)).sum(dim=1, keepdim=True)
        self.seen.append(output.detach())
        return output


def deep_lift(network, x, references, weights, batch_size):
    """DeepLIFT multipliers (Shrikumar et al. 2017, rescale rule) of one target, for each reference.

    Parameters
    ----------
    x : (n, 4, length). references : (n, k, 4, length), of any values.
    weights : (n, n_outputs), the target of each sequence as a weighted sum of outputs.
    batch_size : pairs of sequence and reference in a pass.

    Returns
    -------
    multipliers (n, k, 4, length), and target of the sequence minus target of the reference (n, k); on x's device.
    """
    n, k = references.shape[:2]
    explained = _Explained(network, weights.repeat_interleave(k, dim=0).split(batch_size))
    # tangermeme checks references that it is given, and refuses what is not one-hot; of a function it takes any.
    batches = iter(references.flatten(0, 1).split(batch_size))
    # The rule of a pooling layer undoes it with `max_unpool`, which torch does not call deterministic; where windows do
    # not overlap, its result is the same every time.
    with warnings.catch_warnings(), deterministic(False), _hookable_products(network):
        # Unknown bases are 0.25 in each channel; and convergence is an error here, not a warning.
        warnings.simplefilter("ignore")
        found = deep_lift_shap(
            explained,
            x,
            batch_size=batch_size,
            references=lambda _, n: next(batches)[:, None],
            n_shuffles=k,
            additional_nonlinear_ops=_RULES,
            raw_outputs=True,
            only_warn=True,
            device=x.device,
        )
    differences = torch.cat([torch.sub(*outputs.chunk(2)) for outputs in explained.seen])
    return found.to(x.device), differences.view(n, k)


@contextlib.contextmanager
def _hookable_products(network):
    """Puts the module that tangermeme has a rule for in the place of each Product of a network."""
    found = [
        (parent, name, child)
        for parent in network.modules()
        for name, child in parent.named_children()
        if isinstance(child, Product)
    ]
    for parent, name, child in found:
        setattr(parent, name, BilinearOp(child.equation))
    try:
        yield
    finally:
        for parent, name, child in found:
            setattr(parent, name, child)


def _global_maximum(module, grad_input, grad_output):
    """Rule for a maximum over all positions, which Shrikumar et al. (2017) leave open.

    The change of the maximum goes to one position: where the sequence has its maximum if that is the larger one, and
    where the reference has its own otherwise. The input changes there by at least as much, and in the same direction,
    so the multiplier is between 0 and 1, and contributions add up.
    """
    if module.output_size not in (1, (1,)):
        raise InputError(f"deep_lift_shap: no rule for {module}; expected AdaptiveMaxPool1d(1)")
    return _of_maximum(grad_output, *module.input.chunk(2))


def _strand_maximum(module, _, grad_output):
    """The same rule for the larger of two strands."""
    # (n, channels, positions, 2)
    x, reference = (half.unflatten(1, (2, -1)).movedim(1, -1) for half in module.input.chunk(2))
    (found,) = _of_maximum([grad_output[0][..., None]], x, reference)
    return (found.movedim(-1, 1).flatten(1, 2),)


def _of_maximum(grad_output, x, reference):
    """Multipliers of the maximum over the last axis, for the sequences' half and the references'."""
    value, where = x.max(dim=-1, keepdim=True)
    reference_value, reference_where = reference.max(dim=-1, keepdim=True)
    where = torch.where(value >= reference_value, where, reference_where)
    change = (x - reference).gather(-1, where)
    share = torch.where(change == 0, 0.0, (value - reference_value) / torch.where(change == 0, 1.0, change))
    halves = [torch.zeros_like(x).scatter(-1, where, share * half) for half in grad_output[0].chunk(2)]
    return (torch.cat(halves),)


_RULES = {
    nn.AdaptiveMaxPool1d: _global_maximum,
    StrandMaximum: _strand_maximum,
    Exponential: _nonlinear,
    Logarithm: _nonlinear,
}
