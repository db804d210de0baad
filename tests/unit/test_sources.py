"""Sources of files of labelled sequences and intervals against what the files say, on shipped and on made data."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from cisflow.data import duplicates
from cisflow.data.sources import fasta
from cisflow.errors import InputError
from cisflow.io.genome import Genome, parse_locus
from cisflow.sequence import dna
from sources import collect, spread, unpacked

CTCF = {"positives": "ctcf", "background": {"genome": "hg19", "per_positive": 2}}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The shipped data, unpacked: resource name -> file."""
    return unpacked(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def genome(demo):
    return Genome(demo["hg19"])


# FASTA ---------------------------------------------------------------------------------------------------------------


def test_fasta_puts_positives_before_negatives(tmp_path):
    (tmp_path / "p.fa").write_text(">chr1:0-4(-)\nACGT\n>b\nTTTT\n")
    (tmp_path / "n.fa").write_text(">c\nGGNN\n")
    source = {"positives": "p", "negatives": "n", "target": "bound"}
    found = collect("fasta", source, 4, {"p": tmp_path / "p.fa", "n": tmp_path / "n.fa"}, 1)
    assert spread(found) == ([1, 1, 0], ["ACGT", "TTTT", "GGNN"])
    assert found.frame.iloc[0].tolist() == ["chr1:0-4(-)", "chr1", 0, 4, "-"]
    assert found.frame["id"].tolist() == ["chr1:0-4(-)", "b", "c"]
    assert found.targets == ["bound"] and found.dropped == {} and found.truth is None


@pytest.fixture(scope="module")
def peaks(demo):
    return collect("fasta", CTCF, 200, demo, 1)


def test_a_background_matches_the_gc_content_of_the_positives(peaks):
    gc = dna.gc_content(peaks.codes)
    positive = peaks.labels[:, 0] == 1
    assert (positive.sum(), (~positive).sum()) == (500, 1000)
    assert abs(gc[positive].mean() - gc[~positive].mean()) < 0.01
    assert ks_2samp(gc[positive], gc[~positive]).statistic < 0.02


def test_a_background_is_real_sequence_without_unknown_bases(peaks, genome):
    assert (peaks.codes[500:] < dna.UNKNOWN).all()
    for row in range(500, 1500, 37):
        locus = parse_locus(peaks.frame["id"].iloc[row])
        assert locus[:3] == tuple(peaks.frame.loc[row, ["chrom", "start", "end"]])
        assert np.array_equal(genome.fetch(*locus[:3]), peaks.codes[row])


def test_a_background_overlaps_neither_a_positive_nor_itself(peaks):
    loci = peaks.frame[["chrom", "start", "end"]].to_numpy()
    for chrom in set(loci[500:, 0]):
        drawn = sorted((start, end) for name, start, end in loci[500:] if name == chrom)
        assert all(left[1] <= right[0] for left, right in zip(drawn, drawn[1:], strict=False))
    positives = loci[:500]
    for chrom, start, end in loci[500:]:
        assert not any(name == chrom and first < end and start < last for name, first, last in positives)


def test_a_background_is_drawn_again_from_the_same_seed_only(peaks, demo):
    again = collect("fasta", CTCF, 200, demo, 1)
    assert again.frame.equals(peaks.frame) and np.array_equal(again.codes, peaks.codes)
    assert not collect("fasta", CTCF, 200, demo, 2).frame["id"].equals(peaks.frame["id"])


def test_windows_that_overlap_a_positive_are_left_out_by_bedtools(peaks):
    assert peaks.dropped["overlap with a positive"] == 4
    assert peaks.dropped["unknown bases"] == 501


def test_without_overlap_against_comparing_all_pairs():
    rng = np.random.default_rng(0)
    tiles = pd.DataFrame({"chrom": ["a"] * 40 + ["b"] * 40, "start": [10 * i for i in range(40)] * 2})
    tiles["end"] = tiles["start"] + 10
    start = rng.integers(0, 390, 12)
    positives = pd.DataFrame({"chrom": list("aabbc") + ["", *"aabbaa"], "start": start, "end": start + 10})
    expected = [
        not any(p.chrom == t.chrom and p.start < t.end and t.start < p.end for p in positives.itertuples())
        for t in tiles.itertuples()
    ]
    assert fasta.without_overlap(tiles, positives).equals(tiles[expected])


def test_match_gc_takes_the_closest_without_replacement():
    rng = np.random.default_rng(0)
    offered = rng.integers(0, 101, 3000) / 100
    wanted = rng.integers(30, 71, 100) / 100
    chosen = fasta.match_gc(wanted, offered, 100, 3, 1)
    assert len(set(chosen)) == 300
    # About 30 windows of each content are on offer and 7 are wanted of each: nearly all matches are exact.
    assert np.abs(np.sort(offered[chosen]) - np.sort(np.repeat(wanted, 3))).max() <= 0.01


def test_match_gc_uses_everything_when_it_must():
    offered = np.array([0.1, 0.5, 0.9, 0.2])
    assert sorted(fasta.match_gc(np.array([0.8, 0.9]), offered, 10, 2, 1)) == [0, 1, 2, 3]


def test_match_gc_is_even_handed_between_equally_close_contents():
    picks = [fasta.match_gc(np.array([0.5]), np.array([0.4, 0.6]), 10, 1, seed)[0] for seed in range(200)]
    assert 60 < sum(picks) < 140


# BED -----------------------------------------------------------------------------------------------------------------


def test_bed_windows_lie_around_the_middle_and_read_on_the_strand(tmp_path):
    sequence = dna.decode(np.random.default_rng(0).integers(0, 4, 100).astype(np.uint8))
    (tmp_path / "g.fa").write_text(f">c\n{sequence}\n")
    (tmp_path / "x.bed").write_text(
        "#chrom\tstart\tend\tname\tstrand\tliver\tlung\n"
        "c\t10\t20\tone\t+\t1\t0\n"
        "c\t50\t51\ttwo\t-\t0\t\n"
        "c\t40\t90\t.\t.\t\t1\n"
        "c\t30\t36\t\t-\t1\t1\n"
    )
    source = {"bed": "bed", "genome": "g", "targets": ["lung", "liver"]}
    found = collect("bed", source, 6, {"bed": tmp_path / "x.bed", "g": tmp_path / "g.fa"}, 1)
    assert found.frame["id"].tolist() == ["one", "two", "c:62-68", "c:30-36(-)"]
    assert found.frame["start"].tolist() == [12, 47, 62, 30]
    assert found.frame["end"].tolist() == [18, 53, 68, 36]
    assert found.frame["strand"].tolist() == ["+", "-", ".", "-"]
    reverse = str.maketrans("ACGT", "TGCA")
    assert spread(found)[1] == [
        sequence[12:18],
        sequence[47:53].translate(reverse)[::-1],
        sequence[62:68],
        sequence[30:36].translate(reverse)[::-1],
    ]
    assert found.targets == ["lung", "liver"]
    assert np.array_equal(found.labels, [[0, 1], [np.nan, 0], [1, np.nan], [1, 1]], equal_nan=True)


def test_bed_needs_neither_name_nor_strand_nor_order_of_columns(tmp_path):
    (tmp_path / "g.fa").write_text(">c\n" + "ACGT" * 10 + "\n")
    (tmp_path / "x.bed").write_text("label\tend\tstart\tchrom\n1\t8\t4\tc\n0\t12\t8\tc\n")
    found = collect(
        "bed", {"bed": "b", "genome": "g", "target": "label"}, 4, {"b": tmp_path / "x.bed", "g": tmp_path / "g.fa"}, 1
    )
    assert found.frame["id"].tolist() == ["c:4-8", "c:8-12"]
    assert spread(found) == ([1, 0], ["ACGT", "ACGT"])


# Table ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_table_gives_its_rows_in_order(tmp_path, separator):
    rows = [("header", "sequence", "label"), ("chr1:100-104(+)", "acgt", "1"), ("b", "NNRU", "0"), ("c", "TTTT", "")]
    path = tmp_path / "table.txt"
    path.write_text("\n".join(separator.join(row) for row in rows))
    found = collect("table", {"table": "t"}, 4, {"t": path}, 1)
    assert found.frame["id"].tolist() == ["chr1:100-104(+)", "b", "c"]
    assert found.frame["start"].tolist() == [100, pd.NA, pd.NA]
    assert np.array_equal(found.labels[:, 0], [1, 0, np.nan], equal_nan=True)
    assert spread(found)[1] == ["ACGT", "NNNT", "TTTT"]


def test_repeated_headers_are_numbered_and_keep_their_locus(tmp_path):
    (tmp_path / "t.csv").write_text(
        "header,sequence,label\nchr1:4-8,ACGT,1\nb,ACGA,0\nchr1:4-8,ACGC,0\nchr1:4-8,ACGG,1\n"
    )
    found = collect("table", {"table": "t", "repeated": "number"}, 4, {"t": tmp_path / "t.csv"}, 1)
    assert found.frame["id"].tolist() == ["chr1:4-8", "b", "chr1:4-8#2", "chr1:4-8#3"]
    assert found.frame["start"].tolist() == [4, pd.NA, 4, 4] and found.labels[:, 0].tolist() == [1, 0, 0, 1]
    (tmp_path / "t.csv").write_text("header,sequence,label\nb,ACGT,1\nb#2,ACGA,0\nb,ACGC,0\n")
    with pytest.raises(InputError, match="rows 3 and 4 have the same id 'b#2'"):
        collect("table", {"table": "t", "repeated": "number"}, 4, {"t": tmp_path / "t.csv"}, 1)


def test_a_table_of_many_rows_is_encoded_as_row_by_row(tmp_path):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, (2000, 60)).astype(np.uint8)
    frame = pd.DataFrame({"header": range(2000), "sequence": [dna.decode(row) for row in codes]})
    frame.assign(label=rng.integers(0, 2, 2000)).to_csv(tmp_path / "t.csv", index=False)
    found = collect("table", {"table": "t", "target": "bound"}, 60, {"t": tmp_path / "t.csv"}, 1)
    assert np.array_equal(found.codes, codes)
    assert found.targets == ["bound"]


