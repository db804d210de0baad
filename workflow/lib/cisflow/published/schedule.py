"""The course of the study's learning rate."""

import math

START, END = 1e-4, 1e-5


def learning_rate(highest, moment, warmup, epochs):
    """The rate at a moment, counted in epochs from 0: it rises linearly from 1e-4 to `highest` over `warmup` epochs and
    falls in a half cosine to 1e-5 at `epochs`, and changes between epochs alone, so that the first one runs at 1e-4.
    """
    epoch = math.floor(moment)
    if epoch < warmup:
        return START + (highest - START) * epoch / warmup
    phase = (epoch - warmup) / (epochs - warmup)
    return END + (highest - END) * (1 + math.cos(math.pi * phase)) / 2
