"""First-layer kernels of a trained network: what they read, which known motif that is, and what the network loses
without each.
"""

import sys
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch.nn import functional
from tqdm import tqdm

from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.data import dataset as datasets
from cisflow.evaluation import axes
from cisflow.io import files, matrices, meme
from cisflow.io.tables import write_table
from cisflow.models import checkpoints, first_layer, inference
from cisflow.models.network import reverse_complement
from cisflow.motifs import naming

COLUMNS = (
    *("kernel", "output", "n_lmers", "ic", "consensus", "raw_consensus"),
    *("match_id", "match_name", "p_value", "q_value", "mean_response", "effect", "metric", "change"),
)
# Sequences whose l-mers are looked at together.
ROWS = 64
# Of a probability in a logarithm.
SMALLEST = 1e-7


class Settings(settings.Settings):
    """First-layer kernels of the networks that are explained."""

    n_sequences: int = setting(
        1000, minimum=1, meaning="Sequences of the dataset, at most, whose l-mers make a kernel's matrix."
    )
    min_response: float = setting(
        0.5, above=0, maximum=1, meaning="Share of a kernel's range of responses from which on an l-mer counts."
    )
    pseudocount: float = setting(
        0.025, minimum=0, meaning="Sum of responses that is added to each base of a matrix, over the number of l-mers."
    )
    n_windows: int = setting(
        100,
        minimum=1,
        meaning="Windows of the test fold, at most, in which each kernel is replaced by its mean response.",
    )


class Kernels(NamedTuple):
    """What is known of k kernels of w bases.

    names : k texts. frequencies : (k, 4, w) float64, base frequencies of the l-mers that excite them.
    raw : (k, 4, w) float64, their weights as frequencies. counts : (k,) int, l-mers that excite them; 0 of a kernel
    that responds to all alike. means : (k,) float32, mean response.
    """

    names: list
    frequencies: np.ndarray
    raw: np.ndarray
    counts: np.ndarray
    means: np.ndarray


def read_kernels(folder, split, weights, database, settings, seed, device, outputs):
    """Write kernels.tsv, both files of matrices and the summary.

    Parameters
    ----------
    folder : of the dataset. split : table of folds, of which the test fold tells effects. weights : a network trained
        on it. database : known motifs. settings : Settings. seed : of the samples of sequences and windows.
    outputs : paths of table, matrices, raw and summary.
    """
    dataset = datasets.read(folder, mmap=True)
    rng = np.random.default_rng(seed)
    test = np.flatnonzero(datasets.read_folds(split, dataset.ids) == "test")
    sample = sampled(rng, np.arange(len(dataset.ids)), settings.n_sequences)
    windows = sampled(rng, test, settings.n_windows)
    network = checkpoints.load(weights)
    codes, held_out = np.asarray(dataset.codes[sample]), np.asarray(dataset.codes[windows])
    stems = first_layer.stems(network, codes, device)
    problem = why_none(network, stems, windows, split)
    if problem:
        print(f"kernels: {problem}", file=sys.stderr)
        stems = []
    found, effects = [], []
    for number, stem in enumerate(stems):
        prefix = f"t{number + 1}_" if len(stems) > 1 else ""
        found.append(describe(network, stem, codes, settings, device, prefix))
        labels = np.asarray(dataset.labels[windows], dtype=np.float64)
        effects.append(knocked_out(network, stem, found[-1].means, held_out, labels, device))
    names = network.outputs or dataset.targets
    write_table(outputs["table"], table(found, effects, names, network.task, matrices.read_motifs(database)))
    for key in ("matrices", "raw"):
        write_matrices(outputs[key], found, "frequencies" if key == "matrices" else "raw")
    counts = {"n_kernels": sum(len(one.names) for one in found), "n_sequences": len(sample), "n_windows": len(windows)}
    dead = sum(int((one.counts == 0).sum()) for one in found)
    known = {"n_without_response": dead, "explanation": problem, "settings": settings.as_dict()}
    files.write_json(outputs["summary"], counts | known)


def sampled(rng, rows, most):
    """At most so many of the rows, in their order."""
    return np.sort(rng.choice(rows, most, replace=False)) if len(rows) > most else rows


def why_none(network, stems, windows, split):
    """Why a network has no kernels to tell of, as a sentence; "" where it has."""
    if not stems:
        return f"{network.name} has no one-dimensional convolution that reads the bases, so that it has no kernels."
    if not len(windows):
        return f"{split}: no window is in fold test, in which the effect of kernels is measured."
    return ""


