"""Which sequences to explain: of classes, those of the folds and labels asked for that the model predicts correctly; of
numbers, those of the folds."""

import numpy as np
import pandas as pd

from cisflow import tasks
from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError, listing
from cisflow.io.tables import read_table


class Settings(settings.Settings):
    """Which windows are explained. Of a task without classes, `labels` and `min_probability` are not asked."""

    folds: list[str] = setting(
        ["test"],
        items={"choices": ["train", "valid", "test"]},
        min_items=1,
        meaning="Folds to explain correctly predicted windows of; all windows, by a network with published weights.",
    )
    labels: list[int] = setting(
        [1],
        items={"choices": [0, 1]},
        min_items=1,
        meaning="Labels to explain. A network with published weights explains windows with one of them: in the label "
        "of the target's name, or in any where the dataset has none.",
    )
    min_probability: float = setting(
        0.5,
        minimum=0.5,
        below=1,
        meaning="Least probability of a window's own label; not asked of a network with published weights.",
    )
    max_per_target: int | None = setting(
        None,
        minimum=1,
        meaning="Windows of one target at most, drawn at random: for every seed the same, as far as it predicts them. "
        "Of numbers they are the same for every target.",
    )


def select(predictions, settings, groups=None, task=None):
    """Rows (sequence, target) to attribute.

    A row of classes counts as correctly predicted when the probability of its own label exceeds `min_probability` (and
    a half); of numbers every row counts. A group has the windows whose row counts for any of its outputs; its
    prediction is the weighted mean over its outputs, without those of negative weight.

    Parameters
    ----------
    predictions : path of predictions.tsv.
    settings : Settings; `max_per_target` rows of a target at most, drawn at random. The draw is an order of the windows
        that neither the method nor the network changes, so that seeds of a network share most rows.
    groups : {name: {output: weight}} to explain, from `weighted.members`; None explains every output by itself.
    task : Task of the predictions; None is binary.

    Returns
    -------
    frame with id, target, fold, prediction, in the order of the predictions; group by group where there are groups.

    Raises
    ------
    InputError : a group has an output that the predictions lack.
    """
    task = task or tasks.get(tasks.DEFAULT)
    columns = ["id", "fold", "target", task.truth, task.predicted]
    table = read_table(predictions, columns, text=("id", "fold", "target"), numbers=columns[3:])
    keep = table["fold"].isin(settings.folds)
    if has_classes(task):
        own = np.where(table[task.truth] == 1, table[task.predicted], 1 - table[task.predicted])
        keep &= table[task.truth].isin(settings.labels) & (own > max(settings.min_probability, 0.5))
    table = table.rename(columns={task.predicted: "prediction"})
    if groups is None:
        chosen = table.loc[keep, ["id", "target", "fold", "prediction"]]
    else:
        chosen = _of_groups(table, keep, groups, predictions)
    return _draw(chosen, table["id"].unique(), settings.max_per_target)


def of_windows(dataset, folds, settings, groups):
    """Rows (sequence, target) to attribute by a network that has no predictions.

    Of a group that has the name of one of the dataset's targets, the windows with one of the asked labels there; of
    another, the windows with one of them anywhere. Where labels are numbers, all windows.

    Parameters
    ----------
    dataset : `dataset.Dataset`. folds : (n,) fold of each of its windows.
    settings : Settings; `min_probability` is not asked. The draw is that of `select`.
    groups : {name: {output: weight}} to explain, from `weighted.members`.

    Returns
    -------
    frame with id, target, fold, in the order of the windows, group by group.
    """
    everything = np.ones(dataset.labels.shape, dtype=bool)
    asked = np.isin(dataset.labels, settings.labels) if has_classes(dataset.task) else everything
    in_fold = np.isin(folds, settings.folds)
    parts = []
    for name in groups:
        of_group = asked[:, dataset.targets.index(name)] if name in dataset.targets else asked.any(axis=1)
        rows = np.flatnonzero(of_group & in_fold)
        parts.append(pd.DataFrame({"id": dataset.ids[rows], "target": name, "fold": folds[rows]}))
    return _draw(pd.concat(parts, ignore_index=True), dataset.ids, settings.max_per_target)


def has_classes(task):
    """Whether a label is a class, whose probability is predicted."""
    return task.range == (0, 1)


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
                f"{predictions}: no target '{unknown[0]}', which '{name}' of outputs asks for; "
                f"expected one of {listing(outputs, 12)}"
            )
        counted = table[table["target"].map(lambda target, weights=weights: weights.get(target, 0) > 0)]
        weight = counted["target"].map(weights)
        share = (counted["prediction"] * weight).groupby(counted["id"]).sum() / weight.groupby(counted["id"]).sum()
        rows = table[keep & table["target"].isin(list(weights))].drop_duplicates("id")
        parts.append(rows.assign(target=name, prediction=rows["id"].map(share))[["id", "target", "fold", "prediction"]])
    return pd.concat(parts, ignore_index=True)[["id", "target", "fold", "prediction"]]
