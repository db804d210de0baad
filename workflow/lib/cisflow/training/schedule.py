"""Courses of the learning rate."""

import math

from cisflow.published import schedule as published


def learning_rate(training, moment):
    """The learning rate at a moment of training, counted in epochs from 0.

    `constant` is the same throughout. `warmup_cosine` rises linearly from 0 over `warmup_epochs`, falls in a half
    cosine to 0 at `max_epochs`, and changes with every batch. `published` is that of Daoud & Ben-Hur (2025), see
    `published.schedule`.

    Parameters
    ----------
    training : recipe.Training.
    """
    highest, warmup, epochs = training.learning_rate, training.warmup_epochs, training.max_epochs
    if training.schedule == "constant":
        return highest
    if training.schedule == "published":
        return published.learning_rate(highest, moment, warmup, epochs)
    if moment < warmup:
        return highest * moment / warmup
    return highest * (1 + math.cos(math.pi * (moment - warmup) / (epochs - warmup))) / 2
