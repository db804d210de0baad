"""Summary: what is left of the positions, one row of numbers a sequence."""

from torch import nn

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.models import layers


class Settings(settings.Settings):
    """One row of numbers a sequence."""

    kind: str = setting(
        "max",
        choices=["max", "mean", "softmax", "attention", "flatten"],
        meaning="Of each channel the maximum, the mean, the mean weighted by the softmax of its own values or by "
        "learned attention, over all positions; or every channel at every position, flattened.",
    )


class Block(nn.Module):
    """(n, channels, positions) -> (n, width)."""

    def __init__(self, settings, shape):
        super().__init__()
        kinds = {
            "max": lambda: [nn.AdaptiveMaxPool1d(1), nn.Flatten()],
            "mean": lambda: [nn.AdaptiveAvgPool1d(1), nn.Flatten()],
            "softmax": lambda: [layers.SoftmaxPool(shape.positions), nn.Flatten()],
            "attention": lambda: [layers.AttentionPool(shape.channels)],
            "flatten": lambda: [nn.Flatten()],
        }
        self.layers = nn.Sequential(*kinds[settings.kind]())
        self.width = shape.channels * (shape.positions if settings.kind == "flatten" else 1)

    def forward(self, x):
        return self.layers(x)
