"""Small trainings, of classes and of numbers whose truth is known."""

import numpy as np
import torch

from cisflow import tasks
from cisflow.data import dataset as datasets
from cisflow.training import fit

CPU = torch.device("cpu")
SETTINGS = {"channels": 16, "width": 9, "hidden": 8}


def planted(n=240, length=60, seed=0):
    """Windows of random bases; half of them hold TGACTCA in the middle."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    labels = (np.arange(n) // 6 % 2).astype(np.float32)[:, None]
    codes[labels[:, 0] == 1, 20:27] = [3, 2, 0, 1, 3, 1, 0]
    folds = np.array((["train"] * 4 + ["valid", "test"]) * (n // 6))
    return datasets.Dataset(np.array([f"w{i}" for i in range(n)]), codes, labels, ["ap1"]), folds


def run(work, dataset, folds, **overrides):
    recipe = {"max_epochs": 6, "batch_size": 32, "learning_rate": 0.01} | overrides
    return fit.train(dataset, folds, "MotifCNN", SETTINGS, recipe, 3, CPU, work)


def weights(network):
    return torch.cat([tensor.double().flatten() for tensor in network.state_dict().values()])


def measured(n=960, length=60):
    """Windows whose two values are linear in two planted motifs; half of the second values are missing."""
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    motifs = rng.integers(0, 2, (n, 2))
    for number, motif in enumerate(([3, 2, 0, 1, 3, 1, 0], [1, 1, 2, 1, 2, 1, 1])):
        codes[motifs[:, number] == 1, 10 + 25 * number : 17 + 25 * number] = motif
    truth = (motifs @ np.array([[2, 1], [-1.5, 1]]) - 3).astype(np.float32)
    known = truth.copy()
    known[rng.random(n) < 0.5, 1] = np.nan
    folds = np.array((["train"] * 4 + ["valid", "test"]) * (n // 6))
    ids = np.array([f"w{i}" for i in range(n)])
    return datasets.Dataset(ids, codes, known, ["gain", "count"], tasks.get("regression")), folds, truth
