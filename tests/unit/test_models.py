import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from torch import nn

import authors
from cisflow import models
from cisflow.errors import InputError
from cisflow.models import registry
from cisflow.models.network import reverse_complement
from cisflow.models.sei import SplineProjection, spline_basis
from cisflow.sequence import dna
from weights import randomise, spread_sei


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("architecture", "settings", "n_parameters", "n_tensors"),
    [
        ("Sei", {}, 889_979_983, 38),
        ("Beluga", {}, 149_536_251, 16),
        # The published layout has two outputs; batch normalisation adds its running statistics to the state.
        ("BassetLike", {"n_outputs": 2}, 2_392_802, 24),
    ],
)
def test_published_layouts_have_the_published_sizes(architecture, settings, n_parameters, n_tensors):
    with torch.device("meta"):
        model = models.build(architecture, **settings)
    assert parameters(model) == n_parameters
    assert len(model.state_dict()) == n_tensors


def test_sei_tensors_have_the_published_names_and_shapes():
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in models.build("Sei").state_dict().items()}
    assert shapes["lconv1.0.weight"] == (480, 4, 9)
    assert shapes["lconv2.3.weight"] == (640, 640, 9)
    assert shapes["conv3.3.weight"] == (960, 960, 9)
    assert shapes["dconv5.1.weight"] == (960, 960, 5)
    assert shapes["classifier.0.weight"] == (21907, 15360)


def test_beluga_tensors_have_the_published_names_and_shapes():
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in models.build("Beluga").state_dict().items()}
    assert shapes["model.0.14.weight"] == (640, 640, 1, 8)
    assert shapes["model.1.2.1.weight"] == (2003, 67840)
    assert shapes["model.1.4.1.bias"] == (2002,)


@pytest.mark.parametrize("n", [16, 37, 150, 256])
def test_spline_basis_equals_scipy(n):
    inner = np.percentile(np.arange(n), 100 * np.linspace(0, 1, 14)[1:-1])
    knots = np.concatenate([[0.0] * 4, inner, [n - 1.0] * 4])
    expected = BSpline.design_matrix(np.arange(n, dtype=float), knots, 3).toarray()
    np.testing.assert_allclose(spline_basis(n, 16).numpy(), expected, atol=1e-12)


def test_spline_made_in_inference_mode_still_takes_part_in_gradients():
    projection = SplineProjection(16)
    with torch.inference_mode():
        projection(torch.rand(1, 2, 40))
    x = torch.rand(1, 2, 40, requires_grad=True)
    projection(x).sum().backward()
    # The columns sum to one at every position.
    torch.testing.assert_close(x.grad, torch.ones_like(x))


