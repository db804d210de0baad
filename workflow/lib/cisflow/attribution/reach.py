"""How far a network looks: what its output, and the middle of its last layer with positions, owe to bases far away.

The effective reach is the distance within which a share of the contribution lies; the architectural one is the furthest
base that the layers let through. After Luo et al. 2016 (arXiv:1701.04128), who compare both for images.
"""

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.models import layers
from cisflow.models.blocks.attention import SelfAttention
from cisflow.models.modular import Modular
from cisflow.models.network import Network

# Whole outputs, and the middle of what the summary is of.
OUTPUT, POSITION = "output", "position"
COLUMNS = (
    *("dataset", "split", "model", "seed", "of", "low", "high", "contribution", "cumulative"),
    *("effective", "architectural", "length", "n"),
)
# Bases of the sequences of a backward pass.
BASES = 1 << 17


class Settings(settings.Settings):
    """How far networks look."""

    sequences: int = setting(32, minimum=1, meaning="Windows of the test fold, drawn at random, that gradients are of.")
    share: float = setting(0.9, above=0, below=1, meaning="Of the contribution, that lies within the effective reach.")
    draws: int = setting(4, minimum=1, meaning="Random signs of channels, or outputs, whose gradients are averaged.")
    bins: int = setting(60, minimum=1, meaning="Bins of distance, at most; they widen with it.")


def architectural(trunk, length):
    """Bases to the left and to the right that the middle position of the last layer can see: (int, int).

    Walked from that position to the sequence, through the layers in the order that blocks run them in: a convolution of
    width w and dilation d adds d (w - 1) positions, a pool of size s multiplies by s; attention, and what takes the
    mean of all positions, see the whole window.
    """
    low = high = trunk.shape.positions // 2
    for layer in reversed([module for part in (trunk.stem, trunk.blocks) for module in part.modules()]):
        if isinstance(layer, (SelfAttention, nn.AdaptiveAvgPool1d)):
            return middle(length), length - 1 - middle(length)
        if isinstance(layer, nn.Conv1d):
            total = layer.dilation[0] * (layer.kernel_size[0] - 1)
            low, high = low - total // 2, high + total - total // 2
        elif isinstance(layer, (nn.MaxPool1d, nn.AvgPool1d, layers.SoftmaxPool)):
            size, padding = (_first(getattr(layer, name)) for name in _SIZES[type(layer)])
            low, high = low * size - padding, high * size - padding + size - 1
    centre = middle(length)
    return centre - max(low, 0), min(high, length - 1) - centre


_SIZES = {
    nn.MaxPool1d: ("kernel_size", "padding"),
    nn.AvgPool1d: ("kernel_size", "padding"),
    layers.SoftmaxPool: ("size", "padding"),
}


def _first(value):
    return value[0] if isinstance(value, tuple) else value


def middle(length):
    """The base that distances are from."""
    return length // 2


def contributions(network, codes, device, of, draws, seed):
    """(length,) float64: mean over sequences and draws of the sum over bases of the absolute gradient at each position.

    The gradient is of a sum of the outputs, or of the channels in the middle of the last layer with positions, each
    with a random sign: its squares have the sum of the squares of all of them as their mean.

    Parameters
    ----------
    network : Network; for "position", of a Modular of one input. codes : (n, length) uint8. of : OUTPUT or POSITION.
    """
    network = Network.of(network).to(device)
    rng = np.random.default_rng(seed)
    length, total = codes.shape[1], np.zeros(codes.shape[1])
    step = max(1, BASES // length)
    for start in tqdm(range(0, len(codes), step), desc=f"gradients of the {of}", unit="batch"):
        part = torch.from_numpy(np.ascontiguousarray(codes[start : start + step]))
        (x,) = network.inputs(part, device)
        x = x.requires_grad_(True)
        if of == POSITION:
            positions = network.module.trunks[0].positions(x)
            found = positions[:, :, positions.shape[2] // 2]
        else:
            found = network(x)
        for draw in range(draws):
            signs = torch.from_numpy(rng.choice([-1.0, 1.0], found.shape[1]).astype(np.float32)).to(device)
            (gradient,) = torch.autograd.grad((found * signs).sum(), x, retain_graph=draw < draws - 1)
            total += gradient.abs().sum(dim=(0, 1)).double().cpu().numpy()
    return total / (len(codes) * draws)


def by_distance(values):
    """(furthest + 1,) float64 of contributions (length,): those at each distance from the middle, of both sides."""
    length = len(values)
    return np.bincount(np.abs(np.arange(length) - middle(length)), weights=values)


def effective(values, share):
    """The least distance within which this share of contributions (distance,) lies; NaN where there is none."""
    total = values.sum()
    if not total > 0:
        return np.nan
    return int(np.searchsorted(np.cumsum(values), share * total * (1 - 1e-12)))


def edges(furthest, bins):
    """Lower bounds of bins of the distances 0 … furthest, and the upper bound of the last: single ones first."""
    marks = np.unique(np.round(np.geomspace(1, furthest + 1, bins)).astype(int))
    return np.unique(np.concatenate([[0], marks]))


def table(names, network, codes, device, chosen, seed):
    """Frame of COLUMNS: the contribution of each bin of distance, `low` to below `high`, with what is known of all.

    Parameters
    ----------
    names : dataset, split, model, seed. network : Network. codes : (n, length) uint8 to draw from. chosen : Settings.
    """
    drawn = np.sort(np.random.default_rng(seed).permutation(len(codes))[: chosen.sequences])
    codes, length, rows = np.asarray(codes[drawn]), codes.shape[1], []
    modular = isinstance(network.module, Modular) and len(network.module.segments) == 1
    for of in (POSITION, OUTPUT) if modular else (OUTPUT,):
        values = by_distance(contributions(network, codes, device, of, chosen.draws, seed))
        total = values.sum()
        furthest = max(middle(length), length - 1 - middle(length))
        if of == POSITION:
            furthest = max(architectural(network.module.trunks[0], length))
        known = names | {"of": of, "effective": effective(values, chosen.share), "architectural": furthest}
        bounds = edges(len(values) - 1, chosen.bins)
        seen = 0.0
        for low, high in zip(bounds, bounds[1:], strict=False):
            share = values[low:high].sum() / total if total > 0 else np.nan
            seen += share
            entry = {"low": int(low), "high": int(high), "contribution": share, "cumulative": seen}
            rows.append(known | entry | {"length": length, "n": len(codes)})
    return pd.DataFrame(rows, columns=list(COLUMNS))
