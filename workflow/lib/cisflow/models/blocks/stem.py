"""Stem: the convolutions that read the bases."""

from torch import nn

from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.models import layers
from cisflow.models.blocks.common import Convolved, Shape


class Settings(Convolved):
    """The convolutions that read the bases."""

    kernels: int = setting(128, minimum=1, meaning="Kernels.")
    width: int = setting(15, minimum=1, meaning="Bases that a kernel reads.")
    strands: str = setting(
        "none",
        choices=["none", "max", "mean", "softmax"],
        meaning="Scan both strands with each kernel, and take of the two, base by base, the larger, the mean, or the "
        "mean weighted by their softmax. `none` scans the strand given.",
    )


class Block(nn.Module):
    """(n, 4, bases) -> (n, kernels, bases): convolution, strands pooled, batch normalisation, non-linearity, dropout.

    Raises
    ------
    InputError : strands are pooled, and the width is even, so that a site has no middle.
    """

    def __init__(self, settings, shape, where):
        super().__init__()
        kernels, width = settings.kernels, settings.width
        if settings.strands == "none":
            found = [nn.Conv1d(shape.channels, kernels, width, padding="same", bias=settings.bias)]
        elif width % 2 == 0:
            raise InputError(f"{where}.width: {width}; expected an odd number where strands are pooled")
        else:
            pool = layers.STRAND_POOLS[settings.strands]()
            found = [layers.StrandConvolution(kernels, width, bias=settings.bias), pool]
        if settings.normalise:
            found.append(nn.BatchNorm1d(kernels))
        found.append(layers.activation(settings.activation))
        if settings.dropout:
            found.append(nn.Dropout(settings.dropout))
        self.layers = nn.Sequential(*found)
        self.shape = Shape(kernels, shape.positions, shape.stride)

    def forward(self, x):
        return self.layers(x)
