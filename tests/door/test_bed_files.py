"""BED files, narrowPeak and broadPeak as ENCODE, MACS, ChromHMM, UCSC, R and spreadsheets write them."""

import gzip

import pytest

from cisflow.errors import InputError
from cisflow.io import bed

NARROW = "chr1\t100\t300\t.\t1000\t.\t18.1\t-1\t4.3\t75\nchr1\t400\t500\t.\t500\t.\t9\t-1\t2.2\t-1\n"
BROAD = "chr1\t100\t300\tp1\t1000\t.\t18.1\t12.5\t4.3\n"


def read(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    rows = list(bed.read_bed(path))
    loci = [bed.interval(f"{path}: row {row}", record) for row, record in rows]
    return rows, loci, bed.ids(path, [record for _, record in rows], loci)


TWO = [("chr1", 5, 9, "."), ("chr2", 0, 3, ".")]


@pytest.mark.parametrize(
    "content",
    [
        "chr1\t5\t9\nchr2\t0\t3\n",
        "chr1\t5\t9\nchr2\t0\t3",
        "chr1\t5\t9\r\nchr2\t0\t3\r\n",
        "chr1\t5\t9\rchr2\t0\t3\r",
        "chr1 5 9\nchr2    0 3\n",
        "  chr1 5 9\nchr2 0 3 \n",
        "\ufeffchr1\t5\t9\nchr2\t0\t3\n",
        "\ufeff#chrom\tstart\tend\nchr1\t5\t9\nchr2\t0\t3\n",
        "chr1\t5\t9\n\n\nchr2\t0\t3\n\n",
        "track name=a\nchr1\t5\t9\ntrack name=b\nchr2\t0\t3\n",
        "browser position chr1:1-9\nbrowser hide all\nchr1\t5\t9\n# note\nchr2\t0\t3\n#end\n",
        "#chrom\tchromStart\tchromEnd\nchr1\t5\t9\nchr2\t0\t3\n",
        "#chr\tstart\tend\nchr1\t5\t9\nchr2\t0\t3\n",
        "chr\tstart\tend\nchr1\t5\t9\nchr2\t0\t3\n",
        '"Chrom"\t"Start"\t"End"\nchr1\t5\t9\nchr2\t0\t3\n',
        "chrom,start,end\nchr1,5,9\nchr2,0,3\n",
        "start\tend\tchrom\n5\t9\tchr1\n0\t3\tchr2\n",
        "#bin\tchrom\tchromStart\tchromEnd\n585\tchr1\t5\t9\n585\tchr2\t0\t3\n",
        "chrom\tstart\tend\nchr1\t5\t9\nchrom\tstart\tend\nchr2\t0\t3\n",
        "chr1\t5.0\t9.0\nchr2\t0\t3\n",
        "chr1\t5\t9\t\nchr2\t0\t3\t\n",
        "chr1\t5\t9\t0.25\nchr2\t0\t3\t0.5\n",
        "chr1\t5\t9\tn\t0\t*\nchr2\t0\t3\tm\t0\t.\n",
        "chr1\t5\t9\tn\t0\t.\t5\t9\t0,0,0\nchr2\t0\t3\tm\t0\t.\t0\t3\t0\n",
        "chr1\t5\t9\tn\t0\t.\t5\t9\t0\t1\t4,\t0,\nchr2\t0\t3\tm\t0\t.\t0\t3\t0\t2\t1,1,\t0,2,\n",
        "chr1\t5\t9\n".encode("utf-16") + "chr2\t0\t3\n".encode("utf-16-le"),
    ],
)
def test_two_intervals_however_they_are_written(tmp_path, content):
    assert read(tmp_path / "some.bed", content)[1] == TWO


def test_packed_files_are_read_whatever_they_are_called(tmp_path, bgzip):
    content = b"chr1\t5\t9\nchr2\t0\t3\n" * 200
    expected = TWO * 200
    for name, packed in (
        ("a.bed.gz", gzip.compress(content, mtime=0)),
        ("b.bed.gz", bgzip(content)),
        ("c.bed", bgzip(content)),
    ):
        assert read(tmp_path / name, packed)[1] == expected


def test_a_number_that_r_writes_short_is_whole(tmp_path):
    assert read(tmp_path / "a.bed", "chr1\t1e+05\t1.5e+05\n")[1] == [("chr1", 100_000, 150_000, ".")]


def test_a_name_in_latin_1_is_a_name(tmp_path):
    content = "chr1\t5\t9\tMüller 7\t0\t-\n".encode("latin-1")
    assert read(tmp_path / "a.bed", content)[2] == ["Müller 7"]
    assert read(tmp_path / "b.bed", "chr1\t5\t9\tMüller 7\t0\t-\n")[2] == ["Müller 7"]


def test_strands_are_read_and_names_are_ids(tmp_path):
    _, loci, ids = read(tmp_path / "a.bed", "chr1\t5\t9\ta\t0\t-\nchr2\t0\t3\t.\t0\t+\nchr2\t4\t6\tc\t0\t*\n")
    assert [locus.strand for locus in loci] == ["-", "+", "."]
    assert ids == ["a", "chr2:0-3(+)", "c"]


def test_states_of_chromhmm_are_no_ids(tmp_path, capsys):
    content = (
        "track name=Gm12878\nchr1\t0\t200\t13_Heterochrom\nchr1\t200\t400\t1_Active\nchr1\t400\t800\t13_Heterochrom\n"
    )
    ids = read(tmp_path / "hmm.bed", content)[2]
    assert ids == ["chr1:0-200", "1_Active", "chr1:400-800"]
    assert "2 rows share their name with others, as '13_Heterochrom'" in capsys.readouterr().err


def test_summits_of_narrow_peaks(tmp_path):
    for name in ("a.narrowPeak", "a.bed"):
        rows, loci, ids = read(tmp_path / name, NARROW)
        assert [record.get("summit") for _, record in rows] == [175, None]
        assert loci == [("chr1", 100, 300, "."), ("chr1", 400, 500, ".")]
        assert ids == ["chr1:100-300", "chr1:400-500"]


def test_several_summits_of_one_peak_are_kept(tmp_path):
    lines = [
        f"chr1\t100\t300\tpeak_1{letter}\t9\t.\t1\t2\t3\t{at}\n" for letter, at in (("a", 10), ("b", 90), ("c", 199))
    ]
    rows, _, ids = read(tmp_path / "a.narrowPeak", "".join(lines))
    assert [record["summit"] for _, record in rows] == [110, 190, 299] and ids == ["peak_1a", "peak_1b", "peak_1c"]


def test_a_summit_by_a_header(tmp_path):
    content = "#chrom\tstart\tend\tname\tscore\tstrand\tsignalValue\tpValue\tqValue\tpeak\n" + NARROW
    assert read(tmp_path / "a.bed", content)[0][0][1]["summit"] == 175


def test_broad_peaks_have_no_summit(tmp_path):
    rows, loci, ids = read(tmp_path / "a.broadPeak", BROAD)
    assert "summit" not in rows[0][1] and rows[0][1]["signalValue"] == "18.1"
    assert loci == [("chr1", 100, 300, ".")] and ids == ["p1"]


def test_a_bed_graph_has_values_and_no_names(tmp_path):
    rows, _, ids = read(tmp_path / "a.bg", "track type=bedGraph\nchr1\t5\t9\t0.25\nchr1\t9\t12\t3\n")
    assert [record["score"] for _, record in rows] == ["0.25", "3"] and ids == ["chr1:5-9", "chr1:9-12"]


def test_rows_are_those_of_an_editor(tmp_path):
    rows, _, _ = read(tmp_path / "a.bed", "track\n\nchr1\t5\t9\n# x\nchr1\t9\t12\n")
    assert [row for row, _ in rows] == [3, 5]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "holds no interval"),
        ("# only\ntrack x\n", "holds no interval"),
        ("chr1\t5\n", "row 1: found 2 columns, expected chrom, start, end"),
        ("chr1\t5\t9\nchr1\t5\n", "row 2: found 2 columns"),
        ("chr1\t5\t9\ta\nchr1\t5\t9\n", "row 2: found 3 columns, expected 4 as above"),
        ("#chrom\tstart\tend\tlabel\nchr1\t5\t9\n", "row 2: found 3 columns, expected 4 as in the header"),
        ("chrom\tstart\tend\tend\nchr1\t5\t9\t9\n", "row 1: columns end, end, expected one end"),
        ("chr1\t9\t5\n", "row 1: start is 9 and end is 5"),
        ("chr1\t5\t5\n", "row 1: start is 5 and end is 5"),
        ("chr1\t-5\t9\n", "row 1: start is '-5', expected an integer"),
        ("chr1\t5\tx\n", "row 1: end is 'x', expected an integer"),
        ("chr1\t5.5\t9\n", "row 1: start is '5.5', expected an integer"),
        ("chr1\t\t9\n", "row 1: start is '', expected an integer"),
        ("chr1\t٣\t9\n", "row 1: start is '٣', expected an integer"),
        ("\t5\t9\n", "row 1: chrom is empty"),
        ("chr 1\t5\t9\n", "row 1: chrom is 'chr 1', expected a name without blanks"),
        ("track x chr1\t5\t9\n", "row 1: chrom is 'track x chr1', expected"),
        ("chr1\t5\t9\ta\t0\tforward\n", "row 1: strand is 'forward'"),
        (
            "chr1\t5\t9\t.\t0\t.\t1\t2\t3\t4\n",
            "row 1: peak is 4, expected -1 or the offset of a summit within the 4 bp",
        ),
        ("seqnames\tstart\tend\twidth\tstrand\nchr1\t6\t9\t4\t*\n", "row 1: a table of R's GenomicRanges, .* from 1"),
        (
            "# xls\nchr\tstart\tend\tlength\tabs_summit\nchr1\t6\t9\t4\t7\n",
            r"row 2: a table of MACS \(peaks.xls\), which",
        ),
        (b"BAM\x01\x00", "a BAM file; expected text"),
        (b"chr1\t5\t9\nchr1\t\x00\t9\n", "line 2: not a text file: found the byte 0x00"),
        (b"PK\x03\x04rest", "a zip archive or a spreadsheet"),
        (b"<!DOCTYPE html>\n<html>", "an HTML page; expected the file itself"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of git-lfs"),
        (gzip.compress(b"chr1\t5\t9\n" * 99, mtime=0)[:-9], "corrupt or incomplete gzip"),
    ],
)
def test_what_is_broken_is_refused_in_one_line(tmp_path, content, words):
    with pytest.raises(InputError, match=f"a.bed: {words}") as error:
        read(tmp_path / "a.bed", content)
    assert "\n" not in str(error.value)


def test_a_folder_and_an_absent_file_are_refused(tmp_path):
    for path, words in ((tmp_path, "Is a directory"), (tmp_path / "no.bed", "No such file")):
        with pytest.raises(InputError, match=words):
            list(bed.read_bed(path))
