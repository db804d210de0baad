"""Numbers with a known truth: motifs with effects on each track, formulas of two inputs, and a species held out."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch

from cisflow import models
from cisflow.attribution import blocks, methods, scores
from cisflow.attribution.targets import Targets
from cisflow.data.dataset import Dataset
from cisflow.models.predict import predict
from cisflow.sequence import dna
from cisflow.tasks import get
from cisflow.training import fit

pytestmark = pytest.mark.slow
CPU = torch.device("cpu")
TASK = get("regression")
MOTIFS = ("TGACTCA", "CCACGTGA", "GGGCGGAG", "TTATGCAA", "CAGGTAAC", "ACTTCCTC")
NETWORK = {
    "stem": {"kernels": 48, "width": 11, "activation": "exp"},
    "blocks": [{"kind": "pool", "size": 10}],
    "summary": {"kind": "mean"},
}
RECIPE = {
    "max_epochs": 25,
    "batch_size": 64,
    "learning_rate": 0.004,
    "schedule": "warmup_cosine",
    "warmup_epochs": 2,
    "patience": 25,
    "reverse_complement": "none",
}


class Simulated(NamedTuple):
    """Sequences with planted motifs. counts : (n, m) instances. sites : [(row, motif, start)]."""

    codes: np.ndarray
    counts: np.ndarray
    sites: list


def simulated(n, length, seed, motifs=MOTIFS, rate=0.35):
    """Random bases with up to two instances of each motif, none upon another."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    counts, sites = rng.binomial(2, rate, (n, len(motifs))), []
    slots = np.arange(0, length - 9, 10)
    for row in range(n):
        places = iter(rng.permutation(slots))
        for number, motif in enumerate(motifs):
            for _ in range(counts[row, number]):
                start = int(next(places)) + int(rng.integers(0, 2))
                codes[row, start : start + len(motif)] = dna.encode(motif)
                sites.append((row, number, start))
    return Simulated(codes, counts, sites)


def trained(work, codes, labels, tracks, network, folds, inputs=(), **recipe):
    """The Network that is trained on labels (n, t), with its checkpoints in the folder `work`."""
    ids = np.array([f"w{row}" for row in range(len(codes))])
    labels = np.asarray(labels, dtype=np.float32)
    dataset = Dataset(ids, codes, labels, tracks["target"].tolist(), TASK, tracks=tracks, inputs=inputs)
    module, _, _ = fit.train(dataset, folds, "Modular", network, RECIPE | recipe, 1, CPU, work)
    return models.Network(module, dataset.targets, strands="forward", task=TASK)


def described(names, modality="signal", classes=None):
    table = {"target": names, "modality": modality, "class": classes or "", "group": "", "replicate": ""}
    return pd.DataFrame(table)


def correlations(truth, predicted):
    return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(truth.T, predicted.T, strict=True)])


def split(n):
    return np.resize(["train", "train", "train", "train", "valid", "test"], n)


def test_effects_of_motifs_are_learned_track_by_track_with_their_signs(tmp_path):
    data = simulated(3600, 120, seed=0)
    rng = np.random.default_rng(1)
    effects = rng.choice([-1, 1], (6, 8)) * rng.uniform(0.5, 1.5, (6, 8)) * (rng.random((6, 8)) < 0.7)
    truth = data.counts @ effects
    # Depth differs from track to track, and a label in ten is missing.
    noise = np.linspace(0.2, 1.2, 8) * truth.std(axis=0)
    labels = truth + noise * rng.normal(size=truth.shape)
    labels[rng.random(labels.shape) < 0.1] = np.nan
    classes = ["blood"] * 4 + ["brain"] * 4
    folds = split(len(truth))
    network = trained(
        tmp_path, data.codes, labels, described([f"t{t}" for t in range(8)], classes=classes), NETWORK, folds
    )
    held_out = folds == "test"
    predicted, _ = predict(network, data.codes[held_out], CPU)
    found = correlations(truth[held_out], predicted)
    print("r to the noiseless truth", found.round(3))
    assert found.min() >= 0.9

    rows = np.flatnonzero(held_out)[:200]
    parts = list(blocks.attribute(network, data.codes[rows], Targets(None, 8), methods.get("tism"), progress=False))
    multipliers = np.concatenate([part.multipliers for _, part in parts])
    own = np.stack(
        [
            scores.observed(scores.transform(multipliers[:, t], data.codes[rows], "hypothetical"), data.codes[rows])
            for t in range(8)
        ],
        axis=1,
    )
    sums, place = np.zeros((6, 8)), {row: number for number, row in enumerate(rows)}
    for row, motif, start in data.sites:
        if row in place:
            sums[motif] += own[place[row], :, start : start + len(MOTIFS[motif])].sum(axis=1)
    strong = np.abs(effects) > 0
    right = np.sign(sums[strong]) == np.sign(effects[strong])
    print(f"signs right {right.mean():.3f} of {right.size}")
    assert right.mean() >= 0.95


@pytest.mark.parametrize(
    ("kind", "network"), [("difference", {"kind": "difference"}), ("ratio", {"kind": "ratio", "log": "e"})]
)
def test_formulas_of_two_inputs_recover_their_parts(kind, network, tmp_path):
    first, second = simulated(6000, 100, 2, MOTIFS[:3]), simulated(6000, 60, 3, MOTIFS[3:5])
    a, b = 1 + first.counts @ [0.8, 0.5, 1.1], 0.6 + second.counts @ [0.9, 0.4]
    truth = a - b if kind == "difference" else np.log(a / b)
    codes = np.concatenate([first.codes, second.codes], axis=1)
    inputs, folds = (("dna", 0, 100), ("rna", 100, 160)), split(len(codes))
    labels = truth[:, None] + 0.1 * np.random.default_rng(4).normal(size=(len(codes), 1))
    stem = {"stem": {"kernels": 24, "width": 9, "activation": "exp"}, "join": network}
    found = trained(tmp_path, codes, labels, described(["rate"]), NETWORK | stem, folds, inputs, learning_rate=0.01)
    held_out = folds == "test"
    x = models.one_hot(codes[held_out], CPU)
    with torch.no_grad():
        parts = found.module.parts(x)[:, :, 0].numpy()
    of_each = [abs(np.corrcoef(true[held_out], part)[0, 1]) for true, part in zip((a, b), parts.T, strict=True)]
    print(kind, np.round(of_each, 3))
    assert min(of_each) >= 0.9


def test_a_species_held_out_is_predicted_better_than_by_the_mean(tmp_path):
    # The other species has another composition, and the same motifs.
    human, mouse = simulated(1800, 120, 5), simulated(600, 120, 6)
    rng = np.random.default_rng(7)
    effects = rng.choice([-1, 1], (6, 3)) * rng.uniform(0.5, 1.5, (6, 3))
    codes, counts = np.concatenate([human.codes, mouse.codes]), np.concatenate([human.counts, mouse.counts])
    labels = counts @ effects + 0.3 * rng.normal(size=(2400, 3))
    folds = np.concatenate([np.resize(["train"] * 5 + ["valid"], 1800), np.full(600, "test")])
    network = trained(tmp_path, codes, labels, described(["x", "y", "z"]), NETWORK, folds)
    predicted, _ = predict(network, codes[1800:], CPU)
    ours = ((predicted - labels[1800:]) ** 2).mean(axis=0)
    mean = ((labels[:1800].mean(axis=0) - labels[1800:]) ** 2).mean(axis=0)
    print("squared error as a share of the mean's", (ours / mean).round(3))
    assert (ours < 0.5 * mean).all()
