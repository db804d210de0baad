"""The explanations of a dataset, as a table names them, and where the files of each lie."""

from pathlib import Path
from typing import NamedTuple

from cisflow.errors import InputError
from cisflow.io.tables import table

COLUMNS = ("model", "split", "seed", "method")


class Run(NamedTuple):
    """One attribution method on one training. folder : of the dataset."""

    model: str
    split: str
    seed: int
    method: str
    folder: Path

    @property
    def key(self):
        """{column: value} of the run, for tables."""
        return dict(zip(COLUMNS, self, strict=False))

    @property
    def attributions(self):
        return self._file("attributions", f"{self.method}.npz")

    @property
    def modisco(self):
        return self._file("motifs", self.method, "modisco.h5")

    @property
    def patterns(self):
        return self._file("motifs", self.method, "patterns.tsv")

    @property
    def hits(self):
        return self._file("motifs", self.method, "hits.tsv")

    def _file(self, stage, *parts):
        return self.folder.joinpath(stage, self.model, self.split, f"seed{self.seed}", *parts)


def read(path):
    """List of Run of a table in `patterns/` of a dataset, beside which the other files lie by the contract of results.

    Raises
    ------
    InputError : no row, a seed that is no whole number, or a run that is there twice.
    """
    frame = table(path, ("model", "split", "method"), ("seed",))
    if frame.empty:
        raise InputError(f"{path}: no row, expected at least one run")
    bad = frame.index[(frame["seed"] % 1 != 0) | (frame["seed"] < 0)]
    if len(bad):
        raise InputError(f"{path}: row {bad[0] + 1}: seed is {frame['seed'][bad[0]]:g}, expected a whole number")
    twice = frame.index[frame.duplicated(list(COLUMNS))]
    if len(twice):
        raise InputError(f"{path}: row {twice[0] + 1}: the run is there twice")
    folder = Path(path).absolute().parent.parent
    return [Run(row.model, row.split, int(row.seed), row.method, folder) for row in frame.itertuples(index=False)]
