"""Kernels of a first layer: matrices of planted ones, and effects against networks that are taken apart by hand."""

import gzip

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional

import planted
from cisflow import models, tasks
from cisflow.io import files, matrices, meme
from cisflow.models import first_layer
from cisflow.models.kernels import initialise
from cisflow.models.network import Network
from cisflow.motifs import kernels
from cisflow.sequence import dna
from sources import DEMO
from tables import check_table

CPU = torch.device("cpu")
SETTINGS = kernels.Settings.complete({}, "motifs.kernels")
STRANDED = {"stem": {"kernels": 5, "width": 5, "strands": "max", "activation": "exp"}, "summary": {"kind": "flatten"}}


def codes_of(n=30, length=40, seed=0):
    return np.random.default_rng(seed).integers(0, 4, (n, length)).astype(np.uint8)


def shaken(module, seed=0):
    """A network in eval mode whose batch normalisations are not the identity: scales of both signs."""
    torch.manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d):
            for tensor in (layer.weight.data, layer.bias.data, layer.running_mean):
                tensor.normal_()
            layer.running_var.uniform_(0.5, 2)
    return module.eval()


def motif_cnn(**settings):
    torch.manual_seed(1)
    return shaken(models.build("MotifCNN", **{"channels": 6, "width": 7, "hidden": 5, "n_outputs": 2} | settings))


@torch.no_grad()
def by_hand(module, codes, kernel=None, mean=None):
    """Raw outputs of a MotifCNN, layer by layer, with the response of one kernel replaced behind its ReLU."""
    found = []
    for rows in (codes, dna.reverse_complement(codes)):
        x = torch.as_tensor(dna.one_hot(rows))
        for number, layer in enumerate(module.layers):
            x = layer(x)
            if number == 2 and kernel is not None:
                x[:, kernel] = mean
        found.append(x)
    return ((found[0] + found[1]) / 2).numpy()


def test_a_stem_is_the_convolution_and_what_follows_number_by_number():
    module = motif_cnn()
    (stem,) = first_layer.stems(Network(module), codes_of(), CPU)
    assert stem.convolution is module.layers[0] and stem.last is module.layers[2]
    assert stem.pointwise == [module.layers[1], module.layers[2]]
    modular = models.build("Modular", length=40, **STRANDED).eval()
    (stem,) = first_layer.stems(Network(modular), codes_of(), CPU)
    assert stem.both_strands and stem.n_kernels == 5
    assert stem.last is modular.trunks[0].stem.layers[-1]
    assert [type(module).__name__ for module in stem.pointwise] == ["BatchNorm1d", "Exponential"]


def test_effects_are_those_of_the_network_taken_apart():
    module, codes = motif_cnn(), codes_of()
    labels = np.random.default_rng(1).integers(0, 2, (30, 2)).astype(float)
    labels[4, 0] = np.nan
    network = Network(module, ["a", "b"])
    (stem,) = first_layer.stems(network, codes, CPU)
    means = np.random.default_rng(2).normal(size=6).astype(np.float32)
    effect, change = kernels.knocked_out(network, stem, means, codes, labels, CPU)

    def entropy(raw):
        own = functional.binary_cross_entropy_with_logits(torch.tensor(raw), torch.tensor(labels), reduction="none")
        return own.nanmean(dim=0).numpy()

    whole = by_hand(module, codes).astype(np.float64)
    for kernel in range(6):
        without = by_hand(module, codes, kernel, float(means[kernel])).astype(np.float64)
        np.testing.assert_allclose(effect[kernel], (whole - without).mean(axis=0), atol=1e-5)
        # The loss is that of the mean probability of both strands, which the mean logit is near.
        assert np.abs(change[kernel] - (entropy(without) - entropy(whole))).max() < 0.05
    assert np.abs(effect).max() > 0.05
    # Nothing of it is left in the network.
    np.testing.assert_allclose(by_hand(module, codes), whole, atol=1e-6)


def test_losses_of_classes_and_of_numbers():
    rng = np.random.default_rng(3)
    labels, predicted = rng.integers(0, 2, (50, 3)).astype(float), rng.uniform(size=(50, 3))
    labels[:, 2] = np.nan
    labels[7, 0] = np.nan
    found = kernels.losses(labels, predicted, tasks.get("binary"))
    chosen = np.where(labels == 1, predicted, 1 - predicted)
    for column in (0, 1):
        known = np.isfinite(labels[:, column])
        assert found[column] == pytest.approx(-np.log(chosen[known, column]).mean())
    assert np.isnan(found[2])
    numbers = rng.normal(size=(50, 2)) + predicted[:, :2]
    numbers[5, 1] = np.nan
    found = kernels.losses(numbers, predicted[:, :2], tasks.get("regression"))
    known = np.isfinite(numbers[:, 1])
    assert found[0] == pytest.approx(1 - np.corrcoef(numbers[:, 0], predicted[:, 0])[0, 1])
    assert found[1] == pytest.approx(1 - np.corrcoef(numbers[known, 1], predicted[known, 1])[0, 1])


