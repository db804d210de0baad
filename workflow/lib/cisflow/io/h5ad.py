"""AnnData's `.h5ad`: observations x variables, read a block at a time, whole or as groups of observations."""

import contextlib
import sys

import numpy as np
from tqdm import tqdm

from cisflow.errors import InputError, listing

# Numbers that are read at a time: what is held of a file beside the result.
BLOCK = 1 << 22
# More observations than this are cells, and no tracks.
MOST_OBSERVATIONS = 20_000
INDEX = "names"
# How a matrix that is an array of HDF5 calls itself, in files of today and of old.
DENSE = ("array", "dense")
RAW = "raw"


class Stored:
    """A matrix that stays in its file but for what is taken of it; as `matrix.Matrix`.

    Attributes
    ----------
    path : its file. rows : {"names": names of the observations, …}, columns : the same of the variables.
    numbers : None, as it has no lines.
    """

    numbers = None

    def __init__(self, path, layer, rows, columns):
        self.path, self.rows, self.columns = path, rows, columns
        self._layer = layer

    @property
    def shape(self):
        return len(self.rows[INDEX]), len(self.columns[INDEX])

    def take(self, rows, columns):
        """Values float32 (len(rows), len(columns)) of places of observations and of variables, each once."""
        found = np.zeros((len(rows), len(columns)), np.float32)
        places = [np.full(size, -1) for size in self.shape]
        for place, wanted in zip(places, (rows, columns), strict=True):
            place[wanted] = np.arange(len(wanted))
        with _opened(self.path) as handle:
            for row, column, block in _blocks(self.path, handle, self._layer, self.shape, places):
                to_rows, to_columns = places[0][row], places[1][column]
                part = block[to_rows >= 0][:, to_columns >= 0]
                to_rows, to_columns = to_rows[to_rows >= 0], to_columns[to_columns >= 0]
                # A number beyond float32 becomes infinite, which is refused.
                with np.errstate(over="ignore"):
                    if isinstance(part, np.ndarray):
                        found[np.ix_(to_rows, to_columns)] = part
                    else:
                        part.sum_duplicates()
                        part = part.tocoo()
                        found[to_rows[part.row], to_columns[part.col]] = part.data
        return _finite(self.path, found)


class Grouped:
    """Sums or means over groups of observations, in memory; as `Stored`, its rows are the groups."""

    numbers = None

    def __init__(self, path, rows, columns, values):
        self.path, self.rows, self.columns = path, rows, columns
        self._values = values

    @property
    def shape(self):
        return self._values.shape

    def take(self, rows, columns):
        """Values float32 (len(rows), len(columns)) of places of groups and of variables."""
        return self._values[np.ix_(rows, columns)]


def read(path, names=None, layer=None, group_by=None, aggregate="mean"):
    """What an .h5ad holds of `X` or of a layer, observations in rows: a Stored, or a Grouped.

    Parameters
    ----------
    names : column of `var` or `obs` that names variables or observations in place of the index.
    layer : name of a layer in place of `X`; "raw" is `raw.X`.
    group_by : column of `obs`: the mean over its groups, or the sum, stands for the observations. What is missing (NaN)
        counts for neither; observations without a group are left out, and stderr says how many.
    aggregate : "mean" or "sum".

    Raises
    ------
    InputError : the file cannot be read, it lacks the layer or the column, or it holds no number, an infinite one, or
        more observations than could be tracks (MOST_OBSERVATIONS) without a `group_by`.
    """
    with _opened(path) as handle:
        for key in ("obs", "var"):
            if key not in handle:
                raise InputError(f"{path}: no '{key}', which every .h5ad has; found {listing(handle, 12)}")
        raw = layer == RAW and RAW in handle
        where = f"{RAW}/X" if raw else "X" if layer is None else f"layers/{layer}"
        if where not in handle:
            found = [*handle.get("layers", ()), *([RAW] if RAW in handle else [])]
            raise InputError(f"{path}: no {where.replace('/', ' ')}; found layers {listing(found, 12) or '(none)'}")
        frames = _frame(path, handle, "obs"), _frame(path, handle, f"{RAW}/var" if raw else "var")
        shape = tuple(len(frame) for frame in frames)
        if 0 in shape:
            raise InputError(f"{path}: holds {shape[0]} observations and {shape[1]} variables, expected both")
        sides = _sides(path, frames, names)
        if group_by is None:
            return Stored(path, where, *sides)
        groups, members = _groups(path, frames[0], group_by)
        values = _aggregated(path, handle, where, shape, members, len(groups), aggregate)
    return Grouped(path, {INDEX: groups}, sides[1], values)


