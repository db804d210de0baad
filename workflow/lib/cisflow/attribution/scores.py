"""From raw multipliers to the scores of the field, by one function (numpy only)."""

import numpy as np

from cisflow import dna
from cisflow.errors import InputError, listing

KINDS = ("local", "global", "hypothetical", "corrected", "tism")


def transform(multipliers, codes, kind, baseline=0.25):
    """Scores of one kind from raw multipliers.

    With multiplier m, one-hot sequence x and baseline b, for channel j of a position:

    - `local`: m_j, the multiplier itself
    - `global`: m_j (x_j - b_j), the contribution (gradient x input where b = 0)
    - `hypothetical`: m_j - sum_i b_i m_i, what base j would contribute against the baseline
    - `corrected`: m_j - mean_i m_i (Majdandzic et al. 2023), equal to `hypothetical` with b = 0.25
    - `tism`: m_j - sum_i x_i m_i, the first-order effect of putting base j there, alternative minus reference
      (Sasse et al. 2023); leaves exact ISM as it is, since its multiplier is 0 at the reference

    Parameters
    ----------
    multipliers : float array (..., 4, length).
    codes : uint8 base codes, (..., length), broadcast against the multipliers.
    kind : one of KINDS.
    baseline : number, or array (4,), (4, length) or the multipliers' shape.

    Returns
    -------
    array of the multipliers' shape and dtype.

    Raises
    ------
    InputError : unknown kind, or shapes that do not fit.
    """
    if kind not in KINDS:
        raise InputError(f"unknown kind of score '{kind}'; expected one of {listing(KINDS, 9)}")
    multipliers = np.asarray(multipliers)
    if multipliers.shape[-2] != 4 or multipliers.shape[-1] != codes.shape[-1]:
        raise InputError(
            f"multipliers {multipliers.shape} do not fit sequences {codes.shape}; expected (..., 4, length)"
        )
    dtype = multipliers.dtype
    if kind == "local":
        return multipliers
    if kind == "corrected":
        return multipliers - multipliers.mean(axis=-2, keepdims=True)
    present = dna.one_hot(codes).astype(dtype)
    if kind == "tism":
        return multipliers - (present * multipliers).sum(axis=-2, keepdims=True)
    baseline = np.asarray(baseline, dtype=dtype)
    if baseline.ndim == 1:
        baseline = baseline[:, None]
    if kind == "global":
        return multipliers * (present - baseline)
    weights = np.broadcast_to(baseline, multipliers.shape)
    return multipliers - (weights * multipliers).sum(axis=-2, keepdims=True)


def observed(scores, codes):
    """Score at the base present: (..., 4, length) and codes (..., length) -> (..., length); mean over bases at N."""
    return (scores * dna.one_hot(codes).astype(scores.dtype)).sum(axis=-2)
