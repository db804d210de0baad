"""Targets of a multi-output network for sequences, on both strands."""

import itertools

import numpy as np
import torch
from tqdm import tqdm

from cisflow import models
from cisflow.models import inference


@torch.inference_mode()
def stream(model, sequences, device, strands="both", batch_size="auto"):
    """Yield the probabilities of every target, batch after batch, as float32 arrays (k, *window_shape).

    Parameters
    ----------
    model : network of the registry in eval mode, as loaded or, to be faster, from `inference.prepare`.
    sequences : base codes (n, length) uint8: an array, or what gives one when it is sliced (`context.Sequences`).
    strands : "both" for the mean over both strands, "forward", or "separate" for the forward and the reverse strand.
    batch_size : windows in a forward pass; "auto" takes what the memory holds. Halved when it turns out too large.

    Raises
    ------
    InputError : not even one window fits in memory.
    """
    model.to(device)
    if batch_size == "auto" and len(sequences):
        most = inference.largest_batch(model, sequences[:1].shape[1], device)
        batch_size = most if strands == "forward" else max(1, most // 2)

    def outputs(start, stop):
        codes = np.ascontiguousarray(sequences[start:stop])
        batch = models.one_hot(inference.to_device(codes, device), device)
        if strands != "forward":
            # One pass for both strands reads the weights once.
            batch = torch.cat([batch, batch.flip(1, 2)])
        values = models.probabilities(model, model(batch).float()).unflatten(0, (-1, stop - start))
        return inference.Download(values.movedim(0, 1) if strands == "separate" else values.mean(0))

    waiting = None
    # A batch is fetched when the next one is under way, so that a GPU never waits for the host.
    for batch in itertools.chain(inference.in_batches(outputs, len(sequences), batch_size), [None]):
        if waiting:
            _, _, download = waiting
            yield download.numpy()
        waiting = batch


def window_shape(model, strands):
    """Shape of what `stream` gives of one window: (n_outputs,), or (2, n_outputs) for strands "separate"."""
    return (2, model.n_outputs) if strands == "separate" else (model.n_outputs,)


def extract(model, sequences, device, strands="both", batch_size="auto"):
    """Probabilities of every target, (n, *window_shape) float16; parameters as for `stream`."""
    result = np.empty((len(sequences), *window_shape(model, strands)), dtype=np.float16)
    row = 0
    with tqdm(total=len(sequences), desc="features", unit="window") as bar:
        for values in stream(model, sequences, device, strands, batch_size):
            result[row : row + len(values)] = values
            row += len(values)
            bar.update(len(values))
    return result
