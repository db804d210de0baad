import pickle

import pytest
import torch

from cisflow import models
from cisflow.errors import InputError

SETTINGS = {"n_targets": 3, "channels": (4, 5, 6)}


@pytest.fixture
def state():
    return models.build("Sei", **SETTINGS).state_dict()


def refusal(path):
    with pytest.raises(InputError) as caught:
        models.load_pretrained("Sei", SETTINGS, path)
    return str(caught.value)


def test_renamed_reshaped_and_missing_tensors_are_listed(tmp_path, state):
    state["dconv9.1.weight"] = state.pop("dconv1.1.weight")
    state["lconv1.0.bias"] = torch.zeros(9)
    del state["classifier.2.bias"]
    torch.save(state, tmp_path / "sei.pth")
    message = refusal(tmp_path / "sei.pth")
    assert "sei.pth: not the layout of Sei" in message
    assert "missing dconv1.1.weight, classifier.2.bias" in message
    assert "unexpected dconv9.1.weight" in message
    assert "lconv1.0.bias is (9,), expected (4,)" in message


def test_one_tensor_renamed_is_refused_under_every_prefix(tmp_path, state):
    state["classifier.1.weight"] = state.pop("classifier.2.weight")
    for number, prefix in enumerate(("", "module.", "model.", "module.model.")):
        torch.save({prefix + name: value for name, value in state.items()}, tmp_path / f"{number}.pth")
        message = refusal(tmp_path / f"{number}.pth")
        assert message.endswith("not the layout of Sei: missing classifier.2.weight; unexpected classifier.1.weight")


def test_one_tensor_reshaped_is_refused_though_it_has_as_many_numbers(tmp_path, state):
    state["lconv2.3.weight"] = state["lconv2.3.weight"].transpose(1, 2).contiguous()
    torch.save({"state_dict": state}, tmp_path / "sei.pth")
    assert refusal(tmp_path / "sei.pth").endswith(
        "not the layout of Sei: of another shape lconv2.3.weight is (5, 9, 5), expected (5, 5, 9)"
    )


def test_one_tensor_missing_is_refused(tmp_path, state):
    del state["dconv5.1.bias"]
    torch.save(state, tmp_path / "sei.pth")
    assert refusal(tmp_path / "sei.pth").endswith("not the layout of Sei: missing dconv5.1.bias")


def test_weights_of_another_architecture_are_refused(tmp_path):
    torch.save(models.build("MotifCNN").state_dict(), tmp_path / "other.pth")
    assert "not the layout of Sei" in refusal(tmp_path / "other.pth")


def test_pickled_model_is_refused_without_running_it(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (open, (str(tmp_path / "written"), "w"))

    with open(tmp_path / "model.pth", "wb") as handle:
        pickle.dump(Harmful(), handle)
    assert "model.pth" in refusal(tmp_path / "model.pth")
    assert not (tmp_path / "written").exists()


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "page.pth").write_text("<html>not found</html>")
    assert "page.pth" in refusal(tmp_path / "page.pth")
    assert "no such file" in refusal(tmp_path / "absent.pth")


def test_safetensors_of_another_program_are_refused(tmp_path, state):
    import safetensors.torch

    safetensors.torch.save_file(state, tmp_path / "foreign.safetensors")
    with pytest.raises(InputError, match="no 'cisflow' entry in the header"):
        models.load(tmp_path / "foreign.safetensors")
