"""Arrays: `.npy` and `.npz`, checked when they are read."""

import contextlib
import errno
import os

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
    finite : refuse NaN and infinities, and what are no numbers.
    mmap : map the file instead of reading it.

    Raises
    ------
    InputError : no such file, one that is cut or no `.npy`, or an array that is not as expected.
    """
    array = _loaded(path, "r" if mmap else None)
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
        if array.dtype.kind not in "biufc":
            raise InputError(f"{path}: dtype is {array.dtype}, expected numbers")
        _check_finite(path, array)
    return array


def _loaded(path, mmap_mode):
    """The array of an `.npy`, mapped or read."""
    with _readable(path, "array", ".npy"):
        # A map is made of a whole file alone: what a cut header promises is not asked of the memory first.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            names = listing(array.files, 12) or "nothing"
            array.close()
            raise InputError(f"{path}: an .npz archive of {names}, expected one array in an .npy")
        return array if mmap_mode else np.load(path, allow_pickle=False)


@contextlib.contextmanager
def _readable(path, what, ending):
    """Say in a line what NumPy says of a file that is no whole array or archive (InputError)."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except Exception as error:
        # A header of any bytes is parsed as Python, and a member of an archive by several libraries: of what they
        # raise there is no list.
        if isinstance(error, OSError) and error.strerror:
            raise InputError(f"{path}: {error.strerror}, expected {ending}") from error
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if "allow_pickle" in reason or "Python objects" in reason:
            reason = f"found Python objects or another format, expected numbers or text in an {ending}"
        if not isinstance(error, MemoryError):
            reason = f"not a complete {ending} {what}: {reason}"
        raise InputError(f"{path}: {reason}") from error


def _check_finite(path, array):
    """InputError for values that are not finite; a large array is read a block of rows at a time."""
    array = np.atleast_1d(array)
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
    """Read the named arrays of an `.npz`, or all, as a dict.

    Raises
    ------
    InputError : no such file, one that is cut or no `.npz`, or a name that is not there.
    """
    with _readable(path, "archive", ".npz"):
        archive = np.load(path, allow_pickle=False, mmap_mode="r")
        if isinstance(archive, np.ndarray):
            raise InputError(f"{path}: one array of {archive.dtype} of shape {archive.shape}, expected an .npz archive")
        with archive:
            names = archive.files if names is None else names
            missing = [name for name in names if name not in archive.files]
            if missing:
                raise InputError(f"{path}: no array {listing(missing)}; found {listing(archive.files, 12) or 'none'}")
            found = {name: archive[name] for name in names}
    for name, array in found.items():
        # NumPy gives the bytes of a member that is no array.
        if not isinstance(array, np.ndarray):
            raise InputError(f"{path}: {name} is no array, expected one")
    return found
