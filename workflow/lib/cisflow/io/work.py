"""Work folders, where a job keeps what it goes on with: held by one process, emptied where they are of no use."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import socket
import sys
from pathlib import Path

# What file systems without locks answer.
LOCKLESS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextlib.contextmanager
def held(folder):
    """Hold a work folder for the block, so that no other process goes on with the same job; yields its path.

    Where another holds it, this one waits until that has ended, and says so. The lock is of the operating system and
    ends with its process, whatever ends that; `<folder>.lock`, the file it is on, may outlive it and does no harm.
    """
    folder = Path(folder)
    path = folder.with_name(f"{folder.name}.lock")
    there = path.parent.exists()
    handle = _locked(path, folder)
    try:
        yield folder
    finally:
        # While it is held: who waits for this file finds that it is no longer there, and makes another.
        path.unlink(missing_ok=True)
        handle.close()
        if not there:
            # A job that came to nothing leaves no folder; one that is not empty stays.
            with contextlib.suppress(OSError):
                path.parent.rmdir()


def _locked(path, folder):
    """The open file `path`, under a lock that nobody else has."""
    told = False
    while True:
        # Whom it waited for may have removed this as well.
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path) and not path.is_file():
            remove(path)
        handle = open(path, "a+", errors="replace")  # noqa: SIM115 (closed by `held`, or below)
        try:
            told = _wait(handle, folder, told)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle.fileno()), path.stat()):
                    handle.truncate(0)
                    handle.write(f"process {os.getpid()} of {socket.gethostname()}\n")
                    handle.flush()
                    return handle
        except BaseException:
            handle.close()
            raise
        handle.close()


def _wait(handle, folder, told):
    """Lock a file; says once whom it waits for, and returns whether that is said."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if not told:
            handle.seek(0)
            owner = handle.readline(200).strip() or "another process"
            print(f"{folder}: {owner} is at work there; waiting until it has ended", file=sys.stderr, flush=True)
        fcntl.flock(handle, fcntl.LOCK_EX)
        return True
    except OSError as error:
        if error.errno not in LOCKLESS:
            raise
        print(f"{folder}: no lock to be had ({error.strerror}); no other job may work there", file=sys.stderr)
    return told


def remove(path):
    """Remove a file, a link or a folder, if it is there."""
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def emptied(folder):
    """Make `folder` an empty folder, whatever it is; returns its path."""
    folder = Path(folder)
    if not folder.is_dir():
        remove(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        remove(path)
    return folder


def fresh(folder, why):
    """`emptied`, said in one line with the reason; in silence where there was nothing."""
    folder = Path(folder)
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        print(f"{folder}: {why}; the job starts afresh", file=sys.stderr, flush=True)
    return emptied(folder)


def note(path):
    """Content of a file that holds one JSON object; empty where there is none, or none that can be read."""
    path = Path(path)
    try:
        found = json.loads(path.read_bytes()) if path.is_file() else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
