"""Dense stack: layers in which every number meets every other."""

from torch import nn

from cisflow.config.settings import setting
from cisflow.models import layers
from cisflow.models.blocks.common import Activated


class Settings(Activated):
    """Dense layers, one behind the other."""

    widths: list[int] = setting(items={"minimum": 1}, meaning="Numbers that each layer gives.")
    normalise: str = setting(
        "none",
        choices=["none", "after", "before"],
        meaning="Batch normalisation after each dense layer, before it, or none.",
    )


def stack(settings, width):
    """[modules] of (n, width) -> (n, last of the widths), and that width."""
    found = []
    for wide in settings.widths:
        found += [nn.BatchNorm1d(width)] if settings.normalise == "before" else []
        found.append(nn.Linear(width, wide))
        found += [nn.BatchNorm1d(wide)] if settings.normalise == "after" else []
        found += [layers.activation(settings.activation)] if settings.activation != "none" else []
        found += [nn.Dropout(settings.dropout)] if settings.dropout else []
        width = wide
    return found, width
