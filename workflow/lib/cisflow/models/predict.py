"""The pass of a network over windows, batch after batch, on the strands that are asked for."""

import itertools

import numpy as np
import torch
from tqdm import tqdm

from cisflow.errors import InputError
from cisflow.models import inference
from cisflow.models.network import Network, reverse_complement
from cisflow.sequence import dna

# Windows in a forward pass of a network that was trained here, and their bases, at most: activations grow with them.
BATCH = 512
BASES = 1 << 21


def batch_of(length):
    """Windows of `length` bp in a forward pass of a network that was trained here, 1 or more."""
    return max(1, min(BATCH, BASES // max(length, 1)))


@torch.inference_mode()
def stream(model, sequences, device, strands="both", batch_size="auto", raw=False):
    """Yield the predictions of every output, batch after batch, as float32 arrays (k, *window_shape).

    Parameters
    ----------
    model : Network, or bare module, in eval mode, as loaded or, to be faster, from `inference.prepare`.
    sequences : base codes (n, length) uint8: an array, or what gives one when it is sliced (`context.Sequences`).
    strands : "both" for the mean over both strands, "forward", or "separate" for the forward and the reverse strand.
    batch_size : windows in a forward pass; "auto" takes what the memory holds. Halved when it turns out too large.
    raw : the network's own outputs, such as logits, in place of predictions.

    Raises
    ------
    InputError : not even one window fits in memory, or an output is not finite.
    """
    network = Network.of(model).to(device)
    if batch_size == "auto" and len(sequences):
        most = inference.largest_batch(network, sequences[:1].shape[1], device)
        batch_size = most if strands == "forward" else max(1, most // 2)

    def outputs(start, stop):
        codes = inference.to_device(np.ascontiguousarray(sequences[start:stop]), device)
        if strands != "forward":
            # One pass for both strands reads the weights once.
            codes = torch.cat([codes, reverse_complement(codes)])
        found = network(*network.inputs(codes, device)).float()
        found = found if raw else network.predictions(found)
        values = found.unflatten(0, (-1, stop - start))
        if strands != "forward" and network.opposite is not None:
            values = torch.stack([values[0], network.turned(values[1])])
        return inference.Download(values.movedim(0, 1) if strands == "separate" else values.mean(0))

    waiting = None
    # A batch is fetched when the next one is under way, so that a GPU never waits for the host.
    for batch in itertools.chain(inference.in_batches(outputs, len(sequences), batch_size), [None]):
        if waiting:
            start, _, download = waiting
            values = download.numpy()
            _refuse_not_finite(network, values, start)
            yield values
        waiting = batch


def _refuse_not_finite(network, values, start):
    """InputError for predictions (k, …, n_outputs) of windows from `start` on that are NaN or infinite."""
    if np.isfinite(values).all():
        return
    window, *strand, output = (int(place) for place in np.argwhere(~np.isfinite(values))[0])
    name = network.outputs[output] if network.outputs else f"output {output}"
    found = values[window, *strand, output]
    raise InputError(f"{network.name}: {name} of row {start + window}, from 0, is {found}; expected a finite number")


def window_shape(model, strands):
    """Shape of what `stream` gives of one window: (n_outputs,), or (2, n_outputs) for strands "separate"."""
    return (2, model.n_outputs) if strands == "separate" else (model.n_outputs,)


def predict(model, codes, device, description="predict"):
    """Predictions (n, t) float32 on the forward and on the reverse strand; None of one that the network never saw.

    Those of the reverse strand are of the forward strand's outputs: of tracks of one strand each the two are exchanged.

    Parameters
    ----------
    model : Network, or bare module, in eval mode; left on `device`.
    codes : (n, length) uint8.
    """
    network = Network.of(model)
    given = (codes,) if network.strands == "forward" else (codes, dna.reverse_complement(codes))
    strands = np.empty((len(given), len(codes), network.n_outputs), dtype=np.float32)
    with tqdm(total=len(given) * len(codes), desc=description, unit="window", unit_scale=True) as bar:
        for strand, sequences in enumerate(given):
            row = 0
            for values in stream(network, sequences, device, "forward", batch_of(codes.shape[1])):
                strands[strand, row : row + len(values)] = network.turned(values) if strand else values
                row += len(values)
                bar.update(len(values))
    return strands[0], strands[1] if len(given) > 1 else None


@torch.inference_mode()
def profiles(model, codes, device, description="profiles"):
    """Yield shares of each bin, float32 (k, t, bins), batch after batch: the mean of the strands of a prediction.

    On the reverse strand bins are read from behind, and tracks of one strand each are exchanged.

    Parameters
    ----------
    model : Network in eval mode whose module has `profile`; left on `device`. codes : (n, length) uint8.
    """
    network = Network.of(model).to(device)
    size = batch_of(codes.shape[1])
    for start in tqdm(range(0, len(codes), size), desc=description, unit="batch"):
        part = inference.to_device(np.ascontiguousarray(codes[start : start + size]), device)
        strands = [part] if network.strands == "forward" else [part, reverse_complement(part)]
        shares = [network.module.profile(*network.inputs(own, device))[1].float().softmax(dim=2) for own in strands]
        shares[1:] = [network.turned(reverse.flip(2).mT).mT for reverse in shares[1:]]
        yield (sum(shares) / len(shares)).cpu().numpy()
