"""Attribution files (`.npz`): raw multipliers of one method, row by row; this is their only reader and writer."""

from typing import NamedTuple

import numpy as np

from cisflow.attribution import scores
from cisflow.errors import InputError
from cisflow.io.arrays import read_arrays, write_arrays
from cisflow.sequence import dna


class Attributions(NamedTuple):
    """Rows (sequence, target) that one method explains.

    multipliers : (m, 4, length) float32, raw. ids, targets, folds : (m,) str. codes : (m, length) uint8.
    prediction : (m,) float32, what the network predicts of the row's target (a probability, of classes).
    baseline : (4,) float32, with which multipliers become contributions. method : name of the method.
    difference : (m,) float32, target of the sequence minus target of the baseline; None for methods without one.
    error : (m,) float32, sum of the contributions minus `difference`; None likewise.
    """

    multipliers: np.ndarray
    ids: np.ndarray
    targets: np.ndarray
    folds: np.ndarray
    prediction: np.ndarray
    codes: np.ndarray
    baseline: np.ndarray
    method: str
    difference: np.ndarray | None = None
    error: np.ndarray | None = None

    def hypothetical(self):
        """(m, 4, length) float32, `m - mean_i m_i`: what each base would contribute against a uniform baseline."""
        return scores.transform(self.multipliers, self.codes, "hypothetical")

    def keys(self):
        """[(id, target)] of the rows."""
        return list(zip(self.ids.tolist(), self.targets.tolist(), strict=True))

    def take(self, rows):
        """The Attributions of some rows: indices (k,) int or a slice."""
        return self._replace(**{name: values[rows] for name, values in self.by_row().items()})

    def by_row(self):
        """{field: values} of what has a value each row."""
        return {
            name: values
            for name, values in self._asdict().items()
            if name not in ("baseline", "method") and values is not None
        }


# Array of the file -> (kinds of its dtype, as NumPy calls them; number of its dimensions; both in words).
_TEXT = ("U", 1, "a list of text")
_NUMBERS = ("f", 1, "a list of floating-point numbers")
_KINDS = {
    "multipliers": ("f", 3, "floating-point numbers (m, 4, length)"),
    "output_difference": _NUMBERS,
    "completeness_error": _NUMBERS,
    "ids": _TEXT,
    "target": _TEXT,
    "fold": _TEXT,
    "probability": _NUMBERS,
    "sequences": ("u", 2, "base codes uint8 (m, length)"),
    "baseline": _NUMBERS,
    "method": ("U", 0, "a name"),
}
# Array of the file -> field, in the file's order. Those of _OPTIONAL are there for methods with a baseline.
_ARRAYS = {
    "multipliers": "multipliers",
    "output_difference": "difference",
    "completeness_error": "error",
    "ids": "ids",
    "target": "targets",
    "fold": "folds",
    "probability": "prediction",
    "sequences": "codes",
    "baseline": "baseline",
    "method": "method",
}
_OPTIONAL = ("output_difference", "completeness_error")


def write(path, found):
    """Write Attributions (same rows, same bytes)."""
    arrays = {name: getattr(found, field) for name, field in _ARRAYS.items()}
    write_arrays(path, **{name: np.asarray(values) for name, values in arrays.items() if values is not None})


