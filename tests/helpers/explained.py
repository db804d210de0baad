"""Multipliers of small networks by any method, with settings that suit them, and outputs for both strands."""

from importlib import import_module

import torch

from cisflow import models
from cisflow.attribution import blocks, methods, targets

# What a method is given in tests, of settings that it reads.
SUITED = {"n_baselines": 4, "layer": "pool1"}


def known(name):
    """Names of the settings that a method reads."""
    return set(import_module(f"cisflow.attribution.methods.{name}").Settings.schema())


# Those that compare a sequence with a baseline.
PATH_METHODS = tuple(name for name in methods.NAMES if "baseline" in known(name))


def suited(name, **settings):
    """A Method with SUITED and the given settings, of which it takes those that it reads."""
    given = {key: value for key, value in (SUITED | settings).items() if key in known(name)}
    return methods.get(name, **given)


def multipliers(network, codes, chosen=None, method="gradient", **settings):
    """As `blocks.multipliers`, by a method that suits a small network."""
    method = suited(method, **settings)
    settings = {name: value for name, value in method.settings.as_dict().items() if value is not None}
    return blocks.multipliers(network, codes, chosen, method.name, **settings)


def attribution(network, codes, method, **settings):
    """The Attribution of all sequences in one block."""
    wanted = targets.Targets(None, network.n_outputs)
    ((_, found),) = blocks.attribute(network, codes, wanted, suited(method, **{"batch_size": 10**6} | settings))
    return found


def both_strands(network, codes):
    """Mean output (n, t) over both strands."""
    x = models.one_hot(codes, "cpu")
    with torch.no_grad():
        return (network(x) + network(x.flip(1, 2))).numpy() / 2
