"""What blocks share: the shape that one hands to the next, settings of convolutions, and layers made of them."""

from typing import NamedTuple

from torch import nn

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.models import layers


class Shape(NamedTuple):
    """Activations (n, channels, positions), and how many bases lie from one position to the next."""

    channels: int
    positions: int
    stride: int = 1


class Activated(settings.Settings):
    """Settings of what has a non-linearity."""

    activation: str = setting(
        "relu",
        choices=["relu", "gelu", "silu", "softplus", "exp", "none"],
        meaning="Non-linearity. `exp` is for a stem, whose few strong positions then speak.",
    )
    dropout: float = setting(0, minimum=0, below=1, meaning="Share of the values that training sets to 0.")


class Convolved(Activated):
    """Settings of convolutions."""

    normalise: bool = setting(True, meaning="Batch normalisation with each convolution.")
    bias: bool = setting(True, meaning="A constant in each convolution, which batch normalisation behind it undoes.")


class Ordered(Convolved):
    """Settings of convolutions within a network."""

    order: str = setting(
        "after",
        choices=["after", "before"],
        meaning="Normalisation and non-linearity after each convolution, or before it (pre-activation).",
    )


def convolution(settings, n_in, n_out, width, dilation=1):
    """Layers of one convolution that keeps the length, under settings of Ordered."""
    layer = nn.Conv1d(n_in, n_out, width, padding="same", dilation=dilation, bias=settings.bias)
    before = settings.order == "before"
    around = [nn.BatchNorm1d(n_in if before else n_out)] if settings.normalise else []
    around += [layers.activation(settings.activation)] if settings.activation != "none" else []
    drop = [nn.Dropout(settings.dropout)] if settings.dropout else []
    return [*around, layer, *drop] if before else [layer, *around, *drop]


def pooling(kind, size, partial, shape, where):
    """A pooling layer of windows side by side, and the Shape that it leaves.

    Parameters
    ----------
    kind : "max", "mean" or "softmax". partial : "keep" or "drop", see pool.Pooled.

    Raises
    ------
    InputError : no window fits.
    """
    channels, positions, stride = shape
    # As many positions on either side as the last window lacks; of an odd number one is left out again at the end.
    padding = (-positions % size + 1) // 2 if partial == "keep" else 0
    windows = (positions + 2 * padding) // size
    if not windows:
        raise InputError(f"{where}: a window of {size} positions; expected at most the {positions} that there are")
    kinds = {"max": nn.MaxPool1d, "mean": nn.AvgPool1d, "softmax": layers.SoftmaxPool}
    return kinds[kind](size, padding=padding), Shape(channels, windows, stride * size)


def per_layer(values, count, name, where):
    """A list of one value for all of `count` layers, or of one for each, as one for each (InputError: neither)."""
    if len(values) not in (1, count):
        raise InputError(f"{where}.{name}: {len(values)} values; expected one, or {count}, one for each convolution")
    return list(values) * count if len(values) == 1 else list(values)
