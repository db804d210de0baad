"""Networks: the registry of architectures, `Network`, and their checkpoints."""

from cisflow.models.checkpoints import load, load_pretrained, read_header, save, take_weights
from cisflow.models.network import Architecture, Network, one_hot
from cisflow.models.registry import build

__all__ = [
    "Architecture",
    "Network",
    "build",
    "load",
    "load_pretrained",
    "one_hot",
    "read_header",
    "save",
    "take_weights",
]
