"""Resources by URL or path: resumed downloads, checksums, archives. Each ends as one complete file.

A download grows in `<output>.part`, which no rule declares and which therefore survives a failed or killed job;
`<output>.part.json` beside it says where it came from. Both go once the output stands.
"""

import contextlib
import functools
import gzip
import http.client
import itertools
import re
import shutil
import stat
import sys
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tqdm import tqdm

from cisflow import __version__
from cisflow.errors import InputError, listing
from cisflow.io import addresses, files, work

# Some hosts (figshare, Zenodo) turn away clients that do not say who they are. "identity" keeps the byte counts those
# of the file itself.
HEADERS = {"User-Agent": f"cisflow/{__version__}", "Accept-Encoding": "identity"}
TIMEOUT = 60  # seconds without a byte
WAITS = (1, 2, 4, 8)  # seconds between attempts
BUSY = (408, 425, 429)  # client-side statuses that pass, as all of 500 and above
BLOCK = 1 << 20
BYTES = {"unit": "B", "unit_scale": True, "mininterval": 1}
DIGITS = {"sha256": 64, "md5": 32}
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")
CORRUPT = (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError, zipfile.BadZipFile)


class Spoiled(InputError):
    """The bytes themselves are wrong, so a downloaded copy must not be used again."""


class Dropped(Exception):
    """An attempt failed for a reason that may pass."""


def fetch(url, name, output, sha256="", md5="", member=""):
    """Bring one resource to `output`: download or read it, check it, unpack it.

    Parameters
    ----------
    url : http(s)://, file:// or a path; of the first, `${NAME}` is a variable of the environment, and what is secret is
        not told.
    name : what messages call it (its key in the config).
    sha256, md5 : expected digests of the file as downloaded, before unpacking; each may be "". When both are, the
        sha256 found is printed as a line for the config, and kept in `<output>.sha256`.
    member : the file to take from a .tar, .tar.gz, .tgz or .zip, by path or, where unique, by base name.

    Raises
    ------
    InputError : the source is absent or cannot be reached, a digest differs, the archive is corrupt, or the member
        is absent, ambiguous or unsafe. `output` is then untouched.
    """
    expected = _checksums(name, sha256=sha256, md5=md5)
    output = Path(output)
    local = local_path(url, name)
    if local is not None:
        digest = check(local, name, url, expected)
        unpack(local, local.name, name, output, member)
        record(output, local.name, digest)
        return
    part = output.with_name(output.name + ".part")
    download(url, name, part)
    try:
        digest = check(part, name, url, expected)
        unpack(part, remote_name(url), name, output, member)
    except Spoiled as error:
        _discard(part)
        raise InputError(f"{error}; the download was deleted") from error
    record(output, remote_name(url), digest)
    _discard(part)


def _checksums(name, **digests):
    """The digests that are given, in lower case; a malformed one is refused before anything is downloaded."""
    given = {algorithm: value.strip().lower() for algorithm, value in digests.items() if value}
    for algorithm, value in given.items():
        if not re.fullmatch(f"[0-9a-f]{{{DIGITS[algorithm]}}}", value):
            raise InputError(
                f"resource '{name}': {algorithm} is '{value}'; expected {DIGITS[algorithm]} hexadecimal digits"
            )
    return given


def local_path(url, name):
    """The path that a file:// URL or a plain path means; None for http(s)://."""
    scheme, separator, _ = url.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        return None
    path = Path(url)
    if separator:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
            raise InputError(f"resource '{name}': '{url}' is not an http(s):// URL, file:///absolute/path or a path")
        path = Path(urllib.request.url2pathname(parts.path))
    if not path.is_file():
        raise InputError(f"resource '{name}': {path}: {'not a file' if path.exists() else 'no such file'}")
    return path


