"""Places that one process at a time works at; work folders, where a job keeps what it goes on with."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import socket
import stat
import sys
from pathlib import Path

from cisflow.errors import MachineError

# What file systems without locks answer.
LOCKLESS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
# Numbers of the files that this process has under lock.
_LOCKS = set()


@contextlib.contextmanager
def held(place, lock=None):
    """Hold a work folder, or an output, for the block, so that no other process works at it too; yields its path.

    Where another holds it, this one waits until that has ended, and says so. The lock is of the operating system and
    ends with its process, whatever ends that: `lock`, the file it is on (`<place>.lock`), may outlive it and does no
    harm. Processes that are forked from this one do not have it.
    """
    place = Path(place)
    path = place.with_name(f"{place.name}.lock") if lock is None else Path(lock)
    missing = [folder for folder in path.parents if not folder.exists()]
    number = _locked(path, place)
    _LOCKS.add(number)
    try:
        yield place
    finally:
        # While it is held: who waits for this file finds that it is no longer there, and makes another.
        path.unlink(missing_ok=True)
        _LOCKS.discard(number)
        os.close(number)
        # A job that came to nothing leaves no folder; one that is not empty stays.
        with contextlib.suppress(OSError):
            for folder in missing:
                folder.rmdir()


def _without_locks():
    """Let a process that was just forked hold nothing: it may outlive this one."""
    while _LOCKS:
        os.close(_LOCKS.pop())


os.register_at_fork(after_in_child=_without_locks)


def _locked(path, place):
    """Number of the open file `path`, under a lock that nobody else has."""
    told = False
    while True:
        # Whom it waited for may have removed this as well.
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path) and not path.is_file():
            remove(path)
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            told = _wait(number, place, told)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(number), path.stat()):
                    # On a full disk the lock is held all the same.
                    with contextlib.suppress(OSError):
                        os.truncate(number, 0)
                        os.write(number, f"process {os.getpid()} of {socket.gethostname()}\n".encode())
                    return number
        except BaseException:
            os.close(number)
            raise
        os.close(number)


def _wait(number, place, told):
    """Lock a file; says once whom it waits for, and returns whether that is said."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if not told:
            owner = os.pread(number, 200, 0).decode(errors="replace").partition("\n")[0].strip() or "another process"
            print(f"{place}: {owner} is at work there; waiting until it has ended", file=sys.stderr, flush=True)
        fcntl.flock(number, fcntl.LOCK_EX)
        return True
    except OSError as error:
        if error.errno not in LOCKLESS:
            raise
        print(f"{place}: no lock to be had ({error.strerror}); no other job may work there", file=sys.stderr)
    return told


def remove(path):
    """Remove a file, a link or a folder, if it is there."""
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def private(folder):
    """Make a folder in a place where everybody may write, such as /tmp; returns its path.

    Raises
    ------
    MachineError : what has its name belongs to another user, or others may write to it.
    """
    folder = Path(folder)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & 0o022:
        raise MachineError(f"{folder}: expected a folder that this user alone may write to; remove it, or set TMPDIR")
    return folder


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
