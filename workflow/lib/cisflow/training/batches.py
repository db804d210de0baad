"""Batches of windows and labels, and what training does to a sequence before the network reads it."""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from cisflow.errors import InputError
from cisflow.models.network import reverse_complement
from cisflow.sequence import dna


class Batch(NamedTuple):
    """Windows side by side, arrays or tensors.

    Attributes
    ----------
    codes : (n, length) uint8. labels : (n, t) float32, NaN = missing. weights : (n, t) float32 of the labels, or None.
    profiles : (n, t, bins) float32, or None.
    """

    codes: object
    labels: object
    weights: object = None
    profiles: object = None


class Windows(torch.utils.data.Dataset):
    """Rows of arrays, fetched a whole batch at a time; the arrays may be mapped files, of which no more is held.

    Parameters
    ----------
    arrays : Batch of numpy arrays. rows : (m,) the rows that are there, in their order.
    turned : (k,) rows that are there once more behind them, as their reverse complement.
    opposite : as of `on_other_strand`.
    """

    def __init__(self, arrays, rows, turned=(), opposite=None):
        self.arrays = Batch(*(None if array is None else np.asarray(array) for array in arrays))
        self.n_forward, self.opposite = len(rows), opposite
        self.rows = np.concatenate([rows, turned]).astype(np.int64)

    def __len__(self):
        return len(self.rows)

    def __getitems__(self, places):
        rows = self.rows[places]
        batch = Batch(*(None if array is None else torch.from_numpy(array[rows]) for array in self.arrays))
        if self.n_forward == len(self.rows):
            return batch
        return on_other_strand(batch, torch.as_tensor(places) >= self.n_forward, self.opposite)


class Shuffle(torch.utils.data.Sampler):
    """A permutation that depends on the seed and the epoch alone, so that a resumed run sees the same batches."""

    def __init__(self, n, seed):
        self.n = n
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return self.n

    def __iter__(self):
        return iter(np.random.default_rng([self.seed, self.epoch]).permutation(self.n).tolist())


def loader(windows, batch_size, seed=None, least=1):
    """Batches of Windows: in an order that `seed` shuffles, or as they come without it.

    Parameters
    ----------
    least : fewer windows make no batch of a shuffled order, as each of so many processes is to have one.

    Raises
    ------
    InputError : there is no window, or there are fewer than `least`.
    """
    if len(windows) == 0:
        raise InputError("a fold to train or validate on holds no windows")
    if min(len(windows), batch_size) < least:
        raise InputError(
            f"{len(windows)} windows to train on in batches of {batch_size}; expected one or more for each of {least} "
            f"devices"
        )
    # Batch normalisation cannot work on a last batch of one.
    alone = seed is not None and 0 < len(windows) % batch_size < max(2, least) and len(windows) > batch_size
    return torch.utils.data.DataLoader(
        windows,
        batch_size=batch_size,
        sampler=Shuffle(len(windows), seed) if seed is not None else None,
        collate_fn=_as_it_is,
        drop_last=alone,
        # A loader draws a seed for its workers; drawn from torch's own generator it would shift dropout.
        generator=torch.Generator(),
    )


def _as_it_is(batch):
    return batch


def labelled(labels, wanted):
    """Which rows of labels (n, t), a tensor, have one of the `wanted` labels for any target: (n,) bool.

    All of them where `wanted` is None.
    """
    if wanted is None:
        return torch.ones(len(labels), dtype=torch.bool, device=labels.device)
    return torch.stack([labels == value for value in wanted]).any(0).any(1)


def turned(labels, rows, wanted):
    """Those of `rows` (m,) of labels (n, t), numpy, that have one of the `wanted` labels; all where that is None."""
    return rows if wanted is None else rows[labelled(torch.from_numpy(labels[rows]), wanted).numpy()]


def on_other_strand(batch, rows, opposite=None):
    """A Batch of tensors with the `rows` (n,) bool as their reverse complement.

    Their bins are in its order, and of tracks of one strand each the two are exchanged.

    Parameters
    ----------
    opposite : of each target that of the other strand, as `data.dataset.opposite` gives it.
    """

    def exchanged(values):
        if values is None or opposite is None:
            return values
        where = rows.view(-1, *[1] * (values.ndim - 1))
        return torch.where(where, values[:, opposite], values)

    codes = torch.where(rows[:, None], reverse_complement(batch.codes), batch.codes)
    batch = Batch(codes, *map(exchanged, batch[1:]))
    if batch.profiles is None:
        return batch
    return batch._replace(profiles=torch.where(rows[:, None, None], batch.profiles.flip(2), batch.profiles))


def on_random_strand(batch, wanted, opposite=None):
    """A Batch of tensors, each row of the `wanted` labels as it is or as its reverse complement."""
    flipped = torch.rand(len(batch.codes), device=batch.codes.device) < 0.5
    return on_other_strand(batch, flipped & labelled(batch.labels, wanted), opposite)


def shifted(codes, most, segments=None):
    """Each row of codes (n, length) moved by its own random -most … most positions; unknown bases fill the gap.

    Parameters
    ----------
    segments : lengths of the inputs that lie side by side in a row; each is moved by itself. None for one.
    """
    if most == 0:
        return codes
    if segments is not None and len(segments) > 1:
        return torch.cat([shifted(segment, most) for segment in codes.split(segments, dim=1)], dim=1)
    n, length = codes.shape
    padded = functional.pad(codes, (most, most), value=dna.UNKNOWN)
    start = torch.randint(0, 2 * most + 1, (n, 1), device=codes.device)
    return padded.gather(1, start + torch.arange(length, device=codes.device))
