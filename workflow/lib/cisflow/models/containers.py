"""Checkpoint files as people have them: the tensors they hold, or one line on what lies there instead."""

import pickle
import re
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch

from cisflow.errors import InputError, listing

# Entries under which training programs keep the weights, beside epochs, losses and the optimiser's state.
_ENTRIES = ("state_dict", "model_state_dict", "model")
# What safetensors and torch raise, between them, of a file whose bytes are not as they wrote them.
BROKEN = (
    *(
        OSError,
        RuntimeError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
        EOFError,
        MemoryError,
    ),
    *(AssertionError, struct.error, zipfile.BadZipFile, zlib.error, safetensors.SafetensorError),
)
_AGAIN = "expected a checkpoint; download it again"
# What a file that is no checkpoint begins with, and what to say of it.
_OTHERS = (
    (
        rb"version https://git-lfs",
        "a git-lfs pointer, not the file that it stands for; expected the file (git lfs pull)",
    ),
    (rb"\s*<(!doctype|html|head|body|\?xml|!--|error)", f"a web page in place of the file; {_AGAIN}"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ", "a compressed archive; expected the checkpoint that it holds, unpacked"),
    (rb"\x89HDF", "an HDF5 file, as Keras writes; expected a checkpoint of PyTorch or safetensors"),
)


def read_state(path):
    """{name: tensor} of a checkpoint, safetensors or PyTorch, on the CPU; a file of PyTorch is mapped, not read.

    The tensors may lie in an entry of the file, such as `state_dict`, beside numbers of Python or NumPy.

    Raises
    ------
    InputError : the file is absent or no checkpoint, or holds objects that only their own code can read.
    """
    check_kind(path)
    if str(path).endswith(".safetensors"):
        try:
            return safetensors.torch.load_file(path)
        except BROKEN as error:
            raise InputError(f"{path}: not a readable safetensors file: {_first_line(error)}") from error
    return _state_in(path, _unpickled(path))


def check_kind(path):
    """Refuse what is no checkpoint by its first bytes (InputError): an empty file, a web page, a git-lfs pointer, …"""
    try:
        with open(path, "rb") as handle:
            head = handle.read(512)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    if not head:
        raise InputError(f"{path}: an empty file; {_AGAIN}")
    for beginning, what in _OTHERS:
        if re.match(beginning, head, re.IGNORECASE):
            raise InputError(f"{path}: {what}")
    if head.startswith(b"PK\x03\x04") and not zipfile.is_zipfile(path):
        raise InputError(f"{path}: cut off before its end; {_AGAIN}")


def _unpickled(path):
    """What torch finds in a file, of tensors, containers and numbers alone."""
    zipped = zipfile.is_zipfile(path)
    try:
        if zipped and _is_torchscript(path):
            raise InputError(f"{path}: a TorchScript program; {_save_as_state(path)}")
        # A file that torch wrote before 1.6 is no zip archive, and cannot be mapped.
        with torch.serialization.safe_globals(_numpy_scalars()):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except pickle.UnpicklingError as error:
        # torch's own words advise to read the file without this protection.
        if found := re.search(r"GLOBAL (\S+)", str(error)):
            raise InputError(
                f"{path}: holds a Python object, {found[1]}, that only its own code can read, as a network saved "
                f"whole does; {_save_as_state(path)}"
            ) from error
        raise InputError(f"{path}: not a checkpoint of PyTorch; expected tensors and their names") from error
    # torch.load reports a file that is no checkpoint by any of these, depending on its first bytes.
    except BROKEN as error:
        line = _first_line(error)
        reason = ": expected tensors and their names" if "weights_only" in line else f": {line}"
        raise InputError(f"{path}: not a readable checkpoint{reason}") from error


def _save_as_state(path):
    return f"expected tensors alone: torch.save(network.state_dict(), '{Path(path).name}') where it was made"


def _is_torchscript(path):
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _numpy_scalars():
    """What a NumPy number needs to be unpickled, as selene saves the least loss beside the weights; no code runs."""
    scalar = np._core.multiarray.scalar
    # NumPy 1 wrote another name of the same function.
    names = [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    return [*names, np.dtype, *{type(np.dtype(code)) for code in "?bBhHiIlLqQefdg"}]


def _state_in(path, found):
    if _is_state(found):
        return found
    entries = found if isinstance(found, dict) else {}
    states = [name for name, value in entries.items() if _is_state(value)]
    known = [name for name in _ENTRIES if name in states] or states
    if known and (known[0] in _ENTRIES or len(known) == 1):
        return entries[known[0]]
    if known:
        raise InputError(f"{path}: weights of several networks, {listing(known)}; expected those of one, or state_dict")
    if not entries:
        raise InputError(f"{path}: expected a state_dict (names and tensors), found {type(found).__name__}")
    strange = next((name for name, value in entries.items() if not isinstance(value, torch.Tensor)), None)
    what = "named by no text" if strange is None else f"of which {strange} is {type(entries[strange]).__name__}"
    raise InputError(f"{path}: expected a state_dict (names and tensors), found entries {listing(entries)}, {what}")


def _is_state(value):
    if not isinstance(value, dict) or not value:
        return False
    return all(isinstance(name, str) and isinstance(item, torch.Tensor) for name, item in value.items())


def _first_line(error):
    return (str(error).splitlines() or [type(error).__name__])[0]
