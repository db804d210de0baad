"""What a design is to reach, as one number of a network's outputs: the higher, the better."""

import torch

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError, listing


class Settings(settings.Settings):
    """What is wanted of a network's outputs, in their own units: logits of classes, numbers of a regression."""

    up: list[str] = setting(None, unique=True, meaning="Outputs to raise; the score has their mean.")
    down: list[str] = setting(None, unique=True, meaning="Outputs to lower; their mean counts against the score.")
    flat: list[str] = setting(
        None,
        unique=True,
        meaning="Outputs to keep; their mean absolute change from the start counts against the score.",
    )
    targets: dict[str, float] = setting(
        None, meaning="Outputs and the values that they are to have, in place of up, down and flat; see `loss`."
    )
    loss: str = setting(
        "squared",
        choices=["squared", "absolute", "huber"],
        meaning="What counts against the score of `targets`, as a mean over them; huber is squared up to 1.",
    )
    weight: float = setting(1.0, above=0, meaning="Weight of what counts against the score of `up`.")
    goal: float = setting(
        None, meaning="Score at which a design is done; without it, design goes on while it finds something better."
    )


class Objective:
    """The score of outputs: mean(up) - weight * (mean(down) + mean |flat - flat of the start|), or minus a loss.

    Attributes
    ----------
    outputs : names of the outputs that it reads, each once.

    Raises
    ------
    InputError : nothing wanted, two wants that exclude each other, or an output wanted in two ways.
    """

    def __init__(self, given, where="objective"):
        self.settings, self.where = given, where
        groups = {key: list(getattr(given, key) or ()) for key in ("up", "down", "flat")}
        names = [name for group in groups.values() for name in group]
        if given.targets and names:
            raise InputError(f"{where}: found targets and {next(key for key in groups if groups[key])}; expected one")
        if not given.targets and not groups["up"] and not groups["down"]:
            raise InputError(f"{where}: nothing to reach; expected one of the keys up, down, targets")
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(f"{where}: '{twice[0]}' is wanted in two ways; expected each output once")
        self.outputs = names or list(given.targets)
        self._place = {key: [self.outputs.index(name) for name in group] for key, group in groups.items()}
        self._values = torch.tensor(list((given.targets or {}).values()))

    def indices(self, outputs, source):
        """Numbers of its outputs among those of a network.

        Parameters
        ----------
        outputs : names of the network's outputs. source : the network, for messages.

        Raises
        ------
        InputError : an output that the network does not have.
        """
        if absent := [name for name in self.outputs if name not in (outputs or ())]:
            expected = listing(outputs or ["(none has a name)"], 12)
            raise InputError(f"{self.where}: '{absent[0]}' is no output of {source}; expected {expected}")
        return [outputs.index(name) for name in self.outputs]

    def score(self, y, first=None):
        """Scores (n, …) of outputs.

        Parameters
        ----------
        y : tensor (n, outputs, …). first : (n, outputs), outputs of the starts; without it nothing is held against
        `flat`, as of sequences that have no start.
        """
        if len(self._values):
            values = self._values.to(y).view(1, -1, *(1,) * (y.ndim - 2))
            return -_LOSSES[self.settings.loss](y - values).mean(dim=1)
        up, down, flat = (self._place[key] for key in ("up", "down", "flat"))
        score = y[:, up].mean(dim=1) if up else torch.zeros_like(y[:, 0])
        if down:
            score = score - self.settings.weight * y[:, down].mean(dim=1)
        if flat and first is not None:
            before = first[:, flat].view(len(y), len(flat), *(1,) * (y.ndim - 2))
            score = score - self.settings.weight * (y[:, flat] - before).abs().mean(dim=1)
        return score

    def met(self, scores):
        """Whether each score (…) reaches the goal; nowhere without a goal."""
        return scores >= self.settings.goal if self.settings.goal is not None else scores != scores


def _huber(difference):
    size = difference.abs()
    return torch.where(size < 1, difference**2 / 2, size - 0.5)


_LOSSES = {"squared": torch.square, "absolute": torch.abs, "huber": _huber}
