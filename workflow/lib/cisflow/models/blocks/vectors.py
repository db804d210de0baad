"""A head that reads a vector of each track, so that tracks which no training saw have predictions too.

Output t of a sequence s is bilinear, y(s, t) = w(s) . v(t) + c(s): a linear layer makes of the features of a sequence
the weight w of each number of a track's vector v, and c, of what tracks share. Vectors are standardised by those of the
tracks that train. They are the weights of a linear layer that stays as it is, so that to all else (attributions,
checkpoints, weights of an output) the network is one with a fixed set of outputs.
"""

import numpy as np
import torch
from torch import nn

from cisflow.data.track_features import scales
from cisflow.errors import InputError, listing


def layers(width, rank, n_features, n_tracks):
    """[modules] of (n, width) -> (n, n_tracks), of vectors that are 0 until `fill`.

    Parameters
    ----------
    rank : numbers that the weights of the features are made of, or None for as many as there are.
    """
    found = [] if rank is None else [nn.Linear(width, rank, bias=False)]
    found.append(nn.Linear(width if rank is None else rank, n_features + 1))
    tracks = nn.Linear(n_features + 1, n_tracks, bias=False)
    tracks.weight.requires_grad_(False).zero_()
    return [*found, tracks]


def fill(network, values, seen):
    """Give a network the vectors (t, f) of its tracks; those `seen`, (t,) bool, are the ones that train.

    Raises
    ------
    InputError : the network reads none, or of other tracks and features than so many; no track is seen.
    """
    expected = (network.n_outputs, len(_features(network)))
    if np.shape(values) != expected or not np.any(seen):
        raise InputError(f"vectors of tracks: {np.shape(values)}, {np.sum(seen)} seen; expected {expected}, some seen")
    centre, scale = scales(values, seen)
    network.feature_centre.copy_(torch.from_numpy(centre))
    network.feature_scale.copy_(torch.from_numpy(scale))
    before = 0
    for name, count in network.modalities.items():
        rows = _rows(network, values[before : before + count])
        for head in network.heads_of(name):
            with torch.no_grad():
                head[-1].weight.copy_(rows)
        before += count


def for_tracks(network, values):
    """The network with the vectors (k, f) of other tracks, all of its one modality; it is changed in place.

    Raises
    ------
    InputError : the network reads none, or has several modalities; a vector of another length.
    """
    if len(network.modalities) > 1:
        raise InputError(f"vectors of other tracks for {len(network.modalities)} modalities; expected a network of one")
    if np.ndim(values) != 2 or np.shape(values)[1] != len(_features(network)):
        raise InputError(f"vectors of tracks: {np.shape(values)}; expected {len(_features(network))} features each")
    (name,) = network.modalities
    rows = _rows(network, values)
    for head in network.heads_of(name):
        head[-1] = nn.utils.skip_init(nn.Linear, rows.shape[1], len(rows), bias=False)
        head[-1].weight = nn.Parameter(rows.clone(), requires_grad=False)
    network.modalities[name] = network.n_outputs = len(rows)
    return network


def _rows(network, values):
    """(k, f + 1) float32 of vectors (k, f): standardised, and 1 for what tracks share."""
    values = torch.as_tensor(np.asarray(values, dtype=np.float64))
    rows = (values - network.feature_centre.double()) * network.feature_scale.double()
    return torch.cat([rows, torch.ones(len(rows), 1, dtype=rows.dtype)], dim=1).float()


def _features(network):
    names = getattr(network, "track_features", None)
    if not names:
        raise InputError(f"{type(network).__name__}: reads no vectors of tracks; expected its setting vectors")
    return names


def same_features(path, network, features):
    """Refuse features (names) that are not those of a network, in its order (InputError)."""
    known = _features(network)
    if list(features) != list(known):
        raise InputError(f"{path}: features are {listing(features)}; the network was trained on {listing(known)}")


class Weights(nn.Module):
    """(n, 4, length) -> (n, f) weights w(s) of the standardised features of tracks, of one modality of a network.

    They are the derivatives of any output of that modality by its track's standardised vector.
    """

    def __init__(self, network, modality):
        super().__init__()
        _features(network)
        if len(network.readouts) > 1 or network.joins is not None:
            raise InputError("weights of features: inputs are joined by a formula; expected one term")
        self.network, self.modality = network, modality

    def forward(self, x):
        (readout,) = self.network.readouts
        (head,) = self.network.heads_of(self.modality)
        features = self.network.features(x)
        return head[:-1](readout.dense(features))[:, :-1]
