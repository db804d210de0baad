"""Blocks of networks, one by one, against what their formulas say."""

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, softmax
from torch import nn

from cisflow.errors import InputError
from cisflow.models import blocks
from cisflow.models.blocks import attention, dense, join, legnet, stem
from cisflow.models.blocks.common import Shape
from cisflow.models.layers import SoftmaxPool
from weights import randomise

X = torch.rand(2, 4, 30, dtype=torch.double)


def block(module, shape, **settings):
    torch.manual_seed(0)
    made = module.Block(module.Settings.complete(settings, "here"), shape, "here")
    return randomise(made).double()


def reverse_complement(x):
    return x.flip(1, 2)


@pytest.mark.parametrize("strands", ["max", "mean", "softmax"])
def test_a_stem_on_both_strands_sees_the_same_on_either(strands):
    made = block(stem, Shape(4, 30), kernels=5, width=7, strands=strands, activation="gelu")
    torch.testing.assert_close(made(reverse_complement(X)), made(X).flip(2))
    # Of the formula: the kernels on the sequence, and on its reverse complement, turned back.
    convolution = made.layers[0]
    one, other = (
        nn.functional.conv1d(part, convolution.weight, convolution.bias, padding=3)
        for part in (X, reverse_complement(X))
    )
    both = np.stack([one.numpy(), other.flip(2).numpy()])
    expected = {
        "max": both.max(axis=0),
        "mean": both.mean(axis=0),
        "softmax": (softmax(both, axis=0) * both).sum(axis=0),
    }
    np.testing.assert_allclose(made.layers[1](convolution(X)).numpy(), expected[strands], atol=1e-12)


@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "softplus", "exp", "none"])
def test_activations_are_what_they_are_called(name):
    made = block(stem, Shape(4, 30), kernels=3, width=3, activation=name, normalise=False)
    z = made.layers[0](X).numpy()
    normal = torch.special.ndtr(torch.tensor(z)).numpy()
    expected = {"relu": z.clip(0), "gelu": z * normal, "silu": z * expit(z), "softplus": np.logaddexp(0, z)}
    expected |= {"exp": np.exp(z), "none": z}
    np.testing.assert_allclose(made(X).numpy(), expected[name], atol=1e-12)


