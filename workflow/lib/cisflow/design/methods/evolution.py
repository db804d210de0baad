"""Evolution: a population of each design, whose better halves are crossed and mutated."""

import numpy as np

from cisflow.config.settings import setting
from cisflow.design.method import Common, edited, random_edits


class Settings(Common):
    """A population of each design, whose better members are crossed and mutated."""

    steps: int = setting(50, minimum=0, meaning="Generations of each design.")
    population: int = setting(20, minimum=2, meaning="Sequences of each design.")
    elite: int = setting(2, minimum=1, meaning="Best sequences that go over unchanged; at most half of the population.")
    crossover: float = setting(
        0.5,
        minimum=0,
        maximum=1,
        meaning="Probability that a child is crossed, between two places, with another parent.",
    )
    mutations: float = setting(2.0, above=0, meaning="Edits of a child, in the mean (Poisson), at least one.")


def design(problem, trace, settings, rng, bar):
    n, length = trace.codes.shape
    size, elite = settings.population, min(settings.elite, settings.population // 2)
    rows = np.repeat(np.arange(n), size)
    starts, first = trace.starts[rows], trace.first[rows]
    codes = _mutated(problem, trace.codes[rows], starts, settings.mutations, rng)
    codes[::size] = trace.codes
    scores = problem.scores(codes, first).scores
    for step in range(1, settings.steps + 1):
        active = np.flatnonzero(~trace.met)
        if not len(active):
            break
        population, fitness = codes.reshape(n, size, length)[active], scores.reshape(n, size)[active]
        order = np.argsort(-fitness, axis=1, kind="stable")
        population = np.take_along_axis(population, order[:, :, None], axis=1)
        fitness = np.take_along_axis(fitness, order, axis=1)
        # Tournaments of two, among a population in order of its scores: the lower number wins.
        mothers, fathers = (rng.integers(size, size=(2, len(active), size)).min(axis=0) for _ in range(2))
        children = _crossed(population, mothers, fathers, settings.crossover, rng)
        own = rows.reshape(n, size)[active].ravel()
        children, parents = children.reshape(-1, length), np.take_along_axis(population, mothers[:, :, None], axis=1)
        # What a cross broke, such as the GC content, is undone.
        broken = ~problem.constraints.holds(children, trace.starts[own])
        children[broken] = parents.reshape(-1, length)[broken]
        children = _mutated(problem, children, trace.starts[own], settings.mutations, rng)
        new = problem.scores(children, trace.first[own]).scores.reshape(len(active), size)
        children = children.reshape(len(active), size, length)
        children[:, :elite], new[:, :elite] = population[:, :elite], fitness[:, :elite]
        codes.reshape(n, size, length)[active], scores.reshape(n, size)[active] = children, new
        best = new.argmax(axis=1)
        each = np.arange(len(active))
        trace.offer(active, children[each, best], new[each, best], step)
        bar.update(len(active))
        bar.set_postfix(score=f"{trace.scores.mean():.4g}", refresh=False)


def _crossed(population, mothers, fathers, probability, rng):
    """Children (designs, size, length): a mother's sequence, in which a stretch may be the father's."""
    designs, size, length = population.shape
    a, b = (np.take_along_axis(population, chosen[:, :, None], axis=1) for chosen in (mothers, fathers))
    ends = np.sort(rng.integers(length + 1, size=(2, designs, size)), axis=0)
    places = np.arange(length)
    stretch = (places >= ends[0][:, :, None]) & (places < ends[1][:, :, None])
    crossed = rng.random((designs, size)) < probability
    return np.where(stretch & crossed[:, :, None], b, a)


def _mutated(problem, codes, starts, mean, rng):
    """Codes (m, length) after a Poisson number of allowed random edits each, one or more."""
    codes = codes.copy()
    counts = np.maximum(rng.poisson(mean, len(codes)), 1)
    for number in range(int(counts.max(initial=0))):
        going = np.flatnonzero(counts > number)
        moved, base, position = random_edits(problem.constraints.allowed(codes[going], starts[going]), rng)
        codes[going[moved]] = edited(codes[going[moved]], base, position)
    return codes
