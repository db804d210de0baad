"""The leakage report against comparing all pairs of windows, on random splits and on splits that cannot leak."""

import json

import numpy as np
import pandas as pd
import pytest

from cisflow.__main__ import main
from cisflow.data import dataset as datasets
from cisflow.data import leakage, splits
from cisflow.data.windows import Windows
from cisflow.sequence import dna
from tables import check_table

PAIRS = [("valid", "train"), ("test", "train"), ("test", "valid")]


@pytest.fixture(scope="module")
def data():
    """(windows, near-duplicates, genes): three chromosomes of the genome and ten windows without coordinates."""
    rng = np.random.default_rng(0)
    start = rng.integers(0, 20000, 200)
    frame = pd.DataFrame({"id": [f"w{i}" for i in range(200)], "chrom": rng.choice(["chr1", "chr8", "chr10"], 200)})
    frame = frame.assign(start=start, end=start + 100, strand="+").astype({"start": "Int64", "end": "Int64"})
    frame.loc[190:, ["chrom", "strand"]] = ""
    frame.loc[190:, ["start", "end"]] = pd.NA
    pairs = {tuple(sorted(pair)) for pair in rng.integers(0, 200, (40, 2)).tolist() if pair[0] != pair[1]}
    near = pd.DataFrame(sorted(pairs), columns=["first", "second"])
    genes = pd.DataFrame({"chrom": rng.choice(["chr1", "chr8"], 40), "start": rng.integers(0, 20000, 40)})
    genes = genes.assign(end=genes["start"] + 500, strand="+", gene=[f"g{i // 2}" for i in range(40)])
    return frame, near, genes


def share(one, two):
    return one.chrom == two.chrom != "" and one.start < two.end and two.start < one.end


def test_counts_are_those_of_all_pairs(data):
    frame, near, genes = data
    folds = np.random.default_rng(1).choice(["train", "valid", "test"], 200, p=[0.5, 0.2, 0.3])
    table = leakage.report(frame, folds, near, genes).set_index(["check", "fold", "other"])
    windows = list(frame.itertuples())
    own = [{gene.gene for gene in genes.itertuples() if share(window, gene)} for window in windows]
    twins = set(map(tuple, near.to_numpy().tolist()))
    found = {
        "overlap": lambda i, j: share(windows[i], windows[j]),
        "near_duplicate": lambda i, j: (min(i, j), max(i, j)) in twins,
        "shared_gene": lambda i, j: bool(own[i] & own[j]),
    }
    for check, related in found.items():
        for fold, other in PAIRS:
            ones, twos = np.flatnonzero(folds == fold), np.flatnonzero(folds == other)
            known = [i for i in ones if check == "near_duplicate" or windows[i].chrom]
            expected = sum(any(related(i, j) for j in twos) for i in known)
            row = table.loc[(check, fold, other)]
            assert (row["count"], row["n"]) == (expected, len(known)) and expected > 0
            assert row["fraction"] == pytest.approx(expected / len(known))
            missing = len(ones) - len(known)
            assert row["note"] == (f"not known of {missing} windows: {leakage.NO_COORDINATES}" if missing else "")
    for fold in ("train", "valid", "test"):
        row = table.loc[("sei_trained", fold, "")]
        assert row["count"] == ((folds == fold) & (frame["chrom"] == "chr1")).sum()
        assert row["n"] == ((folds == fold) & (frame["chrom"] != "")).sum()
    assert len(table) == 12


def test_what_is_not_known_is_said(data):
    frame, near, _ = data
    folds = np.array(["train", "valid", "test", "train"] * 50)
    table = leakage.report(frame, folds, near).set_index("check")
    assert (table.loc["shared_gene", "note"] == "no gene annotation given").all()
    assert table.loc["shared_gene", ["count", "fraction"]].isna().all(axis=None)
    nowhere = frame.assign(chrom="", start=pd.NA, end=pd.NA)
    table = leakage.report(nowhere, folds, near).set_index("check")
    assert table.loc[["overlap", "shared_gene", "sei_trained"], "count"].isna().all()
    assert table.loc["near_duplicate", "count"].notna().all()
    located = frame.iloc[:190].assign(chrom="2L")
    other = leakage.report(located, folds[:190], near[near["second"] < 190]).set_index("check")
    assert other.loc["overlap", "count"].notna().all()
    assert (other.loc["sei_trained", "note"] == "no coordinates on human chromosomes").all()