@pytest.mark.parametrize("strands", ["both", "forward"])
def test_matrices_count_the_l_mers_that_excite_a_kernel(strands):
    """Against a loop over all l-mers of both strands, with batch normalisation of either sign."""
    module, codes = motif_cnn(), codes_of(8, 25)
    codes[2, 5] = dna.UNKNOWN
    codes[3, 20:] = dna.ABSENT
    network = Network(module, strands=strands)
    (stem,) = first_layer.stems(network, codes, CPU)
    found = kernels.describe(network, stem, codes, SETTINGS, CPU)
    weight, norm = module.layers[0].weight.detach().numpy(), module.layers[1]
    read = [*codes, *dna.reverse_complement(codes)] if strands == "both" else [*codes]
    lmers = [row[i : i + 7] for row in read for i in range(len(row) - 6) if (row[i : i + 7] < 4).all()]
    for kernel in range(6):
        raw = torch.tensor([[sum(weight[kernel, b, i] for i, b in enumerate(lmer)) for lmer in lmers]])
        norm.requires_grad_(False)
        response = functional.batch_norm(
            *(raw[:, None], norm.running_mean[[kernel]], norm.running_var[[kernel]]),
            *(norm.weight[[kernel]], norm.bias[[kernel]]),
        ).relu()[0, 0]
        if response.max() == response.min():
            assert found.counts[kernel] == 0 and (found.frequencies[kernel] == 0.25).all()
            continue
        share = (response - response.min()) / (response.max() - response.min())
        kept = [(lmer, float(value)) for lmer, value in zip(lmers, share, strict=True) if value >= 0.5]
        assert found.counts[kernel] == len(kept)
        sums = np.full((4, 7), 0.025 / len(kept))
        for lmer, value in kept:
            sums[lmer, range(7)] += value
        np.testing.assert_allclose(found.frequencies[kernel], sums / sums.sum(axis=0), atol=1e-5)
    assert (found.counts > 0).sum() > 2
    with torch.inference_mode():
        own = [codes, dna.reverse_complement(codes)] if strands == "both" else [codes]
        seen = [module.layers[:3](torch.as_tensor(dna.one_hot(rows))) for rows in own]
    np.testing.assert_allclose(found.means, torch.cat(seen).mean(dim=(0, 2)), atol=1e-5)


def test_a_layer_that_pools_strands_is_read_on_both_whatever_the_network_predicts_from():
    module = shaken(models.build("Modular", length=40, **STRANDED))
    codes = codes_of(20)
    network = Network(module, strands="forward")
    (stem,) = first_layer.stems(network, codes, CPU)
    found = kernels.describe(network, stem, codes, SETTINGS, CPU)
    turned = kernels.describe(network, stem, dna.reverse_complement(codes), SETTINGS, CPU)
    np.testing.assert_allclose(found.frequencies, turned.frequencies, atol=1e-6)
    values = torch.zeros(5)
    raw, _ = first_layer.outputs(network, codes, CPU, stem, np.full(20, 3), values)
    with torch.no_grad():
        trunk = module.trunks[0]
        response = trunk.stem(torch.as_tensor(dna.one_hot(codes)))
        response[:, 3] = 0
        kept = trunk.stem.forward
        trunk.stem.forward = lambda _: response
        expected = module(torch.as_tensor(dna.one_hot(codes))).numpy()
        trunk.stem.forward = kept
    np.testing.assert_allclose(raw, expected, atol=1e-6)


@pytest.mark.parametrize(("shared", "names"), [(True, ["k0", "k1"]), (False, ["t1_k0", "t1_k1", "t2_k0", "t2_k1"])])
def test_networks_of_two_inputs_have_the_kernels_of_their_trunks(tmp_path, shared, names):
    settings = {"segments": [30, 30], "shared": shared, "stem": {"kernels": 2, "width": 5}}
    planted.write(tmp_path)
    torch.manual_seed(0)
    table, _ = run(tmp_path, "Modular", settings)
    assert table["kernel"].tolist() == names
    assert (table["n_lmers"] > 0).all() and (table["effect"].abs() > 0).any()


def test_raw_weights_as_frequencies():
    weight = torch.randn(3, 4, 6)
    weight[2] = 1.5
    found = kernels.as_frequencies(weight)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(found[2], 0.25)
    ratio = np.log2(found[0, 1] / found[0, 0])
    np.testing.assert_allclose(ratio, (weight[0, 1] - weight[0, 0]).numpy() / weight[0].std(correction=0), atol=1e-5)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Some motifs, AP-1's TGACTCA among them."""
    text = gzip.decompress((DEMO / "JASPAR2024_CORE_vertebrates_non-redundant.meme.gz").read_bytes())
    path = tmp_path_factory.mktemp("database") / "jaspar.meme"
    path.write_bytes(text)
    motifs = matrices.read_motifs(path)
    chosen = [motif for motif in motifs if motif.name in ("GATA4", "FOSL2")] + motifs[::30]
    meme.write_meme(path, chosen, [20] * len(chosen))
    return path


