"""Networks composed of blocks: sizes, heads, inputs, profiles, and what they refuse."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from cisflow import models, tasks
from cisflow.data import dataset as datasets
from cisflow.errors import InputError
from cisflow.models import drg, inference
from cisflow.training import fit
from small_modular import NETWORKS, build
from weights import randomise


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def modular(**settings):
    return models.build("Modular", **settings)


# --- Ready-made networks ----------------------------------------------------------------------------------------------


def convolution(n_in, n_out, width, bias=True):
    return n_in * n_out * width + n_out * bias


def linear(n_in, n_out):
    return n_in * n_out + n_out


def norm(n):
    return 2 * n


def drg_atac(length, outputs):
    k = 256
    positions = length
    for _ in range(4):
        positions = -(-positions // 3)
    found = convolution(4, k, 15, bias=False)
    found += 9 * (norm(k) + convolution(k, k, 7))
    return (
        found
        + linear(k * positions, 512)
        + linear(512, 563)
        + linear(563, 563)
        + linear(563, 512)
        + linear(512, outputs)
    )


def drg_expression(length, outputs, attention=False):
    k = 300
    positions = -(-length // 4)
    for _ in range(4):
        positions = -(-positions // 6)
    found = convolution(4, k, 15) + 7 * (norm(k) + convolution(k, k, 11))
    if attention:
        found += 2 * norm(k) + linear(k, 3 * 540) + linear(540, k) + linear(k, 4 * k) + linear(4 * k, k)
    for n_in, n_out in ((k * positions, 1024), (1024, 1126), (1126, 1126), (1126, 1024)):
        found += norm(n_in) + linear(n_in, n_out)
    return found + linear(1024, outputs)


def bpnet(outputs):
    found = convolution(4, 64, 21) + 8 * convolution(64, 64, 3)
    return found + convolution(64, outputs, 75) + linear(64, outputs)


def legnet(outputs):
    found, n = convolution(4, 64, 11, bias=False) + norm(64), 64
    for channels in (80, 96, 112, 128):
        wide = 4 * n
        found += convolution(n, wide, 1, bias=False) + norm(wide) + wide * 9 + norm(wide)
        found += linear(wide, n) + linear(n, wide)
        found += convolution(wide, n, 1, bias=False) + norm(n)
        found += convolution(2 * n, channels, 9, bias=False) + norm(channels)
        n = channels
    return found + norm(128) + convolution(128, 256, 1) + linear(256, 256) + norm(256) + linear(256, outputs)


def deepstarr(outputs):
    found = 0
    for n_in, n_out, width in ((4, 256, 7), (256, 60, 3), (60, 60, 5), (60, 120, 3)):
        found += convolution(n_in, n_out, width) + norm(n_out)
    # 249 bp, halved four times, leave 15 positions.
    return found + linear(120 * 15, 256) + norm(256) + linear(256, 256) + norm(256) + linear(256, outputs)


@pytest.mark.parametrize(
    ("architecture", "settings", "by_hand", "expected"),
    [
        ("DRGATAC", {"length": 1000, "n_outputs": 175}, drg_atac(1000, 175), 6_840_382),
        ("DRGExpression", {"length": 40_000, "n_outputs": 81}, drg_expression(40_000, 81), 13_084_801),
        (
            "DRGExpression",
            {"length": 2000, "n_outputs": 81, "attention": True},
            drg_expression(2000, 81, attention=True),
            12_302_821,
        ),
        ("BPNet", {"length": 2114, "n_outputs": 2, "bins": 1000, "crop": 557}, bpnet(2), 113_988),
        ("LegNet", {"length": 230, "n_outputs": 1}, legnet(1), 1_322_465),
        ("DeepSTARR", {"length": 249, "n_outputs": 2}, deepstarr(2), 622_722),
    ],
)
def test_ready_made_networks_have_the_sizes_of_their_layers(architecture, settings, by_hand, expected):
    with torch.device("meta"):
        model = models.build(architecture, **settings)
    assert parameters(model) == by_hand == expected
    assert type(model).__name__ == architecture and model.output == "logit"


def test_deepstarr_has_its_published_layers():
    with torch.device("meta"):
        model = models.build("DeepSTARR", length=249, n_outputs=2)
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv1d | nn.Linear | nn.MaxPool1d)]
    found = [
        (layer.out_channels, layer.kernel_size[0])
        if isinstance(layer, nn.Conv1d)
        else layer.out_features
        if isinstance(layer, nn.Linear)
        else "pool"
        for layer in layers
    ]
    assert found == [(256, 7), "pool", (60, 3), "pool", (60, 5), "pool", (120, 3), "pool", 256, 256, 2]
    assert [layer.kernel_size for layer in layers if isinstance(layer, nn.MaxPool1d)] == [2] * 4
    assert layers[8].in_features == 1800


def test_widths_of_drg_grow_by_a_tenth_and_shrink_again():
    assert drg.widths(1, 512) == [512, 512]
    assert drg.widths(2, 512) == [512, 563, 512]
    assert drg.widths(3, 512) == [512, 563, 563, 512]
    assert drg.widths(4, 100) == [100, 110, 121, 110, 100]


@pytest.mark.parametrize("architecture", ["DRGATAC", "DRGExpression", "BPNet", "LegNet", "DeepSTARR", "Modular"])
def test_defaults_give_a_network_for_600_bp_and_one_output(architecture):
    model = models.build(architecture).eval()
    assert (model.length, model.n_outputs) == (600, 1)
    assert model(torch.rand(1, 4, 600)).shape == (1, 1)


@pytest.mark.parametrize("name", NETWORKS)
def test_bfloat16_comes_close(name):
    model = build(name)
    x = torch.rand(4, 4, model.length)
    with torch.no_grad():
        exact = model(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = model(x)
    assert (rounded.float() - exact).abs().max() < 0.05 * max(1, float(exact.abs().max()))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_of_training_reaches_every_parameter_that_outputs_depend_on(name):
    model = build(name).train()
    model(torch.rand(4, 4, model.length)).square().sum().backward()
    without = {key for key, parameter in model.named_parameters() if parameter.grad is None}
    assert without == {key for key, _ in model.named_parameters() if key.startswith("shape.")}


# --- Modalities -------------------------------------------------------------------------------------------------------


def test_each_modality_has_its_head_in_the_order_of_the_outputs():
    model = modular(length=30, modalities={"z": 2, "a": 1}, heads={"a": {"widths": [5]}}, dense={"widths": [6]}).eval()
    assert model.n_outputs == 3
    readout = model.readouts[0]
    assert list(readout.heads) == ["to_z", "to_a"]
    assert [type(layer) for layer in readout.heads["to_a"]] == [nn.Linear, nn.ReLU, nn.Linear]
    x = torch.rand(2, 4, 30)
    hidden = readout.dense(model.trunks[0](x))
    expected = torch.cat([readout.heads["to_z"](hidden), readout.heads["to_a"](hidden)], dim=1)
    torch.testing.assert_close(model(x), expected)


def test_a_saved_network_keeps_the_order_of_its_modalities(tmp_path):
    settings = {"length": 30, "modalities": {"z": 1, "a": 2}}
    model = randomise(modular(**settings))
    header = {"architecture": "Modular", "settings": settings, "targets": ["z", "a1", "a2"]}
    models.save(tmp_path / "model.safetensors", model, header)
    loaded = models.load(tmp_path / "model.safetensors")
    x = torch.rand(2, 4, 30)
    torch.testing.assert_close(loaded(x), model(x))
    assert list(loaded.module.modalities) == ["z", "a"] and settings["modalities"] == {"z": 1, "a": 2}


# --- Inputs -----------------------------------------------------------------------------------------------------------

TWO = {"segments": [20, 20], "stem": {"kernels": 5, "width": 5}, "dense": {"widths": [6], "normalise": "after"}}


@pytest.mark.parametrize("join", [{"kind": "dense"}, {"kind": "difference"}, {"kind": "ratio", "log": "2"}])
def test_a_shared_trunk_equals_two_tied_ones(join):
    torch.manual_seed(0)
    shared = randomise(modular(**TWO, shared=True, join=join))
    tied = modular(**TWO, join=join).eval()
    state = {}
    for name, tensor in shared.state_dict().items():
        part, _, rest = name.partition(".")[2].partition(".")
        first = name.partition(".")[0]
        several = first == "trunks" or (first == "readouts" and join["kind"] != "dense")
        state |= {f"{first}.{number}.{rest}": tensor for number in (range(2) if several else [part])}
    tied.load_state_dict(state)
    x = torch.rand(3, 4, 40)
    torch.testing.assert_close(shared(x), tied(x))
    assert parameters(shared) < parameters(tied)
    # In training the inputs go through the trunk in one batch, which without normalisation changes nothing.
    for model in (shared, tied):
        model.train()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.eval()
    torch.testing.assert_close(shared(x), tied(x))
    swapped = torch.cat([x[..., 20:], x[..., :20]], dim=2)
    if join["kind"] != "dense":
        torch.testing.assert_close(shared(swapped), -shared(x), atol=1e-5, rtol=1e-5)


def test_each_input_has_its_own_length_and_its_own_trunk():
    trunks = [
        {"stem": {"kernels": 4, "width": 3}},
        {"blocks": [{"kind": "pool", "size": 4}], "summary": {"kind": "flatten"}},
    ]
    model = modular(segments=[12, 30], trunks=trunks, stem={"kernels": 5}).eval()
    assert model.length == 42
    assert [trunk.width for trunk in model.trunks] == [4, 5 * 7]
    x = torch.rand(2, 4, 42)
    expected = model.readouts[0](torch.cat([model.trunks[0](x[..., :12]), model.trunks[1](x[..., 12:])], dim=1))
    torch.testing.assert_close(model(x), expected)
    with pytest.raises(InputError, match="Modular: no parts, as no formula joins its inputs"):
        model.parts(x)


def test_modalities_are_joined_each_by_its_own_formula():
    model = randomise(
        modular(
            segments=[20, 30],
            modalities={"made": 1, "lost": 2, "level": 1},
            joins={"made": {"kind": "sum", "inputs": [0]}, "lost": {"kind": "sum", "inputs": [1]}},
            join={"kind": "exp_difference"},
        )
    )
    x = torch.rand(5, 4, 50)
    y, parts = model(x), model.parts(x)
    assert parts.shape == (5, 2, 4)
    torch.testing.assert_close(y[:, 0], parts[:, 0, 0])
    torch.testing.assert_close(y[:, 1:3], parts[:, 1, 1:3])
    torch.testing.assert_close(y[:, 3], (parts[:, 0, 3] - parts[:, 1, 3]).exp())
    assert parts[:, 1, 0].isnan().all() and parts[:, 0, 1].isnan().all()
    other = x.clone()
    other[..., 20:] = torch.rand(5, 4, 30)
    assert torch.equal(model(other)[:, 0], y[:, 0]) and not torch.isclose(model(other)[:, 1], y[:, 1]).any()


@pytest.mark.parametrize("kind", ["difference", "ratio"])
def test_formulas_recover_what_each_input_gives(kind):
    """Counts of one motif in the first sequence, and of another in the second."""
    rng = np.random.default_rng(0)
    motifs = np.array([[0, 1, 2, 3, 0, 1], [3, 3, 1, 0, 2, 2]])
    codes, counts = rng.integers(0, 4, (1500, 60)).astype(np.uint8), rng.integers(0, 4, (1500, 2))
    for row, (first, second) in enumerate(counts):
        for number, count in enumerate((first, second)):
            for place in range(count):
                start = 30 * number + 2 + 9 * place
                codes[row, start : start + 6] = motifs[number]
    a, b = counts.T.astype(np.float32)
    planted = (a, b) if kind == "difference" else (1 + a, 1 + b)
    labels = torch.tensor(a - b if kind == "difference" else planted[0] / planted[1])[:, None]
    torch.manual_seed(0)
    stem = {"kernels": 12, "width": 7, "normalise": False}
    model = modular(segments=[30, 30], stem=stem, summary={"kind": "mean"}, dense={"widths": [12]}, join={"kind": kind})
    x = models.one_hot(codes, "cpu")
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for step in range(250):
        rows = torch.arange(step * 200, step * 200 + 200) % 1200
        optimiser.zero_grad()
        nn.functional.mse_loss(model(x[rows]), labels[rows]).backward()
        optimiser.step()
    with torch.no_grad():
        parts = model.eval().parts(x[1200:])[:, :, 0].numpy()
    for number in range(2):
        assert np.corrcoef(parts[:, number], planted[number][1200:])[0, 1] >= 0.9


# --- Profiles ---------------------------------------------------------------------------------------------------------


def test_a_profile_is_a_convolution_cropped_and_binned():
    model = build("BPNet").double()
    x = torch.rand(3, 4, 50, dtype=torch.double)
    totals, shape = model.profile(x)
    torch.testing.assert_close(totals, model(x))
    assert shape.shape == (3, 2, 8)
    positions = model.trunks[0].positions(x)
    weight, bias = model.shape[0].weight, model.shape[0].bias
    padded = nn.functional.pad(positions, (37, 37))
    for bin_ in range(8):
        at = [5 + 5 * bin_ + base for base in range(5)]
        expected = sum(torch.einsum("ock,nck->no", weight, padded[..., base : base + 75]) + bias for base in at) / 5
        torch.testing.assert_close(shape[:, :, bin_], expected)
    torch.testing.assert_close(totals, model.readouts[0](positions.mean(dim=2)))


def test_without_bins_there_is_no_head_for_shapes():
    model = models.build("BPNet", length=100)
    assert model.bins is None and not [name for name in model.state_dict() if name.startswith("shape")]
    with pytest.raises(InputError, match="BPNet: no profile, as it has no bins"):
        model.profile(torch.rand(1, 4, 100))


def test_bins_are_of_the_positions_that_pooling_leaves():
    settings = {"length": 64, "blocks": [{"kind": "pool", "size": 4}], "n_outputs": 3}
    model = modular(**settings, bins=6, profile={"crop": 8, "width": 3}).eval()
    assert model.profile(torch.rand(2, 4, 64))[1].shape == (2, 3, 6)
    for bins, crop in ((5, 8), (6, 6), (20, 0)):
        with pytest.raises(
            InputError, match=f"Modular.bins: {bins} of 16 positions, 4 bp each, less {crop} bp on both"
        ):
            modular(**settings, bins=bins, profile={"crop": crop})


# --- What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stem": {"kernel": 3}}, "Modular.stem: unknown key 'kernel'; expected keys: activation, dropout"),
        ({"stem": {"width": 4, "strands": "max"}}, "Modular.stem.width: 4; expected an odd number"),
        ({"stem": {"kernels": "many"}}, "Modular.stem.kernels: 'many' is not of type 'integer'"),
        (
            {"blocks": [{"kind": "pool"}, {"width": 3}]},
            r"Modular.blocks\[1\]: found .*; expected a mapping with the key",
        ),
        ({"blocks": [{"kind": "pooling"}]}, r"Modular.blocks\[0\].kind: 'pooling'; expected one of attention, dilated"),
        ({"blocks": [{"kind": "pool", "size": 0}]}, r"Modular.blocks\[0\].size: 0 is less than the minimum of 1"),
        ({"length": 3, "blocks": [{"kind": "pool", "size": 5}]}, r"Modular.blocks\[0\]: a window of 5 positions"),
        ({"dense": {"dropout": 0.1}}, "Modular.dense: no key 'widths'"),
        ({"dense": 512}, "Modular.dense: 512 is not of type 'object'"),
        ({"blocks": {"kind": "pool"}}, "Modular.blocks: .* is not of type 'array'"),
        ({"heads": ["signal"]}, "Modular.heads: .* is not of type 'object'"),
        ({"shared": "yes"}, "Modular.shared: 'yes' is not of type 'boolean'"),
        ({"summary": {"kind": "sum"}}, "Modular.summary.kind: 'sum' is not one of"),
        ({"heads": {"rna": {"widths": [3]}}}, "Modular.heads: no modality 'rna'; expected some of signal"),
        ({"modalities": {"a": 2}, "n_outputs": 3}, "modalities: .* are 2 outputs; expected 3"),
        ({"modalities": {"a": 0}}, "modalities: .*; expected distinct names, and of each the number of its outputs"),
        ({"modalities": {"a.b": 1, "a_b": 1}}, "modalities: .*; expected distinct names"),
        ({"segments": [10, 20], "length": 40}, r"segments: \[10, 20\] are 30 bp; expected 40"),
        ({"segments": [10, 20], "shared": True}, r"segments: \[10, 20\] under a shared trunk; expected several of one"),
        ({"segments": [10, 20], "trunks": [{}]}, "Modular.trunks: 1 given; expected 2"),
        ({"segments": [10, 20], "trunks": [{}, {"dense": {}}]}, r"Modular.trunks\[1\]: unknown key 'dense'"),
        ({"segments": [10, 20], "bins": 5}, "Modular.bins: a profile of 2 inputs; expected one"),
        ({"join": {"kind": "ratio"}}, "Modular.join: there is one input; expected several"),
        (
            {"segments": [9, 9], "joins": {"x": {"kind": "sum"}}},
            "Modular.joins: no modality 'x'; expected some of signal",
        ),
        (
            {"segments": [9, 9], "modalities": {"a": 1, "b": 1}, "joins": {"a": {"kind": "sum"}}},
            "Modular.join: dense beside formulas; expected a formula for every modality",
        ),
        ({"no_such": 1}, "architecture Modular: settings .*no_such"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_one_line(settings, words):
    with pytest.raises(InputError, match=words) as error:
        modular(**settings)
    assert "\n" not in str(error.value)


# --- As other networks ------------------------------------------------------------------------------------------------


def test_it_is_trained_saved_and_loaded_as_other_networks_are(tmp_path):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (90, 40)).astype(np.uint8)
    labels = np.stack([(codes == base).mean(axis=1) for base in (1, 2)], axis=1).astype(np.float32)
    ids = np.array([f"w{row}" for row in range(90)])
    dataset = datasets.Dataset(ids, codes, labels, ["c", "g"], task=tasks.get("regression"))
    folds = np.repeat(["train", "valid", "test"], 30)
    settings = {"stem": {"kernels": 6, "width": 5, "strands": "max"}, "summary": {"kind": "mean"}}
    recipe = {"max_epochs": 2, "batch_size": 10}
    device = torch.device("cpu")
    network, header, history = fit.train(dataset, folds, "Modular", settings, recipe, 1, device, tmp_path / "work")
    assert (network.length, network.n_outputs, len(history)) == (40, 2, 2)
    models.save(tmp_path / "model.safetensors", network, header)
    loaded = models.load(tmp_path / "model.safetensors")
    x = models.one_hot(codes[60:], "cpu")
    torch.testing.assert_close(loaded(x), network(x))


@pytest.mark.parametrize("length", [500, 1300])
def test_settings_from_a_dataset_are_checked_at_its_own_length(length):
    codes, labels = np.zeros((4, length), np.uint8), np.zeros((4, 2), np.float32)
    profiles = np.zeros((4, 2, length // 10), np.float32)
    tracks = pd.DataFrame({"target": ["a", "b"], "modality": ["x", "x"]})
    dataset = datasets.Dataset(
        np.arange(4).astype(str), codes, labels, ["a", "b"], tasks.get("regression"), tracks=tracks, profiles=profiles
    )
    settings = fit.complete_settings("BPNet", {"kernels": 4, "layers": 2}, dataset)
    expected = {"length": length, "n_outputs": 2, "modalities": {"x": 2}, "bins": length // 10}
    assert settings == expected | {"kernels": 4, "layers": 2}
    assert models.build("BPNet", **settings).profile(torch.rand(1, 4, length))[1].shape == (1, 2, length // 10)


@pytest.mark.parametrize("name", ["strands max, softmax pool", "strands softmax, rotary"])
def test_convolutions_of_both_strands_run_in_bfloat16_for_inference(name):
    model = build(name)
    x = torch.rand(3, 4, model.length)
    with torch.no_grad():
        expected = model(x)
        found = inference._in_bfloat16(model)(x)
    assert found.dtype == torch.float32 and not torch.equal(found, expected)
    assert (found - expected).abs().max() < 0.05 * max(1, float(expected.abs().max()))
