"""Gradient: bases are drawn from logits that a gradient through the network improves.

The loss and its straight-through Gumbel-softmax estimator are those of Ledidi (Schreiber et al. 2020, doi
10.1101/2020.05.21.109686; Jang et al. 2017, arXiv:1611.01144). The library of that name takes one sequence a call and
knows positions that stay, but no other constraint; here all designs go together, and each draw is brought within the
constraints before it counts.
"""

import numpy as np
import torch
from torch.nn import functional

from cisflow.config.settings import setting
from cisflow.design.method import Common, edited


class Settings(Common):
    """Bases are drawn from logits that a gradient through the network improves (straight-through, as in Ledidi)."""

    steps: int = setting(200, minimum=0, meaning="Steps of the optimiser.")
    draws: int = setting(4, minimum=1, meaning="Sequences drawn from the logits of each design, a step.")
    learning_rate: float = setting(0.3, above=0, meaning="Learning rate of Adam.")
    temperature: float = setting(1.0, above=0, meaning="Temperature of the softmax that the gradient goes through.")
    edit_cost: float = setting(0.01, minimum=0, meaning="What each edit counts against the score.")
    prior: float = setting(4.0, above=0, meaning="Logit of the start's bases, that of others being 0.")


def design(problem, trace, settings, rng, bar):
    n, length = trace.codes.shape
    device, constraints = problem.device, problem.constraints
    generator = torch.Generator(device="cpu").manual_seed(int(rng.integers(2**62)))
    start = torch.from_numpy(_one_hot(trace.starts)).to(device)
    free = torch.from_numpy(constraints.free).to(device)
    logits = torch.zeros_like(start).requires_grad_(True)
    optimiser = torch.optim.Adam([logits], lr=settings.learning_rate)
    rows, first = np.repeat(np.arange(n), settings.draws), trace.first.to(device)
    for step in range(1, settings.steps + 1):
        if trace.met.all():
            break
        own = (settings.prior * start + logits).repeat_interleave(settings.draws, dim=0)
        uniform = torch.rand(own.shape, generator=generator).clamp_min(1e-20).to(device)
        gumbel = -torch.log((-torch.log(uniform)).clamp_min(1e-20))
        soft = ((own + gumbel) / settings.temperature).softmax(dim=1)
        drawn = torch.where(free, soft.argmax(dim=1), start.argmax(dim=1).repeat_interleave(settings.draws, dim=0))
        hard = functional.one_hot(drawn, 4).transpose(1, 2).to(soft)
        x = hard + torch.where(free, soft - soft.detach(), torch.zeros_like(soft))
        y = problem.forward(x)
        problem.passes += len(x)
        score = problem.objective.score(y, first.repeat_interleave(settings.draws, dim=0))
        edits = (x * (1 - start.repeat_interleave(settings.draws, dim=0))).sum(dim=(1, 2))
        (settings.edit_cost * edits - score).sum().div(settings.draws).backward()
        optimiser.step()
        optimiser.zero_grad()
        codes = drawn.to(torch.uint8).cpu().numpy()
        wanted = (settings.prior * start + logits).detach().cpu().numpy()
        codes = within(constraints, codes, trace.starts[rows], wanted[rows])
        scores = problem.scores(codes, trace.first[rows]).scores.reshape(n, settings.draws)
        best, each = scores.argmax(axis=1), np.arange(n)
        trace.offer(each, codes.reshape(n, settings.draws, length)[each, best], scores[each, best], step)
        bar.update(n)
        bar.set_postfix(score=f"{trace.scores.mean():.4g}", refresh=False)


def _one_hot(codes):
    return (codes[:, None] == np.arange(4)[None, :, None]).astype(np.float32)


def within(constraints, codes, starts, wanted):
    """Sequences that hold the constraints: draws as they are where they do, else as many of their edits as are allowed.

    Parameters
    ----------
    codes, starts : (n, length); starts hold. wanted : (n, 4, length), by which edits are taken, the highest first.
    """
    result = codes.copy()
    broken = np.flatnonzero(~constraints.holds(codes, starts))
    if not len(broken):
        return result
    target, now = codes[broken], starts[broken].copy()
    worth = np.take_along_axis(wanted[broken], target[:, None].astype(np.int64), axis=1)[:, 0]
    order = np.argsort(np.where(target != now, -worth, np.inf), axis=1, kind="stable")
    for number in range(int((target != now).sum(axis=1).max())):
        place = order[:, number]
        base = target[np.arange(len(now)), place]
        allowed = constraints.allowed(now, starts[broken])
        taken = allowed[np.arange(len(now)), base, place]
        now[taken] = edited(now[taken], base[taken], place[taken])
    result[broken] = now
    return result
