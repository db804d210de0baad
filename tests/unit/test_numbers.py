"""Numbers as labels: modalities side by side, windows that have none, and what the dataset folder keeps of them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cisflow import tasks
from cisflow.data import dataset, ledger, numbers
from cisflow.data.targets.common import Common, Numbers
from cisflow.data.windows import Windows
from cisflow.errors import InputError

REGRESSION = tasks.get("regression")
IDS = ["a", "b", "c", "d"]


def windows(**more):
    frame = pd.DataFrame({"id": IDS, "chrom": "chr1", "start": [0, 10, 20, 30], "end": [8, 18, 28, 38], "strand": "+"})
    told = ledger.rows("w.bed", [1, 2, 3, 4], IDS, IDS, [""] * 4)
    codes = np.arange(32, dtype=np.uint8).reshape(4, 8) % 4
    return Windows(frame, codes, np.empty((4, 0), np.float32), [], {}, task=REGRESSION, ledger=told)._replace(**more)


def modality(name, tracks, values, weights=None):
    """An entry of `attach` that gives these numbers."""
    table = pd.DataFrame({"target": tracks, "modality": name, "class": "", "group": "", "replicate": ""})
    values = np.asarray(values, dtype=np.float32)
    given = Numbers(values, table, ledger.counts(f"{name}.tsv", "target", len(values), {}), weights)
    return SimpleNamespace(collect=lambda settings, windows: given), Common.complete({"name": name}, "targets")


NAN = np.nan
ATAC = [[1, 2], [NAN, NAN], [5, NAN], [7, 8]]
RNA = [[1], [NAN], [NAN], [4]]


def test_modalities_stand_side_by_side_and_unmeasured_windows_are_told():
    found = numbers.attach(
        "d", windows(), [modality("atac", ["x", "y"], ATAC), modality("rna", ["z"], RNA)], REGRESSION
    )
    assert found.targets == ["x", "y", "z"] and found.frame["id"].tolist() == ["a", "c", "d"]
    np.testing.assert_array_equal(found.labels, [[1, 2, 1], [5, NAN, NAN], [7, 8, 4]])
    assert found.tracks["modality"].tolist() == ["atac", "atac", "rna"]
    assert found.codes.tolist() == windows().codes[[0, 2, 3]].tolist()
    dropped = found.ledger[found.ledger["outcome"] == "dropped"]
    assert dropped["name"].tolist() == ["b"] and dropped["step"].tolist() == ["filter"]


def test_what_a_modality_does_not_weigh_counts_once():
    weighted = modality("atac", ["x", "y"], ATAC, np.full((4, 2), 3, np.float32))
    found = numbers.attach("d", windows(), [weighted, modality("rna", ["z"], RNA)], REGRESSION)
    assert found.weights.tolist() == [[3, 3, 1]] * 3


def test_labels_of_profiles_are_their_totals():
    profiles = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    profiles[1] = NAN
    found = numbers.attach("d", windows(), [modality("atac", ["x", "y"], profiles)], REGRESSION)
    np.testing.assert_array_equal(found.labels, profiles[[0, 2, 3]].sum(axis=2))
    np.testing.assert_array_equal(found.profiles, profiles[[0, 2, 3]])


@pytest.mark.parametrize(
    ("given", "parts", "words"),
    [
        ({}, [], "expected labels of its source or targets; found neither"),
        ({"targets": ["t"]}, [("atac", ["x"], [[1]] * 4)], "expected labels of its source or targets; found both"),
        ({}, [("atac", ["x"], [[1]] * 4), ("rna", ["x"], [[1]] * 4)], "two tracks named 'x', expected distinct names"),
        ({}, [("atac", ["x"], np.ones((4, 1, 5))), ("rna", ["z"], [[1]] * 4)], "found bins 5 of 'atac', 0 of 'rna'"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(given, parts, words):
    with pytest.raises(InputError, match=words):
        numbers.attach("d", windows(**given), [modality(*part) for part in parts], REGRESSION)


def test_the_folder_keeps_what_there_is_and_nothing_of_a_former_dataset(tmp_path):
    profiles = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    weights = np.full((4, 2), 2, np.float32)
    full = numbers.attach("d", windows(), [modality("atac", ["x", "y"], profiles, weights)], REGRESSION)
    inputs, genomes = (("dna", 0, 5), ("rna", 5, 8)), np.array(["human"] * 2 + ["mouse"] * 2)
    folds = np.array(["train", "valid", "test", "train"])
    full = full._replace(inputs=inputs, genomes=genomes, folds=folds, transforms={"atac": [{"name": "log1p"}]})
    dataset.write(tmp_path, full)
    found = dataset.read(tmp_path)
    np.testing.assert_array_equal(found.profiles, profiles)
    np.testing.assert_array_equal(found.weights, weights)
    assert (
        found.inputs == inputs and found.genomes.tolist() == genomes.tolist() and found.folds.tolist() == folds.tolist()
    )
    assert found.transforms == full.transforms and found.modalities == {"atac": 2}
    assert found.tracks["target"].tolist() == ["x", "y"]

    plain = numbers.attach("d", windows(), [modality("rna", ["z"], RNA)], REGRESSION)
    dataset.write(tmp_path, plain)
    found = dataset.read(tmp_path)
    absent = (found.weights, found.profiles, found.inputs, found.genomes, found.folds, found.transforms)
    assert absent == (None, None, (), None, None, None) and found.modalities == {"rna": 1}
