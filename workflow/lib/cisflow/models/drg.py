"""The two recipes that DRG (Sasse et al.) was used with, for accessibility and for expression, of the blocks here."""

from cisflow.models.modular import Modular


def widths(layers, dimension):
    """Widths of DRG's dense stack: to the dimension, then half of the layers wider by a tenth each, half narrower.

    Of an odd number of layers the one in the middle keeps the width; the last one is as wide as the first.
    """
    found = [dimension]
    for _ in range(layers // 2):
        found.append(int(found[-1] * 1.1))
    narrowing = found[-2::-1] if len(found) > 1 else []
    return found + found[-1:] * (layers % 2) + narrowing


class DRGATAC(Modular):
    """(n, 4, length) -> (n, n_outputs): DRG's network for accessibility.

    256 kernels of 15 bp on both strands, the larger taken; five dilated residual convolutions; four convolutions with
    softmax-weighted pooling by 3; dense layers of 512, 563, 563 and 512.

    Parameters
    ----------
    kernels : of every convolution. hidden : first width of the dense stack.
    others : see Modular.
    """

    output = "logit"

    def __init__(self, length=None, n_outputs=None, kernels=256, hidden=512, modalities=None, segments=None, **others):
        tower = {"activation": "gelu", "order": "before"}
        recipe = {
            "stem": {
                "kernels": kernels,
                "width": 15,
                "bias": False,
                "strands": "max",
                "normalise": False,
                "activation": "gelu",
            },
            "blocks": [
                {"kind": "dilated", "width": 7, "dilations": [1, 2, 4, 8, 16], **tower},
                {"kind": "reducing", "kernels": [kernels] * 4, "widths": [7], **_softmax(3), **tower},
            ],
            "summary": {"kind": "flatten"},
            "dense": {"widths": widths(3, hidden), "activation": "gelu", "dropout": 0.1},
        }
        super().__init__(length, n_outputs, modalities=modalities, segments=segments, **recipe | others)


class DRGExpression(Modular):
    """(n, 4, length) -> (n, n_outputs): DRG's network for expression, of one or several sequences of a gene.

    300 kernels of 15 bp with softmax-weighted pooling by 4; three dilated residual convolutions; attention, where it is
    asked for; four convolutions with softmax-weighted pooling by 6; dense layers of 1024, 1126, 1126 and 1024.

    Parameters
    ----------
    kernels : of every convolution. hidden : first width of the dense stack.
    attention : an attention layer of 4 heads, 1.8 times as wide as the channels, behind the dilated convolutions. Its
        memory grows with the square of a quarter of the length. It knows distances by ALiBi, where DRG appends waves.
    others : see Modular.
    """

    output = "logit"

    def __init__(
        self,
        length=None,
        n_outputs=None,
        kernels=300,
        hidden=1024,
        attention=False,
        modalities=None,
        segments=None,
        **others,
    ):
        tower = {"activation": "gelu", "order": "before"}
        # The nearest width that four heads share.
        wide = round(1.8 * kernels / 4) * 4
        looking = [{"kind": "attention", "heads": 4, "dimension": wide, "dropout": 0.1}] if attention else []
        recipe = {
            "stem": {"kernels": kernels, "width": 15, "normalise": False, "activation": "gelu"},
            "blocks": [
                {"kind": "pool", "pooling": "softmax", "size": 4, "partial": "keep"},
                {"kind": "dilated", "width": 11, "dilations": [1, 2, 4], **tower},
                *looking,
                {"kind": "reducing", "kernels": [kernels] * 4, "widths": [11], **_softmax(6), **tower},
            ],
            "summary": {"kind": "flatten"},
            "dense": {"widths": widths(3, hidden), "activation": "gelu", "normalise": "before", "dropout": 0.1},
        }
        super().__init__(length, n_outputs, modalities=modalities, segments=segments, **recipe | others)


def _softmax(size):
    return {"pooling": "softmax", "sizes": [size], "partial": "keep"}
