"""Matrices of every format give the same numbers, and large ones are read a block at a time."""

import gzip
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from cisflow.io import h5ad, matrix
from matrices import collect, windows, write_h5ad, write_text

RNG = np.random.default_rng(3)
GENES, SAMPLES = [f"gene{i}" for i in range(30)], [f"s{i}" for i in range(7)]
VALUES = np.where(RNG.random((30, 7)) < 0.5, 0, RNG.gamma(2, 3, (30, 7))).astype(np.float32)


def of_text(folder):
    return write_text(folder / "m.tsv", VALUES, GENES, SAMPLES)


def of_csv_packed(folder):
    path = write_text(folder / "m.csv", VALUES, GENES, SAMPLES, separator=",")
    (folder / "m.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    return folder / "m.csv.gz"


def of_transposed_text(folder):
    return write_text(folder / "m.tsv", VALUES.T, SAMPLES, GENES)


def of_npz(folder):
    np.savez(folder / "m.npz", counts=VALUES, names=np.array(GENES), celltypes=np.array(SAMPLES))
    return folder / "m.npz"


def of_npz_of_bytes(folder):
    np.savez(
        folder / "m", values=VALUES.astype(np.float64), index=np.array(GENES, "S8"), columns=np.array(SAMPLES, "S8")
    )
    return folder / "m.npz"


def of_h5ad(kind, transposed):
    def write(folder):
        values = kind(VALUES if transposed else VALUES.T)
        names = (GENES, SAMPLES) if transposed else (SAMPLES, GENES)
        return write_h5ad(folder / "m.h5ad", values, *names)

    return write


def of_layer(folder):
    return write_h5ad(folder / "m.h5ad", VALUES.T * 0, SAMPLES, GENES, layers={"counts": sparse.csr_matrix(VALUES.T)})


WRITERS = {
    "text": of_text,
    "csv.gz": of_csv_packed,
    "text of samples x genes": of_transposed_text,
    "npz": of_npz,
    "npz of bytes": of_npz_of_bytes,
    "layer": of_layer,
} | {
    f"h5ad {name}{' of genes x samples' * transposed}": of_h5ad(kind, transposed)
    for name, kind in {"dense": np.array, "csr": sparse.csr_matrix, "csc": sparse.csc_matrix}.items()
    for transposed in (False, True)
}


@pytest.mark.parametrize("block", [1 << 22, 16])
@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_arrays(tmp_path, monkeypatch, name, block):
    monkeypatch.setattr(h5ad, "BLOCK", block)
    monkeypatch.setattr(matrix, "BLOCK", block)
    order = RNG.permutation(30)
    wanted = [GENES[i] for i in order] + ["elsewhere"]
    layer = {"layer": "counts"} if name == "layer" else {}
    found = collect(WRITERS[name](tmp_path), windows(wanted), **layer)
    np.testing.assert_array_equal(found.values[:30], VALUES[order])
    assert found.values.dtype == np.float32 and np.isnan(found.values[30]).all()
    assert found.tracks["target"].tolist() == SAMPLES
    assert found.found.tolist() == [True] * 30 + [False]
    chosen = collect(tmp_path / found_file(tmp_path), windows(wanted), columns=["s4", "s1"], **layer)
    np.testing.assert_array_equal(chosen.values[:30], VALUES[order][:, [4, 1]])


def found_file(folder):
    return sorted(folder.iterdir(), key=lambda path: path.name)[-1].name


def test_missing_numbers_are_missing_in_every_format(tmp_path):
    values = VALUES.copy()
    values[::3, 2] = np.nan
    text = collect(write_text(tmp_path / "m.tsv", values, GENES, SAMPLES), windows(GENES))
    cells = collect(write_h5ad(tmp_path / "m.h5ad", sparse.csr_matrix(values.T), SAMPLES, GENES), windows(GENES))
    np.testing.assert_array_equal(text.values, values)
    np.testing.assert_array_equal(cells.values, values)


def test_bins_of_an_npz_come_along(tmp_path):
    profiles = RNG.poisson(3, (30, 2, 5)).astype(np.int16)
    np.savez(tmp_path / "m.npz", counts=profiles, names=np.array(GENES), celltypes=np.array(["x", "y"]))
    found = collect(tmp_path / "m.npz", windows(GENES[::-1]))
    np.testing.assert_array_equal(found.values, profiles[::-1])
    np.savez(tmp_path / "m.npz", counts=profiles[:, :1], names=np.array(GENES))
    assert collect(tmp_path / "m.npz", windows(GENES)).tracks["target"].tolist() == ["m"]


CELLS, PEAKS = 400, 60


def cells(kind, missing=False):
    values = sparse.random(CELLS, PEAKS, 0.2, random_state=5, data_rvs=lambda n: RNG.integers(1, 6, n)).toarray()
    values = values.astype(np.float32)
    if missing:
        values[np.nonzero(values)[0][::7], np.nonzero(values)[1][::7]] = np.nan
        values[:, 3] = np.nan
    groups = RNG.choice(["B", "T", "NK", "mono"], CELLS).astype(object)
    groups[::11] = None
    return values, kind(values), groups


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("aggregate", ["mean", "sum"])
@pytest.mark.parametrize("kind", [np.array, sparse.csr_matrix, sparse.csc_matrix])
def test_groups_of_cells_are_those_of_pandas(tmp_path, monkeypatch, capsys, kind, aggregate, missing):
    monkeypatch.setattr(h5ad, "BLOCK", 500)
    values, stored, groups = cells(kind, missing)
    peaks = [f"chr1:{100 * i}-{100 * i + 50}" for i in range(PEAKS)]
    order = pd.Index(["T", "unused", "mono", "NK", "B"], dtype=object)
    column = pd.Categorical(groups, categories=order)
    path = write_h5ad(tmp_path / "m.h5ad", stored, [f"c{i}" for i in range(CELLS)], peaks, None, {"type": column})
    found = collect(path, windows([f"peak{i}" for i in range(PEAKS)]), group_by="type", aggregate=aggregate)
    told = capsys.readouterr().err
    assert f"{(groups == None).sum()} of 400 observations have no type and are left out" in told  # noqa: E711
    assert "columns joined by names to the windows' locus: 60 of 60 columns" in told
    grouped = pd.DataFrame(values, dtype=np.float64).groupby(column, observed=True)
    expected = grouped.mean() if aggregate == "mean" else grouped.sum(min_count=1)
    assert found.tracks["target"].tolist() == ["T", "mono", "NK", "B"] == expected.index.tolist()
    np.testing.assert_allclose(found.values, expected.to_numpy().T, rtol=1e-6)


def test_raw_counts_and_columns_of_var_that_name_genes(tmp_path):
    ids = [f"ENSG{i:011d}" for i in range(30)]
    path = write_h5ad(
        tmp_path / "m.h5ad",
        VALUES.T * 0,
        SAMPLES,
        GENES,
        var_columns={"gene_ids": ids},
        raw=sparse.csr_matrix(VALUES.T),
    )
    for settings in ({}, {"names": "gene_ids"}):
        found = collect(path, windows(ids[::-1]), layer="raw", **settings)
        np.testing.assert_array_equal(found.values, VALUES[::-1])


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix, np.array])
def test_memory_does_not_grow_with_the_cells(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(h5ad, "BLOCK", 1 << 14)
    n, peaks = 6000, 500
    values = sparse.random(n, peaks, 0.3, format="csr", random_state=1, dtype=np.float32)
    names = [f"chr1:{100 * i}-{100 * i + 50}" for i in range(peaks)]
    stored = values.toarray() if kind is np.array else kind(values)
    groups = np.array(["a", "b", "c"])[np.arange(n) % 3]
    path = write_h5ad(tmp_path / "m.h5ad", stored, [str(i) for i in range(n)], names, None, {"type": groups})
    rows = windows(range(peaks))
    collect(path, rows, group_by="type")
    tracemalloc.start()
    found = collect(path, rows, group_by="type")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = stored.nbytes if kind is np.array else stored.data.nbytes + stored.indices.nbytes
    # What is held beside a block are the names of cells and their groups.
    assert size > 6e6 and peak < 0.5 * size
    expected = np.stack([values[k::3].mean(axis=0).A1 for k in range(3)], axis=1)
    np.testing.assert_allclose(found.values, expected, rtol=1e-5)
