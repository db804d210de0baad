"""Numbers from a matrix with names: regions or genes x samples, from tables, `.npz` or single-cell `.h5ad`."""

import sys

import numpy as np
import pandas as pd

from cisflow.config.settings import setting
from cisflow.data import joining, ledger, scores, sheet
from cisflow.data.dataset import TRACKS
from cisflow.data.scores import Score
from cisflow.data.targets.common import Common, Numbers
from cisflow.errors import InputError, listing
from cisflow.io import h5ad, matrix


class Settings(Common):
    """A matrix of numbers with names on both sides, joined to the windows by name."""

    matrix: str = setting(
        resource=True, meaning="Resource with the matrix: TSV or CSV, also packed, `.npz`, or `.h5ad` of AnnData."
    )
    orientation: str = setting(
        "auto",
        choices=("auto", "rows", "columns"),
        meaning="Whether regions or genes are its rows (observations) or its columns (variables); auto takes the side "
        "by which more windows are found.",
    )
    names: str = setting(
        None,
        meaning="Column of names of the regions or genes, of the table or of `var` or `obs`; without it, the one by "
        "which most windows are found.",
    )
    columns: list[str] = setting(None, unique=True, meaning="Tracks that are read, in this order; all without it.")
    prefix: str = setting("", meaning="Stands before the names of tracks, for modalities whose tracks have the same.")
    tracks: str = setting(
        None,
        resource=True,
        meaning="Resource with a table of the tracks: the column track and any of class, group, replicate and strand.",
    )
    weights: str = setting(
        None, resource=True, meaning="Resource with a matrix of the same names: how much each number counts, 0 or more."
    )
    layer: str = setting(None, meaning="Layer of an .h5ad in place of `X`; `raw` is its `raw.X`.")
    group_by: str = setting(None, meaning="Column of `obs` of an .h5ad whose groups are the tracks.")
    aggregate: str = setting("mean", choices=("mean", "sum"), meaning="What stands for the observations of a group.")
    score: Score = setting(None, meaning="Make the numbers of several columns of counts, as reporter assays do.")


def collect(source, windows):
    """Numbers of the windows in a matrix, joined by name; `joining.best` says by which.

    Parameters
    ----------
    source : Settings. windows : windows.Windows of n windows.

    Returns
    -------
    Numbers; values (n, t), or (n, t, bins) of an .npz with bins.

    Raises
    ------
    InputError : a file that `matrix.read` refuses; names of which none is a window, or of which two rows are one
        window; a track that is absent or occurs twice; a table of tracks with another one; weights that are missing or
        negative; a score whose settings do not go together.
    """
    asked = source.columns
    if source.score is not None:
        scores.check(source.score, source.matrix)
        asked = source.score.columns or asked
    reading = {key: getattr(source, key) for key in ("names", "layer", "group_by", "aggregate")}
    side = _Side(source.matrix, windows, asked, source.orientation, reading)
    values, weights = side.values(), None
    names, replicates = side.tracks, [""] * len(side.tracks)
    if source.score is not None:
        if values.ndim > 2 or source.weights is not None:
            found = "bins" if values.ndim > 2 else "weights of their own"
            raise InputError(f"{source.matrix}: score is of columns of counts; found {found}")
        values, weights = scores.compute(source.score, source.matrix, names, values)
        replicates = [str(number) for number in range(1, values.shape[1] + 1)] if values.shape[1] > 1 else [""]
        names = [f"{source.name}_{number}" if number else source.name for number in replicates]
    elif source.weights is not None:
        weights = _weights(source, windows, side, values)
    tracks = pd.DataFrame("", index=range(len(names)), columns=list(TRACKS), dtype=object)
    tracks = tracks.assign(target=names, modality=source.name, replicate=replicates)
    if source.score is not None:
        tracks["group"] = source.name
    if source.tracks is not None:
        tracks = sheet.described(source.tracks, tracks)
    tracks["target"] = [source.prefix + name for name in names]
    return Numbers(values, tracks, side.ledger(), weights, side.join.places >= 0)


