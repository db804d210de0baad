"""Real promoters through the `table` source and the training of the project: TATA boxes are easy to tell."""

import csv
import gzip
import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import pipeline
from cisflow.__main__ import main
from cisflow.io.tables import read_table

DATA = pipeline.ROOT.parent / "shared" / "data" / "arabidopsis_tata"
SPLIT = {"kind": "random", "valid": 0.1, "test": 0.2, "seed": 1}
# Promoters are read on the strand of their gene, and the TATA box stands at one place: the strand tells.
MODEL = {
    "architecture": "BassetLike",
    "training": {"max_epochs": 3, "batch_size": 32, "learning_rate": 0.001, "reverse_complement": "none"},
}


def call(command, **options):
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    return main([command, *(json.dumps(word) if isinstance(word, dict) else str(word) for word in words)])


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the Arabidopsis promoters are not beside the repository")
def test_a_network_tells_promoters_with_a_tata_box(tmp_path):
    rows = []
    for name, label in (("promoters", 1), ("non_promoters", 0)):
        with gzip.open(DATA / f"{name}.fa.gz", "rt") as handle:
            records = [record.split("\n", 1)[1].replace("\n", "") for record in handle.read().split(">")[1:]]
        rows += [(f"{name}_{number}", sequence, label) for number, sequence in enumerate(records)]
    assert len(rows) == 1497 + 2879
    with open(tmp_path / "tata.csv", "w", newline="") as handle:
        csv.writer(handle).writerows([("header", "sequence", "label"), *rows])
    source = {"kind": "table", "table": "tata", "target": "promoter"}
    options = {"dataset": "tata", "source": source, "window": 251, "seed": 1, "inputs": f"tata={tmp_path}/tata.csv"}
    assert call("windows", **options, output=tmp_path) == 0
    split = tmp_path / "split.tsv"
    assert call("split", windows=tmp_path / "windows.tsv", name="random", settings=SPLIT, output=split) == 0
    paths = {name: tmp_path / name for name in ("history", "manifest", "work")}
    common = {"dataset": tmp_path, "split": split, "device": "cpu", "threads": 1}
    weights = tmp_path / "model.safetensors"
    assert call("train", **common, model=MODEL, seed=1, output=weights, **paths) == 0
    assert call("predict", **common, weights=weights, output=tmp_path / "predictions.tsv") == 0
    table = read_table(tmp_path / "predictions.tsv")
    table = table[table["fold"] == "test"]
    auroc = roc_auc_score(table["label"], table["probability"])
    assert len(table) == round(0.2 * len(rows)) and np.isfinite(auroc)
    print(f"AUROC on {len(table)} held-out sequences: {auroc:.4f}")
    assert auroc >= 0.97
