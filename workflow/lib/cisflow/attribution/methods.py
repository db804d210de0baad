"""Raw multipliers of a network: gradients, integrated gradients and exact in silico mutagenesis."""

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from cisflow import dna, models
from cisflow.errors import InputError, listing


class BothStrands(nn.Module):
    """The mean of a network's outputs on a sequence and on its reverse complement."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return (self.network(x) + self.network(x.flip(1, 2))) / 2


def multipliers(model, codes, targets, method, device="cpu", strands="both", batch_size=128, steps=20):
    """Raw multipliers of one output of a network for each sequence.

    Parameters
    ----------
    model : network of the registry, in eval mode; its outputs are attributed as they come (logits, for the networks
        trained here).
    codes : (m, length) uint8.
    targets : (m,) index of the output to attribute, one a row.
    method :
        `tism`: the gradient at the sequence; with `transform(…, "tism")` it is the first-order
        in silico mutagenesis of Sasse et al. (2023).
        `integrated_gradients`: the mean gradient on the straight path from the baseline of 0.25 in each channel
        (Sundararajan et al. 2017), by Gauss-Legendre quadrature with `steps` points.
        `ism`: exact in silico mutagenesis, output of the mutant minus output of the reference; 0 at the reference
        base. At an unknown base the reference is the sequence as it stands.
    strands : "both" attributes the mean of the network over both strands, as predictions do; "forward" the bare one.
    batch_size : sequences (mutants, for `ism`) in a forward pass.

    Returns
    -------
    (m, 4, length) float32.

    Raises
    ------
    InputError : unknown method, or a network that reads tokens.
    """
    if models.reads_tokens(model):
        raise InputError(f"{type(model).__name__} reads tokens, so that its output cannot be attributed to bases")
    if method not in METHODS:
        raise InputError(f"unknown attribution method '{method}'; expected one of {listing(METHODS, 9)}")
    network = (BothStrands(model) if strands == "both" else model).to(device).eval()
    # The gradient of the weights is never used, and costs a third of a backward pass.
    network.requires_grad_(False)
    result = np.empty((len(codes), 4, codes.shape[1]), dtype=np.float32)
    rows_at_once = 1 if method == "ism" else batch_size
    for start in tqdm(range(0, len(codes), rows_at_once), desc=method, unit="batch"):
        rows = slice(start, start + rows_at_once)
        x = models.one_hot(np.ascontiguousarray(codes[rows]), device)
        index = torch.as_tensor(targets[rows], device=device)
        result[rows] = METHODS[method](network, x, index, batch_size=batch_size, steps=steps).cpu().numpy()
    return result


def _gradient(network, x, targets, **_):
    x = x.clone().requires_grad_(True)
    output = network(x).gather(1, targets[:, None]).sum()
    return torch.autograd.grad(output, x)[0]


def _integrated_gradients(network, x, targets, steps, **_):
    baseline = torch.full_like(x, 0.25)
    points, weights = np.polynomial.legendre.leggauss(steps)
    total = torch.zeros_like(x)
    # The nodes are those of [-1, 1], moved to [0, 1].
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        total += float(weight) * _gradient(network, baseline + float(point) * (x - baseline), targets)
    return total


@torch.inference_mode()
def _ism(network, x, targets, batch_size, **_):
    """One sequence: x (1, 4, length)."""
    length = x.shape[-1]
    target = int(targets[0])
    reference = network(x)[0, target]
    effects = torch.zeros_like(x[0])
    # Position-major list of the mutants: every base that is not the one present.
    position, base = torch.nonzero(x[0].T != 1, as_tuple=True)
    bases = torch.eye(4, device=x.device)
    for start in range(0, len(position), batch_size):
        where, what = position[start : start + batch_size], base[start : start + batch_size]
        mutants = x.expand(len(where), 4, length).clone()
        mutants[torch.arange(len(where), device=x.device), :, where] = bases[what]
        effects[what, where] = network(mutants)[:, target] - reference
    return effects[None]


METHODS = {"tism": _gradient, "integrated_gradients": _integrated_gradients, "ism": _ism}

BASELINE = dna.ONE_HOT[dna.UNKNOWN]
