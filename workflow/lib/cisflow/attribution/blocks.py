"""Raw multipliers of a network by any method, block by block of sequences."""

import contextlib

import numpy as np
from tqdm import tqdm

from cisflow.attribution import methods
from cisflow.attribution.method import Attribution
from cisflow.attribution.targets import Targets
from cisflow.errors import InputError
from cisflow.models.network import Network
from cisflow.sequence import dna


def multipliers(model, codes, targets=None, method="gradient", device="cpu", seed=0, **settings):
    """Raw multipliers of a network, by one of `methods.NAMES`.

    Parameters
    ----------
    model : models.Network, or a bare torch module; its raw outputs are attributed (logits, for the networks trained
        here). Its mode, and which of its parameters ask for gradients, are restored.
    codes : (n, length) uint8.
    targets : (t,) outputs by index; (t, n_outputs) float weights, for means and contrasts; None for every output; or
        Targets, for targets of each sequence's own.
    seed : of the shuffled baselines.
    settings : of the method, see the class Settings of its module.

    Returns
    -------
    (n, t, 4, length) float32.

    Raises
    ------
    InputError : unknown method, setting, target or layer; a network that reads tokens; DeepLIFT that does not
        converge; a network without the layers that `taylor_ism` needs.
    """
    network = Network.of(model)
    targets = targets if isinstance(targets, Targets) else Targets(targets, network.n_outputs)
    result = np.empty((len(codes), len(targets), 4, codes.shape[1]), dtype=np.float32)
    for rows, part in attribute(network, codes, targets, methods.get(method, **settings), device, seed):
        result[rows] = part.multipliers
    return result


def attribute(model, codes, targets, method, device="cpu", seed=0, start=0, stop=None, progress=True):
    """Attributions block by block, with a progress bar unless told otherwise: yields (slice of rows, Attribution).

    Parameters are those of `multipliers`; `targets` is Targets, `method` is a methods.Method, and `start` and `stop`
    bound the rows, at the starts of blocks (`block_rows`) or the end: what the blocks are does not depend on them.
    """
    network = _readable(model)
    strands = method.settings.strands or network.strands
    stop = len(codes) if stop is None else stop
    with frozen(network.module):
        network.to(device)
        rows_at_once, explain = method.prepare(network.module, codes.shape[1], len(targets), seed)
        with tqdm(total=stop, initial=start, desc=method.name, unit="sequence", disable=not progress) as bar:
            for first in range(start, stop, rows_at_once):
                rows = slice(first, min(first + rows_at_once, len(codes)))
                block, chosen = np.ascontiguousarray(codes[rows]), targets.take(rows, device)
                (x,) = network.inputs(block, device)
                found = explain(x, block, chosen)
                if strands == "both":
                    # The mean over strands is linear in the two, and so is every method.
                    turned = chosen.turned(network.opposite)
                    reverse = explain(x.flip(1, 2), dna.reverse_complement(block), turned)
                    found = _mean(found, reverse)
                yield rows, found
                bar.update(rows.stop - rows.start)


def block_rows(model, codes, targets, method):
    """Rows of each block of `attribute` but the last."""
    network = _readable(model)
    with frozen(network.module):
        return method.prepare(network.module, codes.shape[1], len(targets), seed=0)[0]


def _readable(model):
    network = Network.of(model)
    if network.reads != "one-hot":
        raise InputError(f"{network.name} reads {network.reads}, so that its output cannot be attributed to bases")
    return network


@contextlib.contextmanager
def frozen(model):
    """A torch module in eval mode with parameters that ask for no gradients, a third of the cost of a backward pass."""
    asking = [parameter for parameter in model.parameters() if parameter.requires_grad]
    training = model.training
    model.eval().requires_grad_(False)
    try:
        yield
    finally:
        model.train(training)
        for parameter in asking:
            parameter.requires_grad_(True)


def _mean(forward, reverse):
    """Mean of the attributions of sequences and of their reverse complements, in the direction of the former."""
    parts = [(a + b) / 2 for a, b in zip(forward[1:], reverse[1:], strict=True) if a is not None]
    # In the former's place: of every target of a large network, one more array is gigabytes.
    mean = forward.multipliers
    mean += reverse.multipliers[..., ::-1, ::-1]
    mean /= 2
    return Attribution(mean, *parts)