@torch.inference_mode()
def describe(network, stem, codes, settings, device, prefix=""):
    """The Kernels of a Stem.

    The responses of a kernel to all l-mers of the sequences are scaled to 0 to 1; those of `min_response` and more are
    the weights with which its l-mers are counted, so that the matrix shows what excites the kernel, whatever the sign
    and scale of its weights (as Sasse et al.'s DRG does). L-mers are read on both strands, but for a network that never
    saw the reverse one and does not scan it.

    Parameters
    ----------
    codes : (n, length) uint8. prefix : of the names of the kernels.
    """
    both = stem.both_strands or network.strands != "forward"
    k, width = stem.n_kernels, stem.width
    lowest, highest = torch.full((k,), torch.inf), torch.full((k,), -torch.inf)
    total, places, pieces = torch.zeros(k, dtype=torch.float64), 0, []
    for x, known, pooled in _read(network, stem, codes, device, both):
        pieces.append((x, known))
        response = stem.responses(x)
        if known.any():
            lowest = torch.minimum(lowest, response.masked_fill(~known, torch.inf).amin(dim=(0, 2)).cpu())
            highest = torch.maximum(highest, response.masked_fill(~known, -torch.inf).amax(dim=(0, 2)).cpu())
        total += pooled.double().sum(dim=(0, 2)).cpu()
        places += pooled.shape[0] * pooled.shape[2]
    span = (highest - lowest).nan_to_num(nan=0, posinf=0, neginf=0)
    sums, counts = torch.zeros(k, 4, width, dtype=torch.float64), torch.zeros(k, dtype=torch.int64)
    for x, known in pieces:
        response = stem.responses(x)
        scale = torch.where(span > 0, span, torch.inf).to(response.device)[:, None]
        share = (response - lowest.nan_to_num(posinf=0).to(response.device)[:, None]) / scale
        excited = known & (share >= settings.min_response)
        counts += excited.sum(dim=(0, 2)).cpu()
        # The gradient of a convolution towards its weights is the sum of the bases at each place, weighted.
        weighted = torch.nn.grad.conv1d_weight(
            x, (k, 4, width), torch.where(excited, share, 0), dilation=stem.convolution.dilation
        )
        sums += weighted.double().cpu()
    n = counts.clamp(min=1)[:, None, None]
    sums += settings.pseudocount / n
    base = torch.full_like(sums, 0.25)
    frequencies = torch.where(sums.sum(dim=1, keepdim=True) > 0, sums / sums.sum(dim=1, keepdim=True), base)
    frequencies = torch.where(counts[:, None, None] > 0, frequencies, base)
    names = [f"{prefix}k{number}" for number in range(k)]
    means = (total / max(places, 1)).float().numpy()
    return Kernels(names, frequencies.numpy(), as_frequencies(stem.convolution.weight), counts.numpy(), means)


@torch.inference_mode()
def _read(network, stem, codes, device, both):
    """Of a batch of sequences after the other, on each strand: (bases (n, 4, positions) that the layer reads, which
    l-mers (n, 1, places) hold known ones alone, its response (n, k, positions)); of a strand that the network does not
    predict from no response, n = 0.
    """
    ones = torch.ones(1, 1, stem.width, device=device)
    for start in tqdm(range(0, len(codes), ROWS), desc="l-mers", unit="batch"):
        rows = inference.to_device(np.ascontiguousarray(codes[start : start + ROWS]), device)
        for number, strand in enumerate([rows, reverse_complement(rows)] if both else [rows]):
            with (
                first_layer.listening(stem.convolution, before=True) as bases,
                first_layer.listening(stem.last) as pooled,
            ):
                network(*network.inputs(strand, device))
            seen = number == 0 or network.strands != "forward"
            # A trunk that inputs share runs once for each.
            for x, own in zip(bases, pooled, strict=True):
                is_base = (x.amax(dim=1, keepdim=True) == 1).float()
                known = functional.conv1d(is_base, ones, dilation=stem.convolution.dilation) == stem.width
                yield x, known, own if seen else own[:0]


def as_frequencies(weight):
    """Weights (k, 4, w) as base frequencies (k, 4, w) float64: 2 to the power of the weight over the standard deviation
    of its kernel's weights, each column scaled to 1. The constant of a kernel falls out.
    """
    weight = weight.detach().double().cpu().numpy()
    spread = weight.std(axis=(1, 2), keepdims=True)
    powers = 2 ** np.divide(weight, spread, out=np.zeros_like(weight), where=spread > 0)
    return powers / powers.sum(axis=1, keepdims=True)


