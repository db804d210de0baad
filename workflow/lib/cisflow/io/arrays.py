"""Arrays: `.npy` and `.npz`, checked when they are read."""

import contextlib
import errno
import os
import zipfile

import numpy as np

from cisflow.errors import InputError, listing
from cisflow.io import files


def write_array(path, array):
    with files.atomic(path) as temporary, open(temporary, "wb") as handle:
        np.lib.format.write_array(handle, np.ascontiguousarray(array), allow_pickle=False)


def reserve(handle, size):
    """Have `size` bytes of the disk for a file that is to be mapped.

    What finds no room in a map ends the process (SIGBUS), and no error can be told; here it is an OSError.
    """
    if not hasattr(os, "posix_fallocate") or not size:
        return
    try:
        os.posix_fallocate(handle.fileno(), 0, size)
    except OSError as error:
        # Some file systems promise no room.
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise


@contextlib.contextmanager
def mapped(path, dtype, shape):
    """Yield an array of zeros that is mapped from a file, which is `path` when the block succeeds."""
    with files.atomic(path) as temporary:
        found = np.lib.format.open_memmap(temporary, "w+", dtype, shape)
        with open(temporary, "rb+") as handle:
            reserve(handle, temporary.stat().st_size)
        yield found
        found.flush()


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
    with files.atomic(path) as temporary, open(temporary, "wb") as handle:
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
