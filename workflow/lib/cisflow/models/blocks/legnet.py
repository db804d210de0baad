"""LegNet's block (Penzar et al. 2023), after EfficientNetV2 (Tan & Le 2021): wide, depthwise, squeezed and excited."""

import torch
from torch import nn

from cisflow.config.settings import setting
from cisflow.models import layers
from cisflow.models.blocks.common import Shape, pooling
from cisflow.models.blocks.pool import Pooled


class Settings(Pooled):
    """An EfficientNetV2-like part beside what it reads, a convolution over both, and pooling."""

    kernels: int = setting(64, minimum=1, meaning="Kernels of the convolution over both.")
    width: int = setting(9, minimum=1, meaning="Positions that kernels read.")
    expansion: int = setting(4, minimum=1, meaning="Channels of the EfficientNetV2-like part, by those that it reads.")
    squeeze: int = setting(4, minimum=1, meaning="Channels there, by those that weigh them (squeeze and excitation).")
    size: int = setting(2, minimum=1, meaning="Positions of the windows pooled; 1 pools none.")
    activation: str = setting("silu", choices=["relu", "gelu", "silu", "softplus", "none"], meaning="Non-linearity.")


class SqueezeExcite(nn.Module):
    """(n, channels, positions) -> the same shape: channels times weights between 0 and 1 (Hu et al. 2018).

    The weights are those that two dense layers give to the means of the channels over all positions.
    """

    def __init__(self, channels, reduction):
        super().__init__()
        narrow = max(1, channels // reduction)
        self.weights = nn.Sequential(
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.Linear(channels, narrow),
            nn.SiLU(),
            nn.Linear(narrow, channels),
            nn.Sigmoid(),
        )
        self.scale = layers.Product("ncp,nc->ncp")

    def forward(self, x):
        return self.scale(x, self.weights(x))


def _normalised(settings, n_in, n_out, width, groups=1):
    """Convolution without bias, batch normalisation, non-linearity."""
    layer = nn.Conv1d(n_in, n_out, width, padding="same", groups=groups, bias=False)
    return [layer, nn.BatchNorm1d(n_out), layers.activation(settings.activation)]


class Block(nn.Module):
    """(n, channels, positions) -> (n, kernels, windows)."""

    def __init__(self, settings, shape, where):
        super().__init__()
        channels = shape.channels
        wide = channels * settings.expansion
        self.efficient = nn.Sequential(
            *_normalised(settings, channels, wide, 1),
            *_normalised(settings, wide, wide, settings.width, groups=wide),
            SqueezeExcite(wide, settings.squeeze),
            *_normalised(settings, wide, channels, 1),
        )
        self.local = nn.Sequential(*_normalised(settings, 2 * channels, settings.kernels, settings.width))
        self.pool, self.shape = nn.Identity(), Shape(settings.kernels, shape.positions, shape.stride)
        if settings.size > 1:
            self.pool, self.shape = pooling(settings.pooling, settings.size, settings.partial, self.shape, where)

    def forward(self, x):
        return self.pool(self.local(torch.cat([self.efficient(x), x], dim=1)))
