"""First kernels from motifs: what a network scans for before it has learned anything."""

import numpy as np
import torch
from torch import nn

from cisflow.errors import InputError
from cisflow.io.meme import column_information
from cisflow.sequence import dna

PSEUDO = 0.01


def log_odds(matrix, width):
    """A probability matrix (4, w) as a kernel (4, width): log2 of probability over 1/4, in the middle, 0 beside it.

    PSEUDO is added to each probability before they are scaled to 1 again, so that no base is ruled out. Of a motif that
    is wider than the kernel the run of columns with the most information is taken.
    """
    scores = np.log2((matrix + PSEUDO) / (1 + 4 * PSEUDO) * len(dna.BASES))
    n = matrix.shape[1]
    if n > width:
        sums = np.convolve(column_information(matrix), np.ones(width), mode="valid")
        best = int(sums.argmax())
        return scores[:, best : best + width]
    kernel = np.zeros((len(dna.BASES), width))
    start = (width - n) // 2
    kernel[:, start : start + n] = scores
    return kernel


def first_convolutions(network):
    """The nn.Conv1d of a network that read its bases: of each of its trunks the first; none where there is none."""
    found = [layer for layer in network.modules() if isinstance(layer, nn.Conv1d) and layer.in_channels == 4]
    trunks = [*network.trunks] if hasattr(network, "trunks") else [network]
    return [next(layer for layer in trunk.modules() if layer in found) for trunk in trunks] if found else []


@torch.no_grad()
def initialise(network, matrices, both_orientations=False):
    """Put motifs in the place of the first kernels of a network, of each of its trunks; others stay as they were drawn.

    Kernel i becomes the log-odds of motif i (`log_odds`), so that its response ranks sites as the motif's score does.
    It is scaled to the norm of the kernel that it replaces, since the layers behind expect numbers of that size, and
    its constant is 0.

    Parameters
    ----------
    network : nn.Module whose first nn.Conv1d reads the bases.
    matrices : list of (4, w) probabilities, rows A, C, G, T, as io.meme.Motif.matrix.
    both_orientations : kernel 2 i is motif i, and kernel 2 i + 1 its reverse complement.

    Returns
    -------
    number of kernels that are motifs now.

    Raises
    ------
    InputError : no such convolution, or more motifs than kernels.
    """
    stems = first_convolutions(network)
    if not stems:
        raise InputError(f"{type(network).__name__}: no convolution that reads bases; expected one, to put motifs in")
    if both_orientations:
        matrices = [each for matrix in matrices for each in (matrix, matrix[::-1, ::-1])]
    for layer in stems:
        if len(matrices) > layer.out_channels:
            raise InputError(
                f"{type(network).__name__}: {len(matrices)} motifs{' in both orientations' * both_orientations}; "
                f"expected at most its {layer.out_channels} kernels"
            )
        for number, matrix in enumerate(matrices):
            kernel = torch.as_tensor(log_odds(matrix, layer.kernel_size[0])).to(layer.weight)
            norm = kernel.norm()
            layer.weight[number] = kernel * (layer.weight[number].norm() / norm) if norm > 0 else kernel
            if layer.bias is not None:
                layer.bias[number] = 0
    return len(matrices)