DATABASE = []


@pytest.fixture(autouse=True)
def _known(database):
    DATABASE[:] = [database]


def run(folder, architecture, settings, module=None, task="binary", **chosen):
    """(table, summary) of a network on the dataset of `folder`."""
    module = module or models.build(architecture, **settings)
    header = {"architecture": architecture, "settings": settings, "targets": ["ap1"], "task": task}
    models.save(folder / "model.safetensors", module, header)
    outputs = {key: folder / f"kernels.{key}" for key in ("table", "matrices", "raw", "summary")}
    split = folder / "splits" / "random.tsv"
    given = kernels.Settings.complete(chosen, "motifs.kernels")
    kernels.read_kernels(folder, split, folder / "model.safetensors", DATABASE[0], given, 1, CPU, outputs)
    check_table(outputs["table"], "kernels")
    return pd.read_csv(outputs["table"], sep="\t"), files.read_json(outputs["summary"])


def test_planted_kernels_are_named_and_needed(tmp_path, database):
    """Kernel 0 is AP-1 and speaks for the label, kernel 1 GATA4, kernel 2 sees nothing."""
    planted.write(tmp_path)
    known = {motif.name: motif.matrix for motif in matrices.read_motifs(database)}
    settings = {"channels": 3, "width": 15, "hidden": 1, "pool": 2}
    module = models.build("MotifCNN", **settings).eval()
    initialise(module, [known["FOSL2"], known["GATA4"]])
    with torch.no_grad():
        module.layers[0].weight[2] = 0
        for kernel in range(2):
            weight = module.layers[0].weight[kernel]
            # A place below two thirds of the best score is silent.
            best = float(weight.amax(dim=0).sum())
            module.layers[1].running_mean[kernel] = best * 2 / 3
            module.layers[1].running_var[kernel] = best**2
        module.layers[4].weight.zero_()
        module.layers[4].weight[0, 0, 3] = 10
        module.layers[9].weight.fill_(4)
        module.layers[9].bias.fill_(-2)
    table, summary = run(tmp_path, "MotifCNN", settings, module)
    assert table["kernel"].tolist() == ["k0", "k1", "k2"]
    assert table["match_name"].tolist()[:2] == ["FOSL2", "GATA4"]
    assert "TGA" in table["consensus"][0] and table["q_value"][0] < 0.05
    assert table["n_lmers"][2] == 0 and table["ic"][2] == 0 and set(table["consensus"][2]) == {"N"}
    assert table["effect"][0] > 0.1 and table["change"][0] > 0.01
    assert table["effect"].tolist()[1:] == [0, 0]
    assert summary["n_kernels"] == 3 and summary["n_without_response"] == 1 and summary["explanation"] == ""
    found = matrices.read_motifs(tmp_path / "kernels.matrices")
    assert [motif.id for motif in found] == ["k0", "k1", "k2"]
    assert meme.column_information(found[0].matrix).sum() == pytest.approx(table["ic"][0], abs=1e-4)
    assert len(matrices.read_motifs(tmp_path / "kernels.raw")) == 3


def test_numbers_as_labels_lose_correlation(tmp_path):
    planted.write(tmp_path, task="regression")
    torch.manual_seed(0)
    table, summary = run(
        tmp_path, "MotifCNN", {"channels": 4, "hidden": 3, "width": 7}, task="regression", n_windows=20, n_sequences=50
    )
    assert set(table["metric"]) == {"1-pearson"} and len(table) == 4
    assert summary["n_windows"] == 20 and summary["n_sequences"] == 50


def test_nothing_to_tell_is_a_table_of_no_rows_and_a_reason(tmp_path):
    planted.write(tmp_path)
    split = tmp_path / "splits" / "random.tsv"
    split.write_text(split.read_text().replace("test", "valid"))
    table, summary = run(tmp_path, "MotifCNN", {"channels": 2, "hidden": 2})
    assert table.empty and summary["n_kernels"] == 0
    assert "no window is in fold test" in summary["explanation"]


def test_a_network_without_a_convolution_over_bases_has_no_stem():
    module = nn.Sequential(nn.Flatten(), nn.Linear(160, 1)).eval()
    network = Network(module)
    assert first_layer.stems(network, codes_of(), CPU) == []
    assert "has no one-dimensional convolution" in kernels.why_none(network, [], np.arange(3), "split.tsv")
