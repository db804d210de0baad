"""Atomic writes, digests, text and JSON: everything that touches a disk goes through here."""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path

from cisflow.errors import InputError


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
