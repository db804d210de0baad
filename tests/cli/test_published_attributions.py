"""`cisflow attribute` on a network with published weights: no training and no predictions, windows of a split."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from cisflow import models
from cisflow.__main__ import main
from cisflow.io.arrays import read_arrays, write_array
from cisflow.io.genome import Genome
from cisflow.io.tables import read_table, write_table
from weights import randomise

NARROW = {"n_targets": 6, "channels": [16, 16, 16]}
WINDOW, LENGTH, N = 600, 1024, 40
EXTRACTOR = {"architecture": "Sei", "settings": NARROW, "context": "genome", "length": LENGTH}
TARGETS = ["target_3", {"name": "bound", "mean": ["target_1", "target_4"]}]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """(folder with a genome, a dataset of windows on both strands and a checkpoint, labels, folds, the network)."""
    folder = tmp_path_factory.mktemp("published")
    rng = np.random.default_rng(0)
    chromosome = "".join(rng.choice(list("ACGT"), 60_000))
    (folder / "genome.fa").write_text(f">chr1\n{chromosome}\n")
    starts = 1000 + 1400 * np.arange(N)
    frame = pd.DataFrame({"id": [f"w{i}" for i in range(N)], "chrom": "chr1", "start": starts, "end": starts + WINDOW})
    frame["strand"] = ["+", "-"] * (N // 2)
    genome = Genome(folder / "genome.fa")
    codes = np.array([genome.fetch(*row, pad=True) for row in frame[["chrom", "start", "end", "strand"]].to_numpy()])
    labels = rng.integers(0, 2, (N, 2)).astype(np.float32)
    labels[0] = np.nan
    folds = rng.choice(["train", "test"], N)
    names = ["bound", "open"]
    values = pd.DataFrame(labels, columns=names).astype("Int64")
    write_table(folder / "windows.tsv", pd.concat([frame, values], axis=1))
    write_array(folder / "sequences.npy", codes)
    write_array(folder / "targets.npy", labels)
    write_table(folder / "targets.tsv", pd.DataFrame({"target": names}))
    write_table(folder / "split.tsv", pd.DataFrame({"id": frame["id"], "fold": folds}))
    network = randomise(models.build("Sei", **NARROW), torch.Generator().manual_seed(0))
    torch.save({f"module.model.{name}": tensor for name, tensor in network.state_dict().items()}, folder / "sei.pth")
    return folder, labels, folds, network


def attribute(folder, output, method, extractor=EXTRACTOR, targets=TARGETS, **selection):
    selection |= {"outputs": targets} if targets else {}
    words = ["attribute", "--dataset", folder, "--weights", folder / "sei.pth", "--split", folder / "split.tsv"]
    words += ["--extractor", json.dumps(extractor), "--genome", folder / "genome.fa", "--seed", 1, "--device", "cpu"]
    words += ["--method", json.dumps(method), "--selection", json.dumps(selection)]
    return main([str(word) for word in (*words, "--work", output.with_suffix(".work"), "--output", output)])


@pytest.mark.parametrize("strands", ["both", "forward"])
def test_windows_of_the_split_are_explained_within_the_genome(published, tmp_path, strands):
    folder, labels, folds, network = published
    method = {"method": "gradient", "strands": strands}
    assert attribute(folder, tmp_path / "a.npz", method) == 0
    found = read_arrays(
        tmp_path / "a.npz", ("ids", "target", "fold", "probability", "sequences", "multipliers", "method")
    )
    # The label of the target's own name counts, or any where the dataset has none of that name.
    bound = np.flatnonzero((folds == "test") & (labels[:, 0] == 1))
    either = np.flatnonzero((folds == "test") & (labels == 1).any(axis=1))
    assert len(bound) < len(either) < (folds == "test").sum()
    assert found["ids"].tolist() == [f"w{i}" for i in (*either, *bound)]
    assert found["target"].tolist() == ["target_3"] * len(either) + ["bound"] * len(bound)
    assert set(found["fold"]) == {"test"} and str(found["method"]) == "gradient"
    chromosome = (folder / "genome.fa").read_text().splitlines()[1]
    for row, name in enumerate(found["ids"]):
        start = 1000 + 1400 * int(name[1:]) - (LENGTH - WINDOW) // 2
        text = np.array(["ACGT".index(base) for base in chromosome[start : start + LENGTH]])
        reverse = int(name[1:]) % 2
        np.testing.assert_array_equal(found["sequences"][row], 3 - text[::-1] if reverse else text)
    x = models.one_hot(found["sequences"], "cpu").requires_grad_(True)
    forward = network(x)
    outputs = forward if strands == "forward" else (forward + network(x.flip(1, 2))) / 2
    value = torch.where(torch.tensor(found["target"] == "bound"), (outputs[:, 1] + outputs[:, 4]) / 2, outputs[:, 3])
    (gradient,) = torch.autograd.grad(value.sum(), x)
    np.testing.assert_allclose(found["probability"], value.detach(), atol=1e-5)
    np.testing.assert_allclose(found["multipliers"], gradient, atol=1e-5 * float(gradient.abs().max()))


def test_at_most_so_many_windows_of_a_target(published, tmp_path):
    folder, *_ = published
    for name in ("a.npz", "b.npz"):
        assert attribute(folder, tmp_path / name, {"method": "tism"}, max_per_target=3, folds=["train", "test"]) == 0
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    target = read_arrays(tmp_path / "a.npz", ["target"])["target"]
    assert target.tolist() == ["target_3"] * 3 + ["bound"] * 3


def test_methods_are_compared_on_published_weights(published, tmp_path):
    folder, *_ = published
    methods = {name: {"method": name, "batch_size": 16} for name in ("integrated_gradients", "tism")}
    for name, method in methods.items():
        path = tmp_path / "attributions" / "sei" / "random" / "seed1" / f"{name}.npz"
        assert attribute(folder, path, method, max_per_target=2) == 0
    words = ["compare-attributions", "--folder", str(tmp_path), "--model", "sei", "--split", "random", "--seeds", "1"]
    words += ["--methods", json.dumps(methods), "--weights", str(folder / "sei.pth"), "--device", "cpu"]
    words += ["--reference", "integrated_gradients", "--outputs", json.dumps(TARGETS), "--repeats", "1"]
    assert main([*words, "--extractor", json.dumps(EXTRACTOR), "--output", str(tmp_path / "out")]) == 0
    agreement = read_table(tmp_path / "out" / "agreement.tsv")
    assert set(agreement["target"]) == {"target_3", "bound"} and set(agreement["method"]) == {"tism"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"targets": None}, "--selection: no outputs; expected those to explain where there are no predictions"),
        ({"targets": ["target_9"]}, "outputs: 'target_9': 'target_9' is not predicted; expected one of target_0, "),
        ({"folds": ["valid"]}, "split.tsv: no window of the folds and labels asked for; expected at least one"),
        ({"extractor": EXTRACTOR | {"length": 500}}, "length 500 is shorter than window 'w"),
        ({"extractor": EXTRACTOR | {"settings": NARROW | {"n_targets": 7}}}, "sei.pth: not the layout of Sei: "),
    ],
)
def test_what_cannot_be_explained_is_told_in_one_line(published, tmp_path, capsys, change, words):
    assert attribute(published[0], tmp_path / "a.npz", {"method": "tism"}, **change) == 1
    told = capsys.readouterr().err
    assert words in told and "Traceback" not in told
    assert not (tmp_path / "a.npz").exists()
