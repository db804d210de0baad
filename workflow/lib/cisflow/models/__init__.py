"""The registry of architectures, and how their weights are built, saved and loaded."""

import importlib
import json
import pickle
import zipfile

import safetensors
import safetensors.torch
import torch

from cisflow.errors import InputError, listing
from cisflow.io import files
from cisflow.sequence import dna

# Architecture -> module of this package. Modules are loaded by name, so that a run imports, and depends on, only the
# one it uses.
ARCHITECTURES = {
    "AttentionConv": "attention_conv",
    "BassetLike": "basset",
    "Beluga": "beluga",
    "ConvNet": "convnet",
    "DNABERT2": "dnabert2",
    "FSei": "fsei",
    "MotifCNN": "motif_cnn",
    "Sei": "sei",
}

_PREFIXES = ("module.model.", "module.", "model.")


def build(architecture, **settings):
    """An untrained network: what `inputs` makes of n sequences in, (n, n_outputs) out.

    Every class of the registry has `n_outputs`, `length` (the one length it accepts, or None) and `output`
    ("logit" or "probability": what its forward returns). A class whose weights can start from a checkpoint has
    `pretrained` (see `take_weights`), and one that does not read one-hot sequence has `prepare` (see `inputs`).

    Raises
    ------
    InputError : unknown architecture, or a setting that it does not have.
    """
    if architecture not in ARCHITECTURES:
        raise InputError(f"unknown architecture '{architecture}'; expected one of {listing(ARCHITECTURES, 20)}")
    module = importlib.import_module(f"cisflow.models.{ARCHITECTURES[architecture]}")
    try:
        return getattr(module, architecture)(**settings)
    except TypeError as error:
        raise InputError(f"architecture {architecture}: settings {settings}: {error}") from error


def one_hot(codes, device):
    """Base codes (n, length) uint8, numpy or torch -> (n, 4, length) float32 on `device`; unknown = 0.25 each."""
    codes = torch.as_tensor(codes, device=device)[:, None]
    # Made of kernels alone: copying a table to a GPU would wait for all work before it.
    bases = torch.arange(len(dna.BASES), dtype=torch.uint8, device=device)[:, None]
    return torch.where(codes == dna.UNKNOWN, 0.25, (codes == bases).float())


def inputs(model, codes, device):
    """What a network reads of base codes (n, length): one-hot (n, 4, length), or what its own `prepare` makes."""
    return model.prepare(codes, device) if reads_tokens(model) else one_hot(codes, device)


def reads_tokens(model):
    """Whether a network reads tokens, which have no gradient towards the bases, instead of one-hot sequence."""
    return hasattr(model, "prepare")


def probabilities(model, outputs):
    """A network's outputs as probabilities."""
    return torch.sigmoid(outputs) if model.output == "logit" else outputs


def strands(model):
    """What a network's prediction is of: "both" for the mean over strands, "forward" where `load` read that.

    Of the reverse strand, a network that was trained without it knows nothing.
    """
    return getattr(model, "strands", "both")


def save(path, model, header):
    """Write a network's weights as safetensors, with `header` (JSON-able: architecture, settings, targets, strands)."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with files.atomic(path) as temporary:
        safetensors.torch.save_file(state, temporary, metadata={"cisflow": json.dumps(header, sort_keys=True)})


def read_header(path):
    """The header that `save` wrote: architecture, settings, targets, and the strands it was trained on.

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
    """A trained network in eval mode, which knows its `strands`, and its header."""
    header = read_header(path)
    model = load_pretrained(header["architecture"], header["settings"], path)
    model.strands = header.get("strands", "both")
    return model, header


def load_pretrained(architecture, settings, path):
    """A network in eval mode with the weights of a checkpoint, safetensors or PyTorch.

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
    """Copy the pretrained part of a checkpoint, by its tensors' names, into a network; the rest stays as it is.

    The network's method `pretrained(state)` says which of its tensors are filled and from where:
    (dict own name -> name in the checkpoint, prefixes of names that the checkpoint may hold besides).

    Returns
    -------
    names of the network's tensors that were filled.

    Raises
    ------
    InputError : the architecture has no such part, the file cannot be read, or a tensor is missing, unexpected or of
        another shape; the network is then unchanged.
    """
    architecture = type(model).__name__
    if not hasattr(model, "pretrained"):
        raise InputError(f"{path}: architecture {architecture} takes no pretrained weights")
    state = _strip_prefix(_read_state(path))
    names, besides = model.pretrained(state)
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
