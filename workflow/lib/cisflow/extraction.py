"""Targets of a multi-output network for windows, in their context and on both strands."""

import numpy as np
import torch
from tqdm import tqdm

from cisflow import dna, models
from cisflow.errors import InputError
from cisflow.genome import Genome


def with_context(windows, codes, length, context, genome=None):
    """Sequences (n, length) as the network sees them: the window in the middle of a longer stretch.

    Parameters
    ----------
    windows : frame with id, chrom, start, end, strand; used for context `genome`.
    codes : (n, window) uint8.
    context : "none" the bare window; "pad" unknown bases around it; "genome" the real sequence around it, unknown
        past a chromosome's end.
    genome : path of the FASTA for context `genome`.

    Raises
    ------
    InputError : a window without coordinates, or longer than `length`.
    """
    if context == "none" or length == codes.shape[1]:
        return codes
    if length < codes.shape[1]:
        raise InputError(f"context: length {length} is shorter than the windows, {codes.shape[1]}")
    left = (length - codes.shape[1]) // 2
    if context == "pad":
        padded = np.full((len(codes), length), dna.UNKNOWN, dtype=np.uint8)
        padded[:, left : left + codes.shape[1]] = codes
        return padded
    reference = Genome(genome)
    rows = []
    for row in windows.itertuples():
        if not row.chrom:
            raise InputError(
                f"window '{row.id}' has no coordinates, so context: genome cannot be read; use pad or none"
            )
        # On the reverse strand the longer flank of an odd split lies on the other side.
        start = int(row.start) - (left if row.strand != "-" else length - codes.shape[1] - left)
        rows.append(reference.fetch(row.chrom, start, start + length, row.strand, pad=True))
    return np.stack(rows)


@torch.inference_mode()
def extract(model, codes, device, strands="both", batch_size=64):
    """Probabilities of every target, (n, n_outputs) float16; the mean of both strands unless `strands` is "forward"."""
    model.to(device)
    result = np.empty((len(codes), model.n_outputs), dtype=np.float16)
    for start in tqdm(range(0, len(codes), batch_size), desc="features", unit="batch"):
        batch = models.one_hot(np.ascontiguousarray(codes[start : start + batch_size]), device)
        outputs = models.probabilities(model, model(batch).float())
        if strands == "both":
            outputs = (outputs + models.probabilities(model, model(batch.flip(1, 2)).float())) / 2
        result[start : start + len(batch)] = outputs.cpu().numpy()
    return result
