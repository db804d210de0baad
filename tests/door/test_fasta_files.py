"""FASTA records, and the names by which bedtools, UCSC and samtools say where a sequence comes from."""

import gzip

import numpy as np
import pytest

from cisflow.errors import InputError
from cisflow.features import inputs
from cisflow.io.genome import read_fasta
from cisflow.sequence import dna
from sources import collect


@pytest.mark.parametrize(
    ("name", "locus"),
    [
        ("chr1:0-200", ("chr1", 0, 200, ".")),
        ("chr1:0-200(+)", ("chr1", 0, 200, "+")),
        ("chr1:0-200(-)", ("chr1", 0, 200, "-")),
        ("chr1:0-200(.)", ("chr1", 0, 200, ".")),
        ("peak_7::chr1:0-200(+)", ("chr1", 0, 200, "+")),
        ("peak:7::chr1:0-200", ("chr1", 0, 200, ".")),
        ("::chr1:0-200(-)", ("chr1", 0, 200, "-")),
        ("chr1:1-200", ("chr1", 0, 200, ".")),
        ("chr1:101-300", ("chr1", 100, 300, ".")),
        ("chr1:101-300/rc", ("chr1", 100, 300, "-")),
        ("hg19_dna range=chr1:1-200 5'pad=0 3'pad=0 strand=+ repeatMasking=none", ("chr1", 0, 200, "+")),
        (
            "hg38_ct_peaks_3545_peak7 range=chr1:101-300 5'pad=0 3'pad=0 strand=- repeatMasking=none",
            ("chr1", 100, 300, "-"),
        ),
        ("hg38_dna range=chrUn_GL000195v1:1-200", ("chrUn_GL000195v1", 0, 200, ".")),
        ("HLA-A*01:01:01:01:0-200", ("HLA-A*01:01:01:01", 0, 200, ".")),
        ("NC_000001.11:0-200", ("NC_000001.11", 0, 200, ".")),
        ("1:0-200", ("1", 0, 200, ".")),
        ("peak 7 of chr1:0-200", None),
        ("sp|P12345|", None),
        ("ENSG00000001", None),
    ],
)
def test_a_name_tells_where_a_sequence_comes_from(tmp_path, name, locus):
    (tmp_path / "a.fa").write_text(f">{name}\n{'ACGT' * 50}\n")
    (row,) = inputs.read_fasta(tmp_path / "a.fa").frame.itertuples(index=False)
    found = (row.chrom, row.start, row.end, row.strand) if row.chrom else None
    assert found == locus and row.id == name.split()[0]


def test_sequences_of_the_browser_that_share_a_name_are_told_apart(tmp_path):
    lines = [f">hg19_dna range=chr1:{start}-{start + 3} strand=-\nACGT\n" for start in (1, 11)]
    (tmp_path / "a.fa").write_text("".join(lines))
    assert inputs.read_fasta(tmp_path / "a.fa").frame["id"].tolist() == ["hg19_dna", "chr1:10-14(-)"]


@pytest.mark.parametrize(
    "content",
    [
        ">a\nACGT\nAC\n>b\nttNN\n",
        ">a x y\r\nACGT\r\nAC\r\n>b\r\nttNN\r\n",
        "\ufeff>a\nACGTAC\n>b\nttNN\n",
        "\n\n>a\nAC\n\nGTAC\n\n>b\nttNN\n\n",
        ">a\nACG\t\nUAC  \n>b\nttNR",
        ">a Müller\nACGTAC\n>b\nttNN\n",
        ">a Müller\nACGTAC\n>b\nttNN\n".encode("latin-1"),
        gzip.compress(b">a\nACGT\nAC\n>b\nttNN\n", mtime=0),
    ],
)
def test_two_records_however_they_are_written(tmp_path, content):
    path = tmp_path / "a.fa"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert [(name, dna.decode(codes)) for name, codes in read_fasta(path)] == [("a", "ACGTAC"), ("b", "TTNN")]


def test_background_keeps_off_positives_whatever_their_names(tmp_path):
    """The issue's case: positives named as bedtools, UCSC, samtools and Ensembl do, 65 of 180 hit before."""
    rng = np.random.default_rng(0)
    bases = "".join(rng.choice(list("ACGT"), 8000))
    (tmp_path / "g.fa").write_text(f">chr1\n{bases}\n")
    starts = range(0, 8000, 400)
    names = {
        "bedtools": ["p::chr1:{0}-{1}(+)", 0],
        "ucsc": ["hg19_dna range=chr1:{0}-{1} 5'pad=0 3'pad=0 strand=+ repeatMasking=none", 1],
        "samtools": ["chr1:{0}-{1}", 1],
        "ensembl": ["1:{0}-{1}", 0],
    }
    for style, (name, first) in names.items():
        path = tmp_path / f"{style}.fa"
        path.write_text(
            "".join(f">{name.format(start + first, start + 100)}\n{bases[start : start + 100]}\n" for start in starts)
        )
        source = {"positives": "p", "background": {"genome": "g", "per_positive": 2}}
        found = collect("fasta", source, 100, {"p": path, "g": tmp_path / "g.fa"}, 3)
        drawn = found.frame.loc[found.labels[:, 0] == 0]
        assert len(drawn) == 40 and (drawn["chrom"] == "chr1").all()
        assert not set(drawn["start"] // 100) & {start // 100 for start in starts}
        assert (found.contigs["name"].tolist() == ["1"]) == (style == "ensembl")


def test_positives_without_coordinates_are_said_to_have_none(tmp_path, capsys):
    bases = "".join(np.random.default_rng(0).choice(list("ACGT"), 4000))
    (tmp_path / "g.fa").write_text(f">chr1\n{bases}\n")
    (tmp_path / "p.fa").write_text(f">peak1\n{bases[:100]}\n>peak2\n{bases[100:200]}\n")
    source = {"positives": "p", "background": {"genome": "g"}}
    collect("fasta", source, 100, {"p": tmp_path / "p.fa", "g": tmp_path / "g.fa"})
    assert "2 of 2 records have no coordinates in their names" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not a FASTA: .* found an empty file"),
        ("ACGT\n", "not a FASTA: .* found 'ACGT'"),
        ("@read\nACGT\n+\nIIII\n", "not a FASTA: .* found '@read'"),
        (">a\nACGT\n>a\nACGT\n", "record name 'a' occurs more than once"),
        (">a\n>b\nACGT\n", "record 'a' has no sequence"),
        (">\nACGT\n", "record 1 has no name"),
        (">a\nMKLV\n", "record 'a': character 'L' at position 3 is not a base"),
        (">a\nAC-GT\n", "record 'a': character '-' at position 3"),
        (">chr1:0-9\nACGT\n", "the name 'chr1:0-9' speaks of 9 bases, the sequence has 4"),
        (">chr1:1-4\nACGT\n>chr1:8-12\nACGT\n", "'chr1:1-4' counts from 1, that of record 2, 'chr1:8-12', from 0"),
        (b"\x1f\x8b\x08\x00", "corrupt or incomplete gzip"),
        (b"<html><body>404</body></html>", "an HTML page"),
    ],
)
def test_what_is_broken_is_refused_in_one_line(tmp_path, content, words):
    path = tmp_path / "a.fa"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=words) as error:
        inputs.read_fasta(path)
    assert "a.fa" in str(error.value) and "\n" not in str(error.value)
