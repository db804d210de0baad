"""A FASTA to read by place: plain, indexed, and if need be in a copy or with an index in the run's own cache.

What others keep in their folders is not touched but for one thing: a missing `.fai` is made beside its FASTA where
that folder can be written to, as samtools does.
"""

import contextlib
import hashlib
import os
import re
import sys
import tempfile
from pathlib import Path

import pyfaidx

from cisflow.errors import InputError
from cisflow.io import files, text, work

CACHE = "CISFLOW_CACHE"
PACKED = tuple(text.UNPACKED_BY)
MARKS = (b"\xef\xbb\xbf", *text.UTF16)


def cache():
    """The folder of the run's own copies and indices: $CISFLOW_CACHE, else results/.cache/genomes, else a temporary one
    where that cannot be written to.
    """
    for folder in (os.environ.get(CACHE), "results/.cache/genomes"):
        if folder:
            with contextlib.suppress(OSError):
                Path(folder).mkdir(parents=True, exist_ok=True)
                if os.access(folder, os.W_OK):
                    return Path(folder)
    return work.private(Path(tempfile.gettempdir()) / f"cisflow-{os.getuid()}")


def check_fasta(path):
    """Refuse a file that does not start with a FASTA record (InputError); it may be packed."""
    with text.open_bytes(path) as handle:
        head = handle.read(200)
    for mark in MARKS:
        head = head.removeprefix(mark)
    head = head.replace(b"\0", b"")
    first = head.lstrip()[:1]
    if first != b">":
        found = "an empty file" if not first else f"'{head.split()[0][:20].decode('ascii', 'replace')}'"
        raise InputError(f"{path}: not a FASTA: expected a line that starts with '>', found {found}")


def is_plain(path):
    """Whether a file can be read by place as it stands: not packed, by its name either, without a byte order mark, and
    with lines that end as those of Unix or Windows do.
    """
    if str(path).lower().endswith((".gz", ".bgz", ".bz2", ".zip", ".xz")):
        return False
    with open(path, "rb") as handle:
        head = handle.read(1 << 16)
    return not head.startswith((*PACKED, *MARKS)) and not re.search(rb"\r(?!\n|\Z)", head)


def plain(path):
    """The path of a FASTA that can be read by place: `path`, or a copy of it in the cache.

    Raises
    ------
    InputError : not a FASTA, or a packed one that is incomplete.
    """
    check_fasta(path)
    return Path(path) if is_plain(path) else copy(path)


def open_fasta(path):
    """`pyfaidx.Fasta` of a FASTA, packed or not, whatever its lines are like.

    Raises
    ------
    InputError : not a FASTA, a name that occurs twice, or a record without a name.
    """
    check_fasta(path)
    if is_plain(path):
        with contextlib.suppress(pyfaidx.FastaIndexingError, ValueError):
            return _open(path, index_of(path))
    # Blank lines and lines of uneven lengths, which no index can speak of, are gone in a copy.
    tidy = copy(path)
    return _open(tidy, index_of(tidy))


def _open(path, index):
    fasta = pyfaidx.Fasta(str(path), indexname=str(index), as_raw=True, rebuild=False)
    with open(path, "rb") as handle:
        for name, record in fasta.faidx.index.items():
            if record.rlen and not _ends(handle, record):
                raise pyfaidx.FastaIndexingError(f"record '{name}' does not end where its index says")
    return fasta


def _ends(handle, record):
    """Whether the bases of a record end, and a line with them, where its index says; of a last line that is longer than
    the others pyfaidx makes an index that is wrong.
    """
    if not record.lenc:
        return False
    end = record.offset + record.rlen + (record.rlen - 1) // record.lenc * (record.lenb - record.lenc)
    handle.seek(end - 1)
    last, after = (handle.read(1) for _ in range(2))
    return last not in b"\r\n" and after in b"\r\n"


