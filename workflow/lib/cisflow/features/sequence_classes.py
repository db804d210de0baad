"""Sei's sequence classes (Chen et al. 2022, doi 10.1038/s41588-022-01102-2): targets projected on class vectors.

A class is a direction in the space of targets. The score of a sequence for it is the length of the projection of its
predictions on that direction, p · v / |v|. The score of a variant is that of alternative minus reference, after the
histone targets of both were scaled to one sum, so that a change of all histone marks together does not count.
"""

import numpy as np

from cisflow.errors import InputError
from cisflow.io import files
from cisflow.io.arrays import read_array


def read_names(path):
    """Names of the classes, one a line, in the order of the vectors (InputError: none, or one twice)."""
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            names = [line.strip() for line in handle if line.strip()]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    if not names:
        raise InputError(f"{path}: no class name, expected one a line")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{path}: class '{twice}' occurs more than once")
    return names


def read_vectors(path, n_classes, n_targets):
    """Directions of the classes, (n_classes, n_targets) float32 of norm 1, from an array with as many rows or more.

    Sei's file has rows for more clusters than there are named classes; the named ones come first.

    Raises
    ------
    InputError : fewer rows, another number of columns, values that are not finite, or a row of zeros.
    """
    vectors = read_array(path, shape=(None, n_targets), finite=True)
    if len(vectors) < n_classes:
        raise InputError(f"{path}: {len(vectors)} rows, expected at least {n_classes}, one for each class name")
    vectors = vectors[:n_classes].astype(np.float64)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not norms.all():
        raise InputError(f"{path}: row {int(np.argmin(norms))} is zero, expected a direction")
    return (vectors / norms).astype(np.float32)


def read_histone_columns(path, n_targets):
    """Indices of the histone targets (int64), as the published list gives them.

    Raises
    ------
    InputError : not whole numbers, one outside 0 … n_targets - 1, or one twice.
    """
    columns = read_array(path, shape=(None,))
    if columns.dtype.kind == "f" and np.array_equal(columns, np.round(columns)):
        columns = columns.astype(np.int64)
    if columns.dtype.kind not in "iu":
        raise InputError(f"{path}: dtype is {columns.dtype}, expected whole numbers: indices of histone targets")
    columns = columns.astype(np.int64)
    outside = columns[(columns < 0) | (columns >= n_targets)]
    if len(outside):
        raise InputError(f"{path}: index {outside[0]}, expected 0 to {n_targets - 1}")
    if len(np.unique(columns)) < len(columns):
        raise InputError(f"{path}: an index occurs more than once among {len(columns)}")
    return columns


def project(predictions, vectors):
    """Class scores (n, classes) float32 of predictions (n, targets); `vectors` (classes, targets) have norm 1."""
    return np.asarray(predictions, dtype=np.float32) @ vectors.T


def equalise_histones(ref, alt, histone):
    """Copies of ref and alt (n, targets) float32, whose histone columns have one sum in each row.

    Each is scaled by (mean of both sums) / (own sum); other columns are unchanged. A row where the histone columns of
    ref or of alt sum to zero cannot be scaled so, and is left as it is: its difference is then the plain one.

    Parameters
    ----------
    histone : indices of the histone columns.
    """
    ref, alt = np.array(ref, dtype=np.float32), np.array(alt, dtype=np.float32)
    sums = [values[:, histone].sum(axis=1, dtype=np.float64) for values in (ref, alt)]
    mean = (sums[0] + sums[1]) / 2
    usable = (sums[0] > 0) & (sums[1] > 0)
    for values, own in zip((ref, alt), sums, strict=True):
        factor = np.divide(mean, own, out=np.ones_like(mean), where=usable)
        values[:, histone] *= factor[:, None].astype(np.float32)
    return ref, alt


def variant_scores(ref, alt, vectors, histone):
    """Class scores (n, classes) float32 of variants, from the predictions (n, targets) of both alleles."""
    ref, alt = equalise_histones(ref, alt, histone)
    return project(alt - ref, vectors)


def project_file(features, n, vectors, output, rows=1024):
    """Write the class scores of a feature array, block by block, as float32 (n, classes) at `output`.

    Parameters
    ----------
    features : path of the array, (n, targets) float16.
    vectors : (classes, targets) of norm 1.
    rows : rows in memory at a time.
    """
    shape = (n, vectors.shape[1])
    header = {"descr": "<f4", "fortran_order": False, "shape": (n, len(vectors))}
    with files.atomic(output) as temporary, open(temporary, "wb") as handle:
        np.lib.format.write_array_header_1_0(handle, header)
        for start in range(0, n, rows):
            # Mapped anew each time, so that pages already read do not stay in memory.
            block = read_array(features, np.float16, shape, mmap=True)[start : start + rows]
            if not np.isfinite(block).all():
                raise InputError(f"{features}: values that are not finite in rows {start} to {start + len(block)}")
            handle.write(np.ascontiguousarray(project(block, vectors), dtype="<f4"))
