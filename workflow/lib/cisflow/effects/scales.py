"""Scales: on which numbers effects are differences, and are taken to add up."""

import numpy as np

from cisflow.attribution import weighted
from cisflow.errors import InputError, listing
from cisflow.models import predict

SCALES = ("output", "prediction", "log", "logit")


def measured(network, entries=None):
    """(names (g,), weights (g, n_outputs) float64) of what is measured of a network.

    Parameters
    ----------
    network : models.Network; outputs without a name are `target_0`, … entries : as of `explain.outputs`; None is every
        output.

    Raises
    ------
    InputError : an output that the network lacks.
    """
    outputs = network.outputs or [f"target_{number}" for number in range(network.n_outputs)]
    groups = weighted.members(outputs if entries is None else entries)
    return list(groups), weighted.matrix(groups, outputs)


def same_names(names, paths):
    """The names that all networks measure.

    Parameters
    ----------
    names : a list of names for each network. paths : of their weights, for messages.

    Raises
    ------
    InputError : a network measures others than the first.
    """
    first, *_ = names
    for found, path in zip(names, paths, strict=True):
        if found != first:
            raise InputError(f"{path}: outputs {listing(found, 6)}; expected {listing(first, 6)}, as of {paths[0]}")
    return first


class Measure:
    """What a network makes of sequences: named outputs, means and contrasts of them, on a scale.

    Parameters
    ----------
    network : models.Network with names of its outputs. entries : as of `explain.outputs`; None is every output.
    scale : "output", the network's own (logits of classes, the logarithm of a rate); "prediction", what it predicts
        (probabilities, rates); "log" and "logit", of the prediction. Means and contrasts are of the numbers on the
        scale.
    strands : "both" for the mean over both strands, on the network's outputs or predictions, or "forward".

    Attributes
    ----------
    names : of what is measured (g,).

    Raises
    ------
    InputError : an output that the network lacks.
    """

    def __init__(self, network, entries=None, scale="output", strands=None):
        self.network, self.scale = network, scale
        self.strands = strands or network.strands
        self.names, self._weights = measured(network, entries)

    def stream(self, sequences, device):
        """Yield values (k, g) float64 of sequences, base codes (n, length), batch after batch.

        Raises
        ------
        InputError : what `predict.stream` refuses, or a prediction that the scale has no number for.
        """
        raw, done = self.scale == "output", 0
        for values in predict.stream(self.network, sequences, device, self.strands, raw=raw):
            values = values.astype(np.float64)
            if self.scale in ("log", "logit"):
                values = self._transformed(values, done)
            done += len(values)
            yield values @ self._weights.T

    def __call__(self, sequences, device):
        """Values (n, g) float64 of sequences."""
        found = list(self.stream(sequences, device))
        return np.concatenate(found) if found else np.empty((0, len(self.names)))

    def _transformed(self, values, done):
        highest = 1 if self.scale == "logit" else np.inf
        wrong = (values <= 0) | (values >= highest)
        if wrong.any():
            row, output = np.argwhere(wrong)[0]
            between = "between 0 and 1" if self.scale == "logit" else "above 0"
            raise InputError(
                f"scale: {self.scale} of output {output} of sequence {done + row}, from 0, which is "
                f"{values[row, output]:g}; expected predictions {between}, or scale output"
            )
        return np.log(values) - (np.log1p(-values) if self.scale == "logit" else 0)
