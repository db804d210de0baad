"""The funnel of a dataset and the match of its negatives, from tables as the commands write them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import ks_2samp

from cisflow.config.loading import load
from cisflow.data import ledger
from cisflow.io.tables import write_table
from drawing import DATASET, LONG, drawn, svg_text

ROOT = Path(__file__).parents[3]
SPLITS = DATASET | {"splits": ["random", "chromosome"]}


def fold_tables(folder, ids, splits):
    rng = np.random.default_rng(2)
    found = []
    for number, _ in enumerate(splits):
        folds = rng.choice(["train", "valid", "test"], len(ids), p=[0.6, 0.2, 0.2])
        write_table(folder / f"split{number}.tsv", pd.DataFrame({"id": ids, "fold": folds}))
        found.append(str(folder / f"split{number}.tsv"))
    return found


def funnel(folder, n=300, splits=SPLITS["splits"], explanations=(), source="peaks.narrowPeak"):
    """A ledger of n rows of which every tenth lies past an end and every fifteenth on no contig, and a draw."""
    numbers = np.arange(1, n + 1)
    reasons = np.where(numbers % 10 == 0, "past the end of a chromosome", "")
    reasons = np.where(numbers % 15 == 0, "chromosome not in the genome", reasons).astype(object)
    ids = np.array([f"w{number}" for number in numbers], dtype=object)
    drawn_ids = [f"d{number}" for number in range((reasons == "").sum())]
    lines = ledger.join(
        ledger.rows(source, numbers, ids, ids, reasons),
        ledger.drawn("genome.fa", drawn_ids, {"unknown bases": 501, "overlap with a peak": 40, "not drawn": 33_000}),
    )
    write_table(folder / "ledger.tsv", lines)
    kept = [*ids[reasons == ""], *drawn_ids]
    inputs = {"ledger": str(folder / "ledger.tsv"), "folds": fold_tables(folder, kept, splits)}
    for number, _ in enumerate(explanations):
        outcome = np.where(np.arange(len(kept)) % 7 == 0, "kept", "dropped")
        why = np.where(outcome == "kept", "", np.where(np.arange(len(kept)) % 2, "fold not asked for", "not drawn"))
        table = {"id": kept, "target": "bound", "fold": "test", "outcome": outcome, "reason": why}
        write_table(folder / f"explained{number}.tsv", pd.DataFrame(table))
        inputs.setdefault("explained", []).append(str(folder / f"explained{number}.tsv"))
    return inputs


def no_rows(folder):
    write_table(folder / "ledger.tsv", pd.DataFrame(columns=list(ledger.COLUMNS)))
    return {"ledger": str(folder / "ledger.tsv"), "folds": []}


def matching(folder, n=200, splits=SPLITS["splits"], shift=0.0, more=False):
    rng = np.random.default_rng(3)
    gc = np.r_[rng.normal(0.5, 0.08, n), rng.normal(0.5 + shift, 0.08, n)]
    table = pd.DataFrame({"id": [f"w{i}" for i in range(2 * n)], "label": np.repeat([1, 0], n), "gc": gc})
    if more:
        table = table.assign(cpg=gc / 20, repeats=rng.random(2 * n), gene_distance=rng.uniform(0, 6, 2 * n))
    write_table(folder / "matching.tsv", table)
    return {"matching": str(folder / "matching.tsv"), "folds": fold_tables(folder, table["id"], splits)}


def no_negative(folder):
    inputs = matching(folder)
    table = pd.read_csv(inputs["matching"], sep="\t")
    write_table(folder / "matching.tsv", table[table["label"] == 1])
    return inputs


EXPLAINED = ["basset, random, seed 1", "basset, chromosome, seed 1"]
MANY = [f"{name}, random, seed {seed}" for name in LONG for seed in (1, 2, 3)]
CASES = {
    "funnel": (
        "funnel",
        lambda f: funnel(f, explanations=EXPLAINED),
        SPLITS | {"explanations": EXPLAINED},
    ),
    "funnel, nothing explained": ("funnel", no_rows, DATASET | {"splits": [], "explanations": []}),
    "funnel, long names": (
        "funnel",
        lambda f: funnel(f, splits=LONG[:5], explanations=MANY, source=f"{LONG[0]}.narrowPeak"),
        DATASET | {"splits": LONG[:5], "explanations": MANY},
    ),
    "match": ("negative_matching", matching, SPLITS),
    "match on all": ("negative_matching", lambda f: matching(f, more=True), SPLITS),
    "match, long names": (
        "negative_matching",
        lambda f: matching(f, splits=LONG[:7], shift=0.1),
        DATASET | {"splits": LONG[:7]},
    ),
    "no match": ("negative_matching", no_negative, SPLITS),
}


def test_the_funnel_adds_up(tmp_path):
    text = svg_text(drawn(*of("funnel", tmp_path))).replace("\n", " ")
    # Of 300 rows, 20 are a multiple of 15 and 20 more of 10.
    assert "260 of 300 kept; past the end of a chromosome: 20, chromosome not in the genome: 20" in text
    assert "260 of 33,801 kept; unknown bases: 501, overlap with a peak: 40, not drawn: 33,000" in text
    assert text.count("all 520 windows: train ") == 2 and text.count("75 of 520 kept") == 2


@pytest.mark.parametrize("kind", ["fasta", "peaks"])
def test_a_dataset_without_models_has_its_figures_too(kind):
    config = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())
    entry = config["datasets"]["ctcf"]
    del entry["models"], entry["explain"]
    if kind == "peaks":
        entry["source"] = {"kind": "peaks", "peaks": "ctcf_gm12878_peaks.fa", "genome": "hg19_fragments.fa"}
    names = ["funnel", *["negative_matching"] * (kind == "peaks"), "leakage"]
    assert load(config).figures_of("ctcf") == [f"results/ctcf/figures/{name}.svg" for name in names]


def of(name, folder):
    figure, build, settings = CASES[name]
    return figure, build(folder), settings


@pytest.mark.parametrize("shift", [0, 0.1])
def test_the_distance_of_a_fold_is_that_of_its_windows(tmp_path, shift):
    inputs = matching(tmp_path, splits=["random"], shift=shift)
    table = pd.read_csv(inputs["matching"], sep="\t").merge(pd.read_csv(inputs["folds"][0], sep="\t"), on="id")
    text = svg_text(drawn("negative_matching", inputs, DATASET | {"splits": ["random"]}))
    for fold in ("train", "valid", "test"):
        one, two = (table.loc[(table["fold"] == fold) & (table["label"] == label), "gc"] for label in (1, 0))
        assert f"KS D = {ks_2samp(one, two).statistic:.3f}" in text
        assert f"n = {len(one):,} and {len(two):,}" in text