def index_of(path):
    """The path of an up-to-date index of a plain FASTA: the one beside it, or one in the cache.

    Raises
    ------
    pyfaidx.FastaIndexingError, ValueError, UnicodeDecodeError : the FASTA cannot be indexed as it stands.
    """
    beside = Path(f"{path}.fai")
    if beside.exists() and beside.stat().st_mtime >= Path(path).stat().st_mtime:
        if not beside.stat().st_size:
            raise pyfaidx.FastaIndexingError("its index says that it is to be copied")
        return beside
    if beside.exists():
        # The offsets of another file would be read as sequence without a word.
        print(f"{beside}: older than its FASTA; an index of the run's own is used", file=sys.stderr)
    elif os.access(Path(path).absolute().parent, os.W_OK):
        with contextlib.suppress(OSError):
            write_index(path, beside)
            return beside
    own = _cached(path, ".fai")
    if not own.exists():
        write_index(path, own)
    return own


def write_index(path, output):
    """Write the index of a plain FASTA, as `samtools faidx` does, once it proves right; one process at a time.

    Raises
    ------
    pyfaidx.FastaIndexingError, ValueError : the FASTA cannot be indexed as it stands.
    """
    with work.held(output), files.atomic(output) as temporary:
        pyfaidx.Faidx(str(path), indexname=str(temporary)).close()
        _open(path, temporary).close()


def make_index(path, output):
    """Write the index of a FASTA to `output`; an empty one where it is read through a copy, which is made then.

    Raises
    ------
    InputError : as `open_fasta`.
    """
    check_fasta(path)
    if is_plain(path):
        with contextlib.suppress(pyfaidx.FastaIndexingError, ValueError):
            write_index(path, output)
            return
    tidy = copy(path)
    _open(tidy, index_of(tidy))
    files.write_text(output, "")


def copy(path):
    """A copy of a FASTA in the cache, unpacked, one line a record, with its index beside it; made once.

    Raises
    ------
    InputError : the file is incomplete, has sequence before its first record, or a name that is empty or occurs twice.
    """
    output = _cached(path, ".fa")
    if _is_whole(output):
        return output
    with work.held(output):
        # Whoever was at work there has made it.
        if _is_whole(output):
            return output
        print(f"{path}: copied to {output}, unpacked and with even lines", file=sys.stderr)
        index = []
        with files.atomic(output) as temporary, open(temporary, "wb") as target, text.open_text(path) as lines:
            _tidy(path, lines, target, index)
        rows = (f"{name}\t{n}\t{offset}\t{n}\t{n + 1}\n" for name, n, offset in index)
        files.write_text(f"{output}.fai", "".join(rows))
    return output


def _is_whole(output):
    return output.exists() and Path(f"{output}.fai").exists()


def _tidy(path, lines, target, index):
    """Write records as a line of name and a line of sequence each, and add (name, bases, offset) to the index."""
    seen, name, offset, bases = set(), "", 0, None
    for number, line in enumerate(lines, 1):
        text.check(path, number, line)
        if line.startswith(">"):
            if bases is not None:
                target.write(b"\n")
                index.append((name, bases, offset))
            name = (line[1:].split() or [""])[0]
            if not name or name in seen:
                found = f"record name '{name}' occurs more than once" if name else "a record without a name"
                raise InputError(f"{path}: not a readable FASTA: line {number}: {found}, expected names that differ")
            seen.add(name)
            target.write(line.rstrip().encode() + b"\n")
            bases, offset = 0, target.tell()
        elif line.strip():
            if bases is None:
                raise InputError(f"{path}: line {number}: found '{line.strip()[:20]}', expected a line '>name' first")
            # A character that is no base is refused where it is read, as in a FASTA that needs no copy; one byte each
            # keeps the places of all others.
            bases += target.write(line.strip().encode("ascii", "replace"))
    target.write(b"\n")
    index.append((name, bases, offset))


def _cached(path, ending):
    """The path in the cache of what is made of a file as it is now."""
    path = Path(path)
    state = path.stat()
    key = f"{path.resolve()}\n{state.st_size}\n{state.st_mtime_ns}"
    return cache() / f"{path.name.split('.')[0]}-{hashlib.sha256(key.encode()).hexdigest()[:16]}{ending}"
