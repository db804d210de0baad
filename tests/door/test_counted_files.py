"""BAM, bigWig, fragments and the sheets that name them, as people have them."""

import gzip

import numpy as np
import pytest
from figwig import BigWigWriter

from cisflow.data import sheet
from cisflow.data.targets import bam, bigwig, fragments
from cisflow.errors import InputError
from counted import BITS, record, windows, write_bam

ROWS = [("chr1", 0, 60, "+"), ("chr1", 100, 160, "-")]
READS = [record("a", "chr1", 5, "20M"), record("b", "chr1", 110, "5S20M", reverse=True)]
HG19 = {"chr1": 249250621, "chr2": 243199373}
HG38 = {"chr1": 248956422, "chr2": 242193529}


def reads(folder, rows=ROWS, name="a.bam", **given):
    """Counts of a BAM, through a sheet."""
    (folder / "sheet.tsv").write_text(f"track\tfile\na\t{name}\n")
    return bam.collect(bam.Settings(sheet=folder / "sheet.tsv", **given), windows(rows))


def signal(folder, rows=ROWS, name="a.bw", **given):
    """Numbers of a bigWig, through a sheet."""
    (folder / "sheet.tsv").write_text(f"track\tfile\na\t{name}\n")
    return bigwig.collect(bigwig.Settings(sheet=folder / "sheet.tsv", **given), windows(rows))


def cells(folder, content, rows=ROWS, packed=gzip.compress, **given):
    """Counts of fragments of one group, of cell A."""
    (folder / "a.tsv.gz").write_bytes(packed(content.encode()))
    (folder / "cells.tsv").write_text("barcode\tgroup\nA\tall\n")
    settings = fragments.Settings(fragments=folder / "a.tsv.gz", groups=folder / "cells.tsv", **given)
    return fragments.collect(settings, windows(rows))


def refused(words, function, *arguments, **given):
    """The call is refused in one line of these words."""
    with pytest.raises(InputError, match=words) as error:
        function(*arguments, **given)
    assert "\n" not in str(error.value)


def write_bigwig(path, lengths):
    with BigWigWriter(path, lengths) as file:
        file.write("chr1", [0], np.arange(200, dtype=np.float32)[None])


# BAM -----------------------------------------------------------------------------------------------------------------


def test_a_bam_needs_neither_index_nor_order(tmp_path):
    write_bam(tmp_path / "a.bam", READS[::-1])
    assert reads(tmp_path).values.tolist() == [[1], [1]]
    # An index that is of another file is not read.
    (tmp_path / "a.bam.bai").write_bytes(b"BAI\x01 of something else")
    assert reads(tmp_path).values.tolist() == [[1], [1]]


def test_a_bam_may_name_contigs_in_another_style(tmp_path):
    write_bam(tmp_path / "a.bam", READS)
    for name in ("1", "Chr1", "NC_000001.11"):
        assert reads(tmp_path, [(name, 0, 60, "+"), (name, 100, 160, "-")]).values.tolist() == [[1], [1]]


