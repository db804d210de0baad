"""`cisflow windows` with numbers of a matrix: promoters of yeast, whose genes are the rows."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from cisflow.__main__ import main
from cisflow.data import dataset as datasets
from cisflow.data import transforms
from matrices import write_h5ad
from sources import DEMO
from tables import check_table


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Genome of three chromosomes, promoters named by their genes, and the matrix as TSV and .h5ad."""
    folder = tmp_path_factory.mktemp("yeast")
    genome = gzip.decompress((DEMO / "sacCer3.fa.gz").read_bytes()).decode().split(">")[1:4]
    (folder / "g.fa").write_text("".join(f">{record}" for record in genome))
    kept = {record.split()[0] for record in genome}
    rows = []
    with gzip.open(DEMO / "sacCer3_genes.gtf.gz", "rt") as handle:
        for line in handle:
            chrom, _, kind, start, end, _, strand, _, attributes = line.rstrip().split("\t")
            if kind == "gene" and chrom in kept:
                at = (int(start) - 201, int(start) - 1) if strand == "+" else (int(end), int(end) + 200)
                rows.append((chrom, *at, attributes.split('"')[1], "0", strand))
    frame = pd.DataFrame(rows, columns=["chrom", "start", "end", "name", "score", "strand"])
    frame[frame["start"] >= 0].to_csv(folder / "p.bed", sep="\t", index=False)
    matrix = pd.read_csv(DEMO / "cell_cycle_cdc15.tsv.gz", sep="\t", index_col=0)
    write_h5ad(folder / "m.h5ad", matrix.to_numpy(np.float32).T, matrix.columns, matrix.index)
    return {"g": folder / "g.fa", "b": folder / "p.bed", "tsv": DEMO / "cell_cycle_cdc15.tsv.gz"} | {
        "h5ad": folder / "m.h5ad"
    }


def windows(output, files, **settings):
    source = {"kind": "bed", "bed": "b", "genome": "g"}
    options = ["--dataset", "d", "--task", "regression", "--window", "200", "--seed", "1"]
    options += ["--source", json.dumps(source), "--targets", json.dumps([{"kind": "matrix", **settings}])]
    options += ["--output", str(output), "--inputs", *(f"{name}={path}" for name, path in files.items())]
    assert main(["windows", *options]) == 0
    return datasets.read(output), pd.read_csv(output / "ledger.tsv", sep="\t", keep_default_na=False)


def test_a_table_and_an_h5ad_give_the_same_dataset(tmp_path, files):
    one, lines = windows(tmp_path / "one", files, matrix="tsv")
    other, _ = windows(tmp_path / "other", files, matrix="h5ad")
    for name in ("windows.tsv", "sequences.npy", "targets.npy", "targets.tsv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    check_table(tmp_path / "one" / "ledger.tsv", "ledger")
    check_table(tmp_path / "one" / "targets.tsv", "targets.tracks")
    table = pd.read_csv(files["tsv"], sep="\t", index_col=0)
    promoters = pd.read_csv(files["b"], sep="\t")
    assert len(one.ids) > 150 and set(one.ids) == set(promoters["name"]) & set(table.index) & set(one.ids)
    np.testing.assert_array_equal(one.labels, table.loc[one.ids].to_numpy(np.float32))
    assert one.targets == list(table.columns) and one.modalities == {"signal": 23}
    steps = lines.groupby(["step", "outcome"])["n"].sum()
    assert steps["target"].sum() == len(table) and steps["target", "kept"] == len(one.ids)
    assert steps["window", "kept"] == steps["filter"].sum() and steps["filter", "kept"] == len(one.ids)
    assert set(lines.loc[lines["outcome"] == "dropped", "reason"]) >= {
        "no window of that name",
        "in no file of numbers",
    }


def test_transforms_and_filters_by_the_command_line(tmp_path, files):
    settings = {"matrix": "tsv", "name": "cycle", "transform": ["quantile", "zscore"], "most_variable": 0.2}
    found, lines = windows(tmp_path / "d", files, **settings, columns=["t40", "t250", "t100"])
    whole, _ = windows(tmp_path / "whole", files, matrix="tsv", columns=["t40", "t250", "t100"])
    assert found.targets == ["t40", "t250", "t100"] and len(found.ids) == int(np.ceil(0.2 * len(whole.ids)))
    original = transforms.undo(found.transforms, found.modalities, found.labels)
    place = {name: row for row, name in enumerate(whole.ids)}
    np.testing.assert_allclose(original, whole.labels[[place[name] for name in found.ids]], atol=1e-5)
    assert (lines["reason"] == "cycle: not among the most variable 0.2").sum() == len(whole.ids) - len(found.ids)


def test_a_matrix_of_other_genes_is_refused_in_one_line(tmp_path, files, capsys):
    (tmp_path / "m.tsv").write_text("gene\tx\nBRCA1\t1\nTP53\t2\n")
    with pytest.raises(AssertionError):
        windows(tmp_path / "d", files | {"tsv": tmp_path / "m.tsv"}, matrix="tsv")
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "m.tsv: none of its 2 rows (BRCA1, TP53) or 1 columns (x) is a window; expected names such as Y" in last
    assert not (tmp_path / "d" / "targets.npy").exists()
