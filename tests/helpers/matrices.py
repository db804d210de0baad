"""Matrices with names in every format, and windows to join them to."""

import warnings

import numpy as np
import pandas as pd

from cisflow import tasks
from cisflow.data import ledger
from cisflow.data.targets import matrix
from cisflow.data.windows import Windows


def windows(ids, names=None, loci=None):
    """Windows of these ids, without labels; loci are (chrom, start, end)."""
    n = len(ids)
    loci = loci or [("chr1", 100 * i, 100 * i + 50) for i in range(n)]
    frame = pd.DataFrame({"id": list(ids)}).astype(object)
    for place, column in enumerate(("chrom", "start", "end")):
        frame[column] = pd.array([locus[place] for locus in loci], dtype="Int64" if place else object)
    frame["strand"] = "+"
    told = ledger.rows("w.bed", range(1, n + 1), ids, ids, [""] * n)
    task = tasks.get("regression")
    found = Windows(frame, np.zeros((n, 50), np.uint8), np.empty((n, 0), np.float32), [], {}, task=task, ledger=told)
    return found._replace(names=None if names is None else pd.DataFrame(names, dtype=object))


def collect(path, rows, **settings):
    """Numbers of a matrix for windows; settings that name resources hold files."""
    resources = {name: settings.pop(name) for name in ("tracks", "weights") if name in settings}
    given = matrix.Settings.complete({"matrix": "m", **settings}, "targets")
    for name, value in {"matrix": path, **resources}.items():
        object.__setattr__(given, name, value)
    return matrix.collect(given, rows)


def write_h5ad(path, values, obs, var, layers=None, obs_columns=None, var_columns=None, raw=None):
    """An .h5ad of values (observations, variables), dense or sparse."""
    import anndata

    # anndata of this version writes no strings of pandas 3.
    with pd.option_context("future.infer_string", False), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frames = [
            pd.DataFrame(columns or {}, index=pd.Index(list(names), dtype=object))
            for names, columns in ((obs, obs_columns), (var, var_columns))
        ]
        data = anndata.AnnData(X=values, obs=frames[0], var=frames[1], layers=layers)
        if raw is not None:
            data.raw = anndata.AnnData(X=raw, obs=frames[0], var=frames[1])
        data.write_h5ad(path)
    return path


def write_text(path, values, rows, columns, corner="name", separator="\t"):
    lines = [separator.join([corner, *columns])]
    for name, numbers in zip(rows, values, strict=True):
        lines.append(separator.join([name, *("" if np.isnan(x) else repr(float(x)) for x in numbers)]))
    path.write_text("\n".join(lines) + "\n")
    return path
