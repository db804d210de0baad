"""Genomes: packed, in 2bit, with blank lines, without an index or with another's, in folders that take no file."""

import gzip
import os
import struct

import numpy as np
import pytest

from cisflow.__main__ import main
from cisflow.errors import InputError
from cisflow.io import genome as genomes
from cisflow.io.genome import Genome
from cisflow.sequence import dna
from twobits import two_bit

RNG = np.random.default_rng(3)
BASES = "".join(RNG.choice(list("ACGTacgtN"), 301))
OTHER = "N" * 17 + "".join(RNG.choice(list("ACGT"), 100)) + "N" * 6
RECORDS = {"chr1": BASES, "chr2": OTHER}


def fasta(records, width=50, end="\n", blank=""):
    lines = []
    for name, sequence in records.items():
        lines += [f">{name}", *(sequence[i : i + width] + blank for i in range(0, len(sequence), width))]
    return (end.join(lines) + end).encode()


def check(genome, records=RECORDS):
    assert genome.regions() == [(name, 0, len(text), ".") for name, text in records.items()]
    for name, text in records.items():
        for start, end in [(0, len(text)), (0, 1), (len(text) - 1, len(text)), (49, 52), (3, 78), (16, 19), (61, 100)]:
            assert dna.decode(genome.fetch(name, start, end)) == text[start:end].upper()
            assert genome.soft_masked(name, start, end).tolist() == [base.islower() for base in text[start:end]]


@pytest.mark.parametrize(
    "content",
    [
        fasta(RECORDS),
        fasta(RECORDS, width=500),
        fasta(RECORDS, end="\r\n"),
        fasta(RECORDS, end="\r"),
        fasta(RECORDS, blank="\n"),
        fasta(RECORDS).replace(b">chr2", b"\n\n>chr2"),
        b"\n" + fasta(RECORDS),
        fasta(RECORDS).rstrip(),
        fasta(RECORDS)[:-1] + b"\n\n\n",
        b"\xef\xbb\xbf" + fasta(RECORDS),
        fasta(RECORDS, width=50)[:60] + b"\n" + fasta(RECORDS, width=50)[60:],
        b">chr1 the \xe9\n" + fasta(RECORDS)[6:],
        two_bit(RECORDS),
        two_bit(RECORDS, ">"),
        two_bit(RECORDS, "<", 1),
    ],
)
def test_a_genome_however_it_is_written(tmp_path, content):
    (tmp_path / "g.fa").write_bytes(content)
    check(Genome(tmp_path / "g.fa"))
    check(Genome(tmp_path / "g.fa"))


def test_a_last_line_that_is_longer_than_the_others(tmp_path):
    """samtools refuses it; pyfaidx makes an index of it that is wrong."""
    (tmp_path / "g.fa").write_text(">a\nACGT\nAACC\nGGTTAC\n>b\nAC\nGGTT\n")
    genome = Genome(tmp_path / "g.fa")
    assert dna.decode(genome.fetch("a", 0, 14)) == "ACGTAACCGGTTAC" and dna.decode(genome.fetch("b", 0, 6)) == "ACGGTT"


@pytest.mark.parametrize("packing", ["gzip", "bgzip", "gzip named otherwise", "plain named .gz"])
def test_packed_genomes_are_read_from_a_copy_made_once(tmp_path, bgzip, own_cache, packing, capsys):
    content = fasta(RECORDS)
    path = tmp_path / ("genome" if packing == "gzip named otherwise" else "genome.fa.gz")
    path.write_bytes(
        {"bgzip": bgzip(content), "plain named .gz": content}.get(packing, gzip.compress(content, mtime=0))
    )
    check(Genome(path))
    assert "copied to" in capsys.readouterr().err
    check(Genome(path))
    assert capsys.readouterr().err == "" and len(list(own_cache.iterdir())) == 2
    assert list(tmp_path.iterdir()) == [path]
    # Another content under the same name is another copy.
    path.write_bytes(gzip.compress(fasta({"chr1": OTHER}), mtime=0))
    check(Genome(path), {"chr1": OTHER})


