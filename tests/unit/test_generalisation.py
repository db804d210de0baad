"""Similarity to training sequences, how far networks look, and species: against closed forms and planted truth."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from sklearn import metrics as sk
from torch import nn

from cisflow import models, tasks
from cisflow.attribution import reach
from cisflow.data.dataset import Dataset
from cisflow.errors import InputError
from cisflow.evaluation import homology, runs, species
from cisflow.io.tables import write_table
from cisflow.models.network import one_hot
from cisflow.models.predict import batch_of, predict
from predictions import write
from tables import check_table
from weights import randomise

CPU = torch.device("cpu")
NAMES = {"dataset": "d", "split": "s", "model": "m", "seed": "1"}


def dataset_of(folder, codes, labels, values, folds, task, genomes=None, seeds=1):
    """(runs, Dataset) of one model, whose predictions (t, n) are written into a folder."""
    names, rows = [f"t{number}" for number in range(len(labels))], []
    for seed in range(1, seeds + 1):
        write(folder / "models" / "m" / "s" / f"seed{seed}", labels, values, folds, names, task)
        rows.append(("s", "m", seed, "network"))
    write_table(folder / "runs.tsv", pd.DataFrame(rows, columns=["split", "model", "seed", "kind"]).assign(k=None))
    ids = np.array([f"w{i:04d}" for i in range(labels.shape[1])])
    dataset = Dataset(ids, codes, labels.T.astype(np.float32), names, task, genomes=genomes)
    return runs.read(folder / "runs.tsv"), dataset


@pytest.mark.parametrize("name", ["binary", "regression"])
def test_metrics_of_a_bin_are_those_of_its_windows(tmp_path, name):
    rng, n, task = np.random.default_rng(0), 120, tasks.get(name)
    codes = rng.integers(0, 4, (n, 60)).astype(np.uint8)
    folds = np.resize(["test", "train"], n)
    # Every second test window is a copy of the training window behind it, but for a base.
    copies = np.flatnonzero(folds == "test")[::2]
    codes[copies] = codes[copies + 1]
    codes[copies, 30] = (codes[copies, 30] + 1) % 4
    labels = (rng.random((1, n)) < 0.5).astype(float) if task.classes else rng.normal(size=(1, n))
    values = np.clip(0.4 * labels + 0.6 * rng.random((1, n)), 0.01, 0.99)
    trained, dataset = dataset_of(tmp_path, codes, labels, values, folds, task, seeds=2)
    chosen = homology.Settings.complete({"edges": [0, 0.2, 1], "resamples": 40}, "homology")
    found = homology.evaluate("d", trained, dataset, chosen, 11, 1)
    write_table(tmp_path / "t.tsv", found)
    check_table(tmp_path / "t.tsv", "homology")
    far = np.setdiff1d(np.flatnonzero(folds == "test"), copies)
    for low, rows in ((0.2, copies), (0.0, far)):
        y, p = labels[0, rows], values[0, rows].astype(np.float32)
        expected = (
            {"auroc": sk.roc_auc_score(y, p), "auprc": sk.average_precision_score(y, p)}
            if task.classes
            else {
                "pearson": stats.pearsonr(y, p).statistic,
                "rmse": np.sqrt(np.mean((y - p) ** 2)),
            }
        )
        part = found[found["low"] == low].set_index("metric")
        for metric, value in expected.items():
            assert part.loc[metric, "value"] == pytest.approx(value, abs=1e-5)
            assert part.loc[metric, "lower"] <= value <= part.loc[metric, "upper"]
            assert part.loc[metric, "n"] == len(rows)


def test_bins_of_nothing_have_no_value(tmp_path):
    rng, task = np.random.default_rng(1), tasks.get("binary")
    labels = np.resize([0.0, 1.0], (1, 12))
    trained, dataset = dataset_of(
        tmp_path,
        rng.integers(0, 4, (12, 40)).astype(np.uint8),
        labels,
        labels * 0.5 + 0.2,
        np.resize(["test", "train"], 12),
        task,
    )
    found = homology.evaluate("d", trained, dataset, homology.Settings.complete({}, "homology"), 11, 1)
    assert len(found) and found["value"].isna().all()
    with pytest.raises(InputError, match="expected ascending numbers"):
        bad = homology.Settings.complete({"edges": [0.5, 0.1]}, "homology")
        homology.evaluate("d", trained, dataset, bad, 11, 1)


class Dilated(nn.Module):
    """A convolution of three weights, ten bases apart, of which the output is the value in the middle."""

    n_outputs, length, reads, output = 1, None, "one-hot", "logit"

    def __init__(self, weights, dilation):
        super().__init__()
        self.layer = nn.Conv1d(4, 1, len(weights), padding="same", dilation=dilation, bias=False)
        self.layer.weight.data = torch.tensor(weights).repeat(4, 1)[None] / 4

    def forward(self, x):
        found = self.layer(x)
        return found[:, :, found.shape[2] // 2]


def test_contributions_are_the_weights_of_a_dilated_convolution():
    network = models.Network(Dilated([-3.0, 1.0, 2.0], 10), strands="forward")
    codes = np.random.default_rng(0).integers(0, 4, (3, 101)).astype(np.uint8)
    values = reach.contributions(network, codes, CPU, reach.OUTPUT, 2, 1)
    expected = np.zeros(101)
    expected[[40, 50, 60]] = 3, 1, 2
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    distances = reach.by_distance(values)
    assert reach.effective(distances, 0.9) == 10 and reach.effective(distances, 1 / 6) == 0
    table = reach.table(NAMES, network, codes, CPU, reach.Settings.complete({}, "reach"), 1)
    assert table["cumulative"].iloc[-1] == pytest.approx(1) and set(table["of"]) == {"output"}
    assert table["contribution"].sum() == pytest.approx(1)
    assert np.isnan(reach.effective(np.zeros(5), 0.9))


BLOCKS = {
    "dilated": [{"kind": "dilated", "width": 3, "dilations": [2, 4, 8]}],
    "pooled": [{"kind": "pool", "size": 3, "pooling": "mean"}, {"kind": "dilated", "dilations": [2]}],
    "reducing": [{"kind": "reducing", "kernels": [4, 4], "widths": [5], "sizes": [2], "pooling": "softmax"}],
    "kept": [{"kind": "pool", "size": 7, "partial": "keep", "pooling": "softmax"}],
    "attention": [{"kind": "pool", "size": 8}, {"kind": "attention", "heads": 2}],
}


@pytest.mark.parametrize("blocks", BLOCKS)
def test_the_architectural_reach_is_the_furthest_base_that_moves_the_middle(blocks, tmp_path):
    length = 120
    torch.manual_seed(0)
    stem = {"kernels": 4, "width": 7, "activation": "none"}
    module = randomise(models.build("Modular", length=length, stem=stem, blocks=BLOCKS[blocks])).double()
    rng = np.random.default_rng(1)
    moved = np.zeros(length, dtype=bool)
    # By changing each base, in several sequences: a non-linearity may hide one.
    for _ in range(4):
        x = one_hot(rng.integers(0, 4, (1, length)).astype(np.uint8), CPU).double()
        mutants = x.repeat(length, 1, 1)
        mutants[range(length), :, range(length)] = x[0].T.roll(1, dims=1)
        with torch.inference_mode():
            values = module.trunks[0].positions(torch.cat([x, mutants]))
        middle = values[:, :, values.shape[2] // 2]
        moved |= ((middle[1:] - middle[0]).abs() > 1e-12).any(dim=1).numpy()
    places = np.flatnonzero(moved) - reach.middle(length)
    assert reach.architectural(module.trunks[0], length) == (-places.min(), places.max())
    network = models.Network(module.float(), strands="forward")
    chosen = reach.Settings.complete({"sequences": 4}, "reach")
    table = reach.table(NAMES, network, rng.integers(0, 4, (5, length)).astype(np.uint8), CPU, chosen, 1)
    write_table(tmp_path / "t.tsv", table)
    check_table(tmp_path / "t.tsv", "reach")
    position = table[table["of"] == "position"]
    assert (position["effective"] <= position["architectural"]).all()


def test_batches_of_long_windows_hold_no_more_bases_than_those_of_short_ones():
    assert batch_of(200) == 512 and batch_of(100_000) * 100_000 <= 1 << 21 and batch_of(10**9) == 1
    module = randomise(models.build("Modular", length=5000, n_outputs=2, stem={"kernels": 4, "width": 5}))
    network = models.Network(module, strands="forward", task=tasks.get("regression"))
    codes = np.random.default_rng(0).integers(0, 4, (3, 5000)).astype(np.uint8)
    found, reverse = predict(network, codes, CPU)
    with torch.inference_mode():
        np.testing.assert_allclose(found, module(one_hot(codes, CPU)).numpy(), atol=1e-5)
    assert reverse is None


def test_effects_that_two_genomes_share_agree_and_those_that_they_do_not_share_do_not(tmp_path):
    rng, n, m, task = np.random.default_rng(0), 1500, 12, tasks.get("regression")
    genomes = np.resize(["one", "two", "three"], n)
    scores, effect = rng.normal(size=(n, m)), rng.normal(size=m)
    sign = {"one": effect, "two": effect, "three": -effect}
    labels = np.array([scores[row] @ sign[genome] for row, genome in enumerate(genomes)])[None]
    labels += rng.normal(size=labels.shape)
    # The model has learned genome one.
    values = (scores @ effect)[None]
    folds = np.where(genomes == "one", "train", "test")
    codes = rng.integers(0, 4, (n, 10)).astype(np.uint8)
    trained, dataset = dataset_of(tmp_path, codes, labels, values, folds, task, genomes=genomes)
    motifs = [f"motif {number}" for number in range(m)]
    chosen = species.Settings.complete({"resamples": 50}, "species")
    effects, agreement = species.evaluate("d", trained, dataset, motifs, scores, chosen, 1)
    for name, table in (("species_effects", effects), ("species_agreement", agreement)):
        write_table(tmp_path / "t.tsv", table)
        check_table(tmp_path / "t.tsv", name)
    own = effects.query("genome == 'two' and of == 'measured'").set_index("motif")["value"]
    rows = genomes == "two"
    expected = [stats.pearsonr(scores[rows, number], labels[0, rows]).statistic for number in range(m)]
    np.testing.assert_allclose(own, expected, atol=1e-6)
    found = agreement.set_index(["of_a", "genome_a", "of_b", "genome_b"])
    assert found.loc[("measured", "one", "measured", "two"), "pearson"] > 0.9
    assert found.loc[("measured", "two", "predicted", "two"), "pearson"] > 0.9
    assert found.loc[("measured", "one", "measured", "three"), "pearson"] < -0.9
    assert found.loc[("measured", "three", "predicted", "three"), "same_sign"] < 0.2
    assert set(effects.query("genome == 'one'")["trained"]) == {1} and len(agreement) == 15
    with pytest.raises(InputError, match="effects by genome of one genome"):
        species.evaluate("d", trained, dataset._replace(genomes=None), motifs, scores, chosen, 1)