def knocked_out(network, stem, means, codes, labels, device):
    """What each kernel does to each output, told by windows in which its response is its mean response everywhere.

    Parameters
    ----------
    means : (k,) float32. codes : (n, length) uint8. labels : (n, t) float64, NaN = missing.

    Returns
    -------
    (effect, change), each (k, t) float64. effect : mean over the windows of the raw output as it is minus that without
    the kernel; above 0 the kernel speaks for the output. change : what the cross-entropy, or 1 - Pearson's r for
    numbers, grows by without it; above 0 the network needs it; NaN without labels, or where r is undefined.
    """
    raw, predicted = first_layer.outputs(network, codes, device)
    before = losses(labels, predicted, network.task)
    effect, change = np.zeros((2, stem.n_kernels, raw.shape[1]))
    values = torch.as_tensor(means, device=device)
    together = max(1, first_layer.BATCH // len(codes))
    with tqdm(total=stem.n_kernels, desc="kernels", unit="kernel") as bar:
        for start in range(0, stem.n_kernels, together):
            kernels = np.arange(start, min(start + together, stem.n_kernels))
            found = first_layer.outputs(
                network, np.tile(codes, (len(kernels), 1)), device, stem, np.repeat(kernels, len(codes)), values
            )
            without, changed = (part.reshape(len(kernels), len(codes), -1) for part in found)
            effect[kernels] = (raw.astype(np.float64) - without).mean(axis=1)
            change[kernels] = [losses(labels, own, network.task) - before for own in changed]
            bar.update(len(kernels))
    return effect, change


def losses(labels, predicted, task):
    """(t,) of predictions (n, t): mean cross-entropy in nats of two classes, 1 - Pearson's r of numbers."""
    if task.classes:
        p = np.clip(predicted.astype(np.float64), SMALLEST, 1 - SMALLEST)
        entropy = -(labels * np.log(p) + (1 - labels) * np.log(1 - p))
        known = np.isfinite(labels)
        n = known.sum(axis=0)
        return np.divide(np.where(known, entropy, 0).sum(axis=0), n, out=np.full(len(n), np.nan), where=n > 0)
    return 1 - axes.metrics(labels.T, predicted.T, ("pearson",))["pearson"]


def table(found, effects, outputs, task, motifs):
    """Frame of COLUMNS: a row for each kernel and output.

    Parameters
    ----------
    found : list of Kernels. effects : for each (effect, change), see `knocked_out`. outputs : t names.
    motifs : of the database; a kernel without excited l-mers matches none.
    """
    if not found:
        return pd.DataFrame(columns=COLUMNS)
    rows = []
    metric = "cross_entropy" if task.classes else "1-pearson"
    for kernels, (effect, change) in zip(found, effects, strict=True):
        alive = np.flatnonzero(kernels.counts)
        best = dict(zip(alive, matches([kernels.frequencies[k] for k in alive], motifs), strict=True))
        for k, name in enumerate(kernels.names):
            matrix = kernels.frequencies[k]
            known = (int(kernels.counts[k]), meme.column_information(matrix).sum(), naming.consensus(matrix))
            known += (naming.consensus(kernels.raw[k]), *best.get(k, NO_MATCH), kernels.means[k])
            for t, output in enumerate(outputs):
                rows.append((name, output, *known, effect[k, t], metric, change[k, t]))
    return pd.DataFrame(rows, columns=COLUMNS)


NO_MATCH = ("", "", None, None)


def matches(found, motifs):
    """(id, name, p-value, q-value) of the most similar known motif of each matrix; NO_MATCH where none is like it."""
    if not found:
        return []
    result = []
    for p, q in zip(*naming.compare(found, motifs), strict=True):
        best = naming.nearest(p, motifs, 1)
        result.append((*motifs[best[0]][:2], p[best[0]], q[best[0]]) if len(best) else NO_MATCH)
    return result


def write_matrices(path, found, which):
    """Write one kind of matrices of all kernels as MEME, with the number of l-mers as that of sites."""
    motifs, sites = [], []
    for kernels in found:
        for name, matrix, count in zip(kernels.names, getattr(kernels, which), kernels.counts, strict=True):
            motifs.append(meme.Motif(name, naming.consensus(matrix), matrix))
            sites.append(int(count))
    meme.write_meme(path, motifs, sites)
