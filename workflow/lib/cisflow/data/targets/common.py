"""What the kinds of numbers share: their settings, and what each gives."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.data.dataset import STRAND, TRACKS

# What is told of a track beside its name; "" where it is not known.
DESCRIBED = (*TRACKS[1:], STRAND)


class Common(settings.Settings):
    """Settings of every modality."""

    name: str = setting("signal", meaning="Name of the modality, such as `atac`: a group of tracks with one head.")
    transform: list[str] = setting(
        None,
        items={"choices": ["log1p", "log2p1", "sqrt", "zscore", "quantile", "constitutive"]},
        meaning="What is done to the numbers, in order; predictions can be brought back.",
    )
    held_out: list[str] = setting(
        None,
        unique=True,
        min_items=1,
        meaning="Chromosomes, or folds that the source's file gives (train, valid, test), whose windows have no part "
        "in the parameters of transforms, and are transformed by those of the others. Without it they are of all.",
    )
    minimum_signal: float = setting(
        None, meaning="Windows whose largest number of any track is lower are left out, before transforms."
    )
    minimum_sd: float = setting(
        None, minimum=0, meaning="Windows whose standard deviation over tracks is lower are left out, after transforms."
    )
    most_variable: float = setting(
        None,
        above=0,
        maximum=1,
        meaning="Share of windows that are kept, those of the highest variance over tracks, after transforms.",
    )
    gini: float = setting(
        None,
        minimum=0,
        maximum=1,
        meaning="Windows whose Gini coefficient over tracks is lower are left out; it is of the numbers before "
        "transforms, but after a `constitutive` that stands first.",
    )


class Numbers(NamedTuple):
    """Numbers of n windows on t tracks.

    Attributes
    ----------
    values : float32 (n, t), or (n, t, bins); rows are those of the windows, NaN = missing.
    tracks : t rows of text columns target, modality, class, group, replicate, and strand where any is of one; "" =
        unknown.
    ledger : lines of step "target": rows of the files that found no window, reads that did not count, …
    weights : float32 (n, t), how much each number counts, or None where all count alike.
    found : bool (n,), which windows the files speak of at all; None where they speak of all.
    """

    values: np.ndarray
    tracks: pd.DataFrame
    ledger: pd.DataFrame
    weights: np.ndarray | None = None
    found: np.ndarray | None = None
