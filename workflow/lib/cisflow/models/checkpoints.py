"""Networks on disk: safetensors that were trained here, and published checkpoints of PyTorch."""

import json
import pickle
import zipfile

import safetensors
import safetensors.torch
import torch

from cisflow import tasks
from cisflow.errors import InputError, listing
from cisflow.io import files
from cisflow.models.network import Network
from cisflow.models.registry import build

_PREFIXES = ("module.model.", "module.", "model.")


def save(path, module, header):
    """Write a module's weights as safetensors, with a `header` (see `read_header`)."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    with files.atomic(path) as temporary:
        safetensors.torch.save_file(state, temporary, metadata={"cisflow": json.dumps(header, sort_keys=True)})


def read_header(path):
    """The header that `save` wrote.

    Its keys are architecture, settings, targets (names of the outputs), strands ("both" where it is absent) and task
    ("binary" where it is absent).

    Raises
    ------
    InputError : not a safetensors file, or not one of ours.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as handle:
            metadata = handle.metadata() or {}
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{path}: not a safetensors file: {error}") from error
    if "cisflow" not in metadata:
        raise InputError(f"{path}: no 'cisflow' entry in the header; expected a network that cisflow trained")
    return json.loads(metadata["cisflow"])


def load(path):
    """A trained Network, in eval mode.

    Raises
    ------
    InputError : not a file that `save` wrote, or not with the tensors of its architecture.
    """
    header = read_header(path)
    module = load_pretrained(header["architecture"], header["settings"], path)
    task = tasks.get(header.get("task", tasks.DEFAULT))
    return Network(module, header.get("targets"), header.get("strands", "both"), task)


def load_pretrained(architecture, settings, path):
    """An Architecture in eval mode with the weights of a checkpoint, safetensors or PyTorch.

    Accepts names with the prefixes `module.`, `model.` or `module.model.`, and an outer `state_dict` entry. The file
    is mapped into memory and its tensors are used in place, so that loading holds the weights once.

    Raises
    ------
    InputError : the file cannot be read, or its tensors are not those of the architecture; lists what is missing,
        unexpected and of another shape.
    """
    # Under the meta device no memory is spent on weights that the checkpoint replaces.
    with torch.device("meta"):
        model = build(architecture, **settings)
    state = _strip_prefix(_read_state(path))
    _check_layout(model.state_dict(), state, architecture, path)
    model.load_state_dict(state, assign=True, strict=True)
    return model.eval()


def take_weights(model, path):
    """Copy the pretrained part of a checkpoint (`Architecture.pretrained`) into a model; the rest stays as it is.

    Returns
    -------
    names of the model's tensors that were filled.

    Raises
    ------
    InputError : the architecture has no such part, the file cannot be read, or a tensor is missing, unexpected or of
        another shape; the model is then unchanged.
    """
    architecture = type(model).__name__
    state = _strip_prefix(_read_state(path))
    part = model.pretrained(state)
    if part is None:
        raise InputError(f"{path}: architecture {architecture} takes no pretrained weights")
    names, besides = part
    own = model.state_dict()
    used = {theirs: own[name] for name, theirs in names.items()}
    found = {name: tensor for name, tensor in state.items() if name in used or not name.startswith(besides)}
    _check_layout(used, found, f"the pretrained part of {architecture}", path)
    model.load_state_dict({name: state[theirs] for name, theirs in names.items()}, strict=False)
    return list(names)


def _read_state(path):
    path = str(path)
    try:
        if path.endswith(".safetensors"):
            return safetensors.torch.load_file(path)
        # A file that torch wrote before 1.6 is no zip archive, and cannot be mapped.
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except pickle.UnpicklingError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: not a checkpoint of plain tensors (weights_only): {reason}") from error
    # torch.load reports a file that is no checkpoint by any of these, depending on its first bytes.
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, safetensors.SafetensorError) as error:
        raise InputError(f"{path}: not a readable checkpoint: {str(error).splitlines()[0]}") from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{path}: expected a state_dict (names and tensors), found {type(state).__name__}")
    return state


def _strip_prefix(state):
    for prefix in _PREFIXES:
        if state and all(name.startswith(prefix) for name in state):
            return {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


def _check_layout(wanted, state, architecture, path):
    expected = {name: tuple(tensor.shape) for name, tensor in wanted.items()}
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    complaints = []
    if missing := [name for name in expected if name not in found]:
        complaints.append(f"missing {listing(missing)}")
    if unexpected := [name for name in found if name not in expected]:
        complaints.append(f"unexpected {listing(unexpected)}")
    if misshapen := [name for name in expected if name in found and expected[name] != found[name]]:
        shapes = (f"{name} is {found[name]}, expected {expected[name]}" for name in misshapen)
        complaints.append(f"of another shape {listing(shapes)}")
    if complaints:
        raise InputError(f"{path}: not the layout of {architecture}: " + "; ".join(complaints))
