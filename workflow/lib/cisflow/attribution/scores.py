"""From raw multipliers to the scores of the field, by one function (numpy only)."""

import numpy as np

from cisflow.errors import InputError, listing
from cisflow.sequence import dna

KINDS = ("local", "global", "hypothetical", "corrected", "tism", "mean_effect")


def transform(multipliers, codes, kind, baseline=0.25, at_observed=False):
    """Scores of one kind from raw multipliers.

    With multiplier m, one-hot sequence x and baseline b, for channel j of a position:

    - `local`: m_j, the multiplier itself
    - `global`: m_j (x_j - b_j), the contribution (gradient x input where b = 0)
    - `hypothetical`: m_j - sum_i b_i m_i, what base j would contribute against the baseline
    - `corrected`: m_j - mean_i m_i (Majdandzic et al. 2023), equal to `hypothetical` with b = 0.25
    - `tism`: m_j - sum_i x_i m_i, the first-order effect of putting base j there, alternative minus reference
      (Sasse et al. 2023); leaves exact ISM as it is, since its multiplier is 0 at the reference
    - `mean_effect`: with e = `tism`, e_j - sum_i e_i / 3; at the base present, minus the mean effect of replacing it

    Parameters
    ----------
    multipliers : float array (n, 4, length), or (n, t, 4, length) for t targets; more leading axes are allowed.
    codes : uint8 base codes (n, length), shared by all targets; or of the multipliers' leading axes.
    kind : one of KINDS.
    baseline : number, or array (4,), (4, length), (n, 4, length) or the multipliers' shape. Used by `global` and
        `hypothetical`.
    at_observed : keep the score of the base present and make the others 0; an unknown base keeps a quarter of each.

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
    present = _present(multipliers, codes, "multipliers")
    scores = _SCORES[kind](multipliers, present, _aligned_baseline(baseline, multipliers))
    return scores * present if at_observed else scores


def observed(scores, codes):
    """Score at the base present, without the axis of bases; the mean over bases where the base is unknown.

    Parameters
    ----------
    scores, codes : as `transform` takes them.

    Returns
    -------
    array (n, length) or (n, t, length).
    """
    scores = np.asarray(scores)
    return (scores * _present(scores, codes, "scores")).sum(axis=-2)


def _tism(m, x, _):
    return m - (x * m).sum(axis=-2, keepdims=True)


def _mean_effect(m, x, _):
    effects = _tism(m, x, _)
    return effects - effects.sum(axis=-2, keepdims=True) / 3


_SCORES = {
    "local": lambda m, x, b: m,
    "global": lambda m, x, b: m * (x - b),
    "hypothetical": lambda m, x, b: m - (np.broadcast_to(b, m.shape) * m).sum(axis=-2, keepdims=True),
    "corrected": lambda m, x, b: m - m.mean(axis=-2, keepdims=True),
    "tism": _tism,
    "mean_effect": _mean_effect,
}


def _present(values, codes, what):
    """One-hot sequence that broadcasts against `values`."""
    if values.ndim < 2 or values.shape[-2] != 4 or values.shape[-1] != codes.shape[-1]:
        raise InputError(f"{what} {values.shape} do not fit sequences {codes.shape}; expected (..., 4, length)")
    if codes.ndim == values.ndim - 2:
        codes = codes[..., None, :]
    present = dna.one_hot(codes).astype(values.dtype)
    _check_broadcast(present, values, f"{what} {values.shape} do not fit sequences {codes.shape}")
    return present


def _aligned_baseline(baseline, multipliers):
    baseline = np.asarray(baseline, dtype=multipliers.dtype)
    given = baseline.shape
    if baseline.ndim == 1:
        baseline = baseline[:, None]
    elif baseline.ndim > 2 and baseline.ndim == multipliers.ndim - 1:
        # One baseline a sequence serves all of its targets.
        baseline = baseline[..., None, :, :]
    words = f"baseline {given} does not fit multipliers {multipliers.shape}"
    _check_broadcast(baseline, multipliers, f"{words}; expected a number, (4,), (4, length) or (n, 4, length)")
    return baseline


def _check_broadcast(array, values, complaint):
    try:
        fits = np.broadcast_shapes(array.shape, values.shape) == values.shape
    except ValueError:
        fits = False
    if not fits:
        raise InputError(complaint)