class _Side:
    """A matrix seen from the side of its regions.

    Attributes
    ----------
    join : which region each window is. tracks : names of those that are asked for, or all.
    """

    def __init__(self, path, windows, asked, orientation="auto", reading=None):
        self.path, self.windows = path, windows
        self.matrix = matrix.read(path, columns=asked, **(reading or {}))
        sides = {"rows": self.matrix.rows, "columns": self.matrix.columns}
        tried = list(sides) if orientation == "auto" else [orientation]
        joins = {name: joining.best(windows, sides[name]) for name in tried}
        chosen = max(joins, key=lambda name: joins[name].found)
        self.join, self.by_rows = joins[chosen], chosen == "rows"
        if not self.join.found:
            joining.refuse_strangers(path, windows, *((name, sides[name]) for name in tried))
        self.regions = sides[chosen][self.join.names]
        joining.report(path, self.join, chosen, len(self.regions))
        first = next(iter(sides[chosen]))
        if self.join.names != first and matrix.are_numbers(sides[chosen][first]) and asked is None:
            print(
                f"{path}: column '{first}', the first, is of numbers but no track; expected the setting names "
                f"'{self.join.names}' where it is one",
                file=sys.stderr,
            )
        if not self.by_rows:
            h5ad.refuse_cells(self.matrix)
        other = self._others(sides["columns" if self.by_rows else "rows"], asked)
        self.tracks = list(other) if asked is None else list(asked)
        self._places = [other[name] for name in self.tracks]

    def _others(self, side, asked):
        """{name: place} of the tracks; those asked for are there, once (InputError)."""
        names = next(iter(side.values()))
        twice = [name for name in matrix.repeated(names) if asked is None or name in asked]
        if twice:
            found = f"{len(twice)} tracks occur more than once, as '{twice[0]}'"
            raise InputError(f"{self.path}: {found}; expected distinct names")
        if asked is None and "" in names:
            raise InputError(f"{self.path}: track {names.index('') + 1} has no name, expected one for each")
        places = {name: place for place, name in enumerate(names)}
        missing = [name for name in asked or () if name not in places]
        if missing:
            raise InputError(f"{self.path}: no track {listing(missing)}; found tracks {listing(names, 12)}")
        return places

    def values(self):
        """Numbers float32 (n, t), or (n, t, bins), of the windows; NaN where the matrix has none."""
        rows, place = np.unique(self.join.places[self.join.places >= 0], return_inverse=True)
        if self.by_rows:
            found = self.matrix.take(rows, self._places)
        else:
            found = self.matrix.take(self._places, rows).swapaxes(0, 1)
        values = np.full((len(self.join.places), *found.shape[1:]), np.nan, dtype=np.float32)
        values[self.join.places >= 0] = found[place]
        return values

    def ledger(self):
        """A line for each region of the matrix: the window that it is, or that it is none."""
        numbers = self.matrix.numbers if self.by_rows else None
        reasons, ids = joining.reasons(self.path, self.windows, self.join, self.regions, numbers)
        return ledger.rows(self.path, numbers, self.regions, ids, reasons, step="target")


def _weights(source, windows, side, values):
    """Weights float32 (n, t) of a second matrix; 0 where a number is missing."""
    if values.ndim > 2:
        raise InputError(f"{source.weights}: weights of numbers in bins; expected numbers without bins")
    weights = _Side(source.weights, windows, side.tracks).values()
    bad = np.argwhere(np.isfinite(values) & ~(weights >= 0))
    if len(bad):
        row, track = bad[0]
        found = "no weight" if np.isnan(weights[row, track]) else f"{weights[row, track]:g}"
        raise InputError(
            f"{source.weights}: found {found} of '{windows.frame['id'].iloc[row]}' and track '{side.tracks[track]}', "
            f"expected 0 or more wherever there is a number"
        )
    return np.nan_to_num(weights)
