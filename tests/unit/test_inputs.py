"""Windows of a BED and of a FASTA, from the lines that people write."""

import pytest

from cisflow.errors import InputError
from cisflow.features import inputs
from cisflow.io.genome import Records, read_fasta
from cisflow.sequence import dna


def bed(tmp_path, *lines):
    path = tmp_path / "some.bed"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def table(rows):
    return [tuple(row) for row in rows.frame.itertuples(index=False)]


PLAIN = [("chr1:5-9", "chr1", 5, 9, "."), ("chr2:0-3", "chr2", 0, 3, ".")]
NAMED = [("a", "chr1", 5, 9, "-"), ("chr2:0-3(+)", "chr2", 0, 3, "+")]


@pytest.mark.parametrize(
    "lines, expected",
    [
        (["chr1\t5\t9", "chr2\t0\t3"], PLAIN),
        (["chr1 5   9", "", "chr2 0 3"], PLAIN),
        (["browser position chr1", 'track name="x y"', "# a comment", "chr1\t5\t9", "chr2\t0\t3"], PLAIN),
        (["chr1\t5\t9\ta\t1000\t-", "chr2\t0\t3\t.\t0\t+"], NAMED),
        (["chr1\t5\t9\ta\t1000\t-\t5\t9\t0,0,0", "chr2\t0\t3\t.\t0\t+\t0\t3\t0"], NAMED),
        (["#chrom\tstart\tend\tbound\tstrand\tname", "chr1\t5\t9\t1\t-\ta", "chr2\t0\t3\t0\t+\t"], NAMED),
        (["chrom\tstart\tend", "chr1\t5\t9", "chr2\t0\t3"], PLAIN),
    ],
)
def test_beds_as_they_are_written(tmp_path, lines, expected):
    rows = inputs.read_bed(bed(tmp_path, *lines))
    assert table(rows) == expected and rows.codes is None


def test_a_name_that_rows_share_is_no_id(tmp_path, capsys):
    rows = inputs.read_bed(bed(tmp_path, "chr1\t5\t9\tE1", "chr1\t9\t12\tE1", "chr1\t12\t15\town"))
    assert rows.frame["id"].tolist() == ["chr1:5-9", "chr1:9-12", "own"]
    assert "2 rows share their name with others, as 'E1'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "lines, words",
    [
        (["# nothing"], "holds no interval"),
        (["chr1\t5"], "row 1: found 2 columns, expected chrom, start, end"),
        (["chr1\t5\t9", "chr1\t9\t5"], "row 2: start is 9 and end is 5"),
        (["chr1\t5\tx"], "row 1: end is 'x', expected an integer"),
        (["chr1\t-5\t9"], "row 1: start is '-5', expected an integer"),
        (["chr1\t5\t9\ta\t0\tplus"], "row 1: strand is 'plus'"),
        (["", "chr1\t5\t9\ta", "# c", "chr1\t5\t9\ta"], "rows 2 and 4 have the same id 'chr1:5-9'"),
        (["chr1\t5\t9\ta", "chr1\t6\t9"], "row 2: found 3 columns, expected 4 as above"),
    ],
)
def test_bad_beds_are_refused_by_row(tmp_path, lines, words):
    with pytest.raises(InputError, match=words):
        inputs.read_bed(bed(tmp_path, *lines))


def test_no_bed_and_no_text_are_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        inputs.read_bed(tmp_path / "absent.bed")
    (tmp_path / "packed.bed").write_bytes(b"\x1f\x8b\x08\xff\xfe")
    with pytest.raises(InputError, match="packed.bed: corrupt or incomplete gzip"):
        inputs.read_bed(tmp_path / "packed.bed")


def test_fasta_names_give_coordinates(tmp_path):
    path = tmp_path / "some.fa"
    path.write_text(">chr1:5-9(-)\nACGT\n>other text\nAC\nGTN\n")
    rows = inputs.read_fasta(path)
    assert rows.frame["id"].tolist() == ["chr1:5-9(-)", "other"]
    assert rows.frame["chrom"].tolist() == ["chr1", ""] and rows.frame["start"].tolist()[0] == 5
    assert [dna.decode(rows.codes[row]) for row in (1, 0)] == ["ACGTN", "ACGT"]
    path.write_text(">chr1:5-9\nACG\n")
    with pytest.raises(InputError, match="record 1: the name 'chr1:5-9' speaks of 4 bases, the sequence has 3"):
        inputs.read_fasta(path)
    path.write_text(">\nACG\n")
    with pytest.raises(InputError, match="record 1 has no name"):
        inputs.read_fasta(path)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "\n\n"])
def test_records_are_read_in_any_order(tmp_path, ending, last):
    path = tmp_path / "some.fa"
    path.write_bytes(ending.join([">a 1", "AC", "", "GT  ", ">b", "ttn", ">c", "G"]).encode() + last.encode())
    records = Records(path)
    assert records.names == ["a", "b", "c"] and records.lengths.tolist() == [4, 3, 1]
    assert [dna.decode(records[row]) for row in (2, 0, 1)] == ["G", "ACGT", "TTN"]
    assert [(name, dna.decode(codes)) for name, codes in read_fasta(path)] == [("a", "ACGT"), ("b", "TTN"), ("c", "G")]
