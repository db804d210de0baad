"""What sources share: grid, centring, and readers of names and labels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cisflow import tasks
from cisflow.data import windows
from cisflow.errors import InputError
from cisflow.io.genome import Genome, Locus
from cisflow.sequence import dna


@given(st.integers(0, 10**9), st.integers(1, 5000), st.integers(1, 5000))
def test_a_centred_window_has_the_same_overhang_on_both_sides(start, size, length):
    first = windows.centred(start, start + size, length)
    left, right = start - first, first + length - (start + size)
    assert abs(left - right) <= 1
    if size == length:
        assert first == start


def test_the_grid_against_slicing_by_hand(tmp_path, monkeypatch):
    rng = np.random.default_rng(2)
    pieces = {"c:1000-1100": 100, "d": 57, "e": 6}
    text = {name: "".join(rng.choice(list("ACGTN"), size, p=[0.24] * 4 + [0.04])) for name, size in pieces.items()}
    path = tmp_path / "g.fa"
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in text.items()))
    expected, unknown = [], 0
    for chrom, offset, sequence in [("c", 1000, text["c:1000-1100"]), ("d", 0, text["d"])]:
        for i in range(0, len(sequence) - 6, 7):
            tile = sequence[i : i + 7]
            unknown += "N" in tile
            if "N" not in tile:
                expected.append((chrom, offset + i, offset + i + 7, (tile.count("G") + tile.count("C")) / 7))
    for chunk in (1 << 24, 20, 1):
        monkeypatch.setattr(windows, "CHUNK", chunk)
        tiles, dropped = windows.grid(Genome(path), 7)
        assert list(tiles[["chrom", "start", "end"]].itertuples(index=False, name=None)) == [
            row[:3] for row in expected
        ]
        assert np.allclose(tiles["gc"], [row[3] for row in expected])
        assert dropped == {"unknown bases": unknown, "past the end of a region": 3}


def test_a_grid_wider_than_the_genome_is_refused(tmp_path):
    (tmp_path / "g.fa").write_text(">a\nACGT\n")
    with pytest.raises(InputError, match="g.fa: holds no window of 5 bp"):
        windows.grid(Genome(tmp_path / "g.fa"), 5)


def test_fetch_reads_each_window_on_its_strand(tmp_path):
    (tmp_path / "g.fa").write_text(">a\nAACCGT\n")
    frame = windows.table("xyz", [Locus("a", 0, 4, "+"), Locus("a", 0, 4, "-"), Locus("a", 2, 6)])
    codes = windows.fetch(Genome(tmp_path / "g.fa"), frame, 4)
    assert [dna.decode(row) for row in codes] == ["AACC", "GGTT", "CCGT"]


def test_names_that_are_loci_give_coordinates():
    frame = windows.locate("x.fa", ["chr1:10-14(-)", "peak", "chr2:0-4"], ["record 1", "record 2", "record 3"], 4)
    assert frame["id"].tolist() == ["chr1:10-14(-)", "peak", "chr2:0-4"]
    assert frame["chrom"].tolist() == ["chr1", "", "chr2"]
    assert frame["start"].tolist() == [10, pd.NA, 0]
    assert frame["strand"].tolist() == ["-", "", "."]


def test_a_name_that_speaks_of_another_length_is_refused():
    with pytest.raises(InputError, match="x.fa: record 2: the name 'chr1:11-13' speaks of 2 bases, the sequence has 4"):
        windows.locate("x.fa", ["a", "chr1:11-13"], ["record 1", "record 2"], 4)


def test_names_that_count_from_one_are_told_by_their_lengths():
    frame = windows.locate("x.fa", ["chr1:11-14", "chr2:1-4/rc"], ["record 1", "record 2"], 4)
    assert frame["start"].tolist() == [10, 0] and frame["end"].tolist() == [14, 4]
    assert frame["strand"].tolist() == [".", "-"]
    with pytest.raises(InputError, match="x.fa: record 1: the name 'chr1:11-14' counts from 1, .* record 2"):
        windows.locate("x.fa", ["chr1:11-14", "chr2:0-4"], ["record 1", "record 2"], 4)


def test_labels_are_read_as_nought_one_and_missing():
    labels = windows.read_labels("x.tsv", "liver", ["1", "0", "", " 1", "1.0", "0.0"], range(2, 8), tasks.get("binary"))
    assert labels.dtype == np.float32
    assert np.array_equal(labels, [1, 0, np.nan, 1, 1, 0], equal_nan=True)


def test_labels_are_read_as_pandas_and_people_write_them():
    texts = ["True", "FALSE", "yes", "No", ""]
    labels = windows.read_labels("x.tsv", "liver", texts, range(2, 7), tasks.get("binary"))
    assert np.array_equal(labels, [1, 0, 1, 0, np.nan], equal_nan=True)


@pytest.mark.parametrize("text", ["2", "-1", "0.5", "maybe", "nan", "NA", "inf"])
def test_any_other_label_is_refused(text):
    with pytest.raises(InputError, match=rf"x.tsv: row 5: column 'liver' is '{text}', expected 0, 1 or empty"):
        windows.read_labels("x.tsv", "liver", ["1", "", text], [2, 4, 5], tasks.get("binary"))


def test_bedtools_is_asked_for_with_the_line_that_installs_it(monkeypatch):
    windows.require_bedtools()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match="bedtools is not on PATH; install it with 'conda install .* bedtools'"):
        windows.require_bedtools()