def assign(frame, settings, near=None):
    dataset = datasets.Dataset(frame["id"].to_numpy(), None, np.empty((len(frame), 0)), [], frame=frame)
    return splits.assign(dataset, splits.complete(settings, "s"), "s", near).astype(str)


def test_splits_that_cannot_leak_do_not(data):
    frame, near, _ = data
    cluster = {"kind": "cluster", "valid": 0.2, "test": 0.2}
    folds = assign(frame, cluster, near)
    table = leakage.report(frame, folds, near).set_index("check")
    assert (table.loc[["overlap", "near_duplicate"], "count"] == 0).all()
    located = frame.iloc[:190]
    chromosome = {"kind": "chromosome", "valid": ["chr10"], "test": ["chr8"]}
    folds = assign(located, chromosome)
    table = leakage.report(located, folds, near[near["second"] < 190]).set_index(["check", "fold"])
    assert (table.loc["overlap", "count"] == 0).all()
    # Sei was trained on all of the training fold and on none of the others.
    assert table["fraction"]["sei_trained"].to_dict() == {"train": 1, "valid": 0, "test": 0}


def test_commands_from_files_to_files(tmp_path):
    """Near-duplicates, a cluster split that keeps them together, and the reports of it and of a random split."""
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 4, (60, 200)).astype(np.uint8)
    codes[30:] = dna.reverse_complement(codes[:30])
    frame = pd.DataFrame({"id": [f"w{i}" for i in range(60)], "chrom": "chr1", "start": np.arange(60) * 300})
    frame = frame.assign(end=frame["start"] + 200, strand="+")
    # Two windows with a name in place of a locus.
    frame = frame.astype({"start": "Int64", "end": "Int64"})
    frame.loc[58:, ["chrom", "strand"]], frame.loc[58:, ["start", "end"]] = "", pd.NA
    labels = np.tile([0, 1], 30).astype(np.float32)[:, None]
    datasets.write(tmp_path, Windows(frame, codes, labels, ["label"], {}))
    names = 'gene_id "G"; transcript_id "T";'
    (tmp_path / "genes.gtf").write_text(f"chr1\t.\texon\t1\t3000\t.\t+\t.\t{names}\n")
    paths = {name: str(tmp_path / name) for name in ("windows.tsv", "sequences.npy", "near.tsv", "genes.gtf")}
    windows = ["--windows", paths["windows.tsv"]]
    options = [*windows, "--sequences", paths["sequences.npy"], "--settings", "{}"]
    assert main(["near-duplicates", *options, "--output", paths["near.tsv"]]) == 0
    near = check_table(paths["near.tsv"], "near_duplicates")
    assert near["id"].tolist() == [f"w{i}" for i in range(30)] and set(near["similarity"].astype(float)) == {1}
    assert near["other"].tolist() == [f"w{i}" for i in range(30, 60)]
    leaks = {}
    for kind in ("random", "cluster"):
        settings = json.dumps({"kind": kind, "valid": 0.2, "test": 0.3, "seed": 1})
        split, report = str(tmp_path / f"{kind}.tsv"), str(tmp_path / f"{kind}.leakage.tsv")
        extra = ["--near-duplicates", paths["near.tsv"]]
        options = [*windows, "--name", kind, "--settings", settings, *(extra if kind == "cluster" else [])]
        assert main(["split", *options, "--output", split]) == 0
        options = [*windows, "--split", split, *extra, "--genes", paths["genes.gtf"]]
        assert main(["leakage", *options, "--output", report]) == 0
        table = check_table(report, "leakage").astype({"count": int}).groupby("check")["count"].sum()
        leaks[kind] = table["near_duplicate"]
        assert table["overlap"] == 0 < table["shared_gene"] and table["sei_trained"] == 58
    assert leaks["cluster"] == 0 < leaks["random"]
