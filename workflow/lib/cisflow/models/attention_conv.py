"""AttentionConv (Daoud & Ben-Hur 2025): three convolutions, then attention along the sequence."""

import sys

from torch import nn

from cisflow.errors import InputError
from cisflow.models.layers import Product, logits, renamed
from cisflow.models.network import Architecture

DROPOUT = 0.2
ATTENTION = ("sequence", "batch")


class SelfAttention(nn.Module):
    """(n, positions, channels) -> the same shape: scaled dot-product attention among the positions of a sequence."""

    def __init__(self, channels, heads):
        super().__init__()
        self.heads = heads
        self.scale = (channels // heads) ** -0.5
        self.in_proj = nn.Linear(channels, 3 * channels)
        self.out_proj = nn.Linear(channels, channels)
        self.compare = Product("nhqc,nhkc->nhqk")
        self.softmax = nn.Softmax(dim=-1)
        self.mix = Product("nhqk,nhkc->nhqc")

    def forward(self, x):
        n, positions, channels = x.shape
        parts = self.in_proj(x).view(n, positions, 3, self.heads, channels // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        weights = self.softmax(self.compare(query * self.scale, key))
        return self.out_proj(self.mix(weights, value).transpose(1, 2).reshape(n, positions, channels))


class AttentionConv(Architecture):
    """(n, 4, length) -> (n, n_outputs) logits. 10,137,794 parameters with the published two logits.

    The published network attends across the batch, so that a prediction depends on which sequences it shares its
    batch with. This one, of the same size, attends along the sequence, unless the other is asked for.

    Parameters
    ----------
    length : in bp; at least 14.
    channels : widths of the three convolutions; the last is divided among the heads.
    hidden : widths of the two dense layers.
    two_logits : see layers.logits.
    attention : "sequence", or "batch" for that of the published network, of which a warning tells.

    Raises
    ------
    InputError : another `attention`.
    """

    output = "logit"

    def __init__(
        self,
        length=600,
        n_outputs=1,
        channels=(480, 640, 720),
        heads=10,
        hidden=(2048, 1024),
        two_logits=False,
        attention="sequence",
    ):
        super().__init__()
        if attention not in ATTENTION:
            raise InputError(f"AttentionConv: attention '{attention}'; expected one of {', '.join(ATTENTION)}")
        self.across_batch = attention == "batch"
        if self.across_batch:
            print(
                "WARNING: AttentionConv attends across the batch, as published: each prediction depends on the other "
                "sequences of its batch, and on the batch size",
                file=sys.stderr,
            )
        self.length = length
        self.n_outputs = n_outputs
        first, second, third = channels
        self.convolutions = nn.Sequential(
            nn.Conv1d(4, first, 13, padding=6, bias=False),
            nn.BatchNorm1d(first),
            nn.ReLU(),
            nn.MaxPool1d(7),
            nn.Dropout(DROPOUT),
            nn.Conv1d(first, second, 7, padding=3, bias=False),
            nn.BatchNorm1d(second),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Conv1d(second, third, 5, padding=2, bias=False),
            nn.BatchNorm1d(third),
            nn.ReLU(),
            nn.MaxPool1d(2),
        )
        self.attention = SelfAttention(third, heads)
        self.dropout = nn.Dropout(DROPOUT)
        self.norm = nn.LayerNorm(third)
        self.strongest = nn.Sequential(nn.MaxPool1d(length // 7 // 2), nn.Flatten())
        self.dense = nn.Sequential(
            nn.Linear(third, hidden[0]),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(hidden[0], hidden[1]),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
        )
        self.prediction, self.difference = logits(hidden[1], n_outputs, two_logits)

    def forward(self, x):
        x = self.convolutions(x).transpose(1, 2)
        # (positions, sequences, channels): every position then attends to the same one of the other sequences.
        mixed = self.attention(x.transpose(0, 1)).transpose(0, 1) if self.across_batch else self.attention(x)
        x = self.norm(self.dropout(mixed) + x)
        return self.difference(self.prediction(self.dense(self.strongest(x.transpose(1, 2)))))

    def published(self):
        layers = {"convolutions.0": "layer1.0", "convolutions.1": "layer1.1", "convolutions.5": "layer2.0"}
        layers |= {"convolutions.6": "layer2.1", "convolutions.9": "layer3.0", "convolutions.10": "layer3.1"}
        layers |= {"dense.0": "fc1", "dense.3": "fc2", "prediction": "fc3"}
        names = renamed(self, layers)
        # torch's own attention has no layer for what it multiplies query, key and value by.
        return [names | {f"attention.in_proj.{name}": f"attention.in_proj_{name}" for name in ("weight", "bias")}]
