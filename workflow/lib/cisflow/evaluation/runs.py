"""The trained models of a dataset, as its table of runs names them, and where their files lie."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from cisflow.errors import InputError
from cisflow.io.tables import table

COLUMNS = ("split", "model", "seed", "kind", "k")
KINDS = ("network", "classifier")


class Run(NamedTuple):
    """One training.

    folder : of its files. kind : "network" or "classifier". k : length of the k-mers that a baseline sees, 1 for GC
    content alone; None of any other model.
    """

    split: str
    model: str
    seed: int
    folder: Path
    kind: str = "network"
    k: int | None = None

    @property
    def predictions(self):
        return self.folder / "predictions.tsv"

    @property
    def profiles(self):
        """Of a network of profiles: float16 (n, t, bins), shares of each bin."""
        return self.folder / "profiles.npy"

    @property
    def history(self):
        return self.folder / "history.tsv"


def read(path):
    """List of Run of a table of runs; the files of each lie in models/<model>/<split>/seed<seed> beside the table.

    Raises
    ------
    InputError : no row; a seed or k that is no whole number; an unknown kind; a run that is there twice.
    """
    path = Path(path)
    frame = table(path, ("split", "model", "kind"), ("seed", "k"))
    if frame.empty:
        raise InputError(f"{path}: no row, expected at least one run")
    runs, seen = [], set()
    for number, row in enumerate(frame.itertuples(index=False), 2):
        whole = all(np.isnan(value) or (value >= least and value % 1 == 0) for value, least in _numbers(row))
        if np.isnan(row.seed) or not whole:
            raise InputError(f"{path}: row {number}: seed {row.seed:g}, k {row.k:g}; expected whole numbers")
        if row.kind not in KINDS:
            raise InputError(f"{path}: row {number}: kind is '{row.kind}', expected one of {', '.join(KINDS)}")
        folder = path.parent / "models" / row.model / row.split / f"seed{int(row.seed)}"
        k = None if np.isnan(row.k) else int(row.k)
        run = Run(row.split, row.model, int(row.seed), folder, row.kind, k)
        if run[:3] in seen:
            raise InputError(
                f"{path}: row {number}: split '{run.split}', model '{run.model}', seed {run.seed} is twice"
            )
        seen.add(run[:3])
        runs.append(run)
    return runs


def _numbers(row):
    """The numbers of a row, each with the least that it may be."""
    return (row.seed, 0), (row.k, 1)


def baselines(runs):
    """{model: k} of the runs that see no more than the k-mers of a sequence, of which k = 1 is its GC content."""
    return {run.model: run.k for run in runs if run.k is not None}
