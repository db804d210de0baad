"""Which sequences to explain: of the folds and labels asked for, those that the model predicts correctly."""

import numpy as np
import pandas as pd

from cisflow.errors import InputError, listing
from cisflow.io.tables import read_table

DEFAULTS = {"folds": ["test"], "labels": [1], "min_probability": 0.5, "max_per_target": None}


def select(predictions, settings, groups=None):
    """Rows (sequence, target) to attribute.

    A row counts as correctly predicted when the probability of its own label exceeds `min_probability` (and a half).
    A group has the windows whose row counts for any of its outputs; its probability is the weighted mean over its
    outputs, without those of negative weight.

    Parameters
    ----------
    predictions : path of predictions.tsv.
    settings : DEFAULTS, overridden; `max_per_target` rows of a target at most, drawn at random. The draw is an order of
        the windows that neither the method nor the network changes, so that seeds of a network share most rows.
    groups : {name: {output: weight}} to explain, from `targets.members`; None explains every output by itself.

    Returns
    -------
    frame with id, target, fold, probability, in the order of the predictions; group by group where there are groups.

    Raises
    ------
    InputError : a setting that is none of DEFAULTS, or folds or labels that are no list; a group has an output that the
        predictions lack.
    """
    settings = _complete(settings)
    table = read_table(predictions, ["id", "fold", "target", "label", "probability"], text=("id", "fold", "target"))
    own = np.where(table["label"] == 1, table["probability"], 1 - table["probability"])
    keep = (
        table["fold"].isin(settings["folds"])
        & table["label"].isin(settings["labels"])
        & (own > max(settings["min_probability"], 0.5))
    )
    if groups is None:
        chosen = table.loc[keep, ["id", "target", "fold", "probability"]]
    else:
        chosen = _of_groups(table, keep, groups, predictions)
    return _draw(chosen, table["id"].unique(), settings["max_per_target"])


def of_windows(dataset, folds, settings, groups):
    """Rows (sequence, target) to attribute by a network that has no predictions.

    Of a group that has the name of one of the dataset's targets, the windows with one of the asked labels there; of
    another, the windows with one of them anywhere.

    Parameters
    ----------
    dataset : `datasets.Dataset`. folds : (n,) fold of each of its windows.
    settings : DEFAULTS, overridden; `min_probability` is not asked. The draw is that of `select`.
    groups : {name: {output: weight}} to explain, from `targets.members`.

    Returns
    -------
    frame with id, target, fold, in the order of the windows, group by group.

    Raises
    ------
    InputError : a setting that is none of DEFAULTS, or folds or labels that are no list.
    """
    settings = _complete(settings)
    asked = np.isin(dataset.labels, settings["labels"])
    in_fold = np.isin(folds, settings["folds"])
    parts = []
    for name in groups:
        of_group = asked[:, dataset.targets.index(name)] if name in dataset.targets else asked.any(axis=1)
        rows = np.flatnonzero(of_group & in_fold)
        parts.append(pd.DataFrame({"id": dataset.ids[rows], "target": name, "fold": folds[rows]}))
    return _draw(pd.concat(parts, ignore_index=True), dataset.ids, settings["max_per_target"])


def _complete(settings):
    if unknown := [name for name in settings if name not in DEFAULTS]:
        known = listing([*DEFAULTS, "targets"], 9)
        raise InputError(f"unknown setting '{unknown[0]}' of what is explained; expected one of {known}")
    settings = DEFAULTS | settings
    for name in ("folds", "labels"):
        if not isinstance(settings[name], list):
            raise InputError(f"{name} of what is explained: found {settings[name]!r}; expected a list")
    return settings


def _draw(chosen, windows, most):
    """At most so many rows of each target, by an order of the windows that depends on nothing else."""
    if most is not None:
        place = dict(zip(windows, np.random.default_rng(0).permutation(len(windows)), strict=True))
        order = chosen.assign(place=chosen["id"].map(place)).sort_values("place", kind="stable")
        chosen = chosen.loc[sorted(order.groupby("target").head(most).index)]
    return chosen.reset_index(drop=True)


def _of_groups(table, keep, groups, predictions):
    outputs = sorted(set(table["target"]))
    parts = []
    for name, weights in groups.items():
        if unknown := [output for output in weights if output not in outputs]:
            raise InputError(
                f"{predictions}: no target '{unknown[0]}', which '{name}' of targets asks for; "
                f"expected one of {listing(outputs, 12)}"
            )
        counted = table[table["target"].map(lambda target, weights=weights: weights.get(target, 0) > 0)]
        weight = counted["target"].map(weights)
        share = (counted["probability"] * weight).groupby(counted["id"]).sum() / weight.groupby(counted["id"]).sum()
        rows = table[keep & table["target"].isin(list(weights))].drop_duplicates("id")
        parts.append(
            rows.assign(target=name, probability=rows["id"].map(share))[["id", "target", "fold", "probability"]]
        )
    return pd.concat(parts, ignore_index=True)[["id", "target", "fold", "probability"]]
