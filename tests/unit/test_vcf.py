"""Rows of VCF files, and messages that name the line of a bad one."""

import gzip

import pytest

from cisflow.errors import InputError
from cisflow.io import vcf

HEADER = "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\n"


def written(path, text):
    path.write_bytes(text.encode())
    return path


def test_rows_are_read_with_positions_from_zero(tmp_path):
    text = HEADER + "chr2\t30\trs2\ta\tg,<DEL>,*\t.\n\nchr1\t5\t.\tAC\t.\t9\n"
    assert list(vcf.read(written(tmp_path / "a.vcf", text))) == [
        (4, "chr2", 29, "rs2", "A", ("G", "<DEL>", "*"), (".",)),
        (6, "chr1", 4, "", "AC", (), ("9",)),
    ]


def test_a_file_without_a_header_line_is_read(tmp_path):
    # As ExPecto's and Sei's own examples are.
    text = "chr1\t1265154\t-\tC\tT\nchrX\t79270181\t.\tG\tA"
    expected = [(1, "chr1", 1265153, "", "C", ("T",), ()), (2, "chrX", 79270180, "", "G", ("A",), ())]
    assert list(vcf.read(written(tmp_path / "a.vcf", text))) == expected
    shifted = [(line + 2, *rest) for line, *rest in expected]
    assert list(vcf.read(written(tmp_path / "b.vcf", f"##source=x\n# by hand\n{text}\n"))) == shifted


def test_gzip_and_line_ends_make_no_difference(tmp_path):
    text = HEADER + "chr1\t5\trs1\tA\tC\t.\n"
    expected = list(vcf.read(written(tmp_path / "a.vcf", text)))
    (tmp_path / "b.vcf.gz").write_bytes(gzip.compress(text.encode()))
    # bgzip writes several members.
    (tmp_path / "c.vcf").write_bytes(gzip.compress(HEADER.encode()) + gzip.compress(text[len(HEADER) :].encode()))
    paths = [tmp_path / "b.vcf.gz", tmp_path / "c.vcf", written(tmp_path / "d.vcf", text.replace("\n", "\r\n"))]
    for path in paths:
        assert list(vcf.read(path)) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no row and no header line '#CHROM"),
        ("##fileformat=VCFv4.2\n", "no row and no header line '#CHROM"),
        ("chr1 5 . A C\n", "line 1: 'chr1.*expected a header line .* or a row with a tab"),
        ("chr1\t5\t.\tA\tC\nchr1\t6\t.\tA\tC\t.\n", "line 2: 6 tab-separated fields, expected 5"),
        ("chrom\tpos\tid\tref\talt\n", "line 1: POS is 'pos'"),
        ("#CHROM POS ID REF ALT\n", "line 1: columns .*tab-separated"),
        ("##x\n#CHROM\tPOS\tREF\tALT\n", "line 2: columns #CHROM, POS, REF, ALT; expected #CHROM POS ID REF ALT"),
        (HEADER + "chr1\t5\t.\tA\tC\n", "line 4: 5 tab-separated fields, expected 6"),
        (HEADER + "chr1 5 . A C .\n", "line 4: 1 tab-separated fields"),
        (HEADER + "chr1\t5.0\t.\tA\tC\t.\n", "line 4: POS is '5.0', expected a whole number"),
        (HEADER + "chr1\t-5\t.\tA\tC\t.\n", "line 4: POS is '-5'"),
        (HEADER + "\t5\t.\tA\tC\t.\n", "line 4: CHROM is ''"),
        (HEADER + "chr1\t5\t.\t\tC\t.\n", "line 4: REF is ''"),
        (HEADER + "chr1\t5\t.\tA-\tC\t.\n", "line 4: REF is 'A-'"),
        (HEADER + "chr1\t5\t.\tA\tC,\t.\n", "line 4: ALT is 'C,'"),
        (HEADER + "chr1\t5\t.\tA\t\t.\n", "line 4: ALT is ''"),
        ("BCF\x02\x02", "a BCF file"),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(tmp_path, text, words):
    with pytest.raises(InputError, match=f"a.vcf: {words}"):
        list(vcf.read(written(tmp_path / "a.vcf", text)))


def test_a_broken_gzip_and_an_absent_file_are_refused(tmp_path):
    (tmp_path / "a.vcf.gz").write_bytes(gzip.compress(HEADER.encode() * 100)[:-20])
    with pytest.raises(InputError, match="a.vcf.gz: corrupt or incomplete gzip"):
        list(vcf.read(tmp_path / "a.vcf.gz"))
    with pytest.raises(InputError, match="b.vcf: No such file"):
        list(vcf.read(tmp_path / "b.vcf"))
