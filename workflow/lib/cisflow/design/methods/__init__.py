"""Methods of design: a module each, found by its name.

A module has `Settings`, and `design(problem, trace, settings, rng, bar)`, which offers sequences to a problem.Trace,
for all of its starts at once, until it has nothing better or has taken its steps. `bar` is a tqdm bar that counts steps
of all designs. What a method draws, it draws from the NumPy Generator `rng`.
"""

import importlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from cisflow.config.settings import Settings
from cisflow.design.problem import Trace
from cisflow.errors import InputError

NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__"))


class Method(NamedTuple):
    """A method with its settings, complete."""

    name: str
    settings: Settings

    def design(self, problem, starts, seed, progress=True):
        """The Trace of designs from starts (n, length) that hold the problem's constraints."""
        trace = Trace(problem, starts)
        if len(starts) and self.settings.steps:
            total = self.settings.steps * len(starts)
            with tqdm(total=total, desc=self.name, unit="step", disable=not progress) as bar:
                _module(self.name).design(problem, trace, self.settings, np.random.default_rng(seed), bar)
        return trace


def read(given, where):
    """The Method of a mapping, as the config has it: the key `method`, and settings.

    Raises
    ------
    InputError : no method, an unknown one, or a setting that it does not read or of another value.
    """
    if "method" not in given:
        raise InputError(f"{where}: found {json.dumps(given)}; expected the key method and its settings")
    settings = dict(given)
    name = settings.pop("method")
    return Method(name, _module(name).Settings.complete(settings, where))


def _module(name):
    if name not in NAMES:
        raise InputError(f"unknown method of design '{name}'; expected one of {', '.join(NAMES)}")
    return importlib.import_module(f"cisflow.design.methods.{name}")
