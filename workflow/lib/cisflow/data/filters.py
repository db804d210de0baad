"""Windows that are left out for their numbers: without signal, or with as much of it in one track as in another."""

import numpy as np

from cisflow.data import inequality, transforms
from cisflow.errors import InputError


def transformed(settings, values, tracks, where, fitted=None):
    """Numbers of a modality, transformed, and why its settings leave windows out.

    What is of the numbers as counted, `minimum_signal`, is judged before; transforms are of the windows that are left;
    `minimum_sd` and `most_variable` are of the transformed numbers. Gini coefficients are of the numbers as counted, or
    scaled by `constitutive` where that comes first, as a logarithm makes numbers alike.

    Parameters
    ----------
    settings : targets.common.Common. values : float32 (n, t), NaN = missing. tracks : names of the t tracks.
    where : whose numbers, for messages. fitted : (n,) bool, the windows that parameters of transforms are of, where
    they are not all; filters look at all.

    Returns
    -------
    numbers float32 (n, t), NaN where a window was left out before transforms; reason (n,) of each window, "" where it
    is kept, as every window without numbers is; [what was done], see `transforms`.

    Raises
    ------
    InputError : a filter of differences over tracks where there is one track; Gini coefficients, or a transform of
        numbers of 0 or more, where one is below.
    """
    name, judged = settings.name, np.isfinite(values).any(axis=1)
    reasons = np.full(len(values), "", dtype=object)

    def leave_out(bad, why):
        reasons[judged & bad & (reasons == "")] = f"{name}: {why}"

    spread = next((key for key in ("minimum_sd", "most_variable", "gini") if getattr(settings, key) is not None), None)
    if spread is not None and values.shape[1] < 2:
        raise InputError(f"{where}: {spread} is of differences over tracks; found one track, expected two or more")
    if settings.minimum_signal is not None:
        largest = np.where(np.isfinite(values), values, -np.inf).max(axis=1)
        leave_out(largest < settings.minimum_signal, f"no number of {settings.minimum_signal:g} or more")
    left = judged & (reasons == "")
    names = settings.transform or []
    # Scaled, numbers are still what was counted.
    first = next((place for place, each in enumerate(names) if each != "constitutive"), len(names))
    counted, done = _of(left, values, names[:first], tracks, where, fitted)
    found, rest = _of(left, counted, names[first:], tracks, where, fitted)
    if settings.minimum_sd is not None:
        low = ~(np.sqrt(_variance(found)) >= settings.minimum_sd)
        leave_out(low, f"standard deviation over tracks below {settings.minimum_sd:g}")
    if settings.gini is not None:
        transforms.refuse_negative("gini", counted, tracks, where)
        leave_out(~(inequality.gini(counted) >= settings.gini), f"Gini coefficient over tracks below {settings.gini:g}")
    if settings.most_variable is not None:
        left = np.flatnonzero(judged & (reasons == ""))
        order = np.argsort(-np.nan_to_num(_variance(found[left]), nan=-1.0), kind="stable")
        few = np.zeros(len(values), dtype=bool)
        few[left[order[int(np.ceil(settings.most_variable * len(left))) :]]] = True
        leave_out(few, f"not among the most variable {settings.most_variable:g}")
    return found, reasons, done + rest


def _of(left, values, names, tracks, where, fitted):
    """Transforms of the windows that are left; the numbers of others are NaN."""
    found = np.full(values.shape, np.nan, dtype=np.float32)
    if fitted is not None and names and not (fitted & left).any():
        raise InputError(f"{where}: held_out leaves no window that parameters of {names[0]} could be of")
    part = None if fitted is None else fitted[left]
    found[left], done = transforms.apply(names, values[left], tracks, where, part)
    return found, done


def _variance(values):
    """Variance (n,) over the known tracks of each window, with n - 1; NaN of fewer than two."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    numbers = np.where(known, values, 0).astype(np.float64)
    mean = numbers.sum(axis=1) / np.maximum(count, 1)
    squares = (np.where(known, numbers - mean[:, None], 0) ** 2).sum(axis=1)
    return np.where(count > 1, squares / np.maximum(count - 1, 1), np.nan)
