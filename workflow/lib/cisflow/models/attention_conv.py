"""AttentionConv (Daoud & Ben-Hur 2025): three convolutions, then attention along the sequence."""

from torch import nn

from cisflow.models.layers import Product, logits
from cisflow.models.network import Architecture

DROPOUT = 0.2


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
    batch with. This one, of the same size, attends along the sequence.

    Parameters
    ----------
    length : in bp; at least 14.
    channels : widths of the three convolutions; the last is divided among the heads.
    hidden : widths of the two dense layers.
    two_logits : see layers.logits.
    """

    output = "logit"

    def __init__(
        self, length=600, n_outputs=1, channels=(480, 640, 720), heads=10, hidden=(2048, 1024), two_logits=False
    ):
        super().__init__()
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
        x = self.norm(self.dropout(self.attention(x)) + x)
        return self.difference(self.prediction(self.dense(self.strongest(x.transpose(1, 2)))))
