"""What each base of a design gives to its score, along its way: letters of the figure of trajectories."""

import numpy as np
import pandas as pd

from cisflow.sequence import dna

COLUMNS = ("design", "step", "position", "base", "contribution")


def table(problem, trace, names, n):
    """Contributions of the bases of the best n designs at their first, middle and last steps.

    The contribution of a base is the score with it minus the mean score over the four bases at its position.

    Parameters
    ----------
    names : (designs,) str. n : designs.

    Returns
    -------
    frame of COLUMNS.
    """
    parts = [pd.DataFrame(columns=list(COLUMNS))]
    for row in np.argsort(-trace.scores, kind="stable")[:n]:
        own = [step for step in trace.steps if step.row == row]
        for number in sorted({0, len(own) // 2, len(own) - 1}):
            step, codes = own[number], own[number].codes[None]
            found = problem.outputs(codes)
            scores = problem.edits(codes, found, trace.first[[row]])[0]
            values = step.score - scores.mean(axis=0)
            there = np.flatnonzero(problem.constraints.free)
            frame = {
                "design": names[row],
                "step": step.step,
                "position": there,
                "base": [dna.BASES[code] for code in step.codes[there]],
                "contribution": values[there],
            }
            parts.append(pd.DataFrame(frame))
    return pd.concat(parts[1:] or parts, ignore_index=True)
