"""BPNet-like network (Avsec et al. 2021): a dilated tower at base resolution, totals, and shapes of profiles."""

from cisflow.models.modular import Modular


class BPNet(Modular):
    """(n, 4, length) -> (n, n_outputs) raw totals; with `bins`, `profile` gives shapes too.

    64 kernels of 21 bp, eight convolutions of 3 with dilations from 2 to 256, each added to what it reads, all without
    batch normalisation. Totals are linear in the mean over the positions, shapes a convolution of 75 over them.

    Parameters
    ----------
    kernels : of every convolution. layers : dilated convolutions, of dilations 2, 4, 8, …
    crop : bases on either side that the profile leaves out.
    others : see Modular.
    """

    output = "logit"

    def __init__(self, length=None, n_outputs=None, kernels=64, layers=8, crop=0, modalities=None, bins=None, **others):
        dilations = [2**number for number in range(1, layers + 1)]
        recipe = {
            "stem": {"kernels": kernels, "width": 21, "normalise": False},
            "blocks": [{"kind": "dilated", "width": 3, "dilations": dilations, "normalise": False}],
            "summary": {"kind": "mean"},
            "profile": {"width": 75, "crop": crop},
        }
        super().__init__(length, n_outputs, modalities=modalities, bins=bins, **recipe | others)
