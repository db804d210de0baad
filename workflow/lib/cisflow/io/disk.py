"""What the system refuses, in one line: a full disk with what is free there, a folder that is read-only, and so on."""

import contextlib
import errno
import math
import os
import re
from pathlib import Path

from cisflow.errors import InputError

# How HDF5 and libraries in Rust tell the number of the system's error, in texts of exceptions of their own.
_NUMBER_IN_WORDS = re.compile(r"(?:errno = |\[Errno |os error |Os \{ code: )(\d+)")
# A disk with less free is full: so much is less than any output, and a cut block may have been given back.
_NOTHING = 1 << 16
_UNITS = ("kB", "MB", "GB", "TB")


@contextlib.contextmanager
def writing(path):
    """Let an error of the system that the block ends in name its file: `path`, where it names none.

    Raises
    ------
    OSError : with a file name; that of a full disk, also in place of a library's own exception, says what is free.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        refused = _refusal(error, Path(path))
        if refused is error:
            raise
        raise refused from error


def _refusal(error, path):
    """An exception of a block that writes `path` as the OSError that it stands for; itself where it is none."""
    number = getattr(error, "errno", None)
    if number is None and (found := _NUMBER_IN_WORDS.search(str(error))):
        number = int(found[1])
    # NumPy ("8 requested and 4 written") and torch keep the number to themselves.
    if number is None and isinstance(error, OSError | RuntimeError) and _free(path) < _NOTHING:
        number = errno.ENOSPC
    if number is None:
        return error
    place = _named(error) or path
    if place == path.with_name(path.name + ".tmp"):
        place = path
    told = isinstance(error, OSError) and error.errno is not None
    if told and (number != errno.ENOSPC or _says_what_is_free(error)):
        error.filename = str(place)
        return error
    reason = os.strerror(number)
    if number == errno.ENOSPC:
        reason += _what_is_free(place)
    return OSError(number, reason, str(place))


def _named(error):
    """The Path that an exception names, or None; a file may be given by its number."""
    named = getattr(error, "filename", None)
    if getattr(error, "errno", None) == errno.ENOSPC and error.filename2 is not None:
        # Of a copy, it is the disk of the second that is full.
        named = error.filename2
    return Path(os.fsdecode(named)) if isinstance(named, str | bytes | os.PathLike) else None


def _what_is_free(place):
    return f"; {_in_bytes(_free(place))} free there"


def _says_what_is_free(error):
    return str(error.strerror).endswith("free there")


def in_words(error, places=()):
    """One line on an OSError: its file, the reason of the system and, of a full disk, what is free.

    Parameters
    ----------
    places : paths that may have been written to. Of a full disk with an error that names no file, the one with least
        free is named.
    """
    reason = (str(error.strerror or error).splitlines() or [type(error).__name__])[0]
    place = _named(error)
    if error.errno == errno.ENOSPC and not _says_what_is_free(error):
        place = min(places, key=_free, default=None) if place is None else place
        reason += "" if place is None else _what_is_free(place)
    return reason if place is None else f"{place}: {reason}"


def _free(path):
    """Bytes that are free on the disk of a path, of which the last parts need not exist."""
    for folder in (Path(path), *Path(path).absolute().parents):
        with contextlib.suppress(OSError, ValueError):
            state = os.statvfs(folder)
            # Files that hold nothing fill a disk as well.
            return 0 if state.f_files and not state.f_favail else state.f_bavail * state.f_frsize
    return 0


def _in_bytes(count):
    """A count of bytes as people say it: 512 bytes, 3.4 MB."""
    if count < 1000:
        return f"{count} bytes"
    power = min(int(math.log10(count)) // 3, len(_UNITS))
    return f"{count / 1000**power:.1f} {_UNITS[power - 1]}"
