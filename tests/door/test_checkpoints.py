"""Checkpoints as people have them: each is read right, or refused in one line that says what it is."""

import collections
import gzip
import io
import pickle
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from cisflow import models
from cisflow.errors import InputError
from cisflow.models import predict

SETTINGS = {"n_outputs": 2, "channels": 6, "width": 5, "hidden": 4}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return models.build("MotifCNN", **SETTINGS).eval()


def state_of(network, prefix="", dtype=None):
    state = ((prefix + name, tensor) for name, tensor in network.state_dict().items())
    if dtype is None:
        return collections.OrderedDict(state)
    return collections.OrderedDict((name, t.to(dtype) if t.is_floating_point() else t) for name, t in state)


def load(path):
    return models.load_pretrained("MotifCNN", SETTINGS, path)


def refusal(path):
    """The one line in which a file is refused; never torch's advice to read it without protection."""
    with pytest.raises(InputError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    assert "weights_only" not in message and "torch.load" not in message
    return message.removeprefix(f"{path}: ")


# --- Read right -------------------------------------------------------------------------------------------------------

PREFIXES = [
    "",
    "module.",
    "model.",
    "module.model.",
    "model.module.",
    "net.",
    "_orig_mod.",
    "module._orig_mod.",
    "_orig_mod.module.",
    "model._orig_mod.",
    "layers.",
]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_names_behind_a_prefix(tmp_path, network, prefix):
    torch.save(state_of(network, prefix), tmp_path / "model.pth")
    torch.testing.assert_close(load(tmp_path / "model.pth").state_dict(), network.state_dict(), rtol=0, atol=0)


def test_names_of_a_compiled_part(tmp_path, network):
    state = {name.replace("layers.", "layers._orig_mod."): tensor for name, tensor in state_of(network).items()}
    torch.save(state, tmp_path / "model.pth")
    torch.testing.assert_close(load(tmp_path / "model.pth").state_dict(), network.state_dict(), rtol=0, atol=0)


class Compiled(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.backbone = torch.compile(network)


def test_names_that_torch_compile_makes(tmp_path, network):
    torch.save(Compiled(network).state_dict(), tmp_path / "model.pth")
    torch.testing.assert_close(load(tmp_path / "model.pth").state_dict(), network.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_numbers_of_another_precision_become_float32(tmp_path, network, capsys, dtype, kind):
    path = tmp_path / f"model.{kind}"
    state = state_of(network, dtype=dtype)
    torch.save(state, path) if kind == "pth" else safetensors.torch.save_file(dict(state), path)
    loaded = load(path)
    assert f"{path}: 12 tensors of {dtype} cast to float32" in capsys.readouterr().err
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype == network.state_dict()[name].dtype
        torch.testing.assert_close(tensor, state[name].to(tensor.dtype), rtol=0, atol=0)
    assert loaded(torch.rand(1, 4, 40)).dtype == torch.float32


def test_float32_is_not_spoken_of(tmp_path, network, capsys):
    torch.save(state_of(network), tmp_path / "model.pth")
    load(tmp_path / "model.pth")
    assert capsys.readouterr().err == ""


def containers(network):
    state = state_of(network)
    numbers = {"epoch": 3, "min_loss": np.float64(0.25), "step": np.int64(7), "improved": np.bool_(True)}
    optimizer = {"state": {0: {"momentum_buffer": torch.ones(3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    return {
        "state_dict": {"state_dict": state},
        "selene": {"arch": "MotifCNN", "state_dict": state, "optimizer": optimizer, **numbers},
        "selene, float32": {"state_dict": state, "min_loss": np.float32(0.5)},
        "model_state_dict": {"epoch": 1, "model_state_dict": state, "optimizer_state_dict": optimizer},
        "model": {"model": state, "args": {"lr": 1e-3, "name": "x"}},
        "lightning": {
            "epoch": 1,
            "global_step": 10,
            "pytorch-lightning_version": "2.1.0",
            "state_dict": state_of(network, "model."),
            "loops": None,
            "callbacks": {},
            "optimizer_states": [optimizer],
            "hyper_parameters": {"lr": 0.1},
        },
        "an entry of its own name": {"weights": state, "loss": 0.1},
        "parameters": collections.OrderedDict(
            (name, nn.Parameter(t, t.is_floating_point())) for name, t in state.items()
        ),
        "averaged weights beside": {"state_dict": state, "ema": {name: t + 1.0 for name, t in state.items()}},
    }


@pytest.mark.parametrize("name", containers(models.build("MotifCNN", **SETTINGS)))
@pytest.mark.parametrize("zipped", [True, False])
def test_containers(tmp_path, network, name, zipped):
    torch.save(containers(network)[name], tmp_path / "model.ckpt", _use_new_zipfile_serialization=zipped)
    loaded = load(tmp_path / "model.ckpt")
    torch.testing.assert_close(loaded.state_dict(), network.state_dict(), rtol=0, atol=0)
    assert not any(parameter.is_inference() for parameter in loaded.parameters())


def renamed_in_pickle(path, old, new):
    """The same archive with other bytes in its pickle."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content.replace(old, new) if name.endswith("data.pkl") else content)


def test_numbers_of_numpy_1(tmp_path, network):
    torch.save({"state_dict": state_of(network), "min_loss": np.float64(0.5)}, tmp_path / "model.pth")
    renamed_in_pickle(tmp_path / "model.pth", b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert b"numpy._core" not in (tmp_path / "model.pth").read_bytes()
    torch.testing.assert_close(load(tmp_path / "model.pth").state_dict(), network.state_dict(), rtol=0, atol=0)


def test_safetensors_of_another_program(tmp_path, network):
    safetensors.torch.save_file(dict(state_of(network, "model.")), tmp_path / "model.safetensors")
    torch.testing.assert_close(load(tmp_path / "model.safetensors").state_dict(), network.state_dict(), rtol=0, atol=0)


# --- Refused in one line ----------------------------------------------------------------------------------------------


class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 3560039456\n"
HTML = b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"
XML = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"
BYTES = {
    "empty": (b"", "an empty file; expected a checkpoint; download it again"),
    "web page": (HTML, "a web page in place of the file; expected a checkpoint; download it again"),
    "web page without a doctype": (b"<html><body>404</body></html>", "a web page in place of the file"),
    "error of a store": (XML, "a web page in place of the file"),
    "git-lfs pointer": (LFS, "a git-lfs pointer, not the file that it stands for; expected the file (git lfs pull)"),
    "gzip": (gzip.compress(b"x", mtime=0), "a compressed archive; expected the checkpoint that it holds, unpacked"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + b"\0" * 90, "an HDF5 file, as Keras writes; expected a checkpoint"),
    "JSON": (b'{"message": "Not Found"}', "not a "),
    "text": (b"not a checkpoint at all\n", "not a "),
    "zeros": (b"\0" * 4096, "not a "),
}


@pytest.mark.parametrize("name", BYTES)
@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_what_is_no_checkpoint_is_named(tmp_path, name, ending):
    content, words = BYTES[name]
    path = tmp_path / f"model.{ending}"
    path.write_bytes(content)
    assert refusal(path).startswith(words)


@pytest.mark.parametrize("name", ["empty", "web page", "git-lfs pointer"])
def test_what_is_no_network_of_cisflow_is_named_too(tmp_path, name):
    content, words = BYTES[name]
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError) as caught:
        models.load(tmp_path / "model.safetensors")
    assert words in str(caught.value)


def cut(content):
    return content[: len(content) // 2]


def test_a_download_that_was_cut_off(tmp_path, network):
    torch.save(state_of(network), tmp_path / "whole.pth")
    (tmp_path / "model.pth").write_bytes(cut((tmp_path / "whole.pth").read_bytes()))
    assert refusal(tmp_path / "model.pth") == "cut off before its end; expected a checkpoint; download it again"
    safetensors.torch.save_file(dict(state_of(network)), tmp_path / "whole.safetensors")
    (tmp_path / "model.safetensors").write_bytes(cut((tmp_path / "whole.safetensors").read_bytes()))
    assert refusal(tmp_path / "model.safetensors").startswith("not a readable safetensors file")
    torch.save(state_of(network), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    (tmp_path / "old.pth").write_bytes(cut((tmp_path / "old.pth").read_bytes()))
    assert refusal(tmp_path / "old.pth").startswith("not a ")


def test_absent_files_and_folders(tmp_path):
    assert refusal(tmp_path / "absent.pth") == "no such file"
    assert refusal(tmp_path) == "Is a directory"


@pytest.mark.parametrize("zipped", [True, False])
def test_a_network_saved_whole(tmp_path, zipped):
    torch.save(Whole(), tmp_path / "model.pth", _use_new_zipfile_serialization=zipped)
    message = refusal(tmp_path / "model.pth")
    assert message.startswith("holds a Python object, ") and "Whole, that only its own code can read" in message
    assert message.endswith("expected tensors alone: torch.save(network.state_dict(), 'model.pth') where it was made")


def test_a_network_saved_whole_by_pickle(tmp_path):
    with open(tmp_path / "model_23_10_04:10:59.pkl", "wb") as handle:
        pickle.dump(nn.Linear(2, 2), handle, protocol=2)
    assert "torch.nn.modules.linear.Linear, that only" in refusal(tmp_path / "model_23_10_04:10:59.pkl")


def test_a_program_of_torchscript(tmp_path, recwarn):
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "model.pt")
    recwarn.clear()
    assert refusal(tmp_path / "model.pt").startswith("a TorchScript program; expected tensors alone: torch.save(")
    assert not recwarn.list


def test_code_in_a_file_is_not_run(tmp_path, network):
    class Harmful:
        def __reduce__(self):
            return (open, (str(tmp_path / "written"), "w"))

    torch.save({"state_dict": state_of(network), "note": Harmful()}, tmp_path / "model.pth")
    assert "holds a Python object, " in refusal(tmp_path / "model.pth")
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([torch.zeros(2)], "expected a state_dict (names and tensors), found list"),
        (torch.zeros(2), "expected a state_dict (names and tensors), found Tensor"),
        ({}, "expected a state_dict (names and tensors), found dict"),
        (
            {"epoch": 3, "loss": 0.1},
            "expected a state_dict (names and tensors), found entries epoch, loss, of which epoch",
        ),
        (
            {"generator": {"a": torch.ones(1)}, "critic": {"a": torch.ones(1)}},
            "weights of several networks, generator,",
        ),
        ({1: torch.ones(1)}, "expected a state_dict (names and tensors), found entries 1"),
    ],
)
def test_files_without_one_state(tmp_path, content, words):
    torch.save(content, tmp_path / "model.pth")
    assert words in refusal(tmp_path / "model.pth")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_weights_that_are_not_finite_are_named(tmp_path, network, value, dtype):
    state = state_of(network, "module.", dtype)
    state["module.layers.4.weight"] = state["module.layers.4.weight"].clone()
    state["module.layers.4.weight"][1, 2, :3] = value
    state["module.layers.9.bias"] = torch.full_like(state["module.layers.9.bias"], value)
    torch.save(state, tmp_path / "model.pth")
    assert refusal(tmp_path / "model.pth") == "layers.4.weight has 3 values that are not finite, expected none"


def test_numbers_too_large_for_float32_are_not_finite(tmp_path, network):
    state = state_of(network, dtype=torch.float64)
    state["layers.0.weight"][0, 0, 0] = 1e300
    torch.save(state, tmp_path / "model.pth")
    assert refusal(tmp_path / "model.pth") == "layers.0.weight has 1 values that are not finite, expected none"


def test_whole_numbers_in_place_of_weights(tmp_path, network):
    state = state_of(network)
    state["layers.0.weight"] = torch.zeros_like(state["layers.0.weight"], dtype=torch.int8)
    torch.save(state, tmp_path / "model.pth")
    assert refusal(tmp_path / "model.pth") == "layers.0.weight holds torch.int8, expected floating-point numbers"


def test_the_part_that_training_starts_from_is_checked_too(tmp_path):
    sei = models.build("Sei", n_targets=3, channels=(4, 5, 6)).state_dict()
    sei["dconv2.1.bias"] = torch.full((6,), float("nan"))
    torch.save({f"module.model.{name}": tensor for name, tensor in sei.items()}, tmp_path / "sei.pth")
    model = models.build("FSei", channels=(4, 5, 6), hidden=4)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(InputError, match=r"sei.pth: dconv2.1.bias has 6 values that are not finite"):
        models.take_weights(model, tmp_path / "sei.pth")
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


class Overflowing(nn.Module):
    n_outputs, length = 3, 8

    def forward(self, x):
        scores = x.sum(dim=2)[:, :3].clone()
        scores[2:, 1] = float("nan")
        return scores


@pytest.mark.parametrize("strands", ["both", "forward", "separate"])
def test_outputs_that_are_not_finite_are_named(strands):
    codes = np.zeros((5, 8), dtype=np.uint8)
    network = models.Network(Overflowing(), ["a", "b", "c"])
    with pytest.raises(InputError, match="Overflowing: b of row [0-9], from 0, is nan; expected a finite number"):
        list(predict.stream(network, codes, torch.device("cpu"), strands, batch_size=5))


def test_a_file_in_memory_order_of_another_kind(tmp_path, network):
    """A state whose tensors are views of one another, as tied weights and slices are saved."""
    whole = torch.cat([tensor.flatten().float() for tensor in network.state_dict().values()])
    state, start = collections.OrderedDict(), 0
    for name, tensor in network.state_dict().items():
        state[name] = whole[start : start + tensor.numel()].view(tensor.shape)
        start += tensor.numel()
    buffer = io.BytesIO()
    torch.save(state, buffer)
    (tmp_path / "model.pth").write_bytes(buffer.getvalue())
    torch.testing.assert_close(load(tmp_path / "model.pth").state_dict(), network.state_dict(), rtol=0, atol=0)
