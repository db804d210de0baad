"""Fine-tuning: names land where they should, what is excluded or frozen stays, and chosen tracks predict the same."""

import numpy as np
import pytest
import torch
from torch import nn

from cisflow import models
from cisflow.errors import InputError
from cisflow.models import finetune
from weights import randomise

SETTINGS = {
    "length": 40,
    "modalities": [["z", 3], ["a", 2]],
    "stem": {"kernels": 6, "width": 5},
    "blocks": [{"kind": "dilated", "dilations": [1, 2]}],
    "dense": {"widths": [7], "normalise": "after"},
}
NAMES = ["z1", "z2", "z3", "a1", "a2"]


def made(seed, **settings):
    torch.manual_seed(seed)
    model = models.build("Modular", **SETTINGS | settings)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return randomise(model).requires_grad_(True)


@pytest.fixture
def checkpoint(tmp_path):
    """(network, its checkpoint)."""
    model = made(1)
    header = {"architecture": "Modular", "settings": SETTINGS, "targets": NAMES}
    models.save(tmp_path / "first.safetensors", model, header)
    return model, tmp_path / "first.safetensors"


def wanted(**given):
    return finetune.Settings.complete(given, "finetune")


def copied(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def test_all_that_fits_is_taken_by_name(checkpoint):
    first, path = checkpoint
    second = made(2)
    assert set(finetune.take(second, path, wanted())) == set(first.state_dict())
    assert all(torch.equal(tensor, second.state_dict()[name]) for name, tensor in first.state_dict().items())


def test_excluded_and_not_included_tensors_stay(checkpoint):
    first, path = checkpoint
    second = made(2)
    before = copied(second)
    taken = finetune.take(second, path, wanted(include=["trunks.*"], exclude=["*.blocks.0.layers.1.*"]))
    assert taken and all(
        name.startswith("trunks.0.") and "layers.1." not in name.partition("blocks")[2] for name in taken
    )
    for name, tensor in second.state_dict().items():
        assert torch.equal(tensor, first.state_dict()[name] if name in taken else before[name])
        assert (name in taken) == (name.startswith("trunks") and "blocks.0.layers.1." not in name)


def test_mapped_names_land_where_they_should(tmp_path):
    model = made(2)
    own = model.trunks[0].stem.layers
    state = {"module.conv.weight": torch.randn(6, 4, 5), "module.conv.bias": torch.randn(6)}
    state |= {f"module.bn.{name}": torch.rand(6) for name in ("weight", "bias", "running_mean", "running_var")}
    state |= {"module.bn.num_batches_tracked": torch.tensor(7), "module.rest.weight": torch.rand(2, 2)}
    torch.save(state, tmp_path / "theirs.pth")
    names = {"module.conv.": "trunks.0.stem.layers.0.", "module.bn.": "trunks.0.stem.layers.1.", "module.": ""}
    taken = finetune.take(model, tmp_path / "theirs.pth", wanted(map=names, exclude=["rest.*"]))
    assert len(taken) == 7
    assert torch.equal(own[0].weight, state["module.conv.weight"])
    assert torch.equal(own[1].running_var, state["module.bn.running_var"]) and own[1].num_batches_tracked == 7


@pytest.mark.parametrize("tracks", [["z2"], ["a1", "z3", "z1"]])
def test_a_sliced_head_predicts_the_same_of_the_chosen_tracks(checkpoint, tracks):
    first, path = checkpoint
    count = len(tracks)
    second = made(2, modalities=[["new", count]]).eval()
    taken = finetune.take(second, path, wanted(tracks=tracks))
    assert {"readouts.0.heads.to_new.0.weight", "readouts.0.heads.to_new.0.bias"} <= set(taken)
    x = torch.rand(3, 4, 40)
    expected = first(x)[:, [NAMES.index(track) for track in tracks]]
    torch.testing.assert_close(second(x), expected)


def test_tracks_are_chosen_of_formulas_profiles_and_other_networks(tmp_path):
    x = torch.rand(3, 4, 40)
    cases = {
        "MotifCNN": ({"channels": 6, "width": 5, "hidden": 4}, {}),
        "BassetLike": ({"length": 40, "two_logits": True}, {}),
        "BPNet": ({"length": 40, "kernels": 4, "layers": 2, "bins": 40}, {}),
        "Modular": ({"segments": [20, 20], "join": {"kind": "difference"}}, {}),
    }
    for architecture, (settings, _) in cases.items():
        torch.manual_seed(3)
        first = models.build(architecture, n_outputs=3, **settings).eval()
        path = tmp_path / f"{architecture}.safetensors"
        header = {"architecture": architecture, "settings": settings | {"n_outputs": 3}, "targets": ["a", "b", "c"]}
        models.save(path, first, header)
        second = models.build(architecture, n_outputs=2, **settings).eval()
        finetune.take(second, path, wanted(tracks=["c", "a"]))
        torch.testing.assert_close(second(x), first(x)[:, [2, 0]])
        if architecture == "BPNet":
            torch.testing.assert_close(second.profile(x)[1], first.profile(x)[1][:, [2, 0]])


@pytest.mark.parametrize("patterns", [["trunks.*"], ["trunks.0.stem.*", "readouts.0.dense.*"]])
def test_frozen_tensors_do_not_move_and_others_do(patterns):
    model = made(2)
    frozen = finetune.freeze(model, patterns)
    before = copied(model)
    optimiser = torch.optim.SGD([each for each in model.parameters() if each.requires_grad], lr=0.1)
    model.train()
    for _ in range(3):
        model.train()
        optimiser.zero_grad()
        model(torch.rand(16, 4, 40)).square().mean().backward()
        optimiser.step()
    parameters = dict(model.named_parameters())
    for name, tensor in model.state_dict().items():
        kept = finetune.matches(name, patterns)
        assert torch.equal(tensor, before[name]) == kept, name
        assert name not in parameters or (name in frozen) == kept


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"map": {"conv.": "x."}}, "map: no tensor begins with 'conv.'; its names are"),
        ({"map": {"trunks.0.": "trunks.1."}}, "Modular has no trunks.1.* map or exclude them"),
        ({"include": ["trunk.*"]}, r"include: 'trunk.\*' matches no tensor; there are"),
        ({"exclude": ["trunk.*"]}, r"exclude: 'trunk.\*' matches no tensor; there are"),
        ({"exclude": ["*"]}, "no tensor to take; its names are"),
        ({"tracks": ["z1", "x"]}, "tracks: no output 'x'; its outputs are z1"),
        ({"tracks": ["z1"]}, "tracks: 1 outputs; expected 2, one for each of the network"),
        ({}, r"readouts.0.heads.to_z.0.bias is \(3,\), expected \(2,\); exclude it, or choose tracks"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line_and_leaves_the_network_as_it_was(checkpoint, given, words):
    second = made(2, modalities=[["z", 2]])
    before = copied(second)
    if not given:
        given = {"exclude": ["*to_a*"]}
    with pytest.raises(InputError, match=words) as error:
        finetune.take(second, checkpoint[1], wanted(**given))
    assert "\n" not in str(error.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in second.state_dict().items())


def test_freezing_nothing_or_everything_is_refused():
    with pytest.raises(InputError, match=r"freeze: 'stem.\*' matches no tensor"):
        finetune.freeze(made(2), ["stem.*"])
    with pytest.raises(InputError, match="freeze: every tensor is frozen"):
        finetune.freeze(made(2), ["*"])


def test_beluga_s_order_of_bases_is_that_of_its_authors_in_their_files_alone(tmp_path):
    model = models.build("Beluga", n_targets=2, hidden=2)
    kernel = torch.randn(model.state_dict()["model.0.0.weight"].shape)
    torch.save({"model.0.0.weight": kernel}, tmp_path / "theirs.pth")
    finetune.take(model, tmp_path / "theirs.pth", wanted())
    np.testing.assert_array_equal(model.state_dict()["model.0.0.weight"], kernel[:, [0, 2, 1, 3]])
