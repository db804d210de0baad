"""What designs start from: random sequences of a composition, shuffled natural ones, or natural ones."""

from typing import NamedTuple

import numpy as np

from cisflow.attribution import baselines
from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.sequence import dna


class Settings(settings.Settings):
    """What designs start from."""

    kind: str = setting(
        "random",
        choices=["random", "shuffled", "natural"],
        meaning="Independent bases, windows of the dataset whose bases are shuffled with their dinucleotides kept, or "
        "windows as they are.",
    )
    n: int = setting(50, minimum=1, meaning="Number of designs.")
    gc: float = setting(0.5, minimum=0, maximum=1, meaning="GC content of random starts.")
    folds: list[str] = setting(
        ["test"],
        items={"choices": ["train", "valid", "test"]},
        unique=True,
        meaning="Folds, of the designer's split, of the windows that natural and shuffled starts are drawn from.",
    )
    pick: str = setting(
        "random",
        choices=["random", "lowest", "highest"],
        meaning="Of those windows, any, or those of the designer's lowest or highest scores.",
    )


class Starts(NamedTuple):
    """Starts of designs. names : (n,) str. codes : (n, length) uint8. repaired : (n,) int, bases changed by repair."""

    names: np.ndarray
    codes: np.ndarray
    repaired: np.ndarray


def draw(given, dataset, folds, problem, seed):
    """The Starts of a design, with flanks, which hold the constraints.

    Parameters
    ----------
    given : Settings. dataset : dataset.Dataset. folds : (windows,) str. problem : problem.Problem. seed : of all draws.

    Raises
    ------
    InputError : fewer windows without unknown bases than starts, or a start that violates the constraints.
    """
    rng = np.random.default_rng(seed)
    if given.kind == "random":
        names = np.array([f"random{number}" for number in range(1, given.n + 1)])
        share = np.array([1 - given.gc, given.gc, given.gc, 1 - given.gc]) / 2
        codes = rng.choice(4, size=(given.n, dataset.codes.shape[1]), p=share).astype(np.uint8)
    else:
        known = (dataset.codes < dna.UNKNOWN).all(axis=1) & np.isin(folds, given.folds)
        rows = np.flatnonzero(known)
        if len(rows) < given.n:
            found = f"{len(rows)} windows of folds {', '.join(given.folds)} without unknown bases"
            raise InputError(f"starts.n: found {given.n}, of {found}; expected as many at most")
        if given.pick == "random":
            rows = np.sort(rng.permutation(rows)[: given.n])
        else:
            scores = problem.scores(problem.constraints.framed(dataset.codes[rows])).scores
            order = np.argsort(scores if given.pick == "lowest" else -scores, kind="stable")
            rows = rows[order[: given.n]]
        names, codes = dataset.ids[rows], dataset.codes[rows]
        if given.kind == "shuffled":
            names = np.array([f"{name} shuffled" for name in names])
            codes = baselines.shuffled_codes(np.ascontiguousarray(codes), seed)
    framed = problem.constraints.framed(codes)
    repaired = problem.constraints.repaired(framed, names, rng)
    return Starts(names, repaired, (repaired != framed).sum(axis=1))