def remote_name(url):
    """The file name at the end of a URL's path."""
    return PurePosixPath(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name


def check(path, name, url, expected):
    """Compare a file's digests with {algorithm: hex digits}; with none, print the line that the config lacks.

    Returns
    -------
    the sha256 found where none is expected, else "".

    Raises
    ------
    InputError : one differs.
    """
    for algorithm, value in expected.items():
        found = files.digest(path, algorithm)
        if found != value:
            told = addresses.shown(url)
            raise Spoiled(f"resource '{name}': {algorithm} of {told} is {found}, expected {value}")
    if expected:
        return ""
    found = files.digest(path)
    print(
        f"WARNING: resource '{name}' has no checksum; to hold later runs to the file found now, "
        f"add this line to its entry in the config:\n    sha256: {found}",
        file=sys.stderr,
    )
    return found


def record(output, source, digest):
    """Keep a sha256 found in `<output>.sha256`, in the format of sha256sum, and warn where an earlier one was another.

    Without one (the config has a checksum), what is kept there is out of date and goes.
    """
    kept = output.with_name(output.name + ".sha256")
    if not digest:
        kept.unlink(missing_ok=True)
        return
    earlier = kept.read_text().split()[0] if kept.exists() else digest
    if earlier != digest:
        print(f"WARNING: {source} has changed: the sha256 of the last one was {earlier}", file=sys.stderr)
    files.write_text(kept, f"{digest}  {source}\n")


# ---- download -------------------------------------------------------------------------------------------------------


def download(url, name, part):
    """Bring `url` to the file `part`, going on from what an earlier attempt left there.

    Raises
    ------
    InputError : the URL is malformed, the server refuses it, or every attempt failed. What arrived is kept.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    for wait in (*WAITS, None):
        try:
            _attempt(url, name, part)
            return
        except Dropped as error:
            problem = error
        if wait is not None:
            print(f"resource '{name}': {problem}; trying again in {wait} s", file=sys.stderr)
            time.sleep(wait)
    raise InputError(
        f"resource '{name}': {addresses.shown(url)} could not be downloaded in {len(WAITS) + 1} attempts: {problem}; "
        f"{_size(part)} bytes are kept and the next run goes on from there"
    )


def _attempt(url, name, part):
    """One request; returns when `part` is whole.

    Only bytes of one version of the resource may meet in one file: a range is asked for on condition of the
    validator (RFC 9110, If-Range), and what comes back must start where the file ends and be of the same version.
    """
    record = _read_record(part, url)
    have = _size(part) if record else 0
    with _request(url, name, _range_headers(have, record)) as response:
        if response.status == 416:
            # The file already holds all of this very version.
            if record["validator"] and response.headers["Content-Range"] == f"bytes */{have}":
                return
            _discard(part)
            raise Dropped("the server cannot go on from the bytes kept: starting over")
        start, total = _extent(response)
        found = {"url": addresses.key(url), "validator": _validator(response.headers), "total": total}
        if start and (start != have or found != record):
            _discard(part)
            raise Dropped("the file on the server has changed: starting over")
        if not start:
            _discard(part)
            files.write_json(_record_path(part), found)
        _receive(response, name, part, start, total)
    if total is not None and _size(part) != total:
        raise Dropped(f"the connection ended after {_size(part)} of {total} bytes")


def _range_headers(have, record):
    if not have:
        return {}
    condition = {"If-Range": record["validator"]} if record["validator"] else {}
    return {"Range": f"bytes={have}-", **condition}


def _request(url, name, headers):
    """The response to a GET; a 416 to a range is a response too."""
    asked, own = addresses.request(url, name)
    told = addresses.shown(url)
    try:
        request = urllib.request.Request(asked, headers={**HEADERS, **headers})
        for header, value in own.items():
            # A server that it sends us on to is not told.
            request.add_unredirected_header(header, value)
        return urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and headers:
            return error
        with error:
            if error.code >= 500 or error.code in BUSY:
                raise Dropped(f"the server answered {error.code} {error.reason}") from None
            raise InputError(
                f"resource '{name}': {told} answered {error.code} {error.reason}; expected a file there"
            ) from None
    except (ValueError, http.client.InvalidURL) as error:
        reason = addresses.hidden(str(error), url, name)
        raise InputError(f"resource '{name}': '{told}' is not a usable URL: {reason}") from None
    except urllib.error.URLError as error:
        raise Dropped(f"no connection: {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise Dropped(f"no connection: {_reason(error)}") from error


def _extent(response):
    """(first byte, total bytes or None) of what a response carries; a part of unknown place begins at -1."""
    if response.status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers["Content-Range"] or "")
        if match is None:
            return -1, None
        return int(match[1]), None if match[2] == "*" else int(match[2])
    length = response.headers["Content-Length"]
    return 0, int(length) if length is not None else None


def _validator(headers):
    """What names this version of the resource: a strong ETag, else its date, else ""."""
    tag = headers["ETag"] or ""
    return tag if tag.startswith('"') else headers["Last-Modified"] or ""


def _receive(response, name, part, start, total):
    """Append the body of a response to `part`."""
    with (
        open(part, "ab" if start else "wb") as handle,
        tqdm(desc=f"downloading {name}", total=total, initial=start, **BYTES) as bar,
    ):
        while True:
            try:
                # read1 hands over what is there, so that a dropped connection costs no byte that had arrived.
                chunk = response.read1(BLOCK)
            except (OSError, http.client.HTTPException) as error:
                raise Dropped(f"the connection broke after {bar.n} bytes: {_reason(error)}") from error
            if not chunk:
                return
            handle.write(chunk)
            bar.update(len(chunk))


def _reason(error):
    return str(error) or type(error).__name__


def _size(path):
    return path.stat().st_size if path.exists() else 0


def _record_path(part):
    return part.with_name(part.name + ".json")


def _read_record(part, url):
    """What is known of the version that `part` holds; {} where it is not known or is of another URL."""
    path = _record_path(part)
    record = work.note(path)
    return record if record.get("url") == addresses.key(url) else {}


def _discard(part):
    part.unlink(missing_ok=True)
    _record_path(part).unlink(missing_ok=True)


# ---- unpacking ------------------------------------------------------------------------------------------------------


class Entry(NamedTuple):
    """A file of an archive; `open` works until the next entry is asked for."""

    name: str
    regular: bool
    open: Callable


def unpack(path, source, name, output, member=""):
    """Write what `path` holds to `output`: one member of an archive, a gunzipped file or the file itself.

    Parameters
    ----------
    path : the file as downloaded.
    source : its own name, whose ending says what it is; a name in .gz is gunzipped unless `output` ends so too.
    name : what messages call the resource.
    member : see `fetch`.

    Raises
    ------
    InputError : the file is corrupt or empty, `member` does not fit the source, or it is no safe regular file.
    """
    archive = source.lower().endswith(ARCHIVES)
    if member and not archive:
        raise InputError(
            f"resource '{name}': member '{member}' is asked for, but {source} is no archive ({', '.join(ARCHIVES)})"
        )
    try:
        index = _find(path, source, name, member) if archive else None
        with files.atomic(output) as temporary:
            if archive:
                # The generator is closed here, not whenever it is collected: it holds the archive open.
                with contextlib.closing(_entries(path, source, name)) as entries:
                    entry = next(itertools.islice(entries, index, None))
                    with entry.open() as handle:
                        _copy(handle, entry.name, output, temporary)
            else:
                with _watched(path, f"writing {name}") as handle:
                    _copy(handle, source, output, temporary)
            if not temporary.stat().st_size:
                raise Spoiled(f"resource '{name}': {source} is empty")
    except CORRUPT as error:
        raise Spoiled(f"resource '{name}': {source} is corrupt or incomplete: {_reason(error)}") from error
    except RuntimeError as error:  # zipfile: encrypted, or packed by a method that this Python lacks
        raise InputError(f"resource '{name}': member '{member}' of {source} cannot be read: {error}") from error


def _find(path, source, name, member):
    """Position in an archive of the file that `member` means: that path, or else the only one of that base name.

    Reads the archive from end to end, which is what proves a gzip whole.
    """
    entries = list(_entries(path, source, name))
    names = [entry.name for entry in entries]
    if not member:
        raise InputError(
            f"resource '{name}': {source} is an archive; name the file to take as `member`, one of: {listing(names)}"
        )
    paths = [PurePosixPath(item) for item in names]
    matches = [index for index, item in enumerate(paths) if item == PurePosixPath(member)][-1:]
    matches = matches or [index for index, item in enumerate(paths) if item.name == member]
    if len(matches) != 1:
        found = listing(names[index] for index in matches)
        problem = f"is one of several: {found}" if matches else f"is not there; it has {listing(names)}"
        raise InputError(f"resource '{name}': member '{member}' of {source} {problem}")
    _check_safe(entries[matches[0]], source, name)
    return matches[0]


def _check_safe(entry, source, name):
    """Refuse what tarfile's "data" filter refuses, although nothing is ever written under an archive's own path."""
    path = PurePosixPath(entry.name.replace("\\", "/"))
    if path.is_absolute() or re.match("[A-Za-z]:", entry.name):
        problem = "has an absolute path"
    elif ".." in path.parts:
        problem = "has '..' in its path"
    elif not entry.regular:
        problem = "is a link or a device"
    else:
        return
    raise InputError(f"resource '{name}': member '{entry.name}' of {source} {problem}; expected a plain file")


def _entries(path, source, name):
    """The entries of an archive but for its directories, in order."""
    return _zip_entries(path, name) if source.lower().endswith(".zip") else _tar_entries(path, source, name)


def _tar_entries(path, source, name):
    with _watched(path, f"reading {name}") as raw:
        handle = raw if source.lower().endswith(".tar") else gzip.GzipFile(fileobj=raw)
        with tarfile.open(fileobj=handle, mode="r|", bufsize=BLOCK) as archive:
            for item in archive:
                if not item.isdir():
                    yield Entry(item.name, item.isreg(), functools.partial(archive.extractfile, item))
        # gzip compares its checksum at the end of the file only.
        while handle.read(BLOCK):
            pass


def _zip_entries(path, name):
    with _watched(path, f"reading {name}") as handle, zipfile.ZipFile(handle) as archive:
        for item in archive.infolist():
            if not item.is_dir():
                regular = not stat.S_ISLNK(item.external_attr >> 16)
                yield Entry(item.filename, regular, functools.partial(archive.open, item))


@contextlib.contextmanager
def _watched(path, text):
    """A file opened to read, with a progress bar of the bytes read."""
    with (
        open(path, "rb") as handle,
        tqdm.wrapattr(handle, "read", desc=text, total=path.stat().st_size, **BYTES) as watched,
    ):
        yield watched


def _copy(handle, inner, output, temporary):
    """Write a stream to `temporary`, gunzipped where the name `inner` ends in .gz and `output` does not."""
    packed = inner.lower().endswith(".gz") and output.suffix.lower() != ".gz"
    with open(temporary, "wb") as target:
        shutil.copyfileobj(gzip.GzipFile(fileobj=handle) if packed else handle, target, BLOCK)
