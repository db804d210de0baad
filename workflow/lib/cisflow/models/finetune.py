"""Fine-tuning: which weights of another network a new one starts from, and which of them it keeps."""

import fnmatch

import torch
from torch import nn

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError, listing
from cisflow.models import checkpoints, containers


class Settings(settings.Settings):
    """Weights of another network that training starts from."""

    map: dict = setting(
        {}, meaning="Beginnings of names of tensors in the checkpoint, and what they are here, as in `{conv1.: stem.}`."
    )
    include: list[str] = setting(
        ["*"], meaning="Tensors to take, by their names here; `*` stands for any letters, as in `trunks.0.stem.*`."
    )
    exclude: list[str] = setting(None, meaning="Tensors not to take, of those, likewise.")
    tracks: list[str] = setting(
        None,
        unique=True,
        meaning="Outputs of the checkpoint's network, by name, from which those of this one start, in their order.",
    )
    freeze: list[str] = setting(None, meaning="Tensors that stay as they are, likewise by their names here.")


def take(network, path, wanted):
    """Copy weights of a checkpoint into a network, by name; what is not taken stays as it is.

    A tensor of the checkpoint is taken where its name, mapped, matches `include` and not `exclude`. With `tracks`, the
    rows of the chosen outputs come from the checkpoint's last layers (`output_layers`), of whichever modality.

    Parameters
    ----------
    network : Architecture. path : checkpoint, safetensors or PyTorch; for `tracks` one that checkpoints.save wrote.
    wanted : Settings.

    Returns
    -------
    names of the network's tensors that were filled.

    Raises
    ------
    InputError : the file cannot be read; a tensor that is to be taken is none of the network's, of another shape or not
        finite; a pattern or name matches nothing; no tensor is taken. The network is then unchanged.
    """
    own, state = network.state_dict(), containers.read_state(path)
    rows, heads = ({}, set()) if wanted.tracks is None else _rows(network, path, wanted.tracks)
    found = _mapped(path, {name: tensor for name, tensor in state.items() if name not in heads}, wanted.map)
    chosen = {name: tensor for name, tensor in found.items() if _is_wanted(name, wanted)}
    _check_patterns(wanted.include, [*found, *own], f"{path}: include")
    _check_patterns(wanted.exclude or [], [*found, *own], f"{path}: exclude")
    if unknown := [name for name in chosen if name not in own]:
        raise InputError(f"{path}: {type(network).__name__} has no {listing(unknown)}; map or exclude them")
    for name, pairs in rows.items():
        chosen[name] = torch.stack([state[theirs][row] for _, theirs, row in sorted(pairs)])
    if not chosen:
        raise InputError(f"{path}: no tensor to take; its names are {listing(found)}")
    for name, tensor in chosen.items():
        if tensor.shape != own[name].shape:
            shapes = f"{tuple(tensor.shape)}, expected {tuple(own[name].shape)}"
            raise InputError(f"{path}: {name} is {shapes}; exclude it, or choose tracks where it is of the outputs")
    taken = checkpoints.as_numbers(path, own, {name: (name, tensor) for name, tensor in chosen.items()})
    network.load_state_dict(checkpoints.adopted(path, network, taken), strict=False)
    return list(taken)


def _mapped(path, state, renamed):
    """The tensors of a checkpoint by their names here, of several beginnings that fit by the longest."""
    used, found = set(), {}
    for name, tensor in state.items():
        old = max((old for old in renamed if name.startswith(old)), key=len, default="")
        used.add(old)
        new = f"{renamed.get(old, '')}{name[len(old) :]}"
        if new in found:
            raise InputError(f"{path}: map: two tensors become {new}; expected names of their own")
        found[new] = tensor
    if idle := [old for old in renamed if old not in used]:
        raise InputError(f"{path}: map: no tensor begins with '{idle[0]}'; its names are {listing(state)}")
    return found


def _is_wanted(name, wanted):
    return matches(name, wanted.include) and not matches(name, wanted.exclude or [])


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _check_patterns(patterns, names, where):
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
            raise InputError(f"{where}: '{pattern}' matches no tensor; there are {listing(names)}")


def _rows(network, path, tracks):
    """Where the rows of the network's last layers come from: {tensor here: [(row, tensor there, row there)]}.

    And names of all tensors of the last layers there.
    """
    header = checkpoints.read_header(path)
    with torch.device("meta"):
        other = checkpoints.built(path, header)
    names = header.get("targets") or []
    if missing := [track for track in tracks if track not in names]:
        raise InputError(f"{path}: tracks: no output '{missing[0]}'; its outputs are {listing(names)}")
    ours, theirs = network.output_layers(), other.output_layers()
    if len(tracks) != len(ours):
        raise InputError(f"{path}: tracks: {len(tracks)} outputs; expected {len(ours)}, one for each of the network")
    found = {}
    for here, track in zip(ours, tracks, strict=True):
        there = theirs[names.index(track)]
        if len(here) != len(there):
            raise InputError(
                f"{path}: tracks: an output has {len(there)} rows of weights there; expected {len(here)}, as here"
            )
        for (layer, row), (source, source_row) in zip(here, there, strict=True):
            for name in ("weight", "bias"):
                if f"{layer}.{name}" in network.state_dict():
                    found.setdefault(f"{layer}.{name}", []).append((row, f"{source}.{name}", source_row))
    return found, {f"{layer}.{name}" for each in theirs for layer, _ in each for name in ("weight", "bias")}


def freeze(network, patterns):
    """Keep tensors of a network as they are; batch normalisation of which all is kept stays as in eval mode.

    Dropout beside them goes on in training.

    Parameters
    ----------
    patterns : as `Settings.freeze`.

    Returns
    -------
    names of the parameters that no longer ask for gradients.

    Raises
    ------
    InputError : a pattern that matches no tensor, or nothing is left to train.
    """
    _check_patterns(patterns, list(network.state_dict()), "freeze")
    frozen = []
    for name, parameter in network.named_parameters():
        if matches(name, patterns):
            parameter.requires_grad_(False)
            frozen.append(name)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise InputError("freeze: every tensor is frozen; expected some that training can move")
    for name, module in network.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            own = [f"{name}.{tensor}" for tensor, _ in module.named_parameters()]
            if own and all(each in frozen for each in own):
                # Training puts the whole network into training mode, where its statistics would move.
                module.register_forward_pre_hook(_in_eval_mode)
    return frozen


def _in_eval_mode(module, _):
    module.eval()
