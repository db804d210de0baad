"""Numbers that a matrix gives: tracks and what is known of them, weights, and scores of counts."""

import gzip

import numpy as np
import pandas as pd
import pytest

from cisflow.errors import InputError
from matrices import collect, windows, write_text
from sources import DEMO

IDS, TRACKS = ["a", "b", "c", "d"], ["x", "y"]
VALUES = np.array([[1, 2], [3, np.nan], [5, 6], [7, 8]])


@pytest.fixture
def path(tmp_path):
    return write_text(tmp_path / "m.tsv", VALUES, IDS, TRACKS)


def test_a_table_says_what_tracks_are(tmp_path, path, capsys):
    (tmp_path / "t.tsv").write_text("track\tclass\tgroup\treplicate\nx\tlymphoid\tB\t1\n")
    found = collect(path, windows(IDS), tracks=tmp_path / "t.tsv", prefix="rna_", name="rna")
    assert found.tracks.to_numpy().tolist() == [["rna_x", "rna", "lymphoid", "B", "1"], ["rna_y", "rna", "", "", ""]]
    assert "says nothing of 1 of 2 tracks: y" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("track\tclass\nz\tq\n", "t.tsv: row 2: no track 'z'; found tracks x, y"),
        ("track\tclass\nx\tq\nx\tq\n", "rows 2 and 3 have the same id 'x'"),
        ("track\tkind\nx\tq\n", "found columns track, kind; expected class, group, replicate or strand"),
        ("name\tclass\nx\tq\n", "row 1: no column track"),
    ],
)
def test_a_table_of_other_tracks_is_refused(tmp_path, path, content, words):
    (tmp_path / "t.tsv").write_text(content)
    with pytest.raises(InputError, match=words):
        collect(path, windows(IDS), tracks=tmp_path / "t.tsv")


def test_weights_are_joined_by_name_either_way_round(tmp_path, path):
    weights = np.array([[0, 1, 2, 3, 9], [4, np.nan, 5, 6, 9]])
    write_text(tmp_path / "w.csv", weights[::-1], TRACKS[::-1], ["a", "b", "c", "d", "z"], separator=",")
    found = collect(path, windows(IDS[::-1]), weights=tmp_path / "w.csv")
    assert found.weights.tolist() == [[3, 6], [2, 5], [1, 0], [0, 4]] and found.weights.dtype == np.float32


@pytest.mark.parametrize(
    ("value", "words"), [(-1, "found -1 of 'c' and track 'y'"), (np.nan, "found no weight of 'c' and track 'y'")]
)
def test_weights_that_are_none_are_refused(tmp_path, path, value, words):
    weights = np.ones((4, 2))
    weights[2, 1] = value
    write_text(tmp_path / "w.tsv", weights, IDS, TRACKS)
    with pytest.raises(InputError, match=f"w.tsv: {words}, expected 0 or more"):
        collect(path, windows(IDS), weights=tmp_path / "w.tsv")


COUNTS = pd.DataFrame(
    {"t1": [28, 315, 0, 9], "i1": [2, 7, 0, 0], "t2": [np.nan, 379, 4, 0], "i2": [np.nan, 21, 2, 0]}, index=IDS
)
PAIRS = {"kind": "log_ratio", "numerator": ["i1", "i2"], "denominator": ["t1", "t2"], "offset": 1.0087}


@pytest.fixture
def counts(tmp_path):
    return write_text(tmp_path / "c.tsv", COUNTS.to_numpy(dtype=float), IDS, COUNTS.columns)


def test_ratios_of_reads_of_replicates(counts):
    found = collect(counts, windows(IDS), name="psi", score=PAIRS)
    expected = np.full((4, 2), np.nan)
    for row, pair in ((0, 1), (1, 1), (3, 1), (1, 2), (2, 2)):
        total, included = COUNTS.loc[IDS[row], [f"t{pair}", f"i{pair}"]]
        expected[row, pair - 1] = np.log10((included + 1) / (total + 1)) + 1.0087
    np.testing.assert_allclose(found.values, expected, rtol=1e-6)
    assert found.tracks[["target", "modality", "group", "replicate"]].to_numpy().tolist() == [
        ["psi_1", "psi", "psi", "1"],
        ["psi_2", "psi", "psi", "2"],
    ]
    assert found.weights is None


