"""Atomic writes, digests, text and JSON: everything that touches a disk goes through here."""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path

from cisflow.errors import InputError
from cisflow.io.disk import writing


@contextlib.contextmanager
def atomic(path):
    """Yield `<path>.tmp` to write to; flush it to disk and rename it to `path` when the block succeeds.

    A file that exists is therefore complete, even after SIGKILL. Works for a directory as well, when the block
    creates one. On an exception the temporary is removed and `path` is untouched.

    Raises
    ------
    OSError : as `disk.writing`.
    """
    path = Path(path)
    temporary = path.with_name(path.name + ".tmp")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(temporary)
    try:
        # What is free is told before the temporary, which may fill the disk, is removed.
        with writing(path):
            yield temporary
            if temporary.is_dir():
                _remove(path)
            else:
                with open(temporary, "rb+") as handle:
                    os.fsync(handle.fileno())
            os.replace(temporary, path)
    except BaseException:
        # In a folder that can no longer be written to, the first error is the one to tell.
        with contextlib.suppress(OSError):
            _remove(temporary)
        raise


def _remove(path):
    if path.is_dir() and not path.is_symlink():
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
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON: {error}") from error


def read_record(path, **kinds):
    """Read a JSON object.

    Parameters
    ----------
    kinds : entries that it must have, and the type of each: str, dict, list, bool, int or float (of any number).

    Raises
    ------
    InputError : the file is absent, no JSON or no object, or an entry is missing or of another type.
    """
    record = read_json(path)
    check_record(path, record, kinds)
    return record


def check_record(path, record, kinds, what="an object"):
    """Refuse what JSON gave for `what` if it is no dict with entries of `kinds`, as `read_record` (InputError)."""
    if not isinstance(record, dict):
        raise InputError(f"{path}: found {_kind_of(record)}, expected {what} with the entries {', '.join(kinds)}")
    for name, kind in kinds.items():
        if name not in record:
            raise InputError(f"{path}: no entry '{name}'; found {', '.join(list(record)[:12]) or 'none'}")
        value = record[name]
        fits = isinstance(value, int | float if kind is float else kind) and (kind is bool or type(value) is not bool)
        if not fits:
            raise InputError(f"{path}: {name} is {_kind_of(value)}, expected {_KINDS[kind]}")


_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


def _kind_of(value):
    return _KINDS.get(type(value), "null")
