"""BAM: alignments in the order of the file, in chunks of arrays. Positions are 0-based half-open."""

import contextlib
import errno
import itertools
import os
from typing import NamedTuple

import numpy as np
import pysam
from tqdm import tqdm

from cisflow.errors import InputError

CHUNK = 1 << 18
# Bits of a flag, by the SAM specification.
PAIRED, PROPER, UNMAPPED, REVERSE = 0x1, 0x2, 0x4, 0x10
FIRST, SECOND, SECONDARY, FAILED, DUPLICATE, SUPPLEMENTARY = 0x40, 0x80, 0x100, 0x200, 0x400, 0x800


class Alignments(NamedTuple):
    """Alignments of a file, n of them.

    Attributes
    ----------
    contig : int32 (n,), number of the contig in the header; -1 where there is none.
    start, end : int64 (n,), first base on the contig and the one behind the last, of what M, D, N, = and X of CIGAR
        take up there: clipped bases are outside, deletions and introns inside. One base where there is no CIGAR.
    flag : uint16 (n,). quality : uint8 (n,), MAPQ.
    names : list (n,) of str, which the mates of a pair share.
    """

    contig: np.ndarray
    start: np.ndarray
    end: np.ndarray
    flag: np.ndarray
    quality: np.ndarray
    names: list


def lengths(path):
    """{contig: bases} of the header, in its order.

    Raises
    ------
    InputError : the file is absent, no BAM or cut off, or its header names no contig.
    """
    with _opened(path) as (file, _):
        return dict(zip(file.references, file.lengths, strict=True))


def read(path, size=CHUNK):
    """Yield Alignments of at most `size` records, the unmapped ones included, until the file ends.

    It is read once and whole, in its own order: neither an index nor an order is needed.

    Raises
    ------
    InputError : as `lengths`, or a record is broken.
    """
    total, name = os.path.getsize(path), os.path.basename(path)
    with _opened(path) as (file, handle), tqdm(total=total, desc=name, unit="B", unit_scale=True) as bar:
        records = (
            (
                record.reference_id,
                record.reference_start,
                record.reference_end or record.reference_start + 1,
                record.flag,
                record.mapping_quality,
                record.query_name,
            )
            for record in file.fetch(until_eof=True)
        )
        while chunk := list(itertools.islice(records, size)):
            *columns, names = zip(*chunk, strict=True)
            types = (np.int32, np.int64, np.int64, np.uint16, np.uint8)
            yield Alignments(*map(np.array, columns, types), list(names))
            bar.update(os.lseek(handle.fileno(), 0, os.SEEK_CUR) - bar.n)


@contextlib.contextmanager
def _opened(path):
    """The pysam.AlignmentFile of a BAM and a handle on its bytes; what htslib would print is told by an InputError."""
    verbosity = pysam.set_verbosity(0)
    try:
        with contextlib.ExitStack() as stack:
            try:
                handle = stack.enter_context(open(path, "rb"))
            except OSError as error:
                raise InputError(f"{path}: {error.strerror}") from error
            file = stack.enter_context(_alignments(path, handle))
            if not file.is_bam:
                raise InputError(f"{path}: a {file.format} file; expected a BAM (samtools view -b)")
            if not file.nreferences:
                raise InputError(f"{path}: its header names no contig (@SQ); expected alignments to a genome")
            yield file, handle
    except OSError as error:
        raise InputError(f"{path}: a BAM that is cut off or corrupt ({error}); expected a whole one") from error
    finally:
        pysam.set_verbosity(verbosity)


@contextlib.contextmanager
def _alignments(path, handle):
    try:
        # Of a number, not of a path: an index beside it, which may be of another file, is not looked for.
        file = pysam.AlignmentFile(handle.fileno(), "rb", check_sq=False)
    except (ValueError, OSError) as error:
        # htslib has a number for the formats that it knows to be no alignments.
        if isinstance(error, OSError) and error.errno != errno.ENOEXEC:
            raise
        raise InputError(f"{path}: not a BAM file; expected alignments packed by samtools view -b") from error
    try:
        yield file
    finally:
        # Of a corrupt file, closing fails as well, with less to say.
        with contextlib.suppress(OSError):
            file.close()
