"""What is attributed of each sequence: outputs of a network, or weighted sums of them."""

import numpy as np
import torch

from cisflow.attribution import weighted
from cisflow.errors import InputError, listing


class Targets:
    """t targets for each of n sequences; a target is an output of a network or a weighted sum of its outputs.

    Parameters
    ----------
    values : (T,) int, outputs by their index; or (T, n_outputs) float, weights of the outputs; None is every output.
    n_outputs : outputs of the network.
    which : (n, t) int, rows of `values` for each sequence; None gives all T to every sequence.

    Raises
    ------
    InputError : an output that the network does not have, or weights for another number of outputs.
    """

    def __init__(self, values, n_outputs, which=None):
        values = torch.arange(n_outputs) if values is None else torch.as_tensor(np.asarray(values))
        self.weighted = values.is_floating_point()
        if self.weighted and (values.ndim != 2 or values.shape[1] != n_outputs):
            raise InputError(f"targets: weights {tuple(values.shape)}; expected (t, {n_outputs}), one for each output")
        if not self.weighted and (values.ndim != 1 or ((values < 0) | (values >= n_outputs)).any()):
            raise InputError(f"targets: {values.tolist()}; expected outputs from 0 to {n_outputs - 1}")
        self.values = values.float() if self.weighted else values.long()
        self.n_outputs = n_outputs
        self.which = None if which is None else torch.as_tensor(np.asarray(which)).long()

    def __len__(self):
        """t, the number of targets of a sequence."""
        return len(self.values) if self.which is None else self.which.shape[1]

    def take(self, rows, device):
        """The targets of the sequences in a slice, on a device."""
        return self._with(self.values.to(device), None if self.which is None else self.which[rows].to(device))

    def turned(self, opposite):
        """The same targets of the reverse strand, on which output i says what `opposite[i]` says on this one."""
        if opposite is None:
            return self
        opposite = torch.as_tensor(opposite, device=self.values.device)
        return self._with(self.values[:, opposite] if self.weighted else opposite[self.values], self.which)

    def part(self, columns):
        """The targets in a slice of those that each sequence has."""
        if self.which is None:
            return self._with(self.values[columns], None)
        return self._with(self.values, self.which[:, columns])

    def _with(self, values, which):
        changed = Targets(None, self.n_outputs)
        changed.weighted, changed.values, changed.which = self.weighted, values, which
        return changed

    def used(self):
        """(u,) the outputs that any target of any sequence takes, ascending."""
        chosen = self.values if self.which is None else self.values[self.which].flatten(0, 1)
        return torch.nonzero((chosen != 0).any(dim=0))[:, 0] if self.weighted else torch.unique(chosen)

    def combine(self, effects, used):
        """Effects (n, u, 4, length) on the outputs `used` -> those on the targets (n, t, 4, length), in NumPy.

        Where these are the same, in the same order, the result is `effects` itself.
        """
        if self.which is None and not self.weighted and torch.equal(self.values, used):
            return effects
        chosen = (self.values[None] if self.which is None else self.values[self.which]).cpu().numpy()
        used = used.cpu().numpy()
        if self.weighted:
            weights = np.broadcast_to(chosen[..., used], (len(effects), len(self), len(used)))
            return np.einsum("ntu,nubl->ntbl", weights, effects, optimize=True)
        return effects[np.arange(len(effects))[:, None], np.searchsorted(used, chosen)]

    def of(self, outputs):
        """Outputs (n, n_outputs) of the sequences -> their targets (n, t).

        Where the targets are those of one sequence, `outputs` may be those of many versions of it.
        """
        if self.which is None:
            return outputs @ self.values.T if self.weighted else outputs[:, self.values]
        chosen = self.values[self.which]
        if self.weighted:
            return torch.einsum("no,nto->nt", outputs, chosen.expand(len(outputs), -1, -1))
        return outputs.gather(1, chosen.expand(len(outputs), -1))

    def cotangents(self, n, part):
        """Gradients (k, n, n_outputs) of the k targets in a slice by the outputs of each of n sequences."""
        which = torch.arange(len(self), device=self.values.device).expand(n, -1) if self.which is None else self.which
        chosen = self.values[which[:, part]].transpose(0, 1)
        if self.weighted:
            return chosen
        return torch.zeros((*chosen.shape, self.n_outputs), device=chosen.device).scatter_(2, chosen[..., None], 1)


def from_members(groups, outputs, chosen):
    """The Targets of rows that have one target each.

    Parameters
    ----------
    groups : {name: {output: weight}}, from `weighted.members`.
    outputs : names of the network's outputs, in order.
    chosen : (n,) name of the target of each row.

    Raises
    ------
    InputError : a target that the network does not predict, or a row whose target is none of the groups.
    """
    values = weighted.matrix(groups, outputs)
    row_of = {target: row for row, target in enumerate(groups)}
    if other := [target for target in chosen if target not in row_of]:
        raise InputError(f"outputs: rows of '{other[0]}'; expected those of {listing(groups, 12)} alone")
    which = np.array([row_of[target] for target in chosen], dtype=np.int64)[:, None]
    if all(list(weights.values()) == [1.0] for weights in groups.values()):
        # Outputs by their index are cheaper than weights of them.
        return Targets(values.argmax(axis=1), len(outputs), which)
    return Targets(values, len(outputs), which)
