"""Logits of classes, as the intron retention study (Daoud & Ben-Hur 2025) attributed them: of one class, on one strand.

A row of class 1 of target `t` is named `t=1`, one of class 0 `t=0`. Windows of class 1 have rows of both: the study's
windows of class 0 were all that are predicted correctly, of either label.
"""

import numpy as np
import pandas as pd

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.io.tables import read_table
from cisflow.sequence import dna

COLUMNS = ("id", "fold", "target", "label", "strand", "probability", "kept")


class Rows(settings.Settings):
    """What is attributed of which windows. The defaults are those of the intron retention study."""

    folds: list[str] = setting(
        ["valid", "test"],
        items={"choices": ["train", "valid", "test"]},
        min_items=1,
        meaning="Folds whose correctly predicted windows are attributed.",
    )
    min_probability: float = setting(
        0.8, minimum=0.5, below=1, meaning="Least probability of a window's own label, on the strand of the row."
    )
    logits: str = setting(
        "own",
        choices=["own", "difference"],
        meaning="Attribute the logit of the class alone, of a network with `two_logits`, or the difference of the two "
        "(minus it, of class 0), which is all that a network with one logit has.",
    )
    rows: str = setting(
        "strands",
        choices=["strands", "windows"],
        meaning="Each strand of a window is a row of its own, predicted and explained by itself; or a window is a row, "
        "explained on the strands that the network predicts.",
    )


def name(target, label):
    """Name of a target's class."""
    return f"{target}={label}"


def read(predictions, settings):
    """Every row that a class may have, in the folds asked for.

    Parameters
    ----------
    predictions : path of predictions.tsv, of classes. settings : Rows.

    Returns
    -------
    frame of COLUMNS: strand is "+" for the window as stored, "-" for its reverse complement; label 0 or 1; probability
    of label 1; kept where that of the own label is more than half and than `min_probability`. All of one strand stand
    before those of the other. A network that was trained on one strand alone has no rows of the other.

    Raises
    ------
    InputError : a column is missing, as in predictions of numbers.
    """
    sides = {"forward": "+", "reverse": "-"} if settings.rows == "strands" else {"probability": "+"}
    columns = ["id", "fold", "target", "label"]
    table = read_table(predictions, [*columns, *sides], text=("id", "fold", "target"), numbers=("label", *sides))
    table = table[table["fold"].isin(settings.folds) & table["label"].notna()]
    parts = [table[columns].assign(strand=strand, probability=table[side]) for side, strand in sides.items()]
    rows = pd.concat(parts, ignore_index=True).dropna(subset="probability", ignore_index=True)
    own = np.where(rows["label"] == 1, rows["probability"], 1 - rows["probability"])
    return rows.assign(kept=own > max(settings.min_probability, 0.5))[list(COLUMNS)]


def select(rows):
    """The rows to attribute, of those that `read` found: frame with id, target, fold, strand, prediction.

    A correctly predicted row of label 1 is there for both classes of its target, one of label 0 for class 0; prediction
    is the probability of the class. Class by class of one target after the other.
    """
    kept, parts = rows[rows["kept"]], []
    for target in rows["target"].unique():
        of_target = kept[kept["target"] == target]
        for label in (0, 1):
            part = of_target[of_target["label"] >= label]
            chance = part["probability"] if label else 1 - part["probability"]
            parts.append(part.assign(target=name(target, label), prediction=chance))
    columns = ["id", "target", "fold", "strand", "prediction"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def sequences(codes, strands):
    """Base codes (n, length) uint8 of rows: of strand "-" the reverse complement."""
    codes, reverse = codes.copy(), np.asarray(strands) == "-"
    codes[reverse] = dna.reverse_complement(codes[reverse])
    return codes
