"""Probabilities of a network on windows, for each strand that it knows."""

import numpy as np
import torch
from tqdm import tqdm

from cisflow import models
from cisflow.sequence import dna


@torch.inference_mode()
def predict(model, codes, device, batch_size=512, description="predict"):
    """Probabilities (n, t) float32 on the forward and on the reverse strand; None of one that the network never saw.

    Parameters
    ----------
    model : network of the registry, in eval mode; left on `device`.
    codes : (n, length) uint8.
    """
    model.to(device)
    given = (codes,) if models.strands(model) == "forward" else (codes, dna.reverse_complement(codes))
    strands = np.empty((len(given), len(codes), model.n_outputs), dtype=np.float32)
    with tqdm(total=len(given) * len(codes), desc=description, unit="window", unit_scale=True) as bar:
        for strand, sequences in enumerate(given):
            for start in range(0, len(codes), batch_size):
                batch = np.ascontiguousarray(sequences[start : start + batch_size])
                outputs = models.probabilities(model, model(models.inputs(model, batch, device)).float())
                strands[strand, start : start + len(batch)] = outputs.cpu().numpy()
                bar.update(len(batch))
    return strands[0], strands[1] if len(given) > 1 else None