@pytest.mark.parametrize("kind", ["none", "stale", "of another file"])
def test_an_index_that_cannot_be_used_or_made_beside_the_fasta(tmp_path, monkeypatch, own_cache, kind):
    path, index = tmp_path / "g.fa", tmp_path / "g.fa.fai"
    path.write_bytes(fasta(RECORDS))
    if kind == "stale":
        index.write_text("chr1\t301\t6\t20\t21\n")
        os.utime(index, (0, 0))
    if kind == "of another file":
        index.write_text("chr1\t301\t6\t20\t21\nchr2\t123\t400\t20\t21\n")
        os.utime(path, (0, 0))
    before = index.read_text() if index.exists() else None
    if kind == "none":
        # Tests run as root too, whom no mode keeps out.
        denied = genomes.indexed.os.access
        monkeypatch.setattr(
            genomes.indexed.os,
            "access",
            lambda folder, mode: os.fspath(folder) != str(tmp_path) and denied(folder, mode),
        )
    check(Genome(path))
    assert (index.read_text() if index.exists() else None) == before and list(own_cache.iterdir())


def test_fragments_of_samtools_count_from_one(tmp_path):
    (tmp_path / "g.fa").write_text(f">chr1:101-401\n{BASES}\n")
    assert Genome(tmp_path / "g.fa").regions() == [("chr1", 100, 401, ".")]


def test_names_of_other_styles_find_their_chromosome(tmp_path):
    (tmp_path / "g.fa").write_bytes(fasta(RECORDS))
    genome = Genome(tmp_path / "g.fa")
    for name in ("1", "Chr1", "NC_000001.11", "CM000663.2"):
        assert genome.problem(name, 0, 301) is None
        assert dna.decode(genome.fetch(name, 5, 9)) == BASES[5:9].upper()
    assert "reaches past" in genome.problem("1", 0, 302) and "is not in" in genome.problem("3", 0, 1)


@pytest.mark.parametrize("packing", ["plain", "gzip", "2bit", "blank lines"])
def test_every_command_reads_every_genome(tmp_path, packing):
    """`index-genome` and a source of windows, on the same sequence in each form."""
    content = {
        "gzip": gzip.compress(fasta(RECORDS), mtime=0),
        "2bit": two_bit(RECORDS),
        "blank lines": fasta(RECORDS, blank="\n"),
    }
    path = tmp_path / "genome"
    path.write_bytes(content.get(packing, fasta(RECORDS)))
    assert main(["index-genome", "--fasta", str(path), "--output", f"{path}.fai"]) == 0
    check(Genome(path))
    (tmp_path / "a.bed").write_text("chrom\tstart\tend\tlabel\nchr1\t100\t110\t1\n2\t50\t60\t0\n")
    source = '{"kind": "bed", "bed": "b", "genome": "g", "target": "label"}'
    argv = ["windows", "--dataset", "d", "--source", source, "--window", "10", "--seed", "1"]
    argv += ["--inputs", f"b={tmp_path / 'a.bed'}", f"g={path}", "--output", str(tmp_path / "out")]
    assert main(argv) == 0
    codes = np.load(tmp_path / "out" / "sequences.npy")
    assert [dna.decode(row) for row in codes] == [BASES[100:110].upper(), OTHER[50:60]]
    lines = (tmp_path / "out" / "contigs.tsv").read_text().splitlines()
    assert lines == ["file\tname\tknown", "a.bed\t2\tchr2"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a FASTA: .* found an empty file"),
        (b"chr1\tACGT\n", "not a FASTA: .* found 'chr1'"),
        (b">a\nACGT\n>a\nAC\n", "record name 'a' occurs more than once"),
        (b">chr1:10-20\nACGT\n", "record 'chr1:10-20' holds 4 bases, its name says 10"),
        (gzip.compress(fasta(RECORDS), mtime=0)[:-30], "corrupt or incomplete gzip"),
        (gzip.compress(b"no fasta", mtime=0), "not a FASTA: .* found 'no'"),
        (two_bit(RECORDS)[:60], "incomplete: it ends at byte 60"),
        (two_bit(RECORDS)[:-1], "incomplete: it ends at byte"),
        (struct.pack("<4I", 0x1A412743, 7, 1, 0), "2bit of version 7, expected 0 or 1"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of git-lfs"),
        (b"<!doctype HTML><p>Not found", "an HTML page"),
    ],
)
def test_what_is_broken_is_refused_in_one_line(tmp_path, content, words):
    (tmp_path / "g.fa").write_bytes(content)
    with pytest.raises(InputError, match=f"g.fa: .*{words}") as error:
        Genome(tmp_path / "g.fa")
    assert "\n" not in str(error.value)
