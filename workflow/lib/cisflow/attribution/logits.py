"""Each class's own logit as an output of a network."""

import copy
import dataclasses
import sys

from torch import nn

from cisflow.attribution import classes
from cisflow.models.layers import LogitDifference


def members(network, logits):
    """A Network and what the classes of `classes.name` are of its outputs, as `weighted.members`.

    Parameters
    ----------
    network : Network of classes, of named outputs. logits : "own" or "difference", see `classes.Rows`.

    Returns
    -------
    the network, or one whose outputs are the logits of both classes of each target; {class: {output: weight}}.
    """
    own = both(network.module) if logits == "own" else None
    if own is not None:
        outputs = [classes.name(target, label) for target in network.outputs for label in (0, 1)]
        return dataclasses.replace(network, module=own, outputs=outputs), {output: {output: 1.0} for output in outputs}
    if logits == "own":
        print(f"{network.name} has one logit a target: class 0 is attributed as minus that of class 1", file=sys.stderr)
    signs = {0: -1.0, 1: 1.0}
    return network, {
        classes.name(target, label): {target: sign} for target in network.outputs for label, sign in signs.items()
    }


def both(module):
    """A copy of a network with two logits a target, (n, 4, length) -> (n, 2 t), class 0 of a target before class 1.

    None for a network that has one logit a target.
    """
    place = next((place for place, part in module.named_modules() if isinstance(part, LogitDifference)), None)
    if place is None:
        return None
    own = copy.deepcopy(module)
    own.set_submodule(place, nn.Identity())
    own.n_outputs = 2 * module.n_outputs
    return own
