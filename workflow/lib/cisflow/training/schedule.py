"""Courses of the learning rate."""

import math

# Where the schedule of Daoud & Ben-Hur (2025) starts and where it ends.
PUBLISHED_START, PUBLISHED_END = 1e-4, 1e-5


def learning_rate(training, moment):
    """The learning rate at a moment of training, counted in epochs from 0.

    `constant` is the same throughout. `warmup_cosine` rises linearly from 0 over `warmup_epochs`, falls in a half
    cosine to 0 at `max_epochs`, and changes with every batch. `published`, that of Daoud & Ben-Hur (2025), rises from
    1e-4 and falls to 1e-5 in the same way, and changes between epochs alone, so that the first one runs at 1e-4.

    Parameters
    ----------
    training : fit.Training.
    """
    highest, warmup = training.learning_rate, training.warmup_epochs
    if training.schedule == "constant":
        return highest
    start, end = 0.0, 0.0
    if training.schedule == "published":
        start, end, moment = PUBLISHED_START, PUBLISHED_END, math.floor(moment)
    if moment < warmup:
        return start + (highest - start) * moment / warmup
    phase = (moment - warmup) / (training.max_epochs - warmup)
    return end + (highest - end) * (1 + math.cos(math.pi * phase)) / 2