@pytest.mark.parametrize("strand", ["forward", "reverse"])
@pytest.mark.parametrize("length", [256, 301, 600])
def test_narrow_sei_equals_a_plain_numpy_forward(length, strand):
    codes = np.random.default_rng(1).integers(0, 5, length).astype(np.uint8)
    if strand == "reverse":
        codes = np.ascontiguousarray(dna.reverse_complement(codes))
    x = models.one_hot(codes[None], "cpu")
    model = spread_sei(models.build("Sei", n_targets=7, channels=(5, 6, 8)), x)
    expected = authors.sei(authors.as_numpy(model.state_dict()), dna.one_hot(codes).astype(float))
    # Wide enough apart that a wrong step would show.
    assert np.ptp(expected) > 0.1
    with torch.inference_mode():
        found, fused = model(x)[0].numpy(), model.for_inference()(x)[0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(fused, expected, atol=1e-5)


@pytest.mark.parametrize("strand", ["forward", "reverse"])
@pytest.mark.parametrize(("length", "positions"), [(2000, 106), (1024, 45), (330, 2)])
def test_narrow_beluga_equals_a_plain_numpy_forward(length, positions, strand):
    model = models.build("Beluga", n_targets=5, hidden=6)
    # The class has the published widths only, so the test narrows its layers, and the dense one to the length.
    widths = {0: (4, 3), 2: (3, 4), 6: (4, 5), 8: (5, 4), 12: (4, 3), 14: (3, 6)}
    for index, (n_in, n_out) in widths.items():
        model.model[0][index] = nn.Conv2d(n_in, n_out, (1, 8))
    model.model[1][2][1] = nn.Linear(6 * positions, 6)
    randomise(model, torch.Generator().manual_seed(0))
    codes = np.random.default_rng(2).integers(0, 5, length).astype(np.uint8)
    if strand == "reverse":
        codes = np.ascontiguousarray(dna.reverse_complement(codes))
    expected = authors.beluga(authors.as_numpy(model.state_dict()), dna.one_hot(codes).astype(float))
    assert np.ptp(expected) > 0.1
    with torch.inference_mode():
        x = models.one_hot(codes[None], "cpu")
        found, fast = model(x)[0].numpy(), model.for_inference()(x)[0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(fast, expected, atol=1e-5)


def test_fast_beluga_keeps_the_order_of_a_batch_and_shares_its_weights():
    model = randomise(models.build("Beluga", n_targets=5, hidden=6), torch.Generator().manual_seed(0))
    x = models.one_hot(np.random.default_rng(2).integers(0, 5, (9, 2000)).astype(np.uint8), "cpu")
    fast = model.for_inference()
    assert fast.convolutions[14].weight.data_ptr() == model.model[0][14].weight.data_ptr()
    with torch.inference_mode():
        torch.testing.assert_close(fast(x), model(x), rtol=0, atol=1e-5)


def test_one_hot_in_torch_equals_one_hot_in_numpy():
    codes = np.random.default_rng(0).integers(0, 5, (3, 20)).astype(np.uint8)
    np.testing.assert_array_equal(models.one_hot(codes, "cpu").numpy(), dna.one_hot(codes))


def test_the_other_strand_in_torch_is_that_in_numpy():
    codes = np.random.default_rng(0).integers(0, 5, (3, 20)).astype(np.uint8)
    found = reverse_complement(torch.from_numpy(codes))
    assert found.dtype == torch.uint8
    np.testing.assert_array_equal(found.numpy(), dna.reverse_complement(codes))


@pytest.mark.parametrize("length", [50, 200, 600, 601])
def test_basset_takes_any_length_it_is_built_for(length):
    model = models.build("BassetLike", length=length, n_outputs=3).eval()
    assert model(torch.rand(1, 4, length)).shape == (1, 3)


def test_motif_cnn_takes_every_length():
    model = models.build("MotifCNN", n_outputs=5).eval()
    assert [model(torch.rand(2, 4, length)).shape for length in (60, 200, 600)] == [(2, 5)] * 3


@pytest.mark.parametrize("architecture", registry.architectures())
def test_non_linearities_are_modules_and_none_is_in_place(architecture):
    with torch.device("meta"):
        modules = list(models.build(architecture).modules())
    assert any(isinstance(module, nn.ReLU | nn.GELU | nn.SiLU) for module in modules)
    assert not any(getattr(module, "inplace", False) for module in modules)


@pytest.mark.parametrize("architecture", registry.architectures())
def test_every_architecture_states_what_it_reads_and_returns(architecture):
    with torch.device("meta"):
        network = models.Network(models.build(architecture))
    assert network.name == architecture
    assert network.module.output in ("logit", "probability") and network.reads in ("one-hot", "tokens")
    assert network.n_outputs > 0 and (network.length is None or network.length > 0)
    raw = torch.tensor([0.0, 0.25, 1.0])
    expected = raw if network.module.output == "probability" else 1 / (1 + torch.exp(-raw))
    torch.testing.assert_close(network.predictions(raw), expected)


def test_a_bare_module_is_taken_to_read_one_hot_sequence_and_to_return_logits():
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    network = models.Network.of(module)
    (x,) = network.inputs(np.array([[0, 3, 4]], dtype=np.uint8), "cpu")
    torch.testing.assert_close(x[0].T, torch.tensor([[1, 0, 0, 0], [0, 0, 0, 1], [0.25] * 4]))
    torch.testing.assert_close(network.predictions(network(x)), module(x).sigmoid())
    assert models.Network.of(network) is network and (network.reads, network.strands) == ("one-hot", "both")


def test_saved_network_comes_back_with_its_header(tmp_path):
    model = models.build("MotifCNN", n_outputs=2, channels=8, hidden=4).eval()
    settings = {"n_outputs": 2, "channels": 8, "hidden": 4}
    header = {"architecture": "MotifCNN", "settings": settings, "targets": ["a", "b"]}
    models.save(tmp_path / "model.safetensors", model, header)
    loaded = models.load(tmp_path / "model.safetensors")
    x = torch.rand(2, 4, 80)
    assert models.read_header(tmp_path / "model.safetensors") == header
    assert (loaded.outputs, loaded.strands, loaded.task.name) == (["a", "b"], "both", "binary")
    torch.testing.assert_close(loaded(x), model(x), rtol=0, atol=0)


def test_a_header_says_what_a_network_predicts_and_of_which_strands(tmp_path):
    header = {"architecture": "MotifCNN", "settings": {}, "targets": ["a"], "strands": "forward", "task": "regression"}
    models.save(tmp_path / "model.safetensors", models.build("MotifCNN"), header)
    loaded = models.load(tmp_path / "model.safetensors")
    assert (loaded.strands, loaded.task.name) == ("forward", "regression")
    raw = torch.linspace(-5, 5, 11)
    torch.testing.assert_close(loaded.predictions(raw), raw)
    models.save(tmp_path / "model.safetensors", models.build("MotifCNN"), header | {"task": "ranking"})
    with pytest.raises(InputError, match="unknown task 'ranking'"):
        models.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize("wrap", ["", "module.", "model.", "module.model.", "state_dict"])
def test_checkpoints_load_whatever_their_prefix(tmp_path, wrap):
    settings = {"n_targets": 3, "channels": (4, 5, 6)}
    model = models.build("Sei", **settings).eval()
    state = {(wrap if wrap != "state_dict" else "module.") + name: value for name, value in model.state_dict().items()}
    torch.save({"state_dict": state} if wrap == "state_dict" else state, tmp_path / "sei.pth")
    loaded = models.load_pretrained("Sei", settings, tmp_path / "sei.pth")
    x = torch.rand(2, 4, 256)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(x), model(x), rtol=0, atol=0)


def test_checkpoints_from_before_torch_kept_zip_archives_load(tmp_path):
    settings = {"n_targets": 3, "channels": (4, 5, 6)}
    state = models.build("Sei", **settings).state_dict()
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    loaded = models.load_pretrained("Sei", settings, tmp_path / "old.pth").state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())


def test_unknown_architecture_and_setting_are_named():
    with pytest.raises(InputError, match="unknown architecture 'Bassett'; expected one of AttentionConv"):
        models.build("Bassett")
    with pytest.raises(InputError, match="architecture MotifCNN: settings .*kernels"):
        models.build("MotifCNN", kernels=3)
