"""Targets of a multi-output network for windows, in their context and on both strands."""

import itertools

import numpy as np
import torch
from tqdm import tqdm

from cisflow import dna, inference, models
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
def extract(model, codes, device, strands="both", batch_size="auto"):
    """Probabilities of every target, (n, n_outputs) float16; the mean of both strands unless `strands` is "forward".

    Parameters
    ----------
    model : network of the registry in eval mode, as loaded or, to be faster, from `inference.prepare`.
    codes : (n, length) uint8.
    batch_size : windows in a forward pass; "auto" takes what the memory holds. Halved when it turns out too large.

    Raises
    ------
    InputError : not even one window fits in memory.
    """
    model.to(device)
    result = np.empty((len(codes), model.n_outputs), dtype=np.float16)
    if batch_size == "auto" and len(codes):
        sequences = inference.largest_batch(model, codes.shape[1], device)
        batch_size = max(1, sequences // 2) if strands == "both" else sequences

    def outputs(start, stop):
        batch = models.one_hot(inference.to_device(np.ascontiguousarray(codes[start:stop]), device), device)
        if strands == "both":
            # One pass for both strands reads the weights once.
            batch = torch.cat([batch, batch.flip(1, 2)])
        values = models.probabilities(model, model(batch).float())
        return inference.Download((values.unflatten(0, (-1, stop - start)).mean(0)).half())

    with tqdm(total=len(codes), desc="features", unit="window") as bar:
        waiting = None
        # A batch is fetched when the next one is under way, so that a GPU never waits for the host.
        for batch in itertools.chain(inference.in_batches(outputs, len(codes), batch_size), [None]):
            if waiting:
                start, stop, download = waiting
                result[start:stop] = download.numpy()
                bar.update(stop - start)
            waiting = batch
    return result
