"""ConvNet (Daoud & Ben-Hur 2025), after Basenji: strided pools and dilated blocks. Read from top to bottom."""

from torch import nn

from cisflow.errors import InputError
from cisflow.models.layers import AttentionPool, logits, renamed
from cisflow.models.network import Architecture

DROPOUT = 0.2


def _convolution(n_in, n_out, width):
    return nn.Conv1d(n_in, n_out, width, padding=width // 2)


def _normalised(n_in, n_out, width, dilation=1):
    """Convolution without bias and batch normalisation."""
    padding = dilation * (width // 2)
    return [nn.Conv1d(n_in, n_out, width, padding=padding, dilation=dilation, bias=False), nn.BatchNorm1d(n_out)]


class ConvNet(Architecture):
    """(n, 4, length) -> (n, n_outputs) logits. 57,972,530 parameters with the published two logits.

    Parameters
    ----------
    length : in bp; the pools must leave at least 5 positions, as they do from 424 bp on at their published sizes.
    channels : widths of the four stages.
    hidden : width inside the dilated blocks and of the head, and width of the head's dense layer.
    pools : (size, stride) of the three pools.
    two_logits : see layers.logits.

    Raises
    ------
    InputError : the pools leave fewer than 5 positions.
    """

    output = "logit"

    def __init__(
        self,
        length=600,
        n_outputs=1,
        channels=(480, 640, 720, 960),
        hidden=(1280, 2048),
        pools=((16, 8), (8, 4), (4, 2)),
        two_logits=False,
    ):
        super().__init__()
        self.length = length
        self.n_outputs = n_outputs
        first, second, third, fourth = channels
        wide, dense = hidden
        positions = length
        for size, stride in pools:
            positions = (positions - size) // stride + 1
        if positions < 5:
            raise InputError(
                f"ConvNet: pools {pools} leave {max(positions, 0)} positions of length {length}; expected at least 5"
            )
        pool1, pool2, pool3 = (nn.MaxPool1d(size, stride) for size, stride in pools)
        self.stem = nn.Sequential(
            _convolution(4, first, 11),
            _convolution(first, first, 7),
            nn.GELU(),
            pool1,
            *_normalised(first, second, 5),
            nn.GELU(),
            nn.Dropout(DROPOUT),
            _convolution(second, second, 7),
            nn.GELU(),
            pool2,
            *_normalised(second, third, 5),
            nn.GELU(),
            nn.Dropout(DROPOUT),
            _convolution(third, third, 7),
            nn.GELU(),
            pool3,
            *_normalised(third, fourth, 5),
            nn.GELU(),
            nn.Dropout(DROPOUT),
        )
        # At the published 7 positions a dilation of 8 meets nothing but padding; it is kept as it was.
        self.block1, self.block2, self.block3 = (
            nn.Sequential(
                *_normalised(fourth, wide, 5, dilation),
                nn.GELU(),
                *_normalised(wide, fourth, 3),
                nn.Dropout(DROPOUT),
            )
            for dilation in (2, 4, 8)
        )
        self.activation1, self.activation2, self.activation3 = nn.GELU(), nn.GELU(), nn.GELU()
        self.head = nn.Sequential(
            nn.Conv1d(fourth, wide, 5),
            nn.BatchNorm1d(wide),
            nn.ReLU(),
            AttentionPool(wide),
            nn.Linear(wide, dense),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(dense, wide),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
        )
        self.prediction, self.difference = logits(wide, n_outputs, two_logits)

    def forward(self, x):
        one = self.stem(x)
        two = self.block1(one)
        three = self.block2(self.activation1(two + one))
        four = self.block3(self.activation2(three + two))
        return self.difference(self.prediction(self.head(self.activation3(three + four))))

    def published(self):
        head = {0: "project.0", 1: "project.1", 3: "attention_pool", 4: "linear1.0", 7: "linear2.0"}
        layers = {"stem": "lconv_network"} | {f"block{number}": f"dconv{number}" for number in (1, 2, 3)}
        layers |= {f"head.{place}": f"classifier.{name}" for place, name in head.items()}
        return [renamed(self, layers | {"prediction": "classifier.prediction_head"})]
