"""LegNet-like network (Penzar et al. 2023), in the sizes that Agarwal et al. (2025) used for human reporters."""

from cisflow.models.modular import Modular


class LegNet(Modular):
    """(n, 4, length) -> (n, n_outputs) raw outputs.

    64 kernels of 11 bp; four blocks of 80, 96, 112 and 128 channels, each pooled by 2; a pointwise convolution to twice
    as many, their means over the positions, and a dense layer.

    Parameters
    ----------
    kernels : of the stem. channels : of the blocks.
    others : see Modular.
    """

    output = "logit"

    def __init__(
        self,
        length=None,
        n_outputs=None,
        kernels=64,
        channels=(80, 96, 112, 128),
        modalities=None,
        segments=None,
        **others,
    ):
        wide = 2 * channels[-1]
        pointwise = {"kind": "reducing", "kernels": [wide], "widths": [1], "sizes": [1]}
        recipe = {
            "stem": {"kernels": kernels, "width": 11, "bias": False, "activation": "silu"},
            "blocks": [
                *({"kind": "legnet", "kernels": count, "width": 9} for count in channels),
                pointwise | {"order": "before", "activation": "none"},
            ],
            "summary": {"kind": "mean"},
            "dense": {"widths": [wide], "activation": "silu", "normalise": "after"},
        }
        super().__init__(length, n_outputs, modalities=modalities, segments=segments, **recipe | others)
