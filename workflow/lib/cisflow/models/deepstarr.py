"""DeepSTARR-like network (de Almeida et al. 2022): four convolutions, each pooled, and two dense layers."""

from cisflow.models.modular import Modular


class DeepSTARR(Modular):
    """(n, 4, length) -> (n, n_outputs) raw outputs; 249 bp and two outputs as published.

    Convolutions of 256 x 7, 60 x 3, 60 x 5 and 120 x 3, with batch normalisation, ReLU and maxima of 2; dense layers of
    256 and 256.

    Parameters
    ----------
    kernels : of the convolutions. hidden : of the dense layers.
    others : see Modular.
    """

    output = "logit"

    def __init__(
        self,
        length=None,
        n_outputs=None,
        kernels=(256, 60, 60, 120),
        hidden=(256, 256),
        modalities=None,
        segments=None,
        **others,
    ):
        recipe = {
            "stem": {"kernels": kernels[0], "width": 7},
            "blocks": [
                {"kind": "pool", "size": 2},
                {"kind": "reducing", "kernels": list(kernels[1:]), "widths": [3, 5, 3], "sizes": [2]},
            ],
            "summary": {"kind": "flatten"},
            "dense": {"widths": list(hidden), "normalise": "after", "dropout": 0.4},
        }
        super().__init__(length, n_outputs, modalities=modalities, segments=segments, **recipe | others)
