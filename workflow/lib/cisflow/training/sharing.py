"""Work on one batch by several processes, which ends in the gradient that one of them alone would have.

Every process has the whole batch, and draws the same numbers for it. It runs the network on its share of the rows, and
gathers the outputs of all: the loss is of the whole batch in each of them, so that means over known labels, weights and
correlations across regions are those of one process. Batch normalisation takes the moments of the whole batch.
"""

import contextlib
import functools
from typing import NamedTuple

import numpy as np
import torch
from torch import distributed, nn


class Share(NamedTuple):
    """Which part of every batch a process has: that of `place`, from 0, among `of` processes."""

    place: int = 0
    of: int = 1

    @property
    def alone(self):
        return self.of == 1

    def rows(self, n):
        """(first, behind the last) of its rows among n; all processes have as many, or the first ones one more."""
        each, more = divmod(n, self.of)
        first = self.place * each + min(self.place, more)
        return first, first + each + (self.place < more)


def outputs(forward, codes, share, draws):
    """What `forward` makes of all of codes (n, length): a tuple of tensors (n, …) float32, or None in place of one.

    Parameters
    ----------
    forward : codes (k, length) -> such a tuple of tensors (k, …). draws : ints that name this batch; dropout draws from
    them and from the place of the process.
    """
    first, behind = share.rows(len(codes))
    # A process without a row runs the first one, whose outputs nobody takes: all meet at every layer.
    own = codes[first:behind] if behind > first else codes[:1]
    seed = np.random.SeedSequence([*draws, share.place]).generate_state(1, np.uint64)[0] >> np.uint64(1)
    devices = [codes.device.index] if codes.device.type == "cuda" else []
    # What is drawn for the batch itself stays the same in all processes.
    with torch.random.fork_rng(devices):
        torch.manual_seed(int(seed))
        found = forward(own)
    return tuple(None if part is None else _whole(part.float(), len(codes), share) for part in found)


def has_idle_weights(learner, codes):
    """Whether a network has weights that training moves and no output of it depends on, such as those of a head for
    profiles under a loss that reads none.

    Parameters
    ----------
    learner : the learner.Learner of the network, on the CPU. codes : (n, length) uint8, a tensor, of any windows.
    """
    weights = [weight for weight in learner.network.parameters() if weight.requires_grad]
    learner.eval()
    found = sum(part.float().sum() for part in learner(codes) if part is not None)
    learner.train()
    return any(gradient is None for gradient in torch.autograd.grad(found, weights, allow_unused=True))


def _whole(part, n, share):
    """The rows (n, …) of all processes, of those (k, …) of this one."""
    largest = -(-n // share.of)
    counts = [behind - first for first, behind in (Share(place, share.of).rows(n) for place in range(share.of))]
    padded = part.new_zeros(largest, *part.shape[1:])
    padded = torch.cat([part[: counts[share.place]], padded[counts[share.place] :]])
    found = _Gather.apply(padded, share)
    return torch.cat([found[place, :count] for place, count in enumerate(counts)])


class _Gather(torch.autograd.Function):
    """Tensors of one shape of all processes, side by side along a new first axis.

    All of them go on with the same numbers, so that the gradient of the own part is known here; it is that of the sum
    of as many losses as there are processes, of which the gradients of weights are averaged.
    """

    @staticmethod
    def forward(ctx, own, share):
        ctx.share = share
        found = own.new_empty(share.of, *own.shape)
        distributed.all_gather(list(found.unbind()), own.contiguous())
        return found

    @staticmethod
    def backward(ctx, gradient):
        return gradient[ctx.share.place] * ctx.share.of, None


class _Sum(torch.autograd.Function):
    """The sum of a tensor over all processes, each of which goes its own way with it."""

    @staticmethod
    def forward(_, own):
        found = own.clone()
        distributed.all_reduce(found)
        return found

    @staticmethod
    def backward(_, gradient):
        found = gradient.clone()
        distributed.all_reduce(found)
        return found


@contextlib.contextmanager
def moments_of_all(network, share):
    """Have batch normalisation take the moments of the rows of all processes, as long as the block runs.

    torch's own way for it (SyncBatchNorm) is one of GPUs alone.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    layers = [] if share.alone else layers
    for layer in layers:
        layer.forward = functools.partial(_normalised, layer, layer.forward)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _normalised(layer, alone, values):
    """Batch normalisation of values (n, channels, …); `alone` is what the layer does by itself."""
    if not layer.training:
        return alone(values)
    over = [0, *range(2, values.ndim)]
    shape = [1, -1, *[1] * (values.ndim - 2)]
    # In single precision, whatever the network computes in, as torch does.
    x = values.float()
    sums = _Sum.apply(torch.cat([x.sum(over), x.new_full((1,), x[:, 0].numel())]))
    count = sums[-1].detach()
    mean = sums[:-1] / count
    centred = x - mean.view(shape)
    variance = _Sum.apply((centred**2).sum(over)) / count
    if layer.track_running_stats:
        with torch.no_grad():
            layer.num_batches_tracked += 1
            rate = 1 / layer.num_batches_tracked if layer.momentum is None else layer.momentum
            layer.running_mean += rate * (mean - layer.running_mean)
            layer.running_var += rate * (variance * count / (count - 1) - layer.running_var)
    found = centred * torch.rsqrt(variance + layer.eps).view(shape)
    if layer.affine:
        found = found * layer.weight.view(shape) + layer.bias.view(shape)
    return found.to(values.dtype)
