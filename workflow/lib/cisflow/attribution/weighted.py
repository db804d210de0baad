"""Names for what is attributed: outputs of a network, means over groups of them, and contrasts between two."""

import numpy as np

from cisflow.errors import InputError, listing


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


def matrix(groups, outputs):
    """Weights (g, n_outputs) float64 of groups.

    Parameters
    ----------
    groups : {name: {output: weight}}, from `members`. outputs : names of the network's outputs, in order.

    Raises
    ------
    InputError : a group of an output that is not predicted.
    """
    position = {output: number for number, output in enumerate(outputs)}
    values = np.zeros((len(groups), len(outputs)))
    for row, (name, weights) in enumerate(groups.items()):
        for output, weight in weights.items():
            if output not in position:
                raise InputError(
                    f"outputs: '{name}': '{output}' is not predicted; expected one of {listing(outputs, 12)}"
                )
            values[row, position[output]] = weight
    return values


def shares(groups, outputs):
    """Weights (g, n_outputs) float32 of the mean over each group's outputs, without those of negative weight.

    Parameters
    ----------
    groups, outputs : as of `matrix`, which also says what is refused.
    """
    values = np.maximum(matrix(groups, outputs), 0).astype(np.float32)
    return values / values.sum(axis=1, keepdims=True)
