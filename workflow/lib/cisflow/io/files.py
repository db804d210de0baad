"""Atomic writes, tables, arrays and manifests: everything that touches a disk goes through here."""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import resource
import shutil
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from cisflow.errors import InputError, listing


@contextlib.contextmanager
def atomic(path):
    """Yield `<path>.tmp` to write to; flush it to disk and rename it to `path` when the block succeeds.

    A file that exists is therefore complete, even after SIGKILL. Works for a directory as well, when the block
    creates one. On an exception the temporary is removed and `path` is untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    _remove(temporary)
    try:
        yield temporary
        if temporary.is_dir():
            _remove(path)
        else:
            with open(temporary, "rb+") as handle:
                os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException:
        _remove(temporary)
        raise


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def digest(path, algorithm="sha256", block=1 << 20):
    """Hex digest of a file's bytes."""
    state = hashlib.new(algorithm)
    with open(path, "rb") as handle:
        while chunk := handle.read(block):
            state.update(chunk)
    return state.hexdigest()


def write_text(path, text):
    with atomic(path) as temporary:
        temporary.write_text(text)


def read_text(path):
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as text: {error}") from error


def write_json(path, content):
    write_text(path, json.dumps(content, indent=2, sort_keys=True) + "\n")


def read_json(path):
    try:
        return json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as JSON: {error}") from error


def write_table(path, frame):
    """Write a data frame as TSV: header, tab, `.` decimals at 8 significant digits, empty = missing."""
    with atomic(path) as temporary:
        frame.to_csv(temporary, sep="\t", index=False, float_format="%.8g", lineterminator="\n")


def read_table(path, columns=(), text=("id",)):
    """Read a TSV.

    Parameters
    ----------
    columns : names that must be present.
    text : columns read as strings whatever they hold (an id of `007` stays so); missing values become "".

    Raises
    ------
    InputError : the file is absent, is not a table, or lacks a column.
    """
    try:
        frame = pd.read_csv(path, sep="\t", keep_default_na=False, na_values=[""], dtype={name: str for name in text})
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a tab-separated table: {error}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise InputError(f"{path}: not a tab-separated table: its rows have more fields than its header")
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InputError(f"{path}: no column {listing(missing)}; found columns {listing(frame.columns, 12)}")
    for name in text:
        if name in frame.columns:
            frame[name] = frame[name].fillna("")
    return frame


def write_array(path, array):
    with atomic(path) as temporary, open(temporary, "wb") as handle:
        np.lib.format.write_array(handle, np.ascontiguousarray(array), allow_pickle=False)


def read_array(path, dtype=None, shape=None, finite=False, mmap=False):
    """Read an `.npy` file and check it.

    Parameters
    ----------
    dtype : expected dtype, or None for any.
    shape : expected shape with None for a free axis, e.g. (1500, None); or None for any.
    finite : refuse NaN and infinities.
    mmap : map the file instead of reading it.
    """
    try:
        array = np.load(path, mmap_mode="r" if mmap else None, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (ValueError, EOFError) as error:
        raise InputError(f"{path}: not a complete .npy array: {error}") from error
    if dtype is not None and array.dtype != np.dtype(dtype):
        raise InputError(f"{path}: dtype is {array.dtype}, expected {np.dtype(dtype)}")
    if shape is not None:
        fits = array.ndim == len(shape) and all(
            want is None or have == want for have, want in zip(array.shape, shape, strict=True)
        )
        if not fits:
            expected = "(" + ", ".join("any" if want is None else str(want) for want in shape) + ")"
            raise InputError(f"{path}: shape is {array.shape}, expected {expected}")
    if finite:
        _check_finite(path, array)
    return array


def _check_finite(path, array):
    """InputError for values that are not finite; a large array is read a block of rows at a time."""
    step = max(1, (1 << 24) // max(array[:1].size, 1))
    count, first = 0, None
    for start in range(0, len(array), step):
        bad = np.argwhere(~np.isfinite(array[start : start + step]))
        if len(bad) and first is None:
            first = (start + int(bad[0, 0]), *map(int, bad[0, 1:]))
        count += len(bad)
    if count:
        raise InputError(f"{path}: {count} values are not finite, the first at index {first}")


def write_arrays(path, **arrays):
    """Write an uncompressed `.npz` (same arrays, same bytes)."""
    with atomic(path) as temporary, open(temporary, "wb") as handle:
        np.savez(handle, **arrays)


def read_arrays(path, names=None):
    """Read the named arrays of an `.npz`, or all, as a dict."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = archive.files if names is None else names
            missing = [name for name in names if name not in archive.files]
            if missing:
                raise InputError(f"{path}: no array {listing(missing)}; found {listing(archive.files, 12)}")
            return {name: archive[name] for name in names}
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a complete .npz archive: {error}") from error


@contextlib.contextmanager
def manifest(path, settings, inputs, seed=None):
    """Write `path` (JSON) when the block succeeds: how an output was made.

    Yields a dict to which the block may add entries (`device`, counts). The file holds these beside the settings,
    the sha256 of each input, the package versions, the seed, the wall time in seconds and the peak memory in MB
    of this process.
    """
    started = time.monotonic()
    record = {}
    yield record
    # ru_maxrss is in kB on Linux and in bytes on macOS.
    scale = 1024 if sys.platform != "darwin" else 1024**2
    write_json(
        path,
        {
            "settings": settings,
            "inputs": {str(item): digest(item) for item in inputs},
            "versions": _versions(),
            "seed": seed,
            "seconds": round(time.monotonic() - started, 3),
            "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale, 1),
            **record,
        },
    )


def _versions():
    """Versions of the third-party packages that this process has imported, by distribution name."""
    owners = importlib.metadata.packages_distributions()
    names = sorted({dist for module in list(sys.modules) for dist in owners.get(module, ())})
    return {name: importlib.metadata.version(name) for name in names}
