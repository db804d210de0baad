"""Insertion: one motif after another is put where it does most."""

import numpy as np

from cisflow.config.settings import setting
from cisflow.design.method import Common
from cisflow.errors import InputError
from cisflow.sequence import dna


class Settings(Common):
    """One motif after another is put where, and in the orientation in which, it does most."""

    steps: int = setting(10, minimum=0, meaning="Motifs that are put into a design, at most.")
    motifs: list[str] = setting(
        unique=True,
        meaning="What is put in, as its best bases: ids or names of the motif database, or words of IUPAC letters.",
    )
    orientations: str = setting("both", choices=["both", "forward"], meaning="Strands on which a motif is tried.")
    tolerance: float = setting(0.0001, minimum=0, meaning="A motif that adds no more than this makes nothing better.")


def design(problem, trace, settings, rng, bar):
    sites = _sites(problem, settings)
    active = np.flatnonzero(~trace.met)
    for step in range(1, settings.steps + 1):
        if not len(active):
            break
        going = []
        for row in active:
            tried = _inserted(trace.codes[row], sites, problem.constraints.free)
            tried = tried[problem.constraints.holds(tried, np.repeat(trace.starts[[row]], len(tried), axis=0))]
            if len(tried):
                scores = problem.scores(tried, trace.first[[row]].expand(len(tried), -1)).scores
                best = int(scores.argmax())
                if scores[best] > trace.scores[row] + settings.tolerance:
                    trace.offer(np.array([row]), tried[[best]], scores[[best]], step)
                    going.append(row)
            bar.update()
        bar.set_postfix(score=f"{trace.scores.mean():.4g}", refresh=False)
        active = np.array([row for row in going if not trace.met[row]], dtype=np.int64)


def _sites(problem, settings):
    """Distinct base codes (w,) of each motif in each orientation."""
    both = settings.orientations == "both"
    found = {}
    for pattern in problem.constraints.named(settings.motifs, "method.motifs"):
        if pattern.width > problem.constraints.length:
            what = f"'{pattern.name}' is {pattern.width} wide"
            raise InputError(f"method.motifs: {what}; expected {problem.constraints.length} at most")
        for site in (pattern.best, dna.reverse_complement(pattern.best))[: 1 + both]:
            found[site.tobytes()] = site
    return list(found.values())


def _inserted(codes, sites, free):
    """Sequences (m, length) with one site in one place each, where what it changes is free."""
    found = [np.zeros((0, len(codes)), dtype=np.uint8)]
    for site in sites:
        starts = np.arange(len(codes) - len(site) + 1)
        places = starts[:, None] + np.arange(len(site))
        starts = starts[(free[places] | (codes[places] == site)).all(axis=1)]
        part = np.repeat(codes[None], len(starts), axis=0)
        part[np.arange(len(starts))[:, None], starts[:, None] + np.arange(len(site))] = site
        found.append(part[(part != codes).any(axis=1)])
    return np.concatenate(found)
