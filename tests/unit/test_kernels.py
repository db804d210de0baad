"""First kernels from motifs, against scores of the motifs, and how well they rank sites."""

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from torch import nn

from cisflow import models
from cisflow.errors import InputError
from cisflow.models import kernels
from cisflow.models.layers import StrandConvolution
from cisflow.sequence import dna


@pytest.fixture
def matrices():
    rng = np.random.default_rng(0)
    return [rng.dirichlet(np.full(4, 0.4), width).T for width in (6, 9, 8, 14)]


def scores(matrix, codes):
    """Log-odds of every site of the motif's width in one sequence, by the definition of a PWM score."""
    odds = np.log2((matrix + 0.01) / 1.04 / 0.25)
    width = matrix.shape[1]
    sites = np.lib.stride_tricks.sliding_window_view(codes, width)
    return odds[sites, np.arange(width)].sum(axis=1)


@pytest.mark.parametrize("settings", [{}, {"stem": {"kernels": 8, "width": 11}}], ids=["wide", "narrow"])
def test_kernels_rank_sites_as_the_scores_of_their_motifs_do(matrices, settings):
    torch.manual_seed(0)
    network = models.build("Modular", length=200, **settings)
    layer = network.trunks[0].stem.layers[0]
    before = layer.weight.detach().clone()
    assert kernels.initialise(network, matrices) == 4
    codes = np.random.default_rng(1).integers(0, 4, (1, 200)).astype(np.uint8)
    with torch.no_grad():
        found = layer(models.one_hot(codes, "cpu"))[0].numpy()
    width = layer.kernel_size[0]
    for number, matrix in enumerate(matrices):
        n = matrix.shape[1]
        if n > width:
            # The run of columns that says most.
            information = 2 + (matrix * np.log2(matrix)).sum(axis=0)
            best = max(range(n - width + 1), key=lambda start: information[start : start + width].sum())
            matrix, n = matrix[:, best : best + width], width
        expected = scores(matrix, codes[0])
        # Position p of "same" padding sees the bases from p - (width - 1) // 2 on; the motif is in the middle of those.
        first = (width - 1) // 2 - (width - n) // 2
        aligned = found[number, first : first + len(expected)]
        np.testing.assert_array_equal(
            rankdata(aligned.round(5)), rankdata((expected * aligned.std() / expected.std()).round(5))
        )
        assert np.corrcoef(aligned, expected)[0, 1] > 1 - 1e-6
        assert layer.bias[number] == 0
        torch.testing.assert_close(layer.weight[number].norm(), before[number].norm())
    torch.testing.assert_close(layer.weight[4:], before[4:], rtol=0, atol=0)


def test_both_orientations_are_kernels_that_follow_each_other(matrices):
    network = models.build("MotifCNN", channels=8, width=15)
    assert kernels.initialise(network, matrices, both_orientations=True) == 8
    weight = network.layers[0].weight.detach()
    for number in range(0, 8, 2):
        one, other = weight[number], weight[number + 1].flip(0, 1)
        # Of an even width the middle lies on either side of the middle base.
        shifts = [torch.allclose(one / one.norm(), other.roll(by, 1) / other.norm(), atol=1e-6) for by in (-1, 0, 1)]
        assert any(shifts)


def test_every_trunk_gets_the_motifs(matrices):
    network = models.build("Modular", segments=[40, 50], stem={"kernels": 4, "width": 9, "strands": "max"})
    kernels.initialise(network, matrices)
    stems = [layer for layer in network.modules() if isinstance(layer, StrandConvolution)]
    one, other = (layer.weight / layer.weight.flatten(1).norm(dim=1)[:, None, None] for layer in stems)
    torch.testing.assert_close(one, other)


def test_motifs_that_find_no_kernel_are_refused(matrices):
    network = models.build("MotifCNN", channels=7)
    before = network.layers[0].weight.clone()
    with pytest.raises(InputError, match="MotifCNN: 8 motifs in both orientations; expected at most its 7 kernels"):
        kernels.initialise(network, matrices, both_orientations=True)
    assert torch.equal(network.layers[0].weight, before)
    with pytest.raises(InputError, match="Linear: no convolution that reads bases"):
        kernels.initialise(nn.Linear(4, 1), matrices)


def test_a_motif_finds_the_site_that_it_is_of():
    matrix = np.full((4, 6), 0.01)
    matrix[dna.encode("TGACTC"), np.arange(6)] = 0.97
    network = models.build("Modular", length=40, stem={"kernels": 1, "width": 10})
    kernels.initialise(network, [matrix])
    codes = np.zeros((1, 40), np.uint8)
    codes[0, 20:26] = dna.encode("TGACTC")
    with torch.no_grad():
        found = network.trunks[0].stem.layers[0](models.one_hot(codes, "cpu"))[0, 0]
    # The kernel of 10 begins 4 before the position, and the motif 2 behind that.
    assert int(found.argmax()) == 20 - 2 + 4
