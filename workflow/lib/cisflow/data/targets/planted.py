"""Numbers with a known truth: the effects of planted motifs, by how much of each one's regulator a track has."""

import numpy as np
import pandas as pd

from cisflow.config.settings import setting
from cisflow.data import ledger, track_features
from cisflow.data.dataset import TRACKS
from cisflow.data.targets.common import Common, Numbers
from cisflow.errors import InputError, listing


class Settings(Common):
    """Simulated numbers of planted windows: the sum over motifs of their regulator in the track, and noise."""

    features: str = setting(
        resource=True, meaning="Resource with the vectors of the tracks: the column track, and a column a feature."
    )
    regulators: dict[str, str] = setting(
        meaning="Feature by which a planted matrix, by its identifier, acts on a track; others do nothing."
    )
    noise: float = setting(0.5, minimum=0, meaning="Standard deviation of what is added to each number.")
    seed: int = setting(1, minimum=0, meaning="Seed of the noise.")


def collect(settings, windows):
    """Numbers of every track of the table: y(s, t) = sum over planted instances in s of v(t, their regulator) + noise.

    Raises
    ------
    InputError : windows without a planted truth; a matrix that was not planted, or a regulator that is no feature; a
        table that `track_features.read` refuses.
    """
    if windows.truth is None:
        raise InputError(f"targets of kind planted, named '{settings.name}': windows have no planted motifs")
    found = track_features.read(settings.features)
    planted = sorted(set(windows.truth["matrix_id"]))
    effects = np.zeros((len(planted), len(found.tracks)))
    for matrix, feature in settings.regulators.items():
        if matrix not in planted:
            raise InputError(f"regulators: no matrix '{matrix}' was planted; expected some of {listing(planted, 12)}")
        if feature not in found.features:
            raise InputError(f"{settings.features}: no feature '{feature}'; found {listing(found.features, 12)}")
        effects[planted.index(matrix)] = found.values[:, found.features.index(feature)]
    counts = np.zeros((len(windows.frame), len(planted)))
    rows = pd.Index(windows.frame["id"]).get_indexer(windows.truth["id"])
    np.add.at(counts, (rows, [planted.index(matrix) for matrix in windows.truth["matrix_id"]]), 1)
    values = counts @ effects
    values += settings.noise * np.random.default_rng(settings.seed).standard_normal(values.shape)
    tracks = pd.DataFrame("", index=range(len(found.tracks)), columns=list(TRACKS), dtype=object)
    tracks = tracks.assign(target=found.tracks, modality=settings.name)
    line = ledger.counts(settings.features, "target", len(found.tracks), {})
    return Numbers(values.astype(np.float32), tracks, line)
