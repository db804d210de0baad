"""Numbers as labels: what files of `data.targets` give each window, transformed, filtered and side by side."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from cisflow.data import filters, ledger
from cisflow.data.dataset import STRAND, TRACKS, opposite
from cisflow.errors import InputError, listing

KINDS = sorted(
    path.stem for path in (Path(__file__).parent / "targets").glob("*.py") if path.stem not in ("__init__", "common")
)
# Why a window has nothing to learn from: no file speaks of it, or all of its numbers are missing.
ABSENT = "in no file of numbers"
UNMEASURED = "no number of any track"


def attach(dataset, windows, modalities, task):
    """Windows with the numbers of every modality as their labels, without those that have none.

    Numbers are transformed and windows filtered a modality at a time, see `filters.transformed`; a window that the
    filters of one modality leave out is left out.

    Parameters
    ----------
    dataset : its name, for messages. windows : windows.Windows, without labels where there are modalities.
    modalities : [(module of `data.targets`, its settings, with files in place of resources)].
    task : what a label means.

    Raises
    ------
    InputError : windows without labels and without modalities, or with both; whatever a module, a filter or a transform
        refuses; a number that is no label of the task; two tracks of one name; bins beside totals, or of other numbers.
    """
    if bool(len(windows.targets)) == bool(modalities):
        found = "both" if modalities else "neither"
        raise InputError(f"dataset '{dataset}': expected labels of its source or targets; found {found}")
    if not modalities:
        return windows
    parts = [module.collect(settings, windows) for module, settings in modalities]
    tracks = pd.concat([part.tracks for part in parts], ignore_index=True).reindex(columns=[*TRACKS, STRAND])
    tracks[STRAND] = tracks[STRAND].fillna("")
    try:
        tracks = tracks.drop(columns=STRAND) if opposite(tracks) is None else tracks
    except InputError as error:
        raise InputError(f"dataset '{dataset}': targets: {error}") from error
    repeated = tracks["target"][tracks["target"].duplicated()]
    if len(repeated):
        raise InputError(
            f"dataset '{dataset}': targets: two tracks named '{repeated.iloc[0]}', expected distinct names"
        )
    reasons = np.full(len(windows.frame), "", dtype=object)
    done = {}
    for number, (_, settings) in enumerate(modalities):
        where = f"dataset '{dataset}': targets[{number}] '{settings.name}'"
        fitted = _fitted(settings.held_out, windows, where)
        parts[number], out, done[settings.name] = _prepared(settings, parts[number], where, fitted)
        reasons = np.where(reasons == "", out, reasons)
    values, profiles = _side_by_side(dataset, [settings.name for _, settings in modalities], parts)
    _check(dataset, values, tracks["target"], task)
    reasons[~np.isfinite(values).any(axis=1) & (reasons == "")] = UNMEASURED
    found = np.any([np.ones(len(reasons), bool) if part.found is None else part.found for part in parts], axis=0)
    reasons[~found & (reasons == UNMEASURED)] = ABSENT
    keep = reasons == ""
    lines = [part.ledger for part in parts]
    lines.append(ledger.filtered(windows.frame["id"], reasons))
    filled = windows._replace(
        labels=values,
        targets=tracks["target"].tolist(),
        tracks=tracks,
        task=task,
        weights=_weights(parts),
        profiles=profiles,
        transforms={name: steps for name, steps in done.items() if steps} or None,
        dropped=windows.dropped | pd.Series(reasons[~keep]).value_counts(sort=False).to_dict(),
        ledger=ledger.join(windows.ledger, *lines),
    ).rows(keep)
    _warn(dataset, filled)
    return filled


def _fitted(held_out, windows, where):
    """Which windows (n,) bool have a say in the parameters of transforms; None where all have (InputError)."""
    if held_out is None:
        return None
    chroms = windows.frame["chrom"].astype(object).to_numpy()
    names = chroms if windows.folds is None else np.asarray(windows.folds, dtype=object)
    known = {*names, *chroms} - {""}
    if unknown := [name for name in held_out if name not in known]:
        raise InputError(f"{where}: held_out: no window of '{unknown[0]}'; expected some of {listing(sorted(known))}")
    return ~(np.isin(names, held_out) | np.isin(chroms, held_out))


def _prepared(settings, part, where, fitted):
    """(Numbers, transformed; reason (n,) why each window is left out, "" where it is not; what was done)."""
    tracks = part.tracks["target"].tolist()
    if part.values.ndim == 2:
        values, reasons, done = filters.transformed(settings, part.values, tracks, where, fitted)
        return part._replace(values=values), reasons, done
    if settings.transform:
        raise InputError(
            f"{where}: found transform {settings.transform[0]} and numbers in bins, which are counts; expected totals, "
            f"or no transform"
        )
    # What is left out for its numbers is so for their totals.
    _, reasons, _ = filters.transformed(settings, part.values.sum(axis=2), tracks, where)
    return part, reasons, []


def _check(dataset, values, tracks, task):
    """Refuse a number that is no label of the task (InputError)."""
    bad = np.argwhere(~task.valid(values) & ~np.isnan(values))
    if len(bad):
        row, track = bad[0]
        raise InputError(
            f"dataset '{dataset}': track '{tracks.iloc[track]}' holds {values[row, track]:g}, expected {task.expected}"
        )


def _warn(dataset, windows):
    """Say on stderr which tracks have nothing that can be learned."""
    known = np.isfinite(windows.labels)
    lowest = np.where(known, windows.labels, np.inf).min(axis=0, initial=np.inf)
    highest = np.where(known, windows.labels, -np.inf).max(axis=0, initial=-np.inf)
    empty, constant = lowest > highest, lowest == highest
    kinds = {"no number": empty, "only zeros": constant & (lowest == 0), "one number alone": constant & (lowest != 0)}
    for what, which in kinds.items():
        if which.any():
            names = [name for name, bad in zip(windows.targets, which, strict=True) if bad]
            print(
                f"WARNING: dataset '{dataset}': {len(names)} of {len(which)} tracks hold {what}: {listing(names)}",
                file=sys.stderr,
            )


def _side_by_side(dataset, names, parts):
    """(labels (n, t), profiles (n, t, bins) or None) of Numbers with or without bins."""
    bins = {name: part.values.shape[2] if part.values.ndim == 3 else 0 for name, part in zip(names, parts, strict=True)}
    if len(set(bins.values())) > 1:
        found = ", ".join(f"{count} of '{name}'" for name, count in bins.items())
        raise InputError(f"dataset '{dataset}': targets: found bins {found}; expected as many of each modality")
    # Of one modality nothing is copied: profiles may be mapped, as they may be larger than memory.
    whole = parts[0].values if len(parts) == 1 else np.concatenate([part.values for part in parts], axis=1)
    values = whole.astype(np.float32, copy=False)
    # A profile with a bin that is not known has a total that is not known.
    return (values, None) if values.ndim == 2 else (values.sum(axis=2), values)


def _weights(parts):
    if all(part.weights is None for part in parts):
        return None
    return np.concatenate(
        [np.ones(part.values.shape[:2], np.float32) if part.weights is None else part.weights for part in parts], axis=1
    )
