"""Attribution methods: a module each, found by its name.

A module has `Settings`, a class of `method.Common` with the settings that it reads, and

    prepare(network, length, n_targets, settings, seed)

which looks once at a network (a torch module in eval mode, (n, 4, length) in, (n, n_outputs) out) and returns how many
sequences it explains together, and the function that does: of x (n, 4, length) on a device, its codes (n, length)
uint8 and the `targets.Targets` of its rows it returns their `method.Attribution`. `blocks` does the rest: strands,
blocks of sequences, and what the network is left as.
"""

import importlib
import json
from pathlib import Path
from typing import NamedTuple

from cisflow.config.settings import Settings
from cisflow.errors import InputError

NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__"))


class Method(NamedTuple):
    """A method with its settings, complete."""

    name: str
    settings: Settings

    def prepare(self, network, length, n_targets, seed):
        return _module(self.name).prepare(network, length, n_targets, self.settings, seed)


def get(name, **settings):
    """A Method with the given settings and its defaults.

    Raises
    ------
    InputError : there is no such method, or it reads no such setting, or none of such a value.
    """
    return Method(name, _module(name).Settings.complete(settings, name))


def read(given, where):
    """The Method of a mapping, as the config has it: the key `method`, and settings.

    Parameters
    ----------
    where : what the mapping is, for messages.

    Raises
    ------
    InputError : as `get`; or no method.
    """
    if "method" not in given:
        raise InputError(f"{where}: found {json.dumps(given)}; expected the key method and its settings")
    settings = dict(given)
    name = settings.pop("method")
    return Method(name, _module(name).Settings.complete(settings, where))


def _module(name):
    if name not in NAMES:
        raise InputError(f"unknown attribution method '{name}'; expected one of {', '.join(NAMES)}")
    return importlib.import_module(f"cisflow.attribution.methods.{name}")
