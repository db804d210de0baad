"""modisco-lite's `.h5`: opened, and its arrays checked when they are read."""

import contextlib
import re
from typing import NamedTuple

import h5py
import numpy as np

from cisflow.errors import InputError

# What h5py raises of a file that is cut, garbled or of another layout.
BROKEN = (OSError, KeyError, ValueError, TypeError, RuntimeError, MemoryError)
GROUPS = {"pos": "pos_patterns", "neg": "neg_patterns"}
_WORDS = {"iu": "whole numbers", "biu": "whole numbers or booleans", "iuf": "numbers"}


class Seqlets(NamedTuple):
    """Seqlets of a pattern: rows (n,) int64 of the attribution file; start, end (n,) int64, 0-based, half-open, in the
    window; reverse (n,) bool, whether the pattern reads their reverse complement.
    """

    rows: np.ndarray
    start: np.ndarray
    end: np.ndarray
    reverse: np.ndarray


@contextlib.contextmanager
def opened(path):
    """A modisco-lite result, open to read (InputError: absent, or no HDF5)."""
    try:
        store = h5py.File(path, "r")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except BROKEN as error:
        raise broken(path, error) from error
    with store:
        yield store


def broken(path, error):
    """The InputError for what h5py says of a file."""
    reason = str(error.args[0] if error.args else error).splitlines() or [type(error).__name__]
    return InputError(f"{path}: not a complete TF-MoDISco result: {reason[0]}")


def group_of(name):
    """Where the pattern `pos_3` is: `pos_patterns/pattern_3` (KeyError: no name of a pattern)."""
    sign, _, number = name.partition("_")
    return f"{GROUPS[sign]}/pattern_{number}"


def names(path, store):
    """Names of the patterns, such as `pos_0`, in the file's order (InputError: a group that is none of patterns)."""
    found = []
    for sign, key in GROUPS.items():
        try:
            group = store.get(key, {})
            members = list(group) if isinstance(group, dict | h5py.Group) else None
        except BROKEN as error:
            raise broken(path, error) from error
        numbers = [re.fullmatch(r"pattern_(\d+)", name) for name in members or ()]
        if members is None or None in numbers:
            what = f"'{key}'" if members is None else f"'{members[numbers.index(None)]}' in '{key}'"
            raise InputError(f"{path}: not a complete TF-MoDISco result: found {what}, expected groups pattern_0, …")
        found += [f"{sign}_{number[1]}" for number in numbers]
    return found


def array(path, store, name, kinds, shape):
    """An array of an open file, checked.

    Parameters
    ----------
    kinds : what its numbers may be, as NumPy calls kinds: a key of _WORDS. shape : with None for a free axis.

    Raises
    ------
    InputError : it is absent, cannot be read, or is of another type or shape.
    """
    try:
        stored = store[name]
        found = stored[()] if isinstance(stored, h5py.Dataset) else None
    except BROKEN as error:
        raise broken(path, error) from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in kinds or not _fits(found.shape, shape):
        what = "a group" if found is None else f"{getattr(found, 'dtype', 'text')} of shape {np.shape(found)}"
        wanted = "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
        raise InputError(f"{path}: {name} is {what}, expected {_WORDS[kinds]} of shape {wanted}")
    return found


def _fits(shape, wanted):
    return len(shape) == len(wanted) and all(
        want is None or have == want for have, want in zip(shape, wanted, strict=True)
    )


def window_size(path, store):
    """Bases of the windows that were searched (InputError: the file does not say)."""
    try:
        found = store.attrs.get("window_size")
    except BROKEN as error:
        raise broken(path, error) from error
    if not isinstance(found, int | np.integer) or found < 1:
        raise InputError(f"{path}: window_size is {found}, expected a whole number of bases")
    return int(found)


def rows_of(path, store, pattern, n):
    """Rows (s,) int64 of the attribution file, which has n, of the seqlets of a pattern (InputError: one beyond it)."""
    name = f"{group_of(pattern)}/seqlets/example_idx"
    found = array(path, store, name, "iu", (None,)).astype(np.int64)
    outside = found[(found < 0) | (found >= n)]
    if len(outside):
        raise InputError(f"{path}: a seqlet is of row {outside.max() + 1}; expected one of {n} rows")
    return found


def seqlets(path, store, pattern, n):
    """The Seqlets of a pattern of attributions of n rows (InputError: as `array` and `rows_of`)."""
    rows = rows_of(path, store, pattern, n)
    kinds = {"start": "iu", "end": "iu", "is_revcomp": "biu"}
    start, end, reverse = (
        array(path, store, f"{group_of(pattern)}/seqlets/{name}", kind, rows.shape) for name, kind in kinds.items()
    )
    return Seqlets(rows, start.astype(np.int64), end.astype(np.int64), reverse.astype(bool))
