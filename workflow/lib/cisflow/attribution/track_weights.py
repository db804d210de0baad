"""Which numbers of a track's vector a network reads: the weight that each region gives them.

The prediction is bilinear, so that the weight w(s) of region s is the derivative by the standardised vector of any
track (`models.blocks.vectors`): exact, and the same for all tracks. A feature matters as far as its weight differs from
region to region; its mean over regions only says how tracks differ in level.
"""

import zlib

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from cisflow.evaluation import statistics
from cisflow.models.blocks import vectors
from cisflow.models.network import Network, reverse_complement
from cisflow.models.predict import batch_of

COLUMNS = (
    "dataset",
    "split",
    "model",
    "seed",
    "modality",
    "feature",
    "mean",
    "importance",
    "lower",
    "upper",
    "rank",
    "n",
)


@torch.inference_mode()
def weights(network, modality, codes, device):
    """(n, f) float32: the mean over the strands of a prediction of w(s), for base codes (n, length) uint8.

    Raises
    ------
    InputError : the network reads no vectors of tracks.
    """
    network = Network.of(network).to(device)
    reader = vectors.Weights(network.module, modality)
    found = np.empty((len(codes), len(network.module.track_features)), dtype=np.float32)
    size = batch_of(codes.shape[1])
    for start in tqdm(range(0, len(codes), size), desc="weights of track features", unit="batch"):
        part = torch.from_numpy(np.ascontiguousarray(codes[start : start + size])).to(device)
        strands = [part] if network.strands == "forward" else [part, reverse_complement(part)]
        total = sum(reader(*network.inputs(own, device)) for own in strands) / len(strands)
        found[start : start + len(part)] = total.float().cpu().numpy()
    return found


def table(names, network, codes, device, seed, n_resamples):
    """Frame of COLUMNS: of each feature the mean weight over regions and their standard deviation, its importance.

    A weight is what the prediction gains where the feature is one standard deviation (over the tracks that trained)
    higher. Intervals are percentiles of a bootstrap over regions.

    Parameters
    ----------
    names : dataset, split, model, seed. network : Network of one term. codes : (n, length) uint8, n of 2 or more.
    """
    rows = []
    for modality in network.module.modalities:
        found = weights(network, modality, codes, device).astype(np.float64)
        key = zlib.crc32(f"{names['split']}/{names['model']}/{names['seed']}/{modality}".encode())
        counts = statistics.resamples(len(found), n_resamples, np.random.default_rng([seed, key])).astype(float)
        total = counts.sum(axis=1, keepdims=True)
        centred = found - found.mean(axis=0)
        drawn = np.sqrt(np.maximum((counts @ centred**2) / total - ((counts @ centred) / total) ** 2, 0))
        lower, upper = statistics.interval(drawn)
        importance = found.std(axis=0)
        order = np.argsort(np.argsort(-importance, kind="stable"), kind="stable") + 1
        for place, feature in enumerate(network.module.track_features):
            entry = {"modality": modality, "feature": feature, "mean": found[:, place].mean()}
            entry |= {"importance": importance[place], "lower": lower[place], "upper": upper[place]}
            rows.append(names | entry | {"rank": int(order[place]), "n": len(found)})
    return pd.DataFrame(rows, columns=list(COLUMNS))
