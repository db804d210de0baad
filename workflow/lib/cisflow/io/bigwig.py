"""bigWig: a number for each base of windows, read and written by figwig."""

import numpy as np
from figwig import BigWigReader, BigWigWriter

from cisflow.errors import InputError
from cisflow.io import files


class BigWig:
    """A bigWig file.

    Parameters
    ----------
    path : of the file. It must be of the order of bytes that this machine has, as all that UCSC's tools write here is.

    Attributes
    ----------
    lengths : {contig: bases}; contigs without data may be absent.

    Raises
    ------
    InputError : the file is absent, no bigWig, or cut off in its header.
    """

    def __init__(self, path):
        self.path = path
        try:
            self._reader = BigWigReader(path)
        except (ValueError, EOFError) as error:
            raise InputError(f"{path}: {_words(error, path)}; expected a bigWig file") from error
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error
        self.lengths = dict(self._reader.chrom_sizes)

    def values(self, contigs, starts, width, missing):
        """Values float32 (n, width) of windows of one width, exactly those of the file, which holds float32.

        A base that no interval covers, or one whose value is NaN, is `missing`; a base before the start of its contig
        or past its end is NaN.

        Parameters
        ----------
        contigs : (n,) names that `lengths` holds. starts : (n,) int64, 0-based; may be negative.
        missing : float.

        Raises
        ------
        InputError : a block of data is broken, or its intervals overlap each other.
        """
        starts = np.asarray(starts, dtype=np.int64)
        try:
            found = self._reader.read(
                list(contigs), np.maximum(starts, 0), int(width), missing=float(missing), n_jobs=-1
            )
        except (ValueError, EOFError) as error:
            raise InputError(f"{self.path}: {_words(error, self.path)}") from error
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror or error}") from error
        for row in np.flatnonzero(starts < 0):
            before = min(-starts[row], width)
            found[row] = np.r_[np.full(before, np.nan, dtype=np.float32), found[row, : width - before]]
        return found


def write_bases(path, sizes, values):
    """Write a bigWig of single bases; one that is not given has no value.

    Parameters
    ----------
    sizes : {chromosome: bases}, at least one. values : {chromosome: (positions (k,) int64, ascending, values (k,)
        float32)}.
    """
    # zlib: what figwig takes by itself depends on what else is installed, and so would the bytes.
    with files.atomic(path) as temporary, BigWigWriter(temporary, sizes, engine="zlib") as file:
        for chrom in sizes:
            if chrom in values:
                positions, found = values[chrom]
                file.write(chrom, positions, found[:, None], missing=np.nan)


def _words(error, path):
    """The words of an error of figwig, in one line and without the path."""
    return " ".join(str(error).replace(str(path), "the file").split()).rstrip(".")
