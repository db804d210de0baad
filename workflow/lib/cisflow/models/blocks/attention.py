"""Attention block: every position looks at every other (Vaswani et al. 2017), with what lies between them."""

import torch
from torch import nn

from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.models import layers
from cisflow.models.blocks.common import Activated

# Of Su et al. (2021).
ROTARY_BASE = 10_000


class Settings(Activated):
    """Attention among positions, then a dense layer at each, both added to what they read."""

    heads: int = setting(4, minimum=1, meaning="Heads.")
    dimension: int = setting(
        None, minimum=1, meaning="Width of queries, keys and values, of all heads. Without it the channels."
    )
    position: str = setting(
        "alibi",
        choices=["alibi", "rotary", "none"],
        meaning="How distances count: as a penalty on the scores (ALiBi), or by turning queries and keys (rotary).",
    )
    feed_forward: float = setting(4, above=0, meaning="Width of the dense layer, by the channels.")
    activation: str = setting("gelu", choices=["relu", "gelu", "silu", "softplus"], meaning="Of the dense layer.")


class SelfAttention(nn.Module):
    """(n, positions, channels) -> the same shape: scaled dot-product attention of several heads.

    Scores of positions i and j under ALiBi (Press et al. 2022), in both directions: q_i k_j / sqrt(d) - s_h |i - j|,
    with the slopes s_h of layers.alibi_slopes. Under rotary embedding (Su et al. 2021) pair k of the d numbers of a
    query or key at position i is turned by the angle i 10000^(-2k / d), so that scores depend on i - j.
    """

    def __init__(self, channels, heads, dimension, position):
        super().__init__()
        self.heads, self.position = heads, position
        self.in_proj = nn.Linear(channels, 3 * dimension)
        self.out_proj = nn.Linear(dimension, channels)
        self.scale = (dimension // heads) ** -0.5
        self.compare = layers.Product("nhqc,nhkc->nhqk")
        self.softmax = nn.Softmax(dim=-1)
        self.mix = layers.Product("nhqk,nhkc->nhqc")
        self._constants = {}

    def forward(self, x):
        n, positions, _ = x.shape
        query, key, value = self.in_proj(x).view(n, positions, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query = query * self.scale
        if self.position == "rotary":
            turn = self._constant(rotation, positions, query.shape[-1], like=query)
            query, key = turned(query, turn), turned(key, turn)
        scores = self.compare(query, key)
        if self.position == "alibi":
            scores = scores - self._constant(distances, positions, self.heads, like=scores)
        mixed = self.mix(self.softmax(scores), value)
        return self.out_proj(mixed.transpose(1, 2).reshape(n, positions, -1))

    def _constant(self, function, *sizes, like):
        key = (function, *sizes, like.device, like.dtype)
        if key not in self._constants:
            # A tensor made under inference_mode could not take part in a later backward pass.
            with torch.inference_mode(False):
                self._constants[key] = function(*sizes).to(device=like.device, dtype=like.dtype)
        return self._constants[key]


def distances(positions, heads):
    """Penalties (heads, positions, positions) of ALiBi, float64."""
    place = torch.arange(positions, dtype=torch.float64, device="cpu")
    slopes = torch.tensor(layers.alibi_slopes(heads), dtype=torch.float64, device="cpu")
    return slopes[:, None, None] * (place[:, None] - place).abs()


def rotation(positions, width):
    """Cosine and sine (2, positions, width / 2) of the angles of rotary embedding, float64."""
    place = torch.arange(positions, dtype=torch.float64, device="cpu")
    pair = torch.arange(0, width, 2, dtype=torch.float64, device="cpu")
    angles = place[:, None] * ROTARY_BASE ** (-pair / width)
    return torch.stack([angles.cos(), angles.sin()])


def turned(x, rotation):
    """(…, positions, width) with each pair of neighbouring numbers turned by its angle."""
    cosine, sine = rotation
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], dim=-1).flatten(-2)


class Block(nn.Module):
    """(n, channels, positions) -> the same shape: x + attention(norm(x)), then x + dense(norm(x)).

    Memory grows with heads x positions^2.

    Raises
    ------
    InputError : the dimension is no multiple of the heads, or under rotary embedding that of a head is odd.
    """

    def __init__(self, settings, shape, where):
        super().__init__()
        channels, heads = shape.channels, settings.heads
        dimension = settings.dimension or channels
        step = heads * (2 if settings.position == "rotary" else 1)
        if dimension % step:
            even = "twice the " if settings.position == "rotary" else ""
            raise InputError(f"{where}.dimension: {dimension}; expected a multiple of {even}{heads} heads")
        wide = round(settings.feed_forward * channels)
        self.norm = nn.LayerNorm(channels)
        self.attention = SelfAttention(channels, heads, dimension, settings.position)
        self.dropout = nn.Dropout(settings.dropout)
        self.dense = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, wide),
            layers.activation(settings.activation),
            nn.Dropout(settings.dropout),
            nn.Linear(wide, channels),
            nn.Dropout(settings.dropout),
        )
        self.shape = shape

    def forward(self, x):
        x = x.transpose(1, 2)
        x = x + self.dropout(self.attention(self.norm(x)))
        x = x + self.dense(x)
        return x.transpose(1, 2)
