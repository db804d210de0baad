"""The faster form of Sei is the same function, position by position."""

import numpy as np
import pytest
import torch
from torch import nn

from cisflow import models
from cisflow.models.sei import FusedConvolutions, FusedSei
from weights import randomise, spread_sei

NARROW = {"n_targets": 7, "channels": (5, 6, 8)}


def sequences(n, length, seed=1):
    return models.one_hot(np.random.default_rng(seed).integers(0, 5, (n, length)).astype(np.uint8), "cpu")


def narrow():
    return spread_sei(models.build("Sei", **NARROW), sequences(4, 600, seed=2))


@pytest.mark.parametrize("widths", [(9, 9), (9, 9, 9), (3, 7, 1, 5)])
def test_a_fused_chain_is_the_chain_at_every_position_of_every_length(widths):
    channels = [2, 3, 4, 5, 3][: len(widths) + 1]
    layers = zip(channels, channels[1:], widths, strict=False)
    chain = nn.Sequential(*(nn.Conv1d(a, b, k, padding=k // 2) for a, b, k in layers)).double()
    chain = randomise(chain)
    fused = FusedConvolutions(*chain)
    for length in range(1, 80):
        x = torch.rand(2, 2, length, dtype=torch.float64)
        torch.testing.assert_close(fused(x), chain(x), rtol=0, atol=1e-12)


def test_the_interior_of_a_fused_chain_is_one_convolution():
    chain = randomise(nn.Sequential(nn.Conv1d(2, 3, 9, padding=4), nn.Conv1d(3, 4, 9, padding=4)))
    fused = FusedConvolutions(*chain)
    assert fused.whole.weight.shape == (4, 2, 17)
    x = torch.rand(1, 2, 50)
    torch.testing.assert_close(fused.whole(x)[..., 4:-4], chain(x)[..., 4:-4], rtol=0, atol=1e-6)
    # Without the border rule the ends would be wrong: the chain sees zeros between its layers there.
    assert (fused.whole(x) - chain(x))[..., [0, 3, -4, -1]].abs().amin() > 1e-4


def stages(plain, x):
    """What plain Sei computes at each place where the fused one computes it differently."""
    linear1 = plain.lconv1(x)
    out1 = plain.conv1(linear1)
    linear2 = plain.lconv2(out1 + linear1)
    linear3 = plain.lconv3(plain.conv2(linear2) + linear2)
    return {"lconv1": linear1, "conv1": out1, "lconv2": linear2, "lconv3": linear3, "output": plain(x)}


def observed(fused, x):
    found = {}
    names = ("lconv1", "conv1", "lconv2", "lconv3")
    handles = [
        getattr(fused, name).register_forward_hook(lambda _, inputs, output, name=name: found.update({name: output}))
        for name in names
    ]
    found["output"] = fused(x)
    for handle in handles:
        handle.remove()
    return found


def assert_same_function(plain, fused, x):
    found = observed(fused, x)
    for name, expected in stages(plain, x).items():
        assert found[name].shape == expected.shape
        error = (found[name] - expected).abs().max() / (expected.max() - expected.min())
        assert error <= 1e-4, (name, x.shape, float(error))


@pytest.mark.parametrize("length", [64, 80, 130, 600, 1000, 4096])
def test_fused_sei_is_sei_at_every_position_on_both_strands(length):
    plain = narrow()
    fused = plain.for_inference()
    x = sequences(2, length)
    with torch.inference_mode():
        for strand in (x, x.flip(1, 2), x[:1]):
            assert_same_function(plain, fused, strand)


def test_fused_sei_of_full_width_is_sei():
    plain = spread_sei(models.build("Sei", n_targets=50), sequences(2, 320))
    with torch.inference_mode():
        expected, x = stages(plain, sequences(1, 320)), sequences(1, 320)
        fused = plain.for_inference()
        assert_same_function(plain, fused, x)
    assert expected["output"].max() - expected["output"].min() > 0.1


def test_a_batch_larger_than_one_pass_of_the_convolutions_comes_out_in_order(monkeypatch):
    plain = narrow()
    fused = plain.for_inference()
    x = sequences(5, 256)
    monkeypatch.setitem(models.sei.BASES_AT_ONCE, torch.float32, 2 * 256)
    with torch.inference_mode():
        torch.testing.assert_close(fused(x), plain(x), rtol=0, atol=1e-5)


def test_gradients_pass_through_the_fused_network():
    plain = narrow().double()
    x = sequences(2, 200).double().requires_grad_()
    (expected,) = torch.autograd.grad(plain(x)[:, 0].sum(), x)
    (found,) = torch.autograd.grad(plain.for_inference(torch.float64)(x)[:, 0].sum(), x)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_fused_sei_holds_the_dense_layers_once_and_says_what_it_is():
    plain = narrow()
    heads = [layer.weight.data_ptr() for layer in plain.classifier if isinstance(layer, nn.Linear)]
    fused = plain.for_inference(torch.bfloat16)
    assert [layer.weight.data_ptr() for layer in fused.classifier if isinstance(layer, nn.Linear)] == heads
    assert "lconv1-3 fused, lconv1 with conv1.0; convolutions in torch.bfloat16" in repr(fused)
    assert "3 convolutions as one; 8 outputs at either end by the originals" in repr(fused)


def test_bfloat16_convolutions_stay_close_and_leave_the_dense_layers_alone():
    plain = spread_sei(models.build("Sei", n_targets=300, channels=(24, 32, 48)), sequences(3, 600))
    x = sequences(3, 600)
    with torch.inference_mode():
        expected = plain(x)
        fused = FusedSei(plain, torch.bfloat16)
        found = fused(x)
    assert {p.dtype for p in fused.classifier.parameters()} == {torch.float32}
    assert {p.dtype for name, p in fused.named_parameters() if "classifier" not in name} == {torch.bfloat16}
    assert found.dtype == torch.float32
    assert expected.max() - expected.min() > 0.5
    assert 1e-6 < (found - expected).abs().max() <= 0.005
