"""Beam: several sequences of each design go on together, by their best single edits and by several random ones at once.

After AdaBeam (Shor et al. 2025, doi 10.1101/2025.06.20.660785), with exact in silico mutagenesis of
every member in place of sampled mutants.
"""

import numpy as np

from cisflow.config.settings import setting
from cisflow.design.method import Common, edited


class Settings(Common):
    """Several sequences of each design go on together, by their best single edits and by several drawn ones at once."""

    width: int = setting(4, minimum=1, meaning="Sequences that go on, of each design.")
    rollouts: int = setting(
        4, minimum=0, meaning="Sequences of several drawn edits at once, beside the best single ones, of each member."
    )
    mutations: float = setting(
        3.0, above=0, meaning="Drawn edits of such a sequence, in the mean (Poisson), at least 2."
    )
    patience: int = setting(3, minimum=1, meaning="Steps without anything better after which a design ends.")


def design(problem, trace, settings, rng, bar):
    # Members of all designs in one array: row of the start, codes, outputs, score.
    rows, codes = np.arange(len(trace.codes)), trace.codes.copy()
    found, scores = trace.first.clone(), trace.scores.copy()
    idle = np.zeros(len(trace.codes), dtype=np.int64)
    for step in range(1, settings.steps + 1):
        active = ~trace.met & (idle < settings.patience)
        kept = active[rows]
        rows, codes, found, scores = rows[kept], codes[kept], found[kept], scores[kept]
        if not len(rows):
            break
        first, starts = trace.first[rows], trace.starts[rows]
        allowed = problem.constraints.allowed(codes, starts)
        gains = np.where(allowed, problem.edits(codes, found, first) - scores[:, None, None], -np.inf)
        parents, children = _children(problem, codes, starts, gains, settings, rng)
        new = problem.scores(children, first[parents])
        rows = np.concatenate([rows, rows[parents]])
        codes = np.concatenate([codes, children])
        found, scores = _stacked(found, new.outputs), np.concatenate([scores, new.scores])
        chosen = _widest(rows, codes, scores, settings.width)
        rows, codes, found, scores = rows[chosen], codes[chosen], found[chosen], scores[chosen]
        # The best of each design stands first.
        own, place = np.unique(rows, return_index=True)
        better = trace.offer(own, codes[place], scores[place], step)
        idle[own] = np.where(better, 0, idle[own] + 1)
        bar.update(len(own))
        bar.set_postfix(score=f"{trace.scores.mean():.4g}", refresh=False)


def _stacked(first, second):
    return first.new_tensor(np.concatenate([first.numpy(), second.numpy()]))


def _children(problem, codes, starts, gains, settings, rng):
    """(parents (m,), codes (m, length)) of the best single edits of each member, and of its rollouts."""
    n, _, length = gains.shape
    flat = gains.reshape(n, -1)
    most = min(settings.width, flat.shape[1])
    best = np.argsort(-flat, axis=1, kind="stable")[:, :most]
    parents, rank = np.nonzero(np.isfinite(np.take_along_axis(flat, best, axis=1)))
    place = best[parents, rank]
    found = [(parents, edited(codes[parents], place // length, place % length))]
    if settings.rollouts:
        members = np.repeat(np.arange(n), settings.rollouts)
        mutated = codes[members]
        counts = np.maximum(rng.poisson(settings.mutations, len(members)), 2)
        # Edits are drawn in proportion to exp(gain / spread of the gains): most are good, and few the same twice.
        spread = np.array([np.std(row[np.isfinite(row)]) if np.isfinite(row).any() else 1.0 for row in flat])
        weights = gains / np.maximum(spread, 1e-9)[:, None, None]
        for number in range(int(counts.max(initial=0))):
            going = np.flatnonzero(counts > number)
            allowed = problem.constraints.allowed(mutated[going], starts[members[going]])
            # Largest of weight plus Gumbel noise: a draw in proportion to the exponentials.
            noisy = np.where(allowed, weights[members[going]] + rng.gumbel(size=allowed.shape), -np.inf)
            place = noisy.reshape(len(going), -1).argmax(axis=1)
            able = np.isfinite(noisy.reshape(len(going), -1)[np.arange(len(going)), place])
            mutated[going[able]] = edited(mutated[going[able]], place[able] // length, place[able] % length)
        found.append((members, mutated))
    return (np.concatenate(parts) for parts in zip(*found, strict=True))


def _widest(rows, codes, scores, width):
    """Places of the best `width` distinct sequences of each design, by design, the best first."""
    order = np.lexsort((-scores, rows))
    seen, count, kept = set(), {}, []
    for place in order:
        key = rows[place], codes[place].tobytes()
        if key not in seen and count.get(key[0], 0) < width:
            seen.add(key)
            count[key[0]] = count.get(key[0], 0) + 1
            kept.append(place)
    return np.array(kept)