def refuse_cells(matrix):
    """Refuse single cells as tracks (InputError): of those, groups are meant."""
    if isinstance(matrix, Stored) and matrix.shape[0] > MOST_OBSERVATIONS:
        raise InputError(
            f"{matrix.path}: holds {matrix.shape[0]:,} observations, which would be a track each; expected group_by, a "
            f"column of obs, or {MOST_OBSERVATIONS:,} at most"
        )


@contextlib.contextmanager
def _opened(path):
    """The file, open to read; what h5py says of a broken one is said in a line."""
    # Here, as a matrix of text needs none of it.
    import h5py

    try:
        with h5py.File(path, "r") as handle:
            yield handle
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"{path}: not a readable .h5ad: {str(error).splitlines()[0]}") from error


def _frame(path, handle, key):
    from anndata.io import read_elem

    try:
        return read_elem(handle[key])
    except Exception as error:
        # Of an encoding that it does not know, anndata raises a class of its own, which has no public name.
        raise InputError(f"{path}: {key} is no table that anndata reads: {str(error).splitlines()[0]}") from error


def _sides(path, frames, names):
    """{what they are called by: names} of observations and of variables."""
    sides = [{INDEX: [str(name).strip() for name in frame.index]} for frame in frames]
    if names is None:
        for side, frame in zip(sides, frames, strict=True):
            # Such as gene_ids beside an index of symbols.
            texts = [name for name in frame.columns if _is_text(frame[name])]
            side |= {name: _as_text(frame[name]) for name in texts if name != INDEX}
        return sides
    holders = [place for place, frame in enumerate(frames) if names in frame.columns]
    if not holders:
        obs, var = (listing(frame.columns) or "none" for frame in frames)
        raise InputError(f"{path}: no column '{names}' of obs or var; found {obs} of obs and {var} of var")
    for place in holders:
        sides[place] = {INDEX: _as_text(frames[place][names])}
    return sides


def _is_text(column):
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.categories.to_series()
    return pd.api.types.is_string_dtype(column.dtype)


def _as_text(column):
    return column.astype(object).where(column.notna(), "").astype(str).str.strip().tolist()


def _groups(path, obs, group_by):
    """(names of the groups, group (n,) of each observation, -1 = none)."""
    import pandas as pd

    if group_by not in obs.columns:
        raise InputError(f"{path}: no column '{group_by}' of obs; found {listing(obs.columns, 12) or '(none)'}")
    column = obs[group_by]
    if not isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype("category")
    column = column.cat.remove_unused_categories()
    members = column.cat.codes.to_numpy().astype(np.int64)
    if without := int((members < 0).sum()):
        print(f"{path}: {without:,} of {len(obs):,} observations have no {group_by} and are left out", file=sys.stderr)
    if not len(column.cat.categories):
        raise InputError(f"{path}: column '{group_by}' of obs is empty; expected a group of each observation")
    return [str(name) for name in column.cat.categories], members