def test_a_table_laid_out_as_the_published_one(tmp_path):
    """600 bp, headers of DHS windows, `_r` behind those of reverse complements, lower case and unknown bases."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (3, 600)).astype(np.uint8)
    codes[2, 392:] = dna.UNKNOWN
    texts = [dna.decode(row) for row in (codes[0], dna.reverse_complement(codes[0]), codes[1], codes[2])]
    headers = ["chr9:100-700(+)", "chr9:100-700(+)_r", "chr10:5-605(-)_r", "chr1:142535226-142535826(+)"]
    rows = [f"{header},{text},{i % 2}" for i, (header, text) in enumerate(zip(headers, texts, strict=True))]
    rows[2] = rows[2].replace(texts[2], texts[2].lower())
    (tmp_path / "final_data.csv").write_text("\r\n".join(["header,sequence,label", *rows]) + "\r\n")
    found = collect("table", {"table": "t", "target": "retained"}, 600, {"t": tmp_path / "final_data.csv"}, 1)
    assert found.frame["id"].tolist() == headers
    assert found.frame["chrom"].tolist() == ["chr9", "chr9", "chr10", "chr1"]
    assert found.frame["strand"].tolist() == ["+", "-", "+", "+"]
    assert spread(found) == ([0, 1, 0, 1], texts)
    assert (found.codes == dna.UNKNOWN).sum() == 208
    # A reverse complement is a near-duplicate of its window, at any threshold.
    near = duplicates.find(found.codes, duplicates.Settings(similarity=1))
    assert near[["first", "second"]].to_numpy().tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("name", "strand"),
    [("c:1-3", "."), ("c:1-3_r", "-"), ("c:1-3(+)_r", "-"), ("c:1-3(-)_r x", "+"), ("c:1-3_reference", ".")],
)
def test_a_name_tells_that_a_sequence_is_reversed(name, strand):
    assert parse_locus(name) == ("c", 1, 3, strand)


# Labels of a task ----------------------------------------------------------------------------------------------------

GENOME = ">c\n" + "ACGT" * 10 + "\n"


def with_labels(folder, kind, labels, task):
    """Windows of a source of this kind, whose file has a row for each text of a label."""
    (folder / "g.fa").write_text(GENOME)
    header, row = {
        "bed": ("chrom,start,end,label", "c,{0},{1},{2}"),
        "table": ("header,sequence,label", "w{0},ACGT,{2}"),
    }[kind]
    lines = [row.format(4 * i, 4 * i + 4, label) for i, label in enumerate(labels)]
    (folder / "file").write_text("\n".join([header, *lines]) + "\n")
    settings = {kind: "file", "target": "label", **({"genome": "g"} if kind == "bed" else {})}
    return collect(kind, settings, 4, {"file": folder / "file", "g": folder / "g.fa"}, task=task)


@pytest.mark.parametrize("kind", ["bed", "table"])
def test_labels_of_regression_are_real_numbers_with_gaps(tmp_path, kind):
    texts = ["1.5", "-0.25", "", "3", "1e-3", " 7 "]
    found = with_labels(tmp_path, kind, texts, "regression")
    assert found.task.name == "regression" and found.labels.dtype == np.float32
    expected = np.array([float(text) if text else np.nan for text in texts], np.float32)
    np.testing.assert_array_equal(found.labels[:, 0], expected)


def test_several_columns_of_a_bed_are_labels_of_their_own(tmp_path):
    (tmp_path / "g.fa").write_text(GENOME)
    (tmp_path / "x.bed").write_text("chrom\tstart\tend\tlung\tliver\nc\t0\t4\t0.5\t\nc\t4\t8\t-2\t1.25\n")
    settings = {"bed": "b", "genome": "g", "targets": ["liver", "lung"]}
    found = collect("bed", settings, 4, {"b": tmp_path / "x.bed", "g": tmp_path / "g.fa"}, task="regression")
    np.testing.assert_array_equal(found.labels, np.array([[np.nan, 0.5], [1.25, -2]], np.float32))


@pytest.mark.parametrize("kind", ["bed", "table"])
@pytest.mark.parametrize("text", ["high", "nan", "NA", "inf", "-inf", "1e50", "1;5", "True"])
def test_a_text_that_is_no_number_is_refused_by_row_and_column(tmp_path, kind, text):
    with pytest.raises(InputError) as error:
        with_labels(tmp_path, kind, ["0.5", "", text], "regression")
    words = f"{tmp_path / 'file'}: row 4: column 'label' is '{text}', expected a finite number or empty"
    assert str(error.value) == words


@pytest.mark.parametrize("kind", ["bed", "table"])
def test_a_real_number_is_no_label_of_two_classes(tmp_path, kind):
    with pytest.raises(InputError, match="row 3: column 'label' is '0.5', expected 0, 1 or empty"):
        with_labels(tmp_path, kind, ["1", "0.5"], "binary")


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("fasta", {"positives": "p", "negatives": "n"}),
        ("annotation", {"annotation": "a", "genome": "g"}),
        ("events", {"bed": "b", "annotation": "a", "events": "e", "genome": "g"}),
        ("planted", {"genome": "g", "motifs": "m", "matrices": ["MA0139.2"]}),
    ],
)
def test_a_source_of_two_classes_has_no_numbers(kind, settings):
    with pytest.raises(InputError) as error:
        collect(kind, settings, 200, {}, task="regression")
    words = f"a source of kind '{kind}' labels its windows 0 and 1, expected task 'binary'"
    assert str(error.value) == f"dataset 'd': task is 'regression'; {words}"
