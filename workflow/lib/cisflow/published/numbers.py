"""What a study printed, and our numbers measured as it measured its own.

The study is Daoud and Ben-Hur (2025), whose tables are in resources/published. It counts the strands of a sequence as
two rows, and takes the area under the precision-recall curve by trapezoids (`binary.trapezoid`).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from cisflow.errors import InputError, listing
from cisflow.io.tables import matching, table


class Published(NamedTuple):
    """What a study printed for a model, NaN where it printed none.

    base_rate : share of positives among the sequences that it was measured on.
    """

    auroc: float
    auprc: float
    base_rate: float


def read(path, rows):
    """{model: its Published}.

    Parameters
    ----------
    path : table of model, features, auroc, auprc and base_rate.
    rows : {our model: {"model", "features"}}: the row that answers to each.

    Raises
    ------
    InputError : the table has no such row, or two.
    """
    frame = table(path, ("model", "features"), Published._fields)
    found = {}
    for model, row in rows.items():
        same = matching(frame, model=row["model"], features=row["features"])
        if len(same) != 1:
            known = listing([f"{one.model} on {one.features}" for one in frame.itertuples()], 12)
            raise InputError(
                f"{path}: {len(same)} rows of model '{row['model']}' and features '{row['features']}', named for "
                f"'{model}'; expected one of {known}"
            )
        found[model] = Published(*map(float, same[list(Published._fields)].iloc[0]))
    return found


def rates(numbers):
    """`27.2%`, or `22.3% to 27.2%`: the base rates behind published AUPRCs; "" where none is known."""
    known = [row.base_rate for row in numbers.values() if np.isfinite(row.auprc) and np.isfinite(row.base_rate)]
    return " to ".join(dict.fromkeys(f"{100 * rate:.1f}%" for rate in (min(known), max(known)))) if known else ""


def as_published(metrics):
    """The rows whose strands count by themselves; of models without single strands those of both, averaged."""
    separate = matching(metrics, strands="separate")
    others = matching(metrics, strands="averaged")
    return pd.concat([separate, others[~others["model"].isin(separate["model"])]], ignore_index=True)


def top_targets(path, model):
    """Frame of biosample, target and value of the features that the study ranks highest for a model, highest first.

    Raises
    ------
    InputError : the table has none of the model.
    """
    frame = table(path, ("model", "biosample", "target"), ("rank", "value"))
    rows = matching(frame, model=model).sort_values("rank", kind="stable")
    if rows.empty:
        raise InputError(f"{path}: no row of model '{model}'; expected one of {listing(sorted(set(frame['model'])))}")
    return rows[["biosample", "target", "value"]].reset_index(drop=True)
