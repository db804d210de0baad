"""The loss of a dataset: the sum of those of its modalities, and their means over the batches of a fold."""

import sys

import numpy as np
import torch
from torch import nn

from cisflow.errors import InputError, listing
from cisflow.training import batches, losses

# Rows of labels that are looked at together.
ROWS = 1 << 12


class Modality(nn.Module):
    """Targets that share a loss: those of `columns`, a slice.

    Attributes
    ----------
    name, weight : of its loss in the sum. watched : whether early stopping heeds it. loss : losses.Loss.
    """

    def __init__(self, name, columns, spec, weight, watched):
        super().__init__()
        self.name, self.columns, self.weight, self.watched = name, columns, weight, watched
        try:
            self.loss = losses.build(spec, columns.stop - columns.start)
        except InputError as error:
            raise InputError(f"training settings: modality '{name}': {error}") from error

    def parts(self, outputs, batch, shapes=None):
        """losses.Part list of raw outputs (n, t) and a batches.Batch of all targets; shapes (n, t, bins) or None."""
        profile = self.loss.kind.profile
        chosen = [batch.labels, batch.weights, shapes if profile else None, batch.profiles if profile else None]
        return self.loss.parts(self._own(outputs), *map(self._own, chosen))

    def _own(self, values):
        whole = values is None or self.columns == slice(0, values.shape[1])
        return values if whole else values[:, self.columns]


class Objective(nn.Module):
    """The loss of a dataset.

    Parameters
    ----------
    modalities : {name: number of targets}, in the order of the targets.
    training : recipe.Training, of which `loss` and `modalities` are read.
    default : loss where the settings name none.

    Raises
    ------
    InputError : settings of a modality that there is not, a loss that there is not, or nothing to stop by.
    """

    def __init__(self, modalities, training, default):
        super().__init__()
        given = training.modalities or {}
        if unknown := [name for name in given if name not in modalities]:
            raise InputError(
                f"training settings: modalities: '{unknown[0]}' is none of the dataset's; "
                f"expected {listing(modalities, 12)}"
            )
        self.modalities, start = nn.ModuleList(), 0
        for name, n_targets in modalities.items():
            own = given.get(name)
            spec = (own and own.loss) or training.loss or default
            weight, watched = (own.weight, own.stop) if own else (1.0, True)
            self.modalities.append(Modality(name, slice(start, start + n_targets), spec, weight, watched))
            start += n_targets
        if not any(modality.watched for modality in self.modalities):
            raise InputError("training settings: modalities: none has stop: true; expected one that training stops by")

    @property
    def profile(self):
        """Whether a loss reads profiles."""
        return any(modality.loss.kind.profile for modality in self.modalities)

    @property
    def all_watched(self):
        return all(modality.watched for modality in self.modalities)

    def watched_columns(self):
        """Indices of the targets of the modalities that training stops by."""
        watched = [modality.columns for modality in self.modalities if modality.watched]
        return [column for columns in watched for column in range(columns.start, columns.stop)]

    def links(self):
        """Link of each target, a list of t names, see tasks.losses.LINKS."""
        return [
            modality.loss.link
            for modality in self.modalities
            for _ in range(modality.columns.start, modality.columns.stop)
        ]

    def predictions(self, outputs):
        """Predictions (n, t) of raw outputs (n, t), a tensor."""
        if all(modality.loss.link == "identity" for modality in self.modalities):
            return outputs
        return torch.cat(
            [losses.linked(outputs[:, modality.columns], modality.loss.link) for modality in self.modalities], dim=1
        )

    def parts(self, outputs, batch, shapes=None):
        """{modality: list of losses.Part}; parameters as of `Modality.parts`."""
        return {modality.name: modality.parts(outputs, batch, shapes) for modality in self.modalities}

    def loss(self, parts):
        """The loss whose gradient is followed, a scalar tensor."""
        return losses.total(
            [losses.Part(modality.weight, losses.total(parts[modality.name]), None) for modality in self.modalities]
        )

    def of_whole_fold(self, outputs, labels, weights):
        """{modality: loss} of a fold as one batch, of those whose loss is not a mean over its batches.

        Parameters
        ----------
        outputs, labels, weights : (n, t) of the fold, tensors; weights may be None.
        """
        whole = batches.Batch(None, labels, weights)
        found = {}
        for modality in self.modalities:
            if not modality.loss.kind.additive:
                means = Means()
                means.add({modality.name: modality.parts(outputs, whole)})
                found |= means.values()
        return found

    def sum(self, values, watched=False):
        """The loss of a fold of {modality: its own}, floats; `watched` for those alone that training stops by."""
        return sum(
            modality.weight * values[modality.name] for modality in self.modalities if modality.watched or not watched
        )

    def check(self, dataset, folds):
        """Refuse labels of the folds train and valid that have no loss (InputError), and warn of doubtful ones."""
        for fold, word in (("train", "training"), ("valid", "validation")):
            rows = np.flatnonzero(folds == fold)
            for modality in self.modalities:
                self._check_modality(dataset, rows, modality, word)

    def _check_modality(self, dataset, rows, modality, word):
        # An empty fold is told of when its batches are made.
        if not len(rows):
            return
        columns = modality.columns
        where = f"{word} labels" + (f" of modality '{modality.name}'" if len(self.modalities) > 1 else "")
        labels = Rows(dataset.labels, rows, columns)
        if not any(np.isfinite(labels[start : start + ROWS]).any() for start in range(0, len(rows), ROWS)):
            raise InputError(f"{where}: found none in {len(rows)} windows, expected at least one")
        names, kind = dataset.targets[columns], modality.loss.kind
        profiles = Rows(dataset.profiles, rows, columns) if kind.profile and dataset.profiles is not None else None
        if complaint := kind.complaint(labels, names, profiles):
            raise InputError(f"{where} {complaint}")
        for warning in kind.warnings(labels, names) if word == "training" else ():
            print(f"WARNING: {where}: {warning}", file=sys.stderr)


class Rows:
    """Some rows and columns of an array that may be mapped, copied when they are sliced."""

    def __init__(self, array, rows, columns):
        self.array, self.rows, self.columns = array, rows, columns
        self.shape = (len(rows), columns.stop - columns.start, *array.shape[2:])

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, part):
        return np.asarray(self.array[self.rows[part]][:, self.columns])


class Means:
    """The loss of each modality over the batches of a fold, summed in float64; nothing waits for the device."""

    def __init__(self):
        self.sums = {}

    def add(self, parts):
        """Take in {modality: list of losses.Part} of one batch."""
        for name, found in parts.items():
            sums = self.sums.setdefault(name, [(part.weight, 0.0, 0.0) for part in found])
            for place, (part, (weight, total, count)) in enumerate(zip(found, sums, strict=True)):
                number = part.count.double()
                sums[place] = (weight, total + part.mean.detach().double() * number, count + number)

    def values(self):
        """{modality: mean loss over all that was taken in}, floats."""
        return {
            name: sum(weight * (float(total / count) if count else 0.0) for weight, total, count in sums)
            for name, sums in self.sums.items()
        }
