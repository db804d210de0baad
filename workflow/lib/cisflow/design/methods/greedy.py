"""Greedy: the best allowed single edit of all, by exact in silico mutagenesis, until none is better."""

import numpy as np

from cisflow.config.settings import setting
from cisflow.design.method import Common, best_edits, edited


class Settings(Common):
    """The best allowed single edit, by exact in silico mutagenesis, step by step."""

    patience: int = setting(
        0,
        minimum=0,
        meaning="Steps that may be taken though they make nothing better, to leave a local optimum; the base that was "
        "just replaced does not come back, and the best found counts.",
    )
    tolerance: float = setting(0.0001, minimum=0, meaning="A step that adds no more than this makes nothing better.")


def design(problem, trace, settings, rng, bar):
    n, length = trace.codes.shape
    codes, found, scores = trace.codes.copy(), trace.first.clone(), trace.scores.copy()
    # What was there before the last edit, which does not come back at once.
    tabu = np.full((n, 2), -1)
    idle = np.zeros(n, dtype=np.int64)
    active = np.flatnonzero(~trace.met)
    for step in range(1, settings.steps + 1):
        if not len(active):
            break
        allowed = problem.constraints.allowed(codes[active], trace.starts[active])
        barred = np.flatnonzero(tabu[active, 0] >= 0)
        allowed[barred, tabu[active[barred], 0], tabu[active[barred], 1]] = False
        best, base, position = best_edits(problem.edits(codes[active], found[active], trace.first[active]), allowed)
        better = best > scores[active] + settings.tolerance
        taken = np.isfinite(best) & (better | (idle[active] < settings.patience))
        active, base, position = active[taken], base[taken], position[taken]
        tabu[active] = np.stack([codes[active, position], position], axis=1) if settings.patience else -1
        codes[active] = edited(codes[active], base, position)
        new = problem.scores(codes[active], trace.first[active])
        found[active], scores[active] = new.outputs, new.scores
        kept = trace.offer(active, codes[active], new.scores, step)
        idle[active] = np.where(kept, 0, idle[active] + 1)
        bar.update(len(active))
        bar.set_postfix(score=f"{trace.scores.mean():.4g}", refresh=False)
        active = active[~trace.met[active] & (kept | (settings.patience > 0))]
