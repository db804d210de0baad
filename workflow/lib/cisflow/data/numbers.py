"""Numbers as labels: what files of `data.targets` give each window, transformed, filtered and side by side."""

from pathlib import Path

import numpy as np
import pandas as pd

from cisflow.data import ledger
from cisflow.data.dataset import TRACKS
from cisflow.errors import InputError

KINDS = sorted(
    path.stem for path in (Path(__file__).parent / "targets").glob("*.py") if path.stem not in ("__init__", "common")
)
UNMEASURED = "no number of any track"


def attach(dataset, windows, modalities, task):
    """Windows with the numbers of every modality as their labels, without those that have none.

    Parameters
    ----------
    dataset : its name, for messages. windows : windows.Windows, without labels where there are modalities.
    modalities : [(module of `data.targets`, its settings, with files in place of resources)].
    task : what a label means.

    Raises
    ------
    InputError : windows without labels and without modalities, or with both; whatever a module refuses; a number that
        is no label of the task; two tracks of one name; bins beside totals, or of other numbers.
    """
    if bool(len(windows.targets)) == bool(modalities):
        found = "both" if modalities else "neither"
        raise InputError(f"dataset '{dataset}': expected labels of its source or targets; found {found}")
    if not modalities:
        return windows
    parts = [module.collect(settings, windows) for module, settings in modalities]
    names = [settings.name for _, settings in modalities]
    tracks = pd.concat([part.tracks[list(TRACKS)] for part in parts], ignore_index=True)
    repeated = tracks["target"][tracks["target"].duplicated()]
    if len(repeated):
        raise InputError(
            f"dataset '{dataset}': targets: two tracks named '{repeated.iloc[0]}', expected distinct names"
        )
    values, profiles = _side_by_side(dataset, names, parts)
    keep = np.isfinite(values).any(axis=1)
    lines = [part.ledger for part in parts]
    lines.append(ledger.filtered(windows.frame["id"], np.where(keep, "", UNMEASURED)))
    weights = _weights(parts)
    filled = windows._replace(
        labels=values,
        targets=tracks["target"].tolist(),
        tracks=tracks,
        task=task,
        weights=weights,
        profiles=profiles,
        ledger=ledger.join(windows.ledger, *lines),
    )
    return filled.rows(keep)


def _side_by_side(dataset, names, parts):
    """(labels (n, t), profiles (n, t, bins) or None) of Numbers with or without bins."""
    bins = {name: part.values.shape[2] if part.values.ndim == 3 else 0 for name, part in zip(names, parts, strict=True)}
    if len(set(bins.values())) > 1:
        found = ", ".join(f"{count} of '{name}'" for name, count in bins.items())
        raise InputError(f"dataset '{dataset}': targets: found bins {found}; expected as many of each modality")
    values = np.concatenate([part.values for part in parts], axis=1).astype(np.float32, copy=False)
    # A profile with a bin that is not known has a total that is not known.
    return (values, None) if values.ndim == 2 else (values.sum(axis=2), values)


def _weights(parts):
    if all(part.weights is None for part in parts):
        return None
    return np.concatenate(
        [np.ones(part.values.shape[:2], np.float32) if part.weights is None else part.weights for part in parts], axis=1
    )
