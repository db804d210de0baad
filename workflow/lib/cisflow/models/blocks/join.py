"""Join: what several inputs together give, from a term of each."""

import math

import torch
from torch import nn

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.models import layers

OF_TWO = ("exp_difference", "ratio")


class Settings(settings.Settings):
    """How the inputs of a sample are joined."""

    kind: str = setting(
        "dense",
        choices=["dense", "sum", "difference", "exp_difference", "ratio"],
        meaning="A dense stack on the features of all inputs side by side; or a formula of one term for each input, "
        "in their order: a + b, a - b, exp(a - b) or a / b.",
    )
    inputs: list[int] = setting(
        None,
        items={"minimum": 0},
        unique=True,
        meaning="Inputs that the formula takes, from 0, in its order; without it all. A `sum` of one is that term.",
    )
    log: str = setting(
        "none", choices=["none", "e", "2", "10"], meaning="Give the logarithm of exp(a - b) or a / b, to this base."
    )
    offset: float = setting(0, minimum=0, meaning="Added before the logarithm.")
    epsilon: float = setting(
        0.001, above=0, meaning="Least of what a / b divides: both are softplus of their terms plus this."
    )


class Block(nn.Module):
    """[(n, t) term of each input] -> (n, t).

    A ratio is computed from logarithms, log a - log b, with a = softplus(term) + epsilon: unlike max(term, 0) + epsilon
    it has a slope everywhere, and no quotient can overflow on the way. With an offset o, log(e^z + o) is
    log o + softplus(z - log o), which doesn't overflow either.

    Raises
    ------
    InputError : an input that there is not, another number of inputs than two for a ratio or exp_difference, or a
        logarithm of what may be negative.
    """

    def __init__(self, settings, n_inputs, where):
        super().__init__()
        self.kind = settings.kind
        self.inputs = list(range(n_inputs)) if settings.inputs is None else settings.inputs
        if max(self.inputs) >= n_inputs:
            raise InputError(f"{where}.inputs: {self.inputs}; expected inputs from 0 to {n_inputs - 1}")
        if self.kind in OF_TWO and len(self.inputs) != 2:
            raise InputError(f"{where}: {self.kind} of {len(self.inputs)} inputs; expected two")
        if settings.log != "none" and self.kind not in OF_TWO:
            raise InputError(f"{where}.log: of a {self.kind}, which may be negative; expected one of {OF_TWO}")
        if settings.log == "none" and settings.offset:
            raise InputError(f"{where}.offset: {settings.offset} without a logarithm; expected the key log")
        if self.kind == "ratio":
            self.positive = nn.ModuleList(nn.Softplus() for _ in self.inputs)
            self.logarithms = nn.ModuleList(layers.Logarithm(settings.epsilon) for _ in self.inputs)
            self.epsilon = settings.epsilon
        self.base = None if settings.log == "none" else math.log({"e": math.e, "2": 2, "10": 10}[settings.log])
        self.offset = math.log(settings.offset) if settings.offset else None
        if self.kind in OF_TWO:
            self.last = layers.Exponential() if self.base is None else nn.Softplus() if settings.offset else None

    def forward(self, terms):
        terms = [terms[number] for number in self.inputs]
        if self.kind == "ratio":
            terms = [
                logarithm(positive(term))
                for term, positive, logarithm in zip(terms, self.positive, self.logarithms, strict=True)
            ]
        total = terms[0]
        for term in terms[1:]:
            total = total + term if self.kind == "sum" else total - term
        if self.kind not in OF_TWO:
            return total
        if self.base is None:
            return self.last(total)
        if self.offset is not None:
            total = self.last(total - self.offset) + self.offset
        return total / self.base

    def parts(self, terms):
        """What the formula is of, for each input: its term, of a ratio what divides; NaN for one that is not in it.

        [(n, t)] -> [(n, t)].
        """
        found = [torch.full_like(term, math.nan) for term in terms]
        for number in self.inputs:
            of_ratio = self.kind == "ratio"
            found[number] = nn.functional.softplus(terms[number]) + self.epsilon if of_ratio else terms[number]
        return found
