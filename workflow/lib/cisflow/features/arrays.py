"""Feature arrays on disk: shards, the gathered array, and the names and groups of its columns."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from cisflow.errors import InputError, listing
from cisflow.io import files
from cisflow.io.arrays import read_array, read_arrays, write_array
from cisflow.io.tables import read_table, write_table
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
            fits = values.dtype.kind == "f" and values.ndim in (2, 3)
            if not fits or names.dtype.kind != "U" or names.ndim != 1:
                raise InputError(
                    f"{path}: features are {values.dtype} of shape {values.shape}, ids {names.dtype} of shape "
                    f"{names.shape}; expected floating-point numbers (n, t) or (n, 2, t), and text (n,)"
                )
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
            largest = part["largest_rounding_error"]
            if largest.ndim or largest.dtype.kind != "f":
                raise InputError(
                    f"{path}: largest_rounding_error is {largest.dtype} of shape {largest.shape}, expected a number"
                )
            error = max(error, float(largest))
        if row != len(ids):
            raise InputError(f"{listing(shards)}: {row} windows in all, expected {len(ids)}")
    return shape[-1], error


def group_of(target, rule="legacy"):
    """Group of a target named `biosample | assay | source` or `biosample_assay_treatment`: TF, histone, accessibility.

    `legacy` is the rule behind Sei's published tables, see `published.groups`; `corrected` files every accessibility
    track (DNase.*, FAIRE) under accessibility, and the linker histones H1.* under histone.
    """
    # Biosamples and treatments hold underscores too, so the assay is any part between the first and the last.
    assays = [target.split("|")[1].strip()] if "|" in target else target.split("_")[1:-1]
    found = {_group_of_assay(assay, rule) for assay in assays}
    return next((group for group in ("histone", "accessibility") if group in found), "TF")


def _group_of_assay(assay, rule):
    if rule == "corrected" and assay.startswith("H1."):
        return "histone"
    if rule == "corrected" and assay.startswith(("DNase", "FAIRE")):
        return "accessibility"
    return groups.legacy(assay)


def target_table(names, groups):
    """targets.tsv of a feature array: name and group of each column."""
    return pd.DataFrame({"name": names, "group": groups})


def write(folder, ids, names, group, values):
    """Write features.npy, ids.tsv and targets.tsv of features that are made at once, all of one group.

    Parameters
    ----------
    ids : (n,) str. names : f names. values : (n, f), which are kept as float16.

    Returns
    -------
    what the manifest records of them.
    """
    folder = Path(folder)
    write_table(folder / "targets.tsv", target_table(names, [group] * len(names)))
    write_table(folder / "ids.tsv", pd.DataFrame({"id": ids}))
    write_array(folder / "features.npy", values.astype(np.float16))
    # float16 keeps eleven binary digits of a number, whatever its size.
    return {"windows": len(ids), "targets": len(names), "largest_relative_error": 2.0**-11}


def read_target_names(path, rule, expected):
    """Names and groups of a published target list, one a line.

    A name is Sei's `biosample | assay | source` or Kipoi's `biosample_assay_treatment`. Where one occurs again, as some
    of Beluga's do, the later ones are numbered, `A549_USF-1_EtOH_0.02pct (2)`, and the log says so.

    Raises
    ------
    InputError : another number of lines than the network has outputs, or a line without an assay.
    """
    names = [line.strip() for line in files.read_text(path).split("\n") if line.strip()]
    if len(names) != expected:
        raise InputError(f"{path}: {len(names)} target names, expected {expected}, one for each output of the network")
    for number, name in enumerate(names, start=1):
        if "|" not in name and name.count("_") < 2:
            raise InputError(
                f"{path}: line {number}: '{name}'; expected 'biosample | assay | source' or 'biosample_assay_treatment'"
            )
    groups = [group_of(name, rule) for name in names]
    seen = Counter()
    for place, name in enumerate(names):
        seen[name] += 1
        if seen[name] > 1:
            names[place] = f"{name} ({seen[name]})"
    if len(seen) < len(names):
        again = [name for name, count in seen.items() if count > 1]
        print(f"{path}: {len(again)} names occur again and are numbered: {listing(again)}", file=sys.stderr)
    return names, groups


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