@pytest.mark.parametrize("partial", ["drop", "keep"])
@pytest.mark.parametrize(("positions", "size"), [(12, 4), (13, 4), (14, 4), (15, 4), (7, 3), (8, 2), (9, 2), (3, 5)])
@pytest.mark.parametrize("kind", ["max", "mean", "softmax"])
def test_pools_are_of_windows_side_by_side(kind, positions, size, partial):
    x = torch.randn(1, 2, positions, dtype=torch.double)
    settings = {"pooling": kind, "size": size, "partial": partial}
    if partial == "drop" and positions < size:
        with pytest.raises(InputError, match=r"here: a window of 5 positions; expected at most the 3 that there are"):
            block(blocks.pool, Shape(2, positions), **settings)
        return
    made = block(blocks.pool, Shape(2, positions, 3), **settings)
    lacking = -positions % size if partial == "keep" else 0
    before = (lacking + 1) // 2
    windows = -(-positions // size) if partial == "keep" else positions // size
    assert made.shape == Shape(2, windows, 3 * size)
    found = made(x).numpy()[0]
    assert found.shape == (2, windows)
    for channel in range(2):
        for window in range(windows):
            low = window * size - before
            inside = x[0, channel, max(0, low) : low + size].numpy()
            mean = inside.sum() / size
            expected = {"max": inside.max(), "mean": mean, "softmax": (softmax(inside) * inside).sum()}[kind]
            np.testing.assert_allclose(found[channel, window], expected, atol=1e-12)


def test_softmax_pools_have_gradients_where_a_window_is_partly_empty():
    x = torch.randn(1, 2, 7, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(SoftmaxPool(4, padding=1), x)


def test_a_dilated_tower_adds_to_what_it_reads():
    settings = {"width": 3, "dilations": [1, 4], "activation": "relu"}
    x = torch.randn(2, 6, 20, dtype=torch.double)
    made = block(blocks.dilated, Shape(6, 20), normalise=False, **settings)
    expected = x
    for layer, dilation in zip(made.layers, (1, 4), strict=True):
        weight, bias = layer[0].weight, layer[0].bias
        padded = nn.functional.pad(expected, (dilation, dilation))
        found = sum(
            torch.einsum("oc,ncp->nop", weight[:, :, tap], padded[..., tap * dilation :][..., :20]) for tap in range(3)
        )
        expected = expected + (found + bias[:, None]).relu()
    torch.testing.assert_close(made(x), expected)
    plain = block(blocks.dilated, Shape(6, 20), normalise=False, residual=False, **settings)
    assert not torch.allclose(plain(x), expected)
    before = block(blocks.dilated, Shape(6, 20), order="before", **settings)
    assert [type(layer) for layer in before.layers[0]] == [nn.BatchNorm1d, nn.ReLU, nn.Conv1d]
    assert before(x).shape == x.shape


def test_a_reducing_tower_takes_one_size_for_all_or_one_each():
    made = block(blocks.reducing, Shape(4, 30), kernels=[5, 6], widths=[3, 4], sizes=[3])
    assert made(X).shape == (2, 6, 3) and made.shape == Shape(6, 3, 9)
    with pytest.raises(InputError, match=r"here.widths: 3 values; expected one, or 2, one for each convolution"):
        block(blocks.reducing, Shape(4, 30), kernels=[5, 6], widths=[3, 4, 5])


def test_squeeze_and_excitation_weighs_the_channels():
    made = randomise(legnet_part := legnet.SqueezeExcite(8, 4)).double()
    x = torch.randn(3, 8, 11, dtype=torch.double)
    first, last = legnet_part.weights[2], legnet_part.weights[4]
    hidden = x.numpy().mean(axis=2) @ first.weight.numpy().T + first.bias.numpy()
    weights = expit((hidden * expit(hidden)) @ last.weight.numpy().T + last.bias.numpy())
    np.testing.assert_allclose(made(x).numpy(), x.numpy() * weights[:, :, None], atol=1e-12)


def test_a_legnet_block_keeps_what_it_reads_beside_what_it_makes_of_it():
    made = block(blocks.legnet, Shape(4, 30), kernels=6, width=5, expansion=3, squeeze=2, size=4)
    expected = made.local(torch.cat([made.efficient(X), X], dim=1))
    torch.testing.assert_close(made(X), nn.functional.max_pool1d(expected, 4))
    assert made.efficient[3].groups == 12 and made.shape == Shape(6, 7, 4)


@pytest.mark.parametrize("position", ["alibi", "rotary", "none"])
def test_attention_is_that_of_its_formulas(position):
    torch.manual_seed(0)
    made = randomise(attention.SelfAttention(6, 2, 8, position)).double()
    x = np.random.default_rng(0).normal(size=(2, 9, 6))
    parts = x @ made.in_proj.weight.numpy().T + made.in_proj.bias.numpy()
    mixed = np.zeros((2, 9, 8))
    for head in range(2):
        query, key, value = (parts[:, :, 8 * part + 4 * head : 8 * part + 4 * head + 4] for part in range(3))
        if position == "rotary":
            # Pairs as complex numbers, turned by their place times 1 and 1/100.
            angles = np.arange(9)[:, None] * np.array([1, 10000 ** (-2 / 4)])
            query, key = ((each[..., ::2] + 1j * each[..., 1::2]) * np.exp(1j * angles) for each in (query, key))
            value_of = np.einsum("nqc,nkc->nqk", query, key.conj()).real
        else:
            value_of = np.einsum("nqc,nkc->nqk", query, key)
        value_of = value_of / 2
        if position == "alibi":
            value_of = value_of - 2.0 ** (-4 * (head + 1)) * np.abs(np.arange(9)[:, None] - np.arange(9))
        mixed[:, :, 4 * head : 4 * head + 4] = softmax(value_of, axis=2) @ value
    expected = mixed @ made.out_proj.weight.numpy().T + made.out_proj.bias.numpy()
    np.testing.assert_allclose(made(torch.tensor(x)).numpy(), expected, atol=1e-12)


def test_attention_says_which_widths_its_heads_can_share():
    with pytest.raises(InputError, match=r"here.dimension: 6; expected a multiple of 4 heads"):
        block(attention, Shape(6, 9), heads=4)
    with pytest.raises(InputError, match=r"here.dimension: 12; expected a multiple of twice the 4 heads"):
        block(attention, Shape(12, 9), heads=4, position="rotary")
    assert block(attention, Shape(6, 9), heads=4, dimension=8)(torch.rand(1, 6, 9).double()).shape == (1, 6, 9)


@pytest.mark.parametrize(
    ("normalise", "expected"),
    [
        ("none", [nn.Linear, nn.ReLU, nn.Dropout]),
        ("after", [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout]),
        ("before", [nn.BatchNorm1d, nn.Linear, nn.ReLU, nn.Dropout]),
    ],
)
def test_a_dense_stack_has_its_layers_in_order(normalise, expected):
    settings = dense.Settings.complete({"widths": [5, 3], "normalise": normalise, "dropout": 0.1}, "dense")
    layers, width = dense.stack(settings, 7)
    assert [type(layer) for layer in layers] == expected * 2 and width == 3
    assert nn.Sequential(*layers).eval()(torch.rand(2, 7)).shape == (2, 3)


# --- Joins ------------------------------------------------------------------------------------------------------------


def joined(terms, **settings):
    made = join.Block(join.Settings.complete(settings, "join"), len(terms), "join")
    return made(terms).numpy(), [part.numpy() for part in made.parts(terms)]


@pytest.mark.parametrize("base", ["none", "e", "2", "10"])
@pytest.mark.parametrize("offset", [0, 0.5])
def test_formulas_are_what_they_are_called(base, offset):
    a, b, c = torch.randn(3, 6, 2, dtype=torch.double) * 2
    x, y, z = a.numpy(), b.numpy(), c.numpy()
    log = {"e": np.log, "2": np.log2, "10": np.log10}.get(base)
    ratio = (np.logaddexp(0, x) + 1e-3) / (np.logaddexp(0, y) + 1e-3)
    for kind, expected in (("exp_difference", np.exp(x - y)), ("ratio", ratio)):
        if log is None and offset:
            with pytest.raises(InputError, match="join.offset: 0.5 without a logarithm"):
                joined([a, b], kind=kind, offset=offset)
            continue
        found, _ = joined([a, b], kind=kind, log=base, offset=offset)
        np.testing.assert_allclose(found, expected if log is None else log(expected + offset), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(joined([a, b, c], kind="difference")[0], x - y - z)
    np.testing.assert_allclose(joined([a, b, c], kind="sum")[0], x + y + z)
    found, parts = joined([a, b], kind="sum", inputs=[1])
    np.testing.assert_array_equal(found, y)
    np.testing.assert_array_equal(parts[1], y)
    assert np.isnan(parts[0]).all()
    np.testing.assert_allclose(joined([a, b, c], kind="difference", inputs=[2, 0])[0], z - x)


def test_what_divides_is_positive_and_what_is_logged_does_not_overflow():
    a, b = torch.tensor([[800.0, -800.0, 0.0]]), torch.tensor([[-800.0, 800.0, -900.0]])
    found, parts = joined([a, b], kind="ratio", log="2")
    assert np.isfinite(found).all() and all((part > 0).all() for part in parts)
    np.testing.assert_allclose(found, np.log2(parts[0]) - np.log2(parts[1]), rtol=1e-5)
    found, _ = joined([a, b], kind="exp_difference", log="e", offset=1)
    np.testing.assert_allclose(found, [[1600, 0, 900]])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "ratio"}, "join: ratio of 3 inputs; expected two"),
        ({"kind": "exp_difference", "inputs": [1]}, "join: exp_difference of 1 inputs; expected two"),
        ({"kind": "sum", "inputs": [3]}, r"join.inputs: \[3\]; expected inputs from 0 to 2"),
        ({"kind": "difference", "log": "2"}, "join.log: of a difference, which may be negative"),
        ({"kind": "product"}, "join.kind: 'product' is not one of"),
    ],
)
def test_formulas_that_make_no_sense_are_refused(settings, words):
    with pytest.raises(InputError, match=words) as error:
        joined(list(torch.zeros(3, 1, 1)), **settings)
    assert "\n" not in str(error.value)


def test_a_log_of_shares_is_no_surprise():
    """scipy's own log of a softmax, by exp_difference of its logits."""
    a = torch.randn(4, 1, dtype=torch.double)
    found, _ = joined([a, torch.zeros_like(a)], kind="exp_difference", log="e", offset=1)
    expected = -log_softmax(np.concatenate([a.numpy(), np.zeros((4, 1))], axis=1), axis=1)[:, 1:]
    np.testing.assert_allclose(found, expected)
