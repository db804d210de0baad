"""Training on several modalities: losses of each, profiles, several sequences a sample."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from cisflow import models, tasks
from cisflow.data import dataset as datasets
from cisflow.errors import InputError
from cisflow.models import checkpoints
from cisflow.models.motif_cnn import MotifCNN
from cisflow.models.network import Architecture
from cisflow.models.predict import predict
from cisflow.training import batches, fit
from trainings import CPU, measured, planted, run


def modalities(n=240, **fields):
    """Windows with counts of two tracks and real numbers of one, which are of two modalities."""
    dataset, folds, truth = measured(n)
    counts = np.random.default_rng(1).poisson(np.exp(truth / 2 + 1)).astype(np.float32)
    labels = np.column_stack([counts, dataset.labels[:, 1]]).astype(np.float32)
    names = ["c1", "c2", "x"]
    tracks = pd.DataFrame({"target": names, "modality": ["atac", "atac", "rna"]}).reindex(columns=datasets.TRACKS)
    return dataset._replace(labels=labels, targets=names, tracks=tracks.fillna(""), **fields), folds


TWO = {
    "atac": {"loss": "poisson"},
    "rna": {"loss": {"mse": 0.5, "correlation_regions": 2}, "weight": 3.0, "stop": False},
}


def test_each_modality_has_its_loss_and_its_say_in_stopping(tmp_path):
    dataset, folds = modalities()
    weighted = dataset._replace(weights=np.random.default_rng(2).uniform(0.5, 2, (240, 3)).astype(np.float32))
    recipe = {"reverse_complement": "none", "modalities": TWO, "max_epochs": 5}
    network, header, history = run(tmp_path / "work", weighted, folds, **recipe)
    assert header["links"] == ["exp", "exp", "identity"]
    models.save(tmp_path / "model.safetensors", network, header)
    loaded = models.load(tmp_path / "model.safetensors")
    predicted = predict(loaded, dataset.codes, CPU)[0][folds == "valid"]
    labels, shares = dataset.labels[folds == "valid"], weighted.weights[folds == "valid"]
    with torch.inference_mode():
        raw = network(*network.inputs(dataset.codes[folds == "valid"], CPU)).numpy()
    np.testing.assert_allclose(predicted, np.column_stack([np.exp(raw[:, :2]), raw[:, 2]]), rtol=1e-5)
    best = next(row for row in history if row["best"])
    atac = np.average(-stats.poisson.logpmf(labels[:, :2], predicted[:, :2]), weights=shares[:, :2])
    known = ~np.isnan(labels[:, 2])
    x, y, w = predicted[known, 2], labels[known, 2], shares[known, 2]
    covariance = np.cov(x, y, aweights=w)
    rna = 0.5 * np.average((x - y) ** 2, weights=w)
    rna += 2 * (1 - covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
    assert best["valid_loss_atac"] == pytest.approx(atac, rel=1e-5)
    assert best["valid_loss_rna"] == pytest.approx(rna, rel=1e-5)
    assert best["valid_loss"] == pytest.approx(atac + 3 * rna, rel=1e-5)
    assert best["valid_loss_atac"] == min(row["valid_loss_atac"] for row in history)
    assert best["valid_pearson_rna"] == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-5)
    assert {"train_loss_atac", "train_loss_rna", "valid_pearson_atac"} <= set(best)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"modalities": {"chip": {"weight": 2}}}, "modalities: 'chip' is none of the dataset's; expected atac, rna"),
        (
            {"loss": "poisson"},
            "training labels of modality 'rna' hold -.* in track 'x'; loss poisson expects 0 or more",
        ),
        ({"modalities": {name: {"stop": False} for name in ("atac", "rna")}}, "none has stop: true; expected one"),
        ({"loss": "profile"}, "architecture MotifCNN gives no profiles, which the loss expects"),
        (
            {"loss": {"poisson": 1, "binary_cross_entropy": 1}},
            "modality 'atac': loss: found poisson, whose predictions",
        ),
        ({"loss": "mee"}, r"training settings.loss: 'mee' is not one of \['mse'"),
        ({"loss": {"mee": 1}}, "training settings.loss: unknown key 'mee'; expected keys: mse"),
        ({"modalities": {"rna": {"los": "mse"}}}, r"modalities.rna: unknown key 'los'; expected keys: loss, weight"),
    ],
)
def test_a_loss_that_the_labels_do_not_fit_is_refused(tmp_path, recipe, message):
    with pytest.raises(InputError, match=message):
        run(tmp_path / "work", *modalities(24), **recipe)


def test_counts_that_are_none_are_warned_of(tmp_path, capsys):
    dataset, folds = modalities(24)
    labels = np.abs(dataset.labels)
    labels[:, 1], labels[:, 2] = 0, labels[:, 2] + 0.5
    run(tmp_path / "work", dataset._replace(labels=labels), folds, loss="poisson", max_epochs=1)
    warned = [line for line in capsys.readouterr().err.splitlines() if line.startswith("WARNING")]
    assert len(warned) == 2
    assert "modality 'atac': track 'c2' of zeros alone; under loss poisson" in warned[0]
    assert "modality 'rna': track 'x' with fractions" in warned[1]


class Profiled(Architecture):
    """Totals of two tracks and their shape over bins, from the bases of each bin; what the dataset offers is kept."""

    output = "logit"

    def __init__(self, n_outputs=1, bins=1, segments=None, modalities=None):
        super().__init__()
        self.n_outputs, self.given = n_outputs, {"bins": bins, "segments": segments, "modalities": modalities}
        self.pool, self.dense = torch.nn.AdaptiveAvgPool1d(bins), torch.nn.Linear(4, 2 * n_outputs)

    def forward(self, x):
        return self.profile(x)[0]

    def profile(self, x):
        shapes, totals = self.dense(self.pool(x).transpose(1, 2)).transpose(1, 2).chunk(2, dim=1)
        return totals.mean(2) + 2, shapes


@pytest.fixture
def profiled(monkeypatch):
    monkeypatch.setattr(fit.registry, "get", lambda name: Profiled)


@pytest.mark.parametrize("loss", ["profile", "profile_log_mse"])
def test_shape_and_total_of_profiles_are_learned(tmp_path, profiled, loss):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (600, 40)).astype(np.uint8)
    # As much as a bin has of G and C, on either strand.
    rates = np.stack(
        [np.exp(3 * np.isin(codes, (1, 2)).reshape(600, 4, 10).mean(2) + start) for start in (0, 1)], axis=1
    )
    profiles = rng.poisson(10 * rates).astype(np.float32)
    _, folds = planted(600)
    names = np.array([f"w{i}" for i in range(600)])
    dataset = datasets.Dataset(names, codes, profiles.sum(2), ["a", "b"], tasks.get("regression"), profiles=profiles)
    recipe = {"loss": loss, "max_epochs": 25, "patience": 25, "learning_rate": 0.03, "batch_size": 16}
    network, header, _ = fit.train(dataset, folds, "Profiled", {}, recipe, 1, CPU, tmp_path / "work")
    assert header["links"] == ["exp", "exp"] and header["settings"]["bins"] == 4
    with torch.inference_mode():
        totals, shapes = network.profile(*network.inputs(codes[folds == "test"], CPU))
    expected = rates[folds == "test"] / rates[folds == "test"].sum(2, keepdims=True)
    np.testing.assert_allclose(shapes.softmax(2), expected, atol=0.05)
    assert np.corrcoef(totals.exp()[:, 0], rates.sum(2)[folds == "test", 0])[0, 1] > 0.9
    with pytest.raises(InputError, match="shift: 3; expected 0 for profiles"):
        fit.train(dataset, folds, "Profiled", {}, recipe | {"shift": 3}, 1, CPU, tmp_path / "work")


def test_a_network_gets_of_the_dataset_what_it_takes(profiled):
    dataset, _ = modalities(24, inputs=(("promoter", 0, 20), ("rna", 20, 60)))
    found = fit.complete_settings("Profiled", {}, dataset)
    assert found == {"n_outputs": 3, "modalities": {"atac": 2, "rna": 1}, "segments": [20, 40]}
    assert list(fit.complete_settings("Profiled", {"segments": [60]}, dataset)["segments"]) == [60]


def test_heads_keep_the_order_of_their_modalities_on_disk(tmp_path):
    header = {"architecture": "X", "settings": {"modalities": {"rna": 1, "atac": 2}}, "targets": ["x", "c1", "c2"]}
    models.save(tmp_path / "model.safetensors", torch.nn.Linear(1, 1), header)
    assert list(checkpoints.read_header(tmp_path / "model.safetensors")["settings"]["modalities"]) == ["rna", "atac"]


def test_several_sequences_are_shown_as_they_are_and_moved_each_by_itself(tmp_path, profiled):
    dataset, folds = modalities(24, inputs=(("promoter", 0, 20), ("rna", 20, 60)))
    with pytest.raises(InputError, match="reverse_complement: 'random'; expected 'none' for samples of 2 sequences"):
        fit.train(dataset, folds, "Profiled", {}, {}, 1, CPU, tmp_path / "work")
    with pytest.raises(InputError, match="architecture MotifCNN reads one sequence a sample; found 2"):
        monkey = pytest.MonkeyPatch()
        monkey.setattr(fit.registry, "get", lambda name: MotifCNN)
        run(tmp_path / "work", dataset, folds, reverse_complement="none")
    torch.manual_seed(0)
    codes = torch.randint(0, 4, (400, 30), dtype=torch.uint8)
    moved = batches.shifted(codes, 3, [10, 20])
    pairs = set()
    for before, after in zip(codes.tolist(), moved.tolist(), strict=True):
        offsets = []
        for start, end in ((0, 10), (10, 30)):
            padded = [4] * 3 + before[start:end] + [4] * 3
            offsets += [d for d in range(7) if after[start:end] == padded[d : d + end - start]]
        assert len(offsets) == 2
        pairs.add(tuple(offsets))
    assert len(pairs) == 49


def test_the_other_strand_of_a_profile_runs_the_other_way():
    codes, labels = torch.tensor([[0, 1, 2, 4], [3, 3, 0, 1]], dtype=torch.uint8), torch.ones(2, 1)
    batch = batches.Batch(codes, labels, None, torch.arange(6.0).reshape(2, 1, 3))
    turned = batches.on_other_strand(batch, torch.tensor([False, True]))
    assert turned.codes.tolist() == [[0, 1, 2, 4], [2, 3, 0, 0]]
    assert turned.profiles.tolist() == [[[0, 1, 2]], [[5, 4, 3]]]
