"""Batches of windows and labels, and what training does to a sequence before the network reads it."""

import numpy as np
import torch
from torch.nn import functional

from cisflow.errors import InputError
from cisflow.models.network import reverse_complement
from cisflow.sequence import dna


class Windows(torch.utils.data.Dataset):
    """Codes and labels as tensors, fetched a whole batch at a time."""

    def __init__(self, codes, labels):
        self.codes = torch.from_numpy(np.ascontiguousarray(codes))
        self.labels = torch.from_numpy(np.ascontiguousarray(labels))

    def __len__(self):
        return len(self.codes)

    def __getitems__(self, rows):
        return self.codes[rows], self.labels[rows]


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


def loader(codes, labels, batch_size, seed=None):
    """Batches (codes, labels) of windows: in an order that `seed` shuffles, or as they come without it.

    Raises
    ------
    InputError : there is no window.
    """
    windows = Windows(codes, labels)
    if len(windows) == 0:
        raise InputError("a fold to train or validate on holds no windows")
    # Batch normalisation cannot work on a last batch of one.
    alone = seed is not None and len(windows) % batch_size == 1 and len(windows) > 1
    return torch.utils.data.DataLoader(
        windows,
        batch_size=batch_size,
        sampler=Shuffle(len(windows), seed) if seed is not None else None,
        collate_fn=lambda batch: batch,
        drop_last=alone,
        # A loader draws a seed for its workers; drawn from torch's own generator it would shift dropout.
        generator=torch.Generator(),
    )


def labelled(labels, wanted):
    """Which rows of labels (n, t), a tensor, have one of the `wanted` labels for any target: (n,) bool.

    All of them where `wanted` is None.
    """
    if wanted is None:
        return torch.ones(len(labels), dtype=torch.bool, device=labels.device)
    return torch.stack([labels == value for value in wanted]).any(0).any(1)


def with_other_strand(codes, labels, wanted):
    """Codes (n, length) and labels (n, t), and behind them the reverse complement of rows of the `wanted` labels."""
    twice = labelled(torch.from_numpy(labels), wanted).numpy()
    return np.concatenate([codes, dna.reverse_complement(codes[twice])]), np.concatenate([labels, labels[twice]])


def on_random_strand(codes, labels, wanted):
    """Codes (n, length), tensors, each row of the `wanted` labels as it is or as its reverse complement."""
    flipped = torch.rand(len(codes), device=codes.device) < 0.5
    flipped &= labelled(labels, wanted)
    return torch.where(flipped[:, None], reverse_complement(codes), codes)


def shifted(codes, most):
    """Each row of codes (n, length) moved by its own random -most … most positions; unknown bases fill the gap."""
    if most == 0:
        return codes
    n, length = codes.shape
    padded = functional.pad(codes, (most, most), value=dna.UNKNOWN)
    start = torch.randint(0, 2 * most + 1, (n, 1), device=codes.device)
    return padded.gather(1, start + torch.arange(length, device=codes.device))