def test_replicates_pooled_and_weights_by_reads(counts):
    found = collect(counts, windows(IDS), name="psi", score=PAIRS | {"pool": True, "weights": "count"})
    total, included = np.array([28, 694, 4, 9]), np.array([2, 28, 2, 0])
    np.testing.assert_allclose(found.values[:, 0], np.log10((included + 1) / (total + 1)) + 1.0087, rtol=1e-6)
    np.testing.assert_allclose(found.weights[:, 0], total / total.mean(), rtol=1e-6)
    assert found.tracks["target"].tolist() == ["psi"] and found.tracks["replicate"].tolist() == [""]
    more = PAIRS | {"weights": "count", "saturation": 50, "minimum_count": 5, "pseudocount": 0.5, "base": 2}
    found = collect(counts, windows(IDS), score=more)
    assert np.isfinite(found.values).tolist() == [[True, False], [True, True], [False, False], [True, False]]
    assert found.values[0, 0] == pytest.approx(np.log2(2.5 / 28.5) + 1.0087)
    weights = np.array([28, 315, 9]) / (np.array([28, 315, 9]) + 50)
    np.testing.assert_allclose(found.weights[[0, 1, 3], 0], weights / weights.mean(), rtol=1e-6)
    assert found.weights[2, 0] == 0 and found.weights[1, 1] == pytest.approx(1)


def test_the_mean_bin_of_a_sorted_library(tmp_path):
    reads = np.array([[0, 1, 0, 3], [0, 0, 0, 0], [5, np.nan, 0, 0], [1, 1, 1, 1]])
    path = write_text(tmp_path / "m.tsv", reads, IDS, ["bin_0", "bin_1", "bin_2", "bin_3"])
    found = collect(path, windows(IDS), name="activity", score={"kind": "mean_bin", "weights": "count"})
    np.testing.assert_allclose(found.values, [[2.5], [np.nan], [0], [1.5]])
    np.testing.assert_allclose(found.weights, [[12 / 13], [0], [15 / 13], [12 / 13]], rtol=1e-6)
    chosen = {"columns": ["bin_3", "bin_1"], "score": {"kind": "mean_bin", "bins": [10, -1], "minimum_count": 3}}
    np.testing.assert_allclose(
        collect(path, windows(IDS), **chosen).values, [[(30 - 1) / 4], [np.nan], [np.nan], [np.nan]]
    )


@pytest.mark.parametrize(
    ("score", "words"),
    [
        ({"kind": "log_ratio"}, "score has 0 columns as numerator and 0 as denominator"),
        (
            {"kind": "log_ratio", "numerator": ["i1"], "denominator": ["t1", "t2"]},
            "score has 1 columns as numerator and 2",
        ),
        (PAIRS | {"bins": [1]}, "score has bins, which kind log_ratio has not"),
        ({"kind": "mean_bin", "numerator": ["i1"]}, "score has numerator, which kind mean_bin has not"),
        ({"kind": "mean_bin", "bins": [1, 2]}, "score has 2 bins for 4 columns; expected as many"),
        (PAIRS | {"numerator": ["i1", "i3"]}, "no track i3; found tracks t1, i1, t2, i2"),
    ],
)
def test_scores_that_do_not_go_together_are_refused(counts, score, words):
    with pytest.raises(InputError, match=f"c.tsv: {words}"):
        collect(counts, windows(IDS), score=score)


def test_negative_counts_are_no_counts(tmp_path):
    path = write_text(tmp_path / "c.tsv", COUNTS.to_numpy(dtype=float) - 1, IDS, COUNTS.columns)
    with pytest.raises(InputError, match="c.tsv: column 'i1' holds -1, expected counts of 0 or more"):
        collect(path, windows(IDS), score=PAIRS)


def test_replicates_of_splice_sites_agree_as_published():
    path = DEMO / "brca2_5ss_psi.tsv.gz"
    with gzip.open(path, "rt") as handle:
        table = pd.read_csv(handle, sep="\t", index_col="sequence")
    pairs = {"numerator": ["inclusion_1", "inclusion_2"], "denominator": ["total_1", "total_2"], "offset": 1.0087}
    found = collect(path, windows(table.index), score={"kind": "log_ratio", **pairs})
    for track, pair in enumerate("12"):
        expected = np.log10((table[f"inclusion_{pair}"] + 1) / (table[f"total_{pair}"] + 1)) + 1.0087
        np.testing.assert_allclose(found.values[:, track], expected.where(table[f"total_{pair}"] > 0), rtol=1e-5)
    both = np.isfinite(found.values).all(axis=1)
    assert len(table) == 30_483 and 29_000 < both.sum() <= 29_593
    test = both & (table["set"] == "test").to_numpy()
    assert np.corrcoef(found.values[test].T)[0, 1] == pytest.approx(0.786, abs=0.01)
