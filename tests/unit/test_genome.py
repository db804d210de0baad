"""Genome access against slices of the very strings that the FASTA was written from."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cisflow.errors import InputError
from cisflow.io.genome import Genome, Locus, parse_locus, read_fasta
from cisflow.sequence import dna

BASES = "".join(np.random.default_rng(1).choice(list("ACGTNacgt"), 400))


def write_fasta(path, records, width=30):
    lines = []
    for name, sequence in records.items():
        lines += [f">{name}", *(sequence[i : i + width] for i in range(0, len(sequence), width))]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    """A whole chromosome and two fragments of another one."""
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    records = {"chrA the first": BASES, "chrB:1300-1400": BASES[300:], "chrB:1000-1250": BASES[:250]}
    return Genome(write_fasta(path, records))


def text(codes):
    return dna.decode(codes)


@given(st.integers(0, 399), st.integers(1, 400))
def test_fetch_is_the_slice(genome, start, length):
    end = min(start + length, 400)
    assert text(genome.fetch("chrA", start, end)) == BASES[start:end].upper()
    reverse = BASES[start:end].upper().translate(str.maketrans("ACGT", "TGCA"))[::-1]
    assert text(genome.fetch("chrA", start, end, "-")) == reverse


def test_fragments_count_from_their_start(genome):
    assert text(genome.fetch("chrB", 1000, 1250)) == BASES[:250].upper()
    assert text(genome.fetch("chrB", 1310, 1320)) == BASES[310:320].upper()


def test_padding_fills_what_the_file_does_not_hold(genome):
    padded = text(genome.fetch("chrB", 1240, 1310, pad=True))
    assert padded == BASES[240:250].upper() + "N" * 50 + BASES[300:310].upper()
    assert text(genome.fetch("chrA", -3, 2, pad=True)) == "NNN" + BASES[:2].upper()
    minus = text(genome.fetch("chrA", 398, 403, "-", pad=True))
    assert minus == "NNN" + BASES[398:].upper().translate(str.maketrans("ACGT", "TGCA"))[::-1]


def test_regions_and_chromosomes_keep_the_order_of_the_file(genome):
    assert genome.chromosomes == ["chrA", "chrB"]
    assert genome.regions() == [Locus("chrA", 0, 400), Locus("chrB", 1000, 1250), Locus("chrB", 1300, 1400)]


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        (("chrA", 390, 401), "chrA:390-401 reaches past what .* holds of chrA .0-400."),
        (("chrA", -1, 10), "chrA:-1-10 reaches past"),
        (("chrB", 1240, 1310), "reaches past what .* holds of chrB .1000-1250, 1300-1400."),
        (("chr1", 0, 10), "chromosome 'chr1' is not in .*genome.fa .it has chrA, chrB."),
        (("chrA", 10, 10), "start 10 is not below end 10"),
    ],
)
def test_an_interval_that_cannot_be_read_is_explained(genome, interval, words):
    with pytest.raises(InputError, match=words):
        genome.fetch(*interval)


def test_an_interval_that_can_be_read_has_no_problem(genome):
    assert genome.problem("chrA", 0, 400) is None


def test_padding_does_not_hide_an_unknown_chromosome(genome):
    with pytest.raises(InputError, match="chromosome 'chr1' is not in"):
        genome.fetch("chr1", 0, 10, pad=True)


@pytest.mark.parametrize(
    ("name", "locus"),
    [
        ("chr3:100-300", ("chr3", 100, 300, ".")),
        ("chr3:100-300(-)", ("chr3", 100, 300, "-")),
        ("HLA_1.2:0-5(+) more", ("HLA_1.2", 0, 5, "+")),
        ("chr3", None),
        ("peak7", None),
        ("chr3:300-100", None),
        ("chr3:100-100", None),
    ],
)
def test_parse_locus(name, locus):
    assert parse_locus(name) == locus


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not a FASTA: .* found an empty file"),
        ("ACGT\n", "not a FASTA: expected a line that starts with '>', found 'ACGT"),
        (">chr1:10-20\nACGT\n", "record 'chr1:10-20' holds 4 bases, its name says 10"),
        (">c:0-4\nACGT\n>c:3-7\nACGT\n", "records 'c:0-4' and 'c:3-7' of c overlap"),
        (">a\nACGT\n>a\nACGT\n", "not a readable FASTA: line 3: record name 'a' occurs more than once"),
        (">\nACGT\n", "not a readable FASTA: line 1: a record without a name"),
    ],
)
def test_a_bad_genome_is_refused(tmp_path, content, words):
    path = tmp_path / "bad.fa"
    path.write_text(content)
    with pytest.raises(InputError, match=f"bad.fa: {words}"):
        Genome(path)


def test_an_absent_genome_is_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere.fa: No such file"):
        Genome(tmp_path / "nowhere.fa")


def test_a_stale_index_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("CISFLOW_CACHE", str(tmp_path / "cache"))
    path = write_fasta(tmp_path / "g.fa", {"a": "ACGTACGT"})
    Genome(path)
    stale = (tmp_path / "g.fa.fai").read_text()
    write_fasta(path, {"before": "TTTT", "a": "ACGTACGT"})
    os.utime(f"{path}.fai", (0, 0))
    assert text(Genome(path).fetch("a", 2, 6)) == "GTAC"
    assert (tmp_path / "g.fa.fai").read_text() == stale


def test_a_character_that_is_no_base_is_found_when_it_is_read(tmp_path):
    genome = Genome(write_fasta(tmp_path / "g.fa", {"a": "ACGTJACG"}))
    assert text(genome.fetch("a", 0, 4)) == "ACGT"
    with pytest.raises(InputError, match="g.fa, record 'a': character 'J'"):
        genome.fetch("a", 2, 6)


def test_read_fasta_takes_any_line_width_case_and_line_end(tmp_path):
    path = tmp_path / "some.fa"
    path.write_bytes(b">one first\r\nACG\r\nT\r\n\r\n>two\nacgu\n")
    assert [(name, text(codes)) for name, codes in read_fasta(path)] == [("one", "ACGT"), ("two", "ACGT")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b">a\nACGT\n>a\nACGT\n", "record name 'a' occurs more than once"),
        (b">a\n>b\nACGT\n", "record 'a' has no sequence"),
        (b">a\nACGT\n>b\n", "record 'b' has no sequence"),
        (b">a\nAC*T\n", "record 'a': character '.' at position 3 is not a base"),
        (b">a\nAC\xe9T\n", "record 'a': character '.' at position 3 is not a base"),
        (b"", "found an empty file"),
    ],
)
def test_read_fasta_refuses(tmp_path, content, words):
    path = tmp_path / "bad.fa"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"bad.fa[:,] .*{words}"):
        read_fasta(path)
