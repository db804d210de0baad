"""Networks on disk: safetensors that were trained here, and published checkpoints of PyTorch."""

import json
import sys

import safetensors
import safetensors.torch
import torch

from cisflow import tasks
from cisflow.errors import InputError, listing
from cisflow.io import files
from cisflow.models import containers
from cisflow.models.network import Network
from cisflow.models.registry import build
from cisflow.tasks import losses

# torch.compile puts it before the names of what it compiled.
_COMPILED = "_orig_mod."
_OURS = "cisflow"
_STRANDS = ("both", "forward")


def save(path, module, header):
    """Write a module's weights as safetensors, with a `header` (see `read_header`)."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    # Heads stand in the order of their modalities.
    ordered = "modalities" in header.get("settings", {})
    with files.atomic(path) as temporary:
        safetensors.torch.save_file(state, temporary, metadata={_OURS: json.dumps(header, sort_keys=not ordered)})


def read_header(path):
    """The header that `save` wrote.

    Its keys are architecture, settings, targets (names of the outputs), strands ("both" where it is absent), task
    ("binary" where it is absent), links of the outputs (absent where predictions are those of the task) and opposite,
    numbers of the outputs of the other strand (absent where there are none).

    Raises
    ------
    InputError : not a safetensors file, or not one of ours; or an entry of the header is missing or of another type.
    """
    containers.check_kind(path)
    metadata = _metadata(path)
    if _OURS not in metadata:
        raise InputError(f"{path}: no '{_OURS}' entry in the header; expected a network that cisflow trained")
    try:
        header = json.loads(metadata[_OURS])
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: its '{_OURS}' entry is not readable as JSON: {error}") from error
    files.check_record(path, header, {"architecture": str, "settings": dict}, "a header")
    for what in ("targets", "links"):
        values = header.get(what)
        if values is not None and not (isinstance(values, list) and all(isinstance(name, str) for name in values)):
            raise InputError(f"{path}: {what} of the header is {str(values)[:60]}, expected a list of names")
    return header


def _metadata(path):
    try:
        with safetensors.safe_open(path, framework="pt") as handle:
            return handle.metadata() or {}
    except containers.BROKEN as error:
        raise InputError(f"{path}: not a safetensors file: {error}") from error


def load(path):
    """A trained Network, in eval mode.

    Raises
    ------
    InputError : not a file that `save` wrote, or not with the tensors of its architecture.
    """
    header = read_header(path)
    with torch.device("meta"):
        module = built(path, header)
    module = _filled(module, header["architecture"], path)
    names, links, strands = header.get("targets"), header.get("links"), header.get("strands", "both")
    for what, values, known in (("targets", names, None), ("links", links, losses.LINKS)):
        if values is not None and (len(values) != module.n_outputs or known and not set(values) <= set(known)):
            expected = f"{module.n_outputs}, one for each output" + (f", of {listing(known)}" if known else "")
            raise InputError(f"{path}: {what} of the header are {listing(values)}; expected {expected}")
    if strands not in _STRANDS:
        raise InputError(f"{path}: strands of the header is '{strands}', expected one of {listing(_STRANDS)}")
    try:
        task = tasks.get(header.get("task", tasks.DEFAULT))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return Network(module, names, strands, task, links, _opposite(path, header, module.n_outputs))


def _opposite(path, header, n):
    """The outputs of the other strand of a header, n ints of which each is the other of the other; None without any."""
    found = header.get("opposite")
    fits = found is None or (
        isinstance(found, list)
        and len(found) == n
        and all(type(other) is int and 0 <= other < n for other in found)
        and all(found[other] == output for output, other in enumerate(found))
    )
    if not fits:
        raise InputError(f"{path}: opposite of the header is {str(found)[:60]}, expected {n} outputs in pairs")
    return found


def built(path, header):
    """An untrained network.Architecture of a header of `read_header` (InputError: it has no such settings)."""
    try:
        return build(header["architecture"], **header["settings"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except Exception as error:
        # Layers of torch refuse numbers and texts that are none of theirs by many exceptions.
        settings = str(header["settings"])[:200]
        raise InputError(
            f"{path}: settings of the header are {settings}, expected those of {header['architecture']}: {error}"
        ) from error


def load_pretrained(architecture, settings, path):
    """An Architecture in eval mode with the weights of a checkpoint, safetensors or PyTorch.

    Names may stand behind any one prefix (`module.model.` of selene's wrapper in DataParallel), hold the `_orig_mod.`
    of torch.compile, and be those of the published file (`Architecture.published`); weights in half, bfloat16 or
    double become float32. Published weights are then brought into this network's conventions (`Architecture.adopt`);
    those that `save` wrote are in them already. A file of PyTorch is mapped into memory and its tensors are used in
    place, so that loading holds the weights once.

    Raises
    ------
    InputError : the file cannot be read, its tensors are not those of the architecture (lists what is missing,
        unexpected and of another shape), or a weight is not finite.
    """
    # Under the meta device no memory is spent on weights that the checkpoint replaces.
    with torch.device("meta"):
        model = build(architecture, **settings)
    return _filled(model, architecture, path)


def _filled(model, architecture, path):
    """A model of the meta device with the weights of a checkpoint, in eval mode."""
    own = model.state_dict()
    layouts = [({name: name for name in own}, ()), *((names, ()) for names in model.published())]
    state = _fit(path, own, layouts, architecture)
    state = adopted(path, model, state)
    model.load_state_dict(state, assign=True, strict=True)
    return model.eval()


def take_weights(model, path):
    """Copy the pretrained part of a checkpoint (`Architecture.pretrained`) into a model; the rest stays as it is.

    Returns
    -------
    names of the model's tensors that were filled.

    Raises
    ------
    InputError : the architecture has no such part, the file cannot be read, a tensor is missing, unexpected or of
        another shape, or a weight is not finite; the model is then unchanged.
    """
    architecture = type(model).__name__
    layouts = model.pretrained()
    if not layouts:
        raise InputError(f"{path}: architecture {architecture} takes no pretrained weights")
    state = _fit(path, model.state_dict(), layouts, f"the pretrained part of {architecture}")
    model.load_state_dict(adopted(path, model, state), strict=False)
    return list(state)


def adopted(path, model, state):
    """Weights of a checkpoint in a network's conventions (`Architecture.adopt`); what `save` wrote is in them."""
    if str(path).endswith(".safetensors") and _OURS in _metadata(path):
        return state
    state, change = model.adopt(state)
    if change:
        print(f"{path}: {change}", file=sys.stderr)
    return state


def _fit(path, own, layouts, what):
    """The tensors of a checkpoint by the names of a network, in its dtypes.

    Parameters
    ----------
    own : state of the network.
    layouts : [({own name: name in the checkpoint}, prefixes of names that may be there besides)]. The layout and the
        prefix of all names under which most tensors are found are taken, of several prefixes the longest.
    what : the layout in words.
    """
    state = {name.replace(_COMPILED, ""): tensor for name, tensor in containers.read_state(path).items()}
    names, besides, prefix = _closest(state, layouts)
    state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    wanted = {theirs: own[name] for name, theirs in names.items()}
    found = {name: tensor for name, tensor in state.items() if name in wanted or not name.startswith(besides)}
    _check_layout(wanted, found, what, path)
    return as_numbers(path, own, {name: (theirs, state[theirs]) for name, theirs in names.items()})


def _closest(state, layouts):
    """The layout, what may be there besides, and the prefix, that explain most of a checkpoint's names."""
    best, chosen = (), None
    for names, besides in layouts:
        wanted = set(names.values())
        prefixes = {name[: -len(other)] for name in state for other in wanted if name.endswith(f".{other}")} | {""}
        found = {prefix: sum(prefix + name in state for name in wanted) for prefix in prefixes}
        prefix = max(found, key=lambda prefix: (found[prefix], len(prefix)))
        rank = (found[prefix] == len(wanted), found[prefix])
        if rank > best:
            best, chosen = rank, (names, besides, prefix)
    return chosen


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


def as_numbers(path, own, state):
    """{own name: tensor} of {own name: (name in the file, tensor)}, floating-point numbers in the network's dtype.

    Raises
    ------
    InputError : a weight that is no floating-point number, or not finite.
    """
    result, cast = {}, {}
    for name, (theirs, tensor) in state.items():
        dtype = own[name].dtype
        if dtype.is_floating_point:
            if not tensor.dtype.is_floating_point:
                raise InputError(f"{path}: {theirs} holds {tensor.dtype}, expected floating-point numbers")
            if tensor.dtype != dtype:
                cast[tensor.dtype] = cast.get(tensor.dtype, 0) + 1
        result[name] = tensor.detach().to(dtype)
        # Of the extremes, which need no memory for a copy, one is NaN where any number is.
        if dtype.is_floating_point and not all(bool(extreme.isfinite()) for extreme in result[name].aminmax()):
            count = int((~result[name].isfinite()).sum())
            raise InputError(f"{path}: {theirs} has {count:,} values that are not finite, expected none")
    for dtype, count in cast.items():
        print(f"{path}: {count} tensors of {dtype} cast to float32", file=sys.stderr)
    return result
