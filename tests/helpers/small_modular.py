"""Small networks of blocks: every kind of block, join and preset."""

import torch
from torch import nn

from cisflow import models
from weights import randomise

STEM = {"kernels": 6, "width": 5}
# (architecture, settings)
NETWORKS = {
    "strands max, softmax pool": (
        "Modular",
        {
            "length": 60,
            "n_outputs": 2,
            "stem": STEM | {"strands": "max", "activation": "exp"},
            "blocks": [
                {"kind": "pool", "pooling": "softmax", "size": 7, "partial": "keep"},
                {"kind": "dilated", "order": "before", "activation": "gelu"},
            ],
        },
    ),
    "strands softmax, rotary": (
        "Modular",
        {
            "length": 45,
            "n_outputs": 2,
            "stem": STEM | {"strands": "softmax"},
            "blocks": [
                {"kind": "pool", "size": 4, "partial": "keep"},
                {"kind": "attention", "heads": 3, "position": "rotary", "feed_forward": 2},
                {"kind": "reducing", "kernels": [5, 4], "pooling": "mean", "partial": "keep"},
            ],
            "summary": {"kind": "flatten"},
            "dense": {"widths": [7, 5], "normalise": "after", "dropout": 0.2},
        },
    ),
    "strands mean, squeeze and excite": (
        "Modular",
        {
            "length": 40,
            "modalities": {"b": 1, "a": 2},
            "stem": STEM | {"strands": "mean", "activation": "silu"},
            "blocks": [{"kind": "legnet", "kernels": 5, "width": 3}, {"kind": "attention", "heads": 5}],
            "summary": {"kind": "softmax"},
            "heads": {"a": {"widths": [4], "activation": "softplus"}},
        },
    ),
    "inputs, dense": (
        "Modular",
        {
            "segments": [25, 36],
            "n_outputs": 2,
            "stem": STEM,
            "blocks": [{"kind": "pool", "size": 3}],
            "summary": {"kind": "attention"},
            "dense": {"widths": [7], "normalise": "before"},
        },
    ),
    "inputs, shared, formulas": (
        "Modular",
        {
            "segments": [30, 30],
            "shared": True,
            "modalities": {"a": 2, "b": 1},
            "stem": STEM,
            "blocks": [{"kind": "pool", "size": 3}],
            "join": {"kind": "ratio"},
            "joins": {"b": {"kind": "exp_difference", "log": "2", "offset": 1}},
        },
    ),
    "vectors of tracks": (
        "Modular",
        {
            "length": 40,
            "n_outputs": 3,
            "stem": STEM,
            "blocks": [{"kind": "pool", "size": 4}],
            "dense": {"widths": [7]},
            "vectors": 2,
            "track_features": ["a", "b", "c", "d"],
        },
    ),
    "DRGATAC": ("DRGATAC", {"length": 60, "n_outputs": 2, "kernels": 4, "hidden": 6}),
    "DRGExpression": (
        "DRGExpression",
        {
            "segments": [40, 36],
            "n_outputs": 2,
            "kernels": 4,
            "hidden": 6,
            "attention": True,
            "join": {"kind": "ratio", "log": "2", "offset": 0.1},
        },
    ),
    "BPNet": ("BPNet", {"length": 50, "n_outputs": 2, "kernels": 4, "layers": 3, "crop": 5, "bins": 8}),
    "LegNet": ("LegNet", {"length": 40, "n_outputs": 2, "kernels": 4, "channels": (5, 6)}),
    "DeepSTARR": ("DeepSTARR", {"length": 61, "n_outputs": 2, "kernels": (6, 4, 4, 5), "hidden": (6, 5)}),
}


def build(name, **settings):
    """One of NETWORKS with weights, and statistics of normalisations, that let a change through; in eval mode."""
    architecture, given = NETWORKS[name]
    torch.manual_seed(1)
    model = models.build(architecture, **given | settings)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 1.5)
    return randomise(model).requires_grad_(True)
