"""Which sequences to explain: those that the model predicts correctly, of the folds and labels asked for."""

import numpy as np

from cisflow import files

DEFAULTS = {"folds": ["test"], "labels": [1], "min_probability": 0.5, "max_per_target": None}


def select(predictions, settings, seed):
    """Rows (sequence, target) to attribute.

    A row counts as correctly predicted when the probability of its own label exceeds `min_probability` (and a half).

    Parameters
    ----------
    predictions : path of predictions.tsv.
    settings : DEFAULTS, overridden; `max_per_target` rows of a target at most, drawn at random.
    seed : seeds the draw, which does not depend on the attribution method.

    Returns
    -------
    frame with id, target, fold, probability, in the order of the predictions.
    """
    settings = DEFAULTS | settings
    table = files.read_table(
        predictions, ["id", "fold", "target", "label", "probability"], text=("id", "fold", "target")
    )
    own = np.where(table["label"] == 1, table["probability"], 1 - table["probability"])
    keep = (
        table["fold"].isin(settings["folds"])
        & table["label"].isin(settings["labels"])
        & (own > max(settings["min_probability"], 0.5))
    )
    chosen = table.loc[keep, ["id", "target", "fold", "probability"]]
    if settings["max_per_target"] is not None:
        rng = np.random.default_rng(seed)
        rows = []
        for _, group in chosen.groupby("target", sort=True):
            rows.extend(rng.permutation(group.index.to_numpy())[: settings["max_per_target"]])
        chosen = chosen.loc[sorted(rows)]
    return chosen.reset_index(drop=True)