def _aggregated(path, handle, layer, shape, members, n_groups, aggregate):
    """Sums or means (groups, variables) float32 over the observations of each group."""
    from scipy import sparse

    sums = np.zeros((n_groups, shape[1]))
    grouped = np.flatnonzero(members >= 0)
    sizes = np.bincount(members[grouped], minlength=n_groups)
    # Only where a number is missing, groups are of other sizes from variable to variable.
    missing = None
    indicator = sparse.csr_matrix((np.ones(len(grouped)), (members[grouped], grouped)), shape=(n_groups, shape[0]))
    places = [np.where(members >= 0, members, -1), np.arange(shape[1])]
    for row, column, block in _blocks(path, handle, layer, shape, places):
        part = indicator[:, row]
        data = block if isinstance(block, np.ndarray) else block.data
        unknown = np.isnan(data)
        if unknown.any():
            gaps = unknown if block is data else type(block)((unknown, block.indices, block.indptr), shape=block.shape)
            missing = np.zeros(sums.shape) if missing is None else missing
            missing[:, column] += _dense(part @ gaps.astype(np.float64))
            data[unknown] = 0
        sums[:, column] += _dense(part @ block.astype(np.float64))
    counts = sizes[:, None] - (0 if missing is None else missing)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        sums[np.broadcast_to(counts == 0, sums.shape)] = np.nan
        return _finite(path, (sums / counts if aggregate == "mean" else sums).astype(np.float32))


def _dense(product):
    return product if isinstance(product, np.ndarray) else product.toarray()


def _blocks(path, handle, layer, shape, places):
    """Yield (slice of observations, slice of variables, numbers: an array or a sparse matrix) of all that is stored.

    Parameters
    ----------
    places : of observations and of variables; blocks in which none is 0 or more are not read.
    """
    stored = handle[layer]
    kind = stored.attrs.get("encoding-type", "array")
    if kind in ("csr_matrix", "csc_matrix"):
        axis, dtype, held = int(kind == "csc_matrix"), stored["data"].dtype, tuple(stored.attrs["shape"])
        starts = stored["indptr"][:]
        bounds = _bounds(starts)
    elif kind in DENSE and hasattr(stored, "dtype"):
        axis, dtype, held = 0, stored.dtype, stored.shape
        step = max(1, BLOCK // shape[1])
        bounds = [*range(0, shape[0], step), shape[0]]
    else:
        raise InputError(f"{path}: {layer} is a '{kind}', expected an array or a sparse matrix of numbers")
    if dtype.kind not in "biuf" or held != shape:
        raise InputError(
            f"{path}: {layer} is {dtype} of shape {held}, expected numbers of shape {shape}, as obs and var say"
        )
    with tqdm(total=shape[axis], desc=layer, unit="row" if axis == 0 else "column", unit_scale=True) as bar:
        for first, last in zip(bounds, bounds[1:], strict=False):
            if (places[axis][first:last] >= 0).any():
                both = [slice(0, length) for length in shape]
                both[axis] = slice(first, last)
                yield *both, stored[first:last] if kind in DENSE else _compressed(stored, starts, axis, both)
            bar.update(last - first)


def _compressed(stored, starts, axis, both):
    """Rows of a csr_matrix (axis 0), or columns of a csc_matrix, of which only these are read."""
    from scipy import sparse

    first, last = both[axis].start, both[axis].stop
    numbers = slice(starts[first], starts[last])
    shape = tuple(part.stop - part.start for part in both)
    parts = stored["data"][numbers], stored["indices"][numbers], starts[first : last + 1] - starts[first]
    return (sparse.csc_matrix if axis else sparse.csr_matrix)(parts, shape=shape)


def _bounds(starts):
    """Where blocks of about BLOCK numbers begin and end among the rows, or columns, of a sparse matrix."""
    bounds = [0]
    while bounds[-1] < len(starts) - 1:
        following = int(np.searchsorted(starts, starts[bounds[-1]] + BLOCK, side="right")) - 1
        bounds.append(min(max(following, bounds[-1] + 1), len(starts) - 1))
    return bounds


def _finite(path, values):
    bad = np.argwhere(np.isinf(values))
    if len(bad):
        raise InputError(f"{path}: holds the number {values[tuple(bad[0])]}, expected finite ones of float32 or NaN")
    return values
