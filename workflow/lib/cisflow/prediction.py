"""Probabilities of a network on windows, for each strand and averaged over both."""

import numpy as np
import torch
from tqdm import tqdm

from cisflow import dna, models


@torch.inference_mode()
def predict(model, codes, device, batch_size=512, description="predict"):
    """Probabilities (n, t) float32 on the forward and on the reverse strand.

    Parameters
    ----------
    model : network of the registry, in eval mode; left on `device`.
    codes : (n, length) uint8.
    """
    model.to(device)
    strands = np.empty((2, len(codes), model.n_outputs), dtype=np.float32)
    with tqdm(total=2 * len(codes), desc=description, unit="window", unit_scale=True) as bar:
        for strand, sequences in enumerate((codes, dna.reverse_complement(codes))):
            for start in range(0, len(codes), batch_size):
                batch = np.ascontiguousarray(sequences[start : start + batch_size])
                outputs = models.probabilities(model, model(models.inputs(model, batch, device)).float())
                strands[strand, start : start + len(batch)] = outputs.cpu().numpy()
                bar.update(len(batch))
    return strands[0], strands[1]
