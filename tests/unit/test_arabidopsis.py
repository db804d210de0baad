"""Real promoters through the `table` source and the training of the project: TATA boxes are easy to tell, and come
first among known motifs.
"""

import csv
import gzip
import json
import os

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import pipeline
from cisflow.__main__ import main
from cisflow.io.tables import read_table
from database import JASPAR

DATA = pipeline.ROOT.parent / "shared" / "data" / "arabidopsis_tata"
FUNGI = pipeline.ROOT / "resources" / "demo" / "JASPAR2024_CORE_fungi_non-redundant.meme.gz"
N = 1497 + 2879
SPLIT = {"kind": "random", "valid": 0.1, "test": 0.2, "seed": 1}
# Promoters are read on the strand of their gene, and the TATA box stands at one place: the strand tells.
MODEL = {
    "architecture": "BassetLike",
    "training": {"max_epochs": 3, "batch_size": 32, "learning_rate": 0.001, "reverse_complement": "none"},
}


def call(command, **options):
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    return main([command, *(json.dumps(word) if isinstance(word, dict) else str(word) for word in words)])


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="the Arabidopsis promoters are not beside the repository"),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a network that is trained on them, and its predictions."""
    tmp_path, rows = tmp_path_factory.mktemp("tata"), []
    for name, label in (("promoters", 1), ("non_promoters", 0)):
        with gzip.open(DATA / f"{name}.fa.gz", "rt") as handle:
            records = [record.split("\n", 1)[1].replace("\n", "") for record in handle.read().split(">")[1:]]
        rows += [(f"{name}_{number}", sequence, label) for number, sequence in enumerate(records)]
    assert len(rows) == N
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
    return tmp_path


def test_a_network_tells_promoters_with_a_tata_box(trained):
    table = read_table(trained / "predictions.tsv")
    table = table[table["fold"] == "test"]
    auroc = roc_auc_score(table["label"], table["probability"])
    assert len(table) == round(0.2 * N) and np.isfinite(auroc)
    print(f"AUROC on {len(table)} held-out sequences: {auroc:.4f}")
    assert auroc >= 0.97


def test_the_tata_box_comes_first(trained):
    """Against the motifs of fungi, which have the TATA-binding protein as SPT15; those of plants lack it, and those of
    vertebrates have MEF2's CTATAAATAG, which is the box of plants.
    """
    chosen = {"folds": ["train", "valid", "test"], "max_per_target": 400}
    common = {"dataset": trained, "weights": trained / "model.safetensors", "seed": 1, "device": "cpu", "threads": 1}
    common |= {"predictions": trained / "predictions.tsv", "selection": chosen, "work": trained / "explained"}
    common |= {"method": {"method": "integrated_gradients"}}
    rows, null = trained / "a.npz", trained / "null.npz"
    assert call("attribute", **common, output=rows) == 0 and call("attribute", **common, shuffled=400, output=null) == 0
    tables = {name: trained / f"{name}.tsv" for name in ("seqlets", "scores", "nulls")}
    given = {"attributions": rows, "null": null, "dataset": trained, "database": FUNGI, "seed": 1}
    assert call("scan-seqlets", **given, **tables, background=trained / "background.bed") == 0
    table = read_table(tables["scores"])
    print(table.head(3)[["motif_name", "n_in_seqlets", "n_background", "q_value", "null"]].to_string(index=False))
    assert table["motif_name"][0] == "SPT15" and table["q_value"][0] < 1e-6 and table["log2_ratio"][0] > 1
    assert table["null"][0] == "shuffled" and (table["p_value"][1:] > 1e3 * table["p_value"][0]).all()


@pytest.mark.skipif("CISFLOW_FULL_SIZE" not in os.environ, reason="takes a minute: set CISFLOW_FULL_SIZE=1")
def test_the_first_pattern_is_the_tata_box(trained):
    chosen = {"folds": ["train", "valid", "test"], "max_per_target": 500}
    common = {"dataset": trained, "weights": trained / "model.safetensors", "seed": 1, "device": "cpu"}
    common |= {"predictions": trained / "predictions.tsv", "selection": chosen, "work": trained / "rows"}
    attributions = trained / "tism.npz"
    assert call("attribute", **common, method={"method": "tism"}, output=attributions) == 0
    found = {"modisco": trained / "modisco.h5", "control": trained / "control.h5"}
    outputs = {"output": found["modisco"], "control": found["control"], "summary": trained / "discovery.json"}
    assert call("discover", attributions=attributions, settings={"min_seqlets": 50}, seed=1, **outputs) == 0
    names = trained / "patterns.tsv"
    assert call("name-motifs", **found, database=JASPAR, attributions=attributions, output=names) == 0
    first = read_table(names).iloc[0]
    print(first.to_dict())
    assert (first["run"], first["pattern"], first["match_name"]) == ("attributions", "pos_0", "TBP")
    assert first["q_value"] < 0.05
