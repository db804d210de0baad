"""Targets of a multi-output network for sequences, on both strands."""

import numpy as np
import torch
from tqdm import tqdm

from cisflow import models


@torch.inference_mode()
def stream(model, sequences, device, strands="both", batch_size=64):
    """Yield the probabilities of every target, batch after batch, as float32 arrays (k, n_outputs).

    Parameters
    ----------
    sequences : base codes (n, length) uint8: an array, or what gives one when it is sliced (`context.Sequences`).
    strands : "both" for the mean over both strands, or "forward".
    """
    model.to(device)
    for start in range(0, len(sequences), batch_size):
        batch = models.one_hot(np.ascontiguousarray(sequences[start : start + batch_size]), device)
        outputs = models.probabilities(model, model(batch).float())
        if strands == "both":
            outputs = (outputs + models.probabilities(model, model(batch.flip(1, 2)).float())) / 2
        yield outputs.cpu().numpy()


def extract(model, sequences, device, strands="both", batch_size=64):
    """Probabilities of every target, (n, n_outputs) float16; parameters as for `stream`."""
    result = np.empty((len(sequences), model.n_outputs), dtype=np.float16)
    row = 0
    with tqdm(total=len(sequences), desc="features", unit="window") as bar:
        for values in stream(model, sequences, device, strands, batch_size):
            result[row : row + len(values)] = values
            row += len(values)
            bar.update(len(values))
    return result
