"""Names for what is attributed: outputs of a network, means over groups of them, and contrasts between two."""

import numpy as np

from cisflow.errors import InputError


def members(entries):
    """Entries of the config's `explain.outputs` as weighted sums of outputs.

    A `mean` weighs its outputs alike; a `contrast` is its first side minus its second, each an output, an entry above,
    or a list of outputs, of which it is the mean.

    Parameters
    ----------
    entries : list of names of outputs, {name, mean: [outputs]} and {name, contrast: [side, side]}.

    Returns
    -------
    {name: {output: weight}}, in the order of the entries.

    Raises
    ------
    InputError : two entries of one name; an entry without a name, or without outputs.
    """
    found = {}
    for entry in entries:
        if not isinstance(entry, str) and not ("name" in entry and (entry.get("mean") or entry.get("contrast"))):
            raise InputError(f"outputs: found {entry}; expected an output's name, or name and mean or contrast")
        name = entry if isinstance(entry, str) else entry["name"]
        if name in found:
            raise InputError(f"outputs: two entries named '{name}'; expected names that differ")
        if isinstance(entry, str):
            weights = {entry: 1.0}
        elif "mean" in entry:
            weights = dict.fromkeys(entry["mean"], 1 / len(entry["mean"]))
        else:
            weights = {}
            for side, sign in zip(entry["contrast"], (1.0, -1.0), strict=True):
                for output, weight in _side(side, found).items():
                    weights[output] = weights.get(output, 0.0) + sign * weight
        found[name] = weights
    return found


def _side(side, found):
    """{output: weight} of a side of a contrast; `found` are the entries above."""
    if isinstance(side, list):
        return dict.fromkeys(side, 1 / len(side))
    return found.get(side, {side: 1.0})


def shares(groups, outputs):
    """Weights (g, n_outputs) float32 of the mean over each group's outputs, without those of negative weight.

    Parameters
    ----------
    groups : {name: {output: weight}}, from `members`; every output is one of `outputs`.
    """
    position = {output: number for number, output in enumerate(outputs)}
    values = np.zeros((len(groups), len(outputs)), dtype=np.float32)
    for row, weights in enumerate(groups.values()):
        for output, weight in weights.items():
            values[row, position[output]] = max(weight, 0)
    return values / values.sum(axis=1, keepdims=True)
