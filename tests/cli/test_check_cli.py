"""`cisflow check`: what files are, told by their content; what is odd of them."""

import gzip

import numpy as np
import pytest

from cisflow.__main__ import main
from sources import DEMO, unpacked

PEAK = "chr3\t42600000\t42600300\t.\t0\t.\t5.1\t-1\t-1\t{}\n"


def told(capsys, *arguments):
    status = main(["check", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out


FILES = {
    "narrowPeak": (PEAK.format(20) + PEAK.format(200), ["2 summits", "2 intervals of 300 to 300 bp"]),
    "BED": ("track name=x\nchr1 5 9\nchr2 0 3\n", ["2 intervals of 3 to 4 bp", "2 contigs (chr1, chr2)"]),
    "FASTA": (">a\nACGN\n>b\nGGGG\n", ["2 records of 4 to 4 bases, 8 in all", "12.5% of bases are N"]),
    "VCF": (
        "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=249250621>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "chr1\t5\t.\tA\tG,<DEL>\t.\t.\t.\n",
        ["1 rows with 2 alternatives", "the lengths of hg19", "1 alternatives are symbolic"],
    ),
    "gene annotation": (
        'c\t.\texon\t1\t9\t.\t+\t.\tgene_id "g"; transcript_id "t";\n'
        'c\t.\texon\t21\t30\t.\t+\t.\tgene_id "g"; transcript_id "t";\n',
        ["2 exons of 1 transcripts of 1 genes", "1 transcripts have introns"],
    ),
    "table": (
        "header,sequence,label\na,ACGT,1\na,ACG,0\n",
        ["columns header, sequence, label", "'1': 1", "2 lengths", "1 headers are listed again, as a"],
    ),
    "motifs": (
        "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF m X\nletter-probability matrix: w= 2\n0.1 0.2 0.3 0.4\n1 0 0 0\n",
        ["1 motifs of 2 to 2 bp: X"],
    ),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("what", FILES)
def test_a_file_is_told_by_its_content(tmp_path, capsys, monkeypatch, what, packed):
    monkeypatch.chdir(tmp_path)
    content, words = FILES[what]
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    status, out = told(capsys, path)
    assert status == 0 and out.startswith(f"{path}: {what}\n")
    for word in words:
        assert word in out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"\n\n", "holds blank lines alone"),
        (b"<!DOCTYPE html><html>", "HTML page"),
        (b"once upon a time\n", "of no format that is read here; it begins with 'once upon a time'"),
        (b"chr1\t9\t5\n", "row 1: start is 9 and end is 5"),
    ],
)
def test_what_is_not_read_is_said_and_the_rest_goes_on(tmp_path, capsys, content, words):
    (tmp_path / "bad").write_bytes(content)
    (tmp_path / "good").write_text("chr1\t5\t9\n")
    status, out = told(capsys, tmp_path / "bad", tmp_path / "good", tmp_path / "absent")
    assert status == 1
    assert words in out and "good: BED" in out and "absent: NOT READ" in out


def test_intervals_are_held_against_a_genome(tmp_path, capsys):
    demo = unpacked(tmp_path)
    (tmp_path / "p.narrowPeak").write_text(
        PEAK.format(20) + PEAK.replace("chr3", "chr1").format(20) + "chr3\t10\t20" + "\t.\t0\t.\t1\t-1\t-1\t-1\n"
    )
    status, out = told(capsys, tmp_path / "p.narrowPeak", "--genome", demo["hg19"])
    assert status == 0
    assert "1 lie on 1 contig (chr1) that" in out and "1 reach past what" in out and "1 peaks have no summit" in out


def test_arrays_are_told(tmp_path, capsys):
    np.save(tmp_path / "a.npy", np.zeros((2, 3), np.float32))
    assert told(capsys, tmp_path / "a.npy")[1].endswith("NumPy array\n  read: float32 (2, 3)\n")


def test_what_ships_is_read(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ("hg19_transcripts.gtf.gz", "ctcf_gm12878_peaks.fa.gz", "hg19_gtex_psi.tsv.gz")
    status, out = told(capsys, *(DEMO / name for name in names))
    assert status == 0
    assert "4,474 exons" in out and "500 names are loci" in out and "1,360 intervals" in out
