"""Attribution files as the motifs room reads them."""

from typing import NamedTuple

import numpy as np

from cisflow.attribution import scores
from cisflow.errors import InputError
from cisflow.io.arrays import read_arrays


class Attributions(NamedTuple):
    """Rows (sequence, target) of an attribution file.

    ids, targets : (m,) str. codes : (m, length) uint8. hypothetical : (m, 4, length) float32, `m - mean_i m_i`.
    """

    ids: np.ndarray
    targets: np.ndarray
    codes: np.ndarray
    hypothetical: np.ndarray


def read_attributions(path):
    """The Attributions of an `.npz` that `cisflow attribute` wrote.

    Raises
    ------
    InputError : an array is missing, the shapes do not fit, or a multiplier is not finite.
    """
    multipliers, ids, targets, codes = read_arrays(path, ("multipliers", "ids", "target", "sequences")).values()
    expected = (len(ids), 4, codes.shape[-1])
    if multipliers.shape != expected or codes.shape != (len(ids), codes.shape[-1]) or targets.shape != ids.shape:
        raise InputError(
            f"{path}: multipliers {multipliers.shape}, sequences {codes.shape}, ids {ids.shape} and target "
            f"{targets.shape} do not fit; expected (m, 4, length), (m, length), (m,) and (m,)"
        )
    bad = np.flatnonzero(~np.isfinite(multipliers).all(axis=(1, 2)))
    if len(bad):
        raise InputError(
            f"{path}: row {bad[0] + 1}, id '{ids[bad[0]]}': found a multiplier that is not finite "
            f"({len(bad)} of {len(ids)} rows), expected numbers"
        )
    return Attributions(ids, targets, codes, scores.transform(multipliers, codes, "hypothetical"))
