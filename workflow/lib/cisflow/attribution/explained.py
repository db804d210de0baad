"""What became of every window where networks are explained: the last part of the ledger.

It says in reasons what `selection` says in rows; the rows themselves are chosen there alone.
"""

import numpy as np
import pandas as pd

from cisflow import tasks
from cisflow.attribution import selection
from cisflow.io.tables import read_table

COLUMNS = ("id", "target", "fold", "outcome", "reason")
NO_PREDICTION, NO_FOLD, NO_LABEL = "no prediction", "fold not asked for", "label not asked for"
WRONG, NOT_DRAWN = "not predicted correctly", "not drawn (max_per_target)"


def of_predictions(ids, predictions, settings, groups=None, task=None):
    """What became of windows of a network that is trained here, for each of its targets.

    Parameters
    ----------
    ids : (n,) of all windows. The others are as of `selection.select`.

    Returns
    -------
    frame of COLUMNS, n rows a target.
    """
    task = task or tasks.get(tasks.DEFAULT)
    columns = ["id", "fold", "target", task.truth, task.predicted]
    table = read_table(predictions, columns, text=("id", "fold", "target"), numbers=columns[3:])
    chosen = selection.select(predictions, settings, groups, task)
    labelled, correct = np.ones((2, len(table)), dtype=bool)
    if selection.has_classes(task):
        labelled = table[task.truth].isin(settings.labels).to_numpy()
        own = np.where(table[task.truth] == 1, table[task.predicted], 1 - table[task.predicted])
        correct = own > max(settings.min_probability, 0.5)
    table = table.assign(labelled=labelled, correct=labelled & correct)
    groups = groups or {target: {target: 1.0} for target in table["target"].unique()}
    parts = []
    for name, weights in groups.items():
        members = [target for target, weight in weights.items() if weight > 0]
        of_group = table[table["target"].isin(members)].groupby("id", sort=False)
        known = of_group.agg(fold=("fold", "first"), labelled=("labelled", "any"), correct=("correct", "any"))
        known = known.reindex(ids)
        fold = known["fold"].fillna("").to_numpy(dtype=object)
        tests = [
            (NO_PREDICTION, fold != ""),
            (NO_FOLD, np.isin(fold.astype(str), settings.folds)),
            (NO_LABEL, known["labelled"].eq(True).to_numpy()),
            (WRONG, known["correct"].eq(True).to_numpy()),
        ]
        parts.append(_told(ids, name, fold, tests, chosen))
    return pd.concat(parts, ignore_index=True)


def of_windows(dataset, folds, settings, groups):
    """As `of_predictions`, of a network with published weights; parameters as of `selection.of_windows`."""
    chosen = selection.of_windows(dataset, folds, settings, groups)
    asked = np.ones(dataset.labels.shape, dtype=bool)
    if selection.has_classes(dataset.task):
        asked = np.isin(dataset.labels, settings.labels)
    parts = []
    for name in groups:
        labelled = asked[:, dataset.targets.index(name)] if name in dataset.targets else asked.any(axis=1)
        tests = [(NO_FOLD, np.isin(folds, settings.folds)), (NO_LABEL, labelled)]
        parts.append(_told(dataset.ids, name, folds, tests, chosen))
    return pd.concat(parts, ignore_index=True)


def _told(ids, target, folds, tests, chosen):
    """Lines of one target: of the rows that are not chosen, the first test that each fails."""
    taken = np.isin(np.asarray(ids, dtype=str), chosen.loc[chosen["target"] == target, "id"].to_numpy(dtype=str))
    reasons = np.full(len(ids), NOT_DRAWN, dtype=object)
    for reason, passed in reversed(tests):
        reasons[~passed] = reason
    reasons[taken] = ""
    outcome = np.where(taken, "kept", "dropped")
    lines = {"id": ids, "target": target, "fold": folds, "outcome": outcome, "reason": reasons}
    return pd.DataFrame(lines, columns=list(COLUMNS))
