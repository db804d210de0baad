"""Dilated tower: residual convolutions that see further and further."""

from torch import nn

from cisflow.config.settings import setting
from cisflow.models.blocks.common import Ordered, convolution


class Settings(Ordered):
    """Residual convolutions with growing gaps between the positions that they read."""

    width: int = setting(3, minimum=1, meaning="Positions that a kernel reads.")
    dilations: list[int] = setting(
        [2, 4, 8], items={"minimum": 1}, meaning="Steps from one position that a kernel reads to the next, by layer."
    )
    residual: bool = setting(True, meaning="Add to each layer what it reads.")


class Block(nn.Module):
    """(n, channels, positions) -> the same shape: x + f(x), or f(x), with one convolution a layer."""

    def __init__(self, settings, shape, where):
        super().__init__()
        self.residual = settings.residual
        self.layers = nn.ModuleList(
            nn.Sequential(*convolution(settings, shape.channels, shape.channels, settings.width, dilation))
            for dilation in settings.dilations
        )
        self.shape = shape

    def forward(self, x):
        for layer in self.layers:
            x = x + layer(x) if self.residual else layer(x)
        return x