def read(path):
    """The Attributions of a file.

    Raises
    ------
    InputError : an array is missing or of another type, the shapes do not fit, or a multiplier is not finite.
    """
    arrays = read_arrays(path)
    if missing := [name for name in _ARRAYS if name not in arrays and name not in _OPTIONAL]:
        # In the words of every file that lacks an array.
        read_arrays(path, missing)
    _check_kinds(path, arrays)
    found = Attributions(**{field: arrays.get(name) for name, field in _ARRAYS.items()})
    found = found._replace(method=str(found.method))
    multipliers, codes, ids, targets = found.multipliers, found.codes, found.ids, found.targets
    fit = multipliers.shape == (len(ids), 4, codes.shape[-1]) and codes.shape == (len(ids), codes.shape[-1])
    if not fit or targets.shape != ids.shape:
        raise InputError(
            f"{path}: multipliers {multipliers.shape}, sequences {codes.shape}, ids {ids.shape} and target "
            f"{targets.shape} do not fit; expected (m, 4, length), (m, length), (m,) and (m,)"
        )
    if found.baseline.shape != (4,):
        raise InputError(f"{path}: baseline has {len(found.baseline)} numbers, expected one of each base")
    if codes.max(initial=0) > dna.ABSENT:
        raise InputError(f"{path}: sequences hold the code {codes.max()}, expected codes of bases, 0 to {dna.ABSENT}")
    for name, field in _ARRAYS.items():
        if field in found.by_row() and len(getattr(found, field)) != len(ids):
            raise InputError(f"{path}: {name} has {len(getattr(found, field))} rows; expected {len(ids)}, as ids")
    bad = np.flatnonzero(~np.isfinite(multipliers).all(axis=(1, 2)))
    if len(bad):
        raise InputError(
            f"{path}: row {bad[0] + 1}, id '{ids[bad[0]]}': found a multiplier that is not finite "
            f"({len(bad)} of {len(ids)} rows), expected numbers"
        )
    return found


def _check_kinds(path, arrays):
    """Refuse an array whose type or number of dimensions is not as `_KINDS` says (InputError)."""
    for name, array in arrays.items():
        kinds, dimensions, expected = _KINDS.get(name, (array.dtype.kind, array.ndim, ""))
        if array.dtype.kind not in kinds or array.ndim != dimensions:
            raise InputError(f"{path}: {name} is {array.dtype} of shape {array.shape}, expected {expected}")


def read_keys(path):
    """(ids, targets) of a file's rows, each (m,) str, without reading what they are explained by."""
    arrays = read_arrays(path, ["ids", "target"])
    _check_kinds(path, arrays)
    if len(arrays["ids"]) != len(arrays["target"]):
        raise InputError(f"{path}: {len(arrays['ids'])} ids and {len(arrays['target'])} targets, expected as many")
    return arrays["ids"], arrays["target"]


def read_common(paths):
    """The Attributions of several methods on the (id, target) rows that all of them hold, in the first one's order.

    Parameters
    ----------
    paths : {name: path}; the names are those of the config, of which several may be of one method.

    Returns
    -------
    {name: Attributions}.

    Raises
    ------
    InputError : a file holds a row twice or a value that is not finite, or two files give one id other sequences.
    """
    found = {name: read(path) for name, path in paths.items()}
    rows = {}
    for name, part in found.items():
        rows[name] = {key: row for row, key in enumerate(part.keys())}
        if len(rows[name]) < len(part.ids):
            twice = next(key for row, key in enumerate(part.keys()) if rows[name][key] != row)
            raise InputError(f"{paths[name]}: id '{twice[0]}', target '{twice[1]}' occurs more than once")
    common = [key for key in next(iter(rows.values()), ()) if all(key in of_part for of_part in rows.values())]
    picked = {name: part.take([rows[name][key] for key in common]) for name, part in found.items()}
    if common:
        first = next(iter(picked))
        for name, part in picked.items():
            _check_same(paths[name], part, paths[first], picked[first])
    return picked


def concatenated(paths):
    """The Attributions of files that hold one method's rows in parts, in order.

    Raises
    ------
    InputError : as `read`; or parts of two methods, or against two baselines.
    """
    parts = [read(path) for path in paths]
    first = parts[0]
    for path, part in zip(paths, parts, strict=True):
        if part.method != first.method or not np.array_equal(part.baseline, first.baseline):
            raise InputError(
                f"{path}: found method {part.method}; expected {first.method} and the baseline of {paths[0]}"
            )
    return first._replace(**{name: np.concatenate([part.by_row()[name] for part in parts]) for name in first.by_row()})


def _check_same(path, part, first_path, first):
    if part.codes.shape != first.codes.shape:
        raise InputError(
            f"{path}: sequences are {part.codes.shape[1]} bases long, those of {first_path} {first.codes.shape[1]}"
        )
    bad = np.flatnonzero((part.codes != first.codes).any(axis=1))
    if len(bad):
        raise InputError(f"{path}: id '{part.ids[bad[0]]}' has another sequence than in {first_path}")
