"""The room's own parts: grid, centring, readers of names and labels, and what is written."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cisflow.data import windows
from cisflow.data.windows import Windows
from cisflow.errors import InputError
from cisflow.io.arrays import read_array
from cisflow.io.genome import Genome, Locus
from cisflow.sequence import dna


@pytest.fixture
def small():
    """Three windows of four bases, two targets, one label missing, one window without coordinates."""
    loci = [Locus("1", 0, 4, "+"), None, Locus("X", 10, 14)]
    labels = np.array([[1, 0], [0, np.nan], [0, 1]], dtype=np.float32)
    codes = np.arange(12, dtype=np.uint8).reshape(3, 4) % 5
    return Windows(windows.table(["007", "b", "c"], loci), codes, labels, ["liver", "lung"], {"too short": 2})


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


def test_what_is_written_comes_back(tmp_path, small):
    windows.write(tmp_path, small)
    assert (tmp_path / "windows.tsv").read_text() == (
        "id\tchrom\tstart\tend\tstrand\tliver\tlung\n007\t1\t0\t4\t+\t1\t0\nb\t\t\t\t\t0\t\nc\tX\t10\t14\t.\t0\t1\n"
    )
    assert (tmp_path / "targets.tsv").read_text() == (
        "target\tn_positive\tn_negative\tn_missing\nliver\t1\t2\t0\nlung\t1\t1\t1\n"
    )
    frame, targets = windows.read(tmp_path / "windows.tsv")
    assert targets == ["liver", "lung"]
    assert frame["id"].tolist() == ["007", "b", "c"]
    assert frame["chrom"].tolist() == ["1", "", "X"]
    labels = read_array(tmp_path / "targets.npy", dtype=np.float32, shape=(3, 2))
    assert np.array_equal(labels, small.labels, equal_nan=True)
    assert np.array_equal(frame[targets].to_numpy(np.float32), labels, equal_nan=True)
    assert np.array_equal(read_array(tmp_path / "sequences.npy", dtype=np.uint8), small.codes)
    assert not (tmp_path / "truth.tsv").exists()


@pytest.mark.parametrize("targets", [["liver", "liver"], ["start", "lung"], ["", "lung"]])
def test_a_target_name_that_cannot_be_a_column_is_refused(tmp_path, small, targets):
    with pytest.raises(InputError, match="windows.tsv: target name '.*' cannot be a column"):
        windows.write(tmp_path, small._replace(targets=targets))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("ids", "words"),
    [(["a", "b", "a"], "rows 2 and 4 have the same id 'a'"), (["a", "", "c"], "row 3: the id is empty")],
)
def test_ids_are_unique_and_not_empty(tmp_path, small, ids, words):
    with pytest.raises(InputError, match=f"windows.tsv: {words}"):
        windows.write(tmp_path, small._replace(frame=small.frame.assign(id=ids)))


def test_no_window_at_all_is_an_error_that_tells_what_was_dropped(tmp_path, small):
    empty = small._replace(frame=small.frame.iloc[:0])
    with pytest.raises(InputError, match="no window is left, expected at least one .dropped: too short: 2"):
        windows.write(tmp_path, empty)


def test_names_that_are_loci_give_coordinates():
    frame = windows.locate("x.fa", ["chr1:10-14(-)", "peak", "chr2:0-4"], ["record 1", "record 2", "record 3"], 4)
    assert frame["id"].tolist() == ["chr1:10-14(-)", "peak", "chr2:0-4"]
    assert frame["chrom"].tolist() == ["chr1", "", "chr2"]
    assert frame["start"].tolist() == [10, pd.NA, 0]
    assert frame["strand"].tolist() == ["-", "", "."]


def test_a_name_that_speaks_of_another_length_is_refused():
    with pytest.raises(InputError, match="x.fa: record 2: the name 'chr1:11-14' speaks of 3 bases, the sequence has 4"):
        windows.locate("x.fa", ["a", "chr1:11-14"], ["record 1", "record 2"], 4)


def test_labels_are_read_as_nought_one_and_missing():
    labels = windows.read_labels("x.tsv", "liver", ["1", "0", "", " 1", "1.0", "0.0"], range(2, 8))
    assert labels.dtype == np.float32
    assert np.array_equal(labels, [1, 0, np.nan, 1, 1, 0], equal_nan=True)


@pytest.mark.parametrize("text", ["2", "-1", "0.5", "yes", "nan", "NA", "True", "inf"])
def test_any_other_label_is_refused(text):
    with pytest.raises(InputError, match=rf"x.tsv: row 5: column 'liver' is '{text}', expected 0, 1 or empty"):
        windows.read_labels("x.tsv", "liver", ["1", "", text], [2, 4, 5])


@pytest.mark.parametrize(
    "content",
    [
        b"header,sequence\na,AC\n\nb,GT\n",
        b"\xef\xbb\xbfheader,sequence\r\na,AC\r\n\r\nb,GT\r\n",
        b"header\tsequence\na\tAC\n\nb\tGT",
        b'#header\t"sequence"\na\tAC\n\n"b"\tGT\n\n\n',
    ],
)
def test_rows_are_read_from_csv_and_tsv_however_they_were_saved(tmp_path, content):
    (tmp_path / "table").write_bytes(content)
    rows, columns = windows.read_rows(tmp_path / "table", ["header"])
    assert rows == [2, 4]
    assert columns == {"header": ["a", "b"], "sequence": ["AC", "GT"]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "found 0 rows, expected a header line"),
        (b"header,sequence\n", "found 1 rows, expected a header line and at least one row"),
        (b"sequence,label\nAC,1\n", "row 1: no column header; found columns sequence, label"),
        (b"header,label,label\na,1,1\n", "row 1: column label occurs more than once"),
        (b"header,label\na,1\n\nb\n", "row 4: found 1 columns, expected 2"),
        (b"header,label\na,1,1\n", "row 2: found 3 columns, expected 2"),
        (b'header,label\n"a,1\n', "not a table of text, expected CSV or TSV: unexpected end of data"),
        (b"\x1f\x8b\x08\x00\xff", "not a table of text, expected CSV or TSV"),
        (None, "No such file"),
    ],
)
def test_a_table_that_is_not_whole_is_refused(tmp_path, content, words):
    if content is not None:
        (tmp_path / "table").write_bytes(content)
    with pytest.raises(InputError, match=f"table: {words}"):
        windows.read_rows(tmp_path / "table", ["header"])


def test_a_very_long_sequence_fits_into_a_table(tmp_path):
    (tmp_path / "table").write_text("header,sequence\na," + "ACGT" * 50_000 + "\n")
    assert len(windows.read_rows(tmp_path / "table", [])[1]["sequence"][0]) == 200_000


def test_bedtools_is_asked_for_with_the_line_that_installs_it(monkeypatch):
    windows.require_bedtools()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match="bedtools is not on PATH; install it with 'conda install .* bedtools'"):
        windows.require_bedtools()


def test_a_resource_that_was_not_given_is_named():
    with pytest.raises(InputError, match="names resource 'hg38'; expected one of hg19, table"):
        windows.resource({"hg19": "a", "table": "b"}, "hg38")


@pytest.mark.parametrize("kind", ["vcf", "", None, "os.path", "__init__"])
def test_an_unknown_kind_of_source_is_refused(tmp_path, kind):
    with pytest.raises(
        InputError, match=f"dataset 'd': source: kind is '{kind}', expected one of annotation, bed, events, fasta"
    ):
        windows.build(tmp_path, "d", {"kind": kind}, 4, {}, 1)


def test_a_window_of_no_bases_is_refused(tmp_path):
    with pytest.raises(InputError, match="dataset 'd': window is 0, expected 1 or more"):
        windows.build(tmp_path, "d", {"kind": "table"}, 0, {}, 1)


def test_the_manifest_says_what_the_windows_were_made_from(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("header,sequence,label\na,ACGT,1\nb,GGGG,0\n")
    source = {"kind": "table", "table": "t"}
    windows.build(tmp_path / "out", "d", source, 4, {"t": path}, 5)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["settings"] == {"dataset": "d", "source": source, "window": 4}
    assert manifest["inputs"] == {str(path): hashlib.sha256(path.read_bytes()).hexdigest()}
    assert (manifest["n"], manifest["seed"], manifest["dropped"]) == (2, 5, {})
