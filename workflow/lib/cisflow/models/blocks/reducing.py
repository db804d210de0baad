"""Reducing tower: convolutions, each with pooling behind it."""

from torch import nn

from cisflow.config.settings import setting
from cisflow.models.blocks.common import Ordered, Shape, convolution, per_layer, pooling
from cisflow.models.blocks.pool import Pooled


class Settings(Ordered, Pooled):
    """Convolutions, each with pooling behind it."""

    kernels: list[int] = setting([64], items={"minimum": 1}, meaning="Kernels, by layer.")
    widths: list[int] = setting(
        [5], items={"minimum": 1}, meaning="Positions that a kernel reads, by layer or for all layers."
    )
    sizes: list[int] = setting(
        [2], items={"minimum": 1}, meaning="Positions of the windows pooled, by layer or for all layers; 1 pools none."
    )


class Block(nn.Module):
    """(n, channels, positions) -> (n, last kernels, fewer positions)."""

    def __init__(self, settings, shape, where):
        super().__init__()
        count = len(settings.kernels)
        widths = per_layer(settings.widths, count, "widths", where)
        sizes = per_layer(settings.sizes, count, "sizes", where)
        found = []
        for kernels, width, size in zip(settings.kernels, widths, sizes, strict=True):
            layer = convolution(settings, shape.channels, kernels, width)
            shape = Shape(kernels, shape.positions, shape.stride)
            if size > 1:
                pool, shape = pooling(settings.pooling, size, settings.partial, shape, where)
                layer.append(pool)
            found.append(nn.Sequential(*layer))
        self.layers = nn.Sequential(*found)
        self.shape = shape

    def forward(self, x):
        return self.layers(x)
