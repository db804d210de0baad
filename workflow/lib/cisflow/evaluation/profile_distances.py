"""Predicted profiles against counted ones: the Jensen-Shannon distance of each region and track."""

import numpy as np

from cisflow.errors import InputError
from cisflow.evaluation import axes
from cisflow.evaluation.predictions import ENSEMBLE, MEAN
from cisflow.io.arrays import read_array

# Values of a block of regions.
BLOCK = 1 << 22


def distances(dataset, runs, train, mean_model):
    """{(model, seed): (n, t) float32} of the runs that predict profiles, NaN where no read is counted.

    Models of several seeds have the entry `ensemble`, of the mean of their shares; `mean_model` with seed `mean` is the
    profile of each track over all of the training fold. A block of regions is in memory at a time.

    Parameters
    ----------
    dataset : dataset.Dataset of n windows. runs : list of runs.Run of one split. train : rows of its training fold.
    mean_model : name of the model that predicts what the training fold has.

    Raises
    ------
    InputError : profiles of another shape than those of the dataset.
    """
    if dataset.profiles is None:
        return {}
    found = {run: read_array(run.profiles, mmap=True) for run in runs if run.profiles.exists()}
    for run, values in found.items():
        if values.shape != dataset.profiles.shape:
            raise InputError(
                f"{run.profiles}: shape is {values.shape}, expected {dataset.profiles.shape}, that of the dataset's"
            )
    if not found:
        return {}
    n, t, bins = dataset.profiles.shape
    step = max(1, BLOCK // (t * bins))
    whole = np.zeros((t, bins))
    for start in range(0, len(train), step):
        whole += np.nansum(dataset.profiles[train[start : start + step]], axis=0, dtype=np.float64)
    models = {}
    for run, values in found.items():
        models.setdefault(run.model, {})[str(run.seed)] = values
    result = {(mean_model, MEAN): np.empty((n, t), np.float32)}
    for model, seeds in models.items():
        names = [*seeds, *([ENSEMBLE] if len(seeds) > 1 else [])]
        result |= {(model, seed): np.empty((n, t), np.float32) for seed in names}
    for start in range(0, n, step):
        rows = slice(start, start + step)
        counted = np.asarray(dataset.profiles[rows])
        result[mean_model, MEAN][rows] = axes.jensen_shannon(counted, np.broadcast_to(whole, counted.shape))
        for model, seeds in models.items():
            shares = {seed: np.asarray(values[rows], dtype=np.float32) for seed, values in seeds.items()}
            if len(seeds) > 1:
                shares[ENSEMBLE] = np.mean(list(shares.values()), axis=0)
            for seed, predicted in shares.items():
                result[model, seed][rows] = axes.jensen_shannon(counted, predicted)
    return result