def test_what_is_no_whole_bam_is_refused(tmp_path, capfd):
    write_bam(tmp_path / "a.bam", [record(f"r{number}", "chr1", number % 600, "20M") for number in range(9000)])
    whole = (tmp_path / "a.bam").read_bytes()
    for content, words in (
        (whole[:-28], "a.bam: a BAM that is cut off or corrupt .no BGZF EOF marker"),
        (whole[: len(whole) // 2] + whole[-28:], "a.bam: a BAM that is cut off or corrupt"),
        (whole[:5000], "a.bam: a BAM that is cut off or corrupt"),
        (b"", "a.bam: not a BAM file"),
        (b"track\tfile\n", "a.bam: not a BAM file"),
        (b"@SQ\tSN:chr1\tLN:700\nr\t0\tchr1\t5\t9\t5M\t*\t0\t0\tAAAAA\t*\n", r"a.bam: a SAM file; expected a BAM"),
    ):
        (tmp_path / "a.bam").write_bytes(content)
        refused(words, reads, tmp_path)
    assert "[E::" not in capfd.readouterr().err


def test_a_bam_of_other_contigs_is_refused(tmp_path):
    write_bam(tmp_path / "a.bam", READS)
    refused(
        r"a.bam: none of its contigs \(chr1, chr2, chrM\) has a window; windows are on chr7",
        reads,
        tmp_path,
        [("chr7", 0, 60, "+")],
    )
    write_bam(tmp_path / "a.bam", [record("u", None, -1, "", unmapped=True)], lengths={})
    refused("a.bam: its header names no contig", reads, tmp_path)


def test_a_bam_of_another_assembly_is_refused(tmp_path):
    write_bam(tmp_path / "a.bam", READS, lengths=HG19)
    beyond = [("1", 0, 60, "+"), ("1", HG19["chr1"] + 5, HG19["chr1"] + 65, "+")]
    refused(
        "a.bam: 1 has 249250621 bases, and window 'w1' lies beyond; .*this looks like hg19", reads, tmp_path, beyond
    )
    (tmp_path / "genome.fa").write_text(f">1\n{'A' * 700}\n>2\n{'A' * 260}\n")
    write_bam(tmp_path / "a.bam", READS, lengths={"chr1": 701, "chr2": 260})
    refused("a.bam: chr1 has 701 bases, in .*genome.fa 700", reads, tmp_path, genome=tmp_path / "genome.fa")
    # A contig that has no window may be another: chrM of UCSC's hg19 is.
    write_bam(tmp_path / "a.bam", READS, lengths={"chr1": 700, "chr2": 261})
    assert reads(tmp_path, genome=tmp_path / "genome.fa").values.tolist() == [[1], [1]]


def test_reads_without_cigar_or_name_are_read(tmp_path):
    found = [record("*", "chr1", 5, ""), record("*", "chr1", 7, "10M", paired=True, proper=True, first=True)]
    write_bam(tmp_path / "a.bam", found)
    assert reads(tmp_path, count="span").values.tolist() == [[2], [0]]
    refused(
        "no alignment is left to count, .*: 1 not of a proper pair, 1 mate is absent", reads, tmp_path, unit="fragments"
    )
    assert BITS["proper"] & found[1]["flag"]


def test_a_blacklist_that_is_no_bed_is_refused(tmp_path):
    write_bam(tmp_path / "a.bam", READS)
    (tmp_path / "black.bed").write_text("chr1\t0\tx\n")
    refused("black.bed: row 1: end is 'x'", reads, tmp_path, blacklist=tmp_path / "black.bed")
    (tmp_path / "black.bed").write_text("1\t0\t10\n")
    assert reads(tmp_path, blacklist=tmp_path / "black.bed").values.tolist() == [[0], [1]]


# bigWig --------------------------------------------------------------------------------------------------------------


def test_what_is_no_whole_bigwig_is_refused(tmp_path):
    write_bigwig(tmp_path / "a.bw", {"chr1": 700})
    whole = (tmp_path / "a.bw").read_bytes()
    for content in (b"", b"fixedStep chrom=chr1 start=1 step=1\n1\n", whole[:90], whole[: len(whole) // 2]):
        (tmp_path / "a.bw").write_bytes(content)
        refused("a.bw: ", signal, tmp_path)
    write_bam(tmp_path / "a.bw", READS)
    refused("a.bw: the file is not a bigWig file", signal, tmp_path)


def test_a_bigwig_of_another_assembly_is_refused(tmp_path):
    write_bigwig(tmp_path / "a.bw", HG38)
    beyond = [("1", 0, 60, "+"), ("1", HG38["chr1"] + 5, HG38["chr1"] + 65, "+")]
    refused(
        "a.bw: 1 has 248956422 bases, and window 'w1' lies beyond; .*; this looks like hg38, the genome is hg19",
        signal,
        tmp_path,
        beyond,
    )
    (tmp_path / "genome.fa").write_text(f">chr1\n{'A' * 700}\n")
    refused(
        "a.bw: chr1 has 248956422 bases, in .* 700; this looks like hg38",
        signal,
        tmp_path,
        genome=tmp_path / "genome.fa",
    )
    refused(
        r"a.bw: none of its contigs \(chr1, chr2\) has a window; windows are on chr7",
        signal,
        tmp_path,
        [("chr7", 0, 60, "+")],
    )


def test_a_genome_in_pieces_tells_no_lengths(tmp_path):
    write_bigwig(tmp_path / "a.bw", HG38)
    (tmp_path / "genome.fa").write_text(f">chr1:0-700\n{'A' * 700}\n")
    assert signal(tmp_path, genome=tmp_path / "genome.fa").values.tolist() == [[29.5], [129.5]]


# Fragments -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("head", ["", "# id=x\n# primary_contig=chr1\n", "\n"])
def test_fragments_however_they_are_written(tmp_path, bgzip, head, end):
    text = (head + "chr1\t5\t25\tA\t2\nchr1\t110\t150\tA\t1\nchr1\t7\t9\tC\t1\n").replace("\n", end)
    assert cells(tmp_path, text).values.tolist() == [[2], [2]]
    assert cells(tmp_path, text, packed=bgzip, duplicates="keep").values.tolist() == [[4], [2]]
    assert cells(tmp_path, text, packed=bytes, count="span").values.tolist() == [[1], [1]]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("chr1\t5\t9\tA", "row 3: found 4 columns, expected 5 as in the first row"),
        ("chr1\t5\t9\tA\t1\t+", "row 3: found 6 columns, expected 5 as in the first row"),
        ("chr1\tx\t9\tA\t1", "row 3: start is 'x', expected an integer of 0 or more"),
        ("chr1\t-2\t9\tA\t1", "row 3: start is '-2', expected an integer"),
        ("chr1\t2\t9.5\tA\t1", "row 3: end is '9.5', expected an integer"),
        ("chr1\t9\t9\tA\t1", "row 3: start is 9 and end is 9, expected start < end"),
        ("chr1\t2\t9\tA\t", "row 3: count is '', expected an integer"),
        ("chr1\t2\t9\t\t1", "row 3: barcode is empty, expected a name"),
        ("\t2\t9\tA\t1", "row 3: chrom is empty, expected a name"),
    ],
)
def test_a_bad_row_of_fragments_is_named(tmp_path, row, words):
    refused(f"a.tsv.gz: {words}", cells, tmp_path, f"# id=x\nchr1\t5\t25\tA\t2\n{row}\nchr1\t6\t25\tA\t2\n")


def test_what_are_no_fragments_is_refused(tmp_path):
    refused("a.tsv.gz: holds no fragment", cells, tmp_path, "# id=x\n")
    refused("a.tsv.gz: row 1: found 3 columns, expected 4 or more", cells, tmp_path, "chr1\t5\t9\n")
    refused("a.tsv.gz: row 1: found 1 columns", cells, tmp_path, "chr1 5 9 A 1\n")
    packed = gzip.compress(b"chr1\t5\t25\tA\t2\n" * 999, mtime=0)
    (tmp_path / "cut.tsv.gz").write_bytes(packed[:-20])
    refused("cut.tsv.gz: corrupt or incomplete gzip", lambda: list(fragments.fragments.read(tmp_path / "cut.tsv.gz")))


# Sheets --------------------------------------------------------------------------------------------------------------


def test_files_lie_beside_the_sheet_or_where_the_run_is(tmp_path, monkeypatch):
    for folder in ("lab", "run", "links"):
        (tmp_path / folder).mkdir()
    (tmp_path / "lab" / "beside.bw").write_text("")
    (tmp_path / "run" / "here.bw").write_text("")
    (tmp_path / "lab" / "sheet.csv").write_text(
        f"track;file;replicate;note\na;beside.bw;1;x\nb;here.bw;2;y\nc;{tmp_path}/lab/beside.bw;;\n"
    )
    (tmp_path / "links" / "sheet").symlink_to(tmp_path / "lab" / "sheet.csv")
    monkeypatch.chdir(tmp_path / "run")
    for path in (tmp_path / "lab" / "sheet.csv", tmp_path / "links" / "sheet"):
        found = sheet.read(path, "atac")
        assert [file.resolve() for file in found["file"]] == [
            tmp_path / "lab" / "beside.bw",
            tmp_path / "run" / "here.bw",
            tmp_path / "lab" / "beside.bw",
        ]
        assert found["replicate"].tolist() == ["1", "2", ""] and set(found["modality"]) == {"atac"}


def test_rows_of_other_modalities_are_left_out(tmp_path):
    (tmp_path / "x").write_text("")
    (tmp_path / "s.tsv").write_text("track\tfile\tmodality\na\tx\tatac\na\tx\trna\nb\tx\t\n")
    assert sheet.read(tmp_path / "s.tsv", "atac")["target"].tolist() == ["a", "b"]
    (tmp_path / "s.tsv").write_text("track\tfile\tmodality\na\tx\tatac\na\tx\trna\n")
    refused("s.tsv: no row of modality 'signal', .*; found atac, rna", sheet.read, tmp_path / "s.tsv", "signal")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("track\tfile\na\tx\nb\tnone.bam\n", "s.tsv: row 3: file is 'none.bam', expected a file; there is none"),
        ("track\tfile\na\t\n", "s.tsv: row 2: file is '', expected a file"),
        ("track\tpath\na\tx\n", "s.tsv: row 1: no column file; found columns track, path"),
        ("track\tfile\na\tx\nb\tx\na\tx\n", "s.tsv: rows 2 and 4 name the same track 'a', expected one row each"),
        ("track\tfile\n\tx\n", "s.tsv: row 2: track is empty, expected a name"),
        ("track\tfile\n", "s.tsv: found 1 rows, expected a header"),
        ("track\tfile\na\tx\tT\nb\tx\n", "s.tsv: row "),
    ],
)
def test_a_bad_sheet_is_refused(tmp_path, content, words):
    (tmp_path / "x").write_text("")
    (tmp_path / "s.tsv").write_text(content)
    refused(words, sheet.read, tmp_path / "s.tsv", "signal")


def test_the_second_file_of_a_row_is_looked_for_too(tmp_path):
    write_bigwig(tmp_path / "a.bw", {"chr1": 700})
    (tmp_path / "s.tsv").write_text("track\tfile\tfile_minus\na\ta.bw\tb.bw\n")
    refused(
        "s.tsv: row 2: file_minus is 'b.bw', expected a file",
        bigwig.collect,
        bigwig.Settings(sheet=tmp_path / "s.tsv"),
        windows(ROWS),
    )
