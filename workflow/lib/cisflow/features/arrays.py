"""Feature arrays on disk: shards, the gathered array, and the names and groups of its columns."""

import numpy as np
import pandas as pd

from cisflow.errors import InputError, listing
from cisflow.io import files
from cisflow.io.arrays import read_array, read_arrays
from cisflow.io.tables import read_table
from cisflow.published import groups


def shard_rows(n, shard, shards):
    """Rows of one of `shards` nearly equal parts of n windows; `shard` counts from 1."""
    if not 1 <= shard <= shards:
        raise InputError(f"shard {shard} of {shards}: expected a number from 1 to {shards}")
    return slice(n * (shard - 1) // shards, n * shard // shards)


def gather(shards, ids, output):
    """Write the shards' rows, in order, as one float16 array at `output`, holding one shard in memory at a time.

    The array is (n, t), or (n, 2, t) where the shards keep the forward and the reverse strand apart.

    Returns
    -------
    targets, and the largest error that rounding to float16 made.

    Raises
    ------
    InputError : the shards' ids are not `ids`, or their widths differ.
    """
    shape, row, error = None, 0, 0.0
    # Written as a stream: pages of a memory map would count as memory of this process.
    with files.atomic(output) as temporary, open(temporary, "wb") as handle:
        for path in shards:
            part = read_arrays(path, ["ids", "features", "largest_rounding_error"])
            values, names = part["features"], part["ids"]
            expected = ids[row : row + len(names)]
            if len(names) != len(values) or not np.array_equal(names, expected):
                raise InputError(
                    f"{path}: its windows are not those at rows {row} to {row + len(names)} of the dataset"
                )
            if shape is None:
                shape = values.shape[1:]
                header = {"descr": "<f2", "fortran_order": False, "shape": (len(ids), *shape)}
                np.lib.format.write_array_header_1_0(handle, header)
            if values.shape[1:] != shape:
                raise InputError(f"{path}: a window has {values.shape[1:]} values, expected {shape} as in {shards[0]}")
            handle.write(np.ascontiguousarray(values, dtype="<f2"))
            row += len(values)
            error = max(error, float(part["largest_rounding_error"]))
        if row != len(ids):
            raise InputError(f"{listing(shards)}: {row} windows in all, expected {len(ids)}")
    return shape[-1], error


def sei_group(target, rule="legacy"):
    """Group of one of Sei's targets, `biosample | assay | source`: TF, histone or accessibility.

    `legacy` is the rule behind the published tables, see `published.groups`; `corrected` files every accessibility
    track (DNase.*, FAIRE) under accessibility, and the linker histones H1.* under histone.
    """
    assay = target.split("|")[1].strip()
    if rule == "corrected" and assay.startswith("H1."):
        return "histone"
    if rule == "corrected" and assay.startswith(("DNase", "FAIRE")):
        return "accessibility"
    return groups.legacy(assay)


def target_table(names, groups):
    """targets.tsv of a feature array: name and group of each column."""
    return pd.DataFrame({"name": names, "group": groups})


def read_target_names(path, rule, expected):
    """Names and groups of a published target list, one `biosample | assay | source` a line.

    Raises
    ------
    InputError : another number of lines than the network has outputs, or a line without an assay.
    """
    with open(path) as handle:
        names = [line.strip() for line in handle if line.strip()]
    if len(names) != expected:
        raise InputError(f"{path}: {len(names)} target names, expected {expected}, one for each output of the network")
    for number, name in enumerate(names, start=1):
        if name.count("|") < 1:
            raise InputError(f"{path}: line {number}: '{name}'; expected 'biosample | assay | source'")
    return names, [sei_group(name, rule) for name in names]


def load_columns(folder, groups=None):
    """Features of a dataset as (ids, memory map float16, column indices, their names).

    The map is (n, t), or (n, 2, t) where the forward and the reverse strand are separate.

    Parameters
    ----------
    groups : keep the targets of these groups; None keeps all.

    Raises
    ------
    InputError : files disagree, values are not finite, or a group has no target.
    """
    ids = read_table(f"{folder}/ids.tsv", ["id"])["id"].to_numpy(dtype=str)
    targets = read_table(f"{folder}/targets.tsv", ["name", "group"], text=("name", "group"))
    path = f"{folder}/features.npy"
    strands = (2,) if read_array(path, mmap=True).ndim == 3 else ()
    values = read_array(path, np.float16, (len(ids), *strands, len(targets)), finite=True, mmap=True)
    known = sorted(set(targets["group"]))
    absent = [group for group in groups or () if group not in known]
    if absent:
        raise InputError(f"{folder}/targets.tsv: no target of group '{absent[0]}'; found groups {listing(known)}")
    columns = np.flatnonzero(targets["group"].isin(groups)) if groups else np.arange(len(targets))
    return ids, values, columns, targets["name"].to_numpy(dtype=str)[columns]
