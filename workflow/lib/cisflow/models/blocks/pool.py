"""Pooling: one number for each channel and window of positions."""

from torch import nn

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.models.blocks import common


class Pooled(settings.Settings):
    """Settings of windows side by side."""

    pooling: str = setting(
        "max",
        choices=["max", "mean", "softmax"],
        meaning="Of each window the maximum, the mean, or the mean weighted by the softmax of its own values.",
    )
    partial: str = setting(
        "drop",
        choices=["drop", "keep"],
        meaning="Drop positions at the end that fill no window, or keep them: what lacks is then added on both sides, "
        "without weight in a maximum or softmax, as zeros in a mean.",
    )


class Settings(Pooled):
    """Pooling over windows side by side."""

    size: int = setting(2, minimum=1, meaning="Positions of a window.")


class Block(nn.Module):
    """(n, channels, positions) -> (n, channels, windows)."""

    def __init__(self, settings, shape, where):
        super().__init__()
        self.layer, self.shape = common.pooling(settings.pooling, settings.size, settings.partial, shape, where)

    def forward(self, x):
        return self.layer(x)
