"""Beluga, the 2019 DeepSEA network (Zhou et al. 2018, ExPecto): 2,000 bp to 2,002 chromatin targets."""

import torch
from torch import nn

from cisflow.errors import InputError, listing
from cisflow.models.network import Architecture
from cisflow.sequence import dna

# Order in which the published weights read bases (ExPecto's one-hot).
PUBLISHED_BASES = "AGCT"
FIRST_KERNEL = "model.0.0.weight"
# What an unknown base is in each channel: zeros in the code of ExPecto, whose the published weights are.
UNKNOWN = {"zeros": 0.0, "uniform": 0.25}
# Bases in one pass of the convolutions on a CPU, where larger ones outgrow the cache.
BASES_AT_ONCE = 8000


class _Reshape(nn.Module):
    """Gives convolutions over (1, width) kernels the four axes that they expect."""

    def forward(self, x):
        return x.unsqueeze(2)


class Beluga(Architecture):
    """(n, 4, 2000) -> (n, 2002) logits. 149,536,251 parameters in 16 tensors, named as in the published checkpoint.

    The published weights read A, G, C, T, and end in a sigmoid. Loaded here they read A, C, G, T like every network;
    the sigmoid is that of the task.

    Parameters
    ----------
    unknown : what an unknown base is in each channel: "zeros", as published, or "uniform", 0.25 as in other networks.
    """

    output = "logit"
    length = 2000

    def __init__(self, n_targets=2002, hidden=2003, unknown="zeros"):
        super().__init__()
        if unknown not in UNKNOWN:
            raise InputError(f"architecture Beluga: unknown is '{unknown}', expected one of {listing(UNKNOWN)}")
        self.n_outputs, self.unknown = n_targets, UNKNOWN[unknown]
        self.reshape = _Reshape()
        self.model = nn.Sequential(
            nn.Sequential(
                nn.Conv2d(4, 320, (1, 8)),
                nn.ReLU(),
                nn.Conv2d(320, 320, (1, 8)),
                nn.ReLU(),
                nn.Dropout(0.2),
                nn.MaxPool2d((1, 4)),
                nn.Conv2d(320, 480, (1, 8)),
                nn.ReLU(),
                nn.Conv2d(480, 480, (1, 8)),
                nn.ReLU(),
                nn.Dropout(0.2),
                nn.MaxPool2d((1, 4)),
                nn.Conv2d(480, 640, (1, 8)),
                nn.ReLU(),
                nn.Conv2d(640, 640, (1, 8)),
                nn.ReLU(),
            ),
            # The dense layers sit one level deeper because the checkpoint names them so (model.1.2.1, model.1.4.1).
            nn.Sequential(
                nn.Dropout(0.5),
                nn.Flatten(),
                nn.Sequential(nn.Identity(), nn.Linear(640 * 106, hidden)),
                nn.ReLU(),
                nn.Sequential(nn.Identity(), nn.Linear(hidden, n_targets)),
            ),
        )

    def forward(self, x):
        return self.model(self.reshape(x))

    def adopt(self, state):
        if FIRST_KERNEL not in state:
            return state, ""
        order = [PUBLISHED_BASES.index(base) for base in dna.BASES]
        change = f"first kernel permuted from the authors' order of bases, {', '.join(PUBLISHED_BASES)}, to A, C, G, T"
        return state | {FIRST_KERNEL: state[FIRST_KERNEL][:, order]}, change

    def for_inference(self, dtype=torch.float32):
        return FastBeluga(self, dtype)


class FastBeluga(Architecture):
    """A loaded Beluga made ready for inference: the same layers, arranged for speed.

    Convolutions over one axis in place of (1, 8) kernels over two, on a CPU a few sequences at a time, so that their
    activations stay in cache; the dense layers take the whole batch. Weights are shared with `beluga`, not copied.

    Parameters
    ----------
    dtype : of the convolutions' weights and activations; the dense layers keep that of `beluga`.
    """

    length = Beluga.length

    def __init__(self, beluga, dtype=torch.float32):
        super().__init__()
        self.output, self.n_outputs, self.unknown = beluga.output, beluga.n_outputs, beluga.unknown
        convolutions, self.dense = beluga.model
        self.convolutions = nn.Sequential(*map(_one_axis, convolutions)).to(dtype)
        self.dtype = dtype
        self.train(beluga.training)

    def forward(self, x):
        chunk = max(1, BASES_AT_ONCE // x.shape[-1]) if x.device.type == "cpu" else len(x)
        flat = [self.convolutions(part.to(self.dtype)).flatten(1) for part in x.split(chunk)]
        return self.dense(torch.cat(flat).to(x.dtype))


def _one_axis(layer):
    """The layer over one axis that does what this one does over an axis of length 1 and another."""
    if isinstance(layer, nn.MaxPool2d):
        return nn.MaxPool1d(layer.kernel_size[1])
    if not isinstance(layer, nn.Conv2d):
        return layer
    twin = nn.Conv1d(layer.in_channels, layer.out_channels, layer.kernel_size[1], device="meta")
    # Parameters of their own on the same memory: converted to another dtype, they leave those of `beluga` as they are.
    twin.weight = nn.Parameter(layer.weight.detach()[:, :, 0], requires_grad=layer.weight.requires_grad)
    twin.bias = nn.Parameter(layer.bias.detach(), requires_grad=layer.bias.requires_grad)
    return twin
