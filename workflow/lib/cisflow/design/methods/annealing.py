"""Simulated annealing: random allowed edits, taken where they are better and, ever more seldom, where they are not.

The rule of acceptance is that of Metropolis et al. 1953 (doi 10.1063/1.1699114), with a temperature that falls
(Kirkpatrick et al. 1983, doi 10.1126/science.220.4598.671).
"""

import numpy as np

from cisflow.config.settings import setting
from cisflow.design.method import Common, edited, random_edits


class Settings(Common):
    """Random allowed edits, taken where they are better and, ever more seldom, where they are not."""

    steps: int = setting(2000, minimum=0, meaning="Edits that are tried, of each design.")
    hot: float = setting(
        1.0,
        above=0,
        meaning="First temperature, as a share of the standard deviation of what the single edits of the starts do.",
    )
    cold: float = setting(0.01, above=0, meaning="Last temperature, likewise; in between it falls geometrically.")


def design(problem, trace, settings, rng, bar):
    codes, scores = trace.codes.copy(), trace.scores.copy()
    allowed = problem.constraints.allowed(codes, trace.starts)
    gains = problem.edits(codes, trace.first, trace.first) - scores[:, None, None]
    scale = gains[allowed].std() if allowed.any() else 0.0
    temperatures = scale * np.geomspace(settings.hot, settings.cold, settings.steps)
    for step, temperature in enumerate(temperatures, 1):
        active = np.flatnonzero(~trace.met)
        if not len(active):
            break
        allowed = problem.constraints.allowed(codes[active], trace.starts[active])
        moved, base, position = random_edits(allowed, rng)
        rows = active[moved]
        tried = edited(codes[rows], base, position)
        new = problem.scores(tried, trace.first[rows]).scores
        change = new - scores[rows]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            taken = (change >= 0) | (rng.random(len(rows)) < np.exp(np.minimum(change, 0) / temperature))
        codes[rows[taken]], scores[rows[taken]] = tried[taken], new[taken]
        trace.offer(rows, tried, new, step)
        bar.update(len(active))
        bar.set_postfix(score=f"{trace.scores.mean():.4g}", refresh=False)
