"""What networks that did not design make of designs, of every step to them, and of natural sequences."""

from typing import NamedTuple

import numpy as np
import torch

from cisflow.data.dataset import FOLDS
from cisflow.design.problem import Problem
from cisflow.errors import InputError

DESIGNER, JUDGE = "designer", "judge"


class Judge(NamedTuple):
    """A network that scores designs. name : model, split and seed. role : DESIGNER or JUDGE. trained : (windows,) bool.

    overlap : share of its training windows that trained the designer too.
    """

    name: str
    role: str
    problem: Problem
    overlap: float


class Verdict(NamedTuple):
    """Scores of one Judge: of the sequences of all steps, and of natural sequences, float64."""

    judge: Judge
    steps: np.ndarray
    natural: np.ndarray


def overlap(folds, others, name, allow):
    """Share of the windows of `folds`' training and validation folds that are in the designer's, `others`'.

    Parameters
    ----------
    folds, others : (n,) str of the same windows. name : of the judge. allow : whether they may share windows.

    Raises
    ------
    InputError : they share windows, and may not.
    """
    seen, theirs = (np.isin(each, FOLDS[:2]) for each in (folds, others))
    shared = int((seen & theirs).sum())
    if shared and not allow:
        raise InputError(
            f"judges: {name} was trained on {shared} of {int(seen.sum())} windows that the designer was trained on; "
            "expected none, or the key folds with shared"
        )
    return shared / max(int(seen.sum()), 1)


def verdict(judge, trace, natural):
    """The Verdict of a Judge on the steps of a problem.Trace and on natural sequences (m, length)."""
    rows = np.array([step.row for step in trace.steps], dtype=np.int64)
    codes = np.array([step.codes for step in trace.steps]).reshape(len(rows), trace.starts.shape[1])
    first = judge.problem.outputs(trace.starts)[torch.from_numpy(rows)]
    return Verdict(judge, judge.problem.scores(codes, first).scores, judge.problem.scores(natural).scores)
