"""`fetch` and `index-genome` from the command line: files, exit statuses and messages."""

import gzip
import hashlib
import tarfile

import pyfaidx
import pytest

from cisflow.__main__ import main

# Three records: lines of 4 bases, short last lines, a description.
FASTA = ">chr1 the first\nACGT\nacgt\nNN\n>chr2\nAC\n>chr3:100-106\nGGGT\nTT\n"
# name, length, offset of the first base, bases a line, bytes a line: counted by hand.
INDEX = "chr1\t10\t16\t4\t5\nchr2\t2\t35\t2\t3\nchr3:100-106\t6\t52\t4\t5\n"


def failed(capsys, *argv):
    assert main(list(map(str, argv))) == 1
    return capsys.readouterr().err


@pytest.fixture
def packed(tmp_path):
    path = tmp_path / "genome.fa.gz"
    path.write_bytes(gzip.compress(FASTA.encode()))
    return path


def test_fetch_checks_and_unpacks(tmp_path, packed):
    output = tmp_path / "resources" / "genome.fa"
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()
    argv = ["fetch", "--url", packed.as_uri(), "--name", "genome", "--output", str(output), "--sha256", digest]
    assert main(argv) == 0
    assert output.read_text() == FASTA
    assert [path.name for path in output.parent.iterdir()] == ["genome.fa"]


def test_fetch_takes_a_member_and_md5(tmp_path, packed):
    archive = tmp_path / "genome.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(packed, "folder/genome.fa.gz")
    digest = hashlib.md5(archive.read_bytes()).hexdigest()
    output = tmp_path / "genome.fa"
    argv = ["fetch", "--url", archive, "--name", "genome", "--output", output]
    assert main([*map(str, argv), "--md5", digest, "--member", "genome.fa.gz"]) == 0
    assert output.read_text() == FASTA


def test_fetch_reports_a_wrong_checksum_without_a_traceback(tmp_path, packed, capsys):
    output = tmp_path / "genome.fa"
    message = failed(capsys, "fetch", "--url", packed, "--name", "hg38", "--output", output, "--sha256", "0" * 64)
    assert message.startswith("cisflow fetch: error: resource 'hg38': sha256")
    assert hashlib.sha256(packed.read_bytes()).hexdigest() in message and "0" * 64 in message
    assert sorted(tmp_path.iterdir()) == [packed]


def test_fetch_without_a_checksum_prints_the_line_for_the_config(tmp_path, packed, capsys):
    assert main(["fetch", "--url", str(packed), "--name", "hg38", "--output", str(tmp_path / "genome.fa")]) == 0
    assert f"sha256: {hashlib.sha256(packed.read_bytes()).hexdigest()}\n" in capsys.readouterr().err


def test_fetch_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["fetch", "--help"])
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    assert all(option in printed for option in ("--url", "--name", "--output", "--sha256", "--md5", "--member"))


def test_index_is_that_of_samtools_faidx(tmp_path):
    fasta = tmp_path / "genome.fa"
    fasta.write_text(FASTA)
    assert main(["index-genome", "--fasta", str(fasta), "--output", f"{fasta}.fai"]) == 0
    assert (tmp_path / "genome.fa.fai").read_text() == INDEX
    assert sorted(path.name for path in tmp_path.iterdir()) == ["genome.fa", "genome.fa.fai"]
    # By the format's definition: base i of a record lies at offset + i // bases * bytes + i % bases.
    offset, bases, width = 16, 4, 5
    text = "".join(FASTA[offset + i // bases * width + i % bases] for i in range(10))
    assert text == "ACGTacgtNN" == str(pyfaidx.Fasta(str(fasta), rebuild=False)["chr1"])


@pytest.mark.parametrize(
    "content, words",
    [
        ("chrom\tstart\n", "expected a line that starts with '>', found 'chrom"),
        ("", "found an empty file"),
        (">a\nACGT\n>a\nACGT\n", "line 3: record name 'a' occurs more than once"),
        (gzip.compress(b"chrom\tstart\n"), "expected a line that starts with '>', found 'chrom"),
    ],
    ids=["table", "empty", "name twice", "gzipped table"],
)
def test_what_is_no_fasta_is_refused_and_leaves_no_index(tmp_path, capsys, content, words):
    fasta = tmp_path / "genome.fa"
    fasta.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = failed(capsys, "index-genome", "--fasta", fasta, "--output", f"{fasta}.fai")
    assert str(fasta) in message and "not a" in message and words in message
    assert list(tmp_path.iterdir()) == [fasta]


@pytest.mark.parametrize(
    "content", [b">a\nACGT\nACGTACGT\nAC\n", gzip.compress(FASTA.encode())], ids=["ragged lines", "gzip"]
)
def test_a_fasta_that_is_read_through_a_copy_has_an_empty_index(tmp_path, monkeypatch, content):
    monkeypatch.setenv("CISFLOW_CACHE", str(tmp_path / "cache"))
    fasta = tmp_path / "genome.fa"
    fasta.write_bytes(content)
    assert main(["index-genome", "--fasta", str(fasta), "--output", f"{fasta}.fai"]) == 0
    assert (tmp_path / "genome.fa.fai").read_bytes() == b"" and len(list((tmp_path / "cache").glob("*.fa"))) == 1


def test_missing_fasta_is_refused(tmp_path, capsys):
    message = failed(capsys, "index-genome", "--fasta", tmp_path / "no.fa", "--output", tmp_path / "no.fa.fai")
    assert f"{tmp_path / 'no.fa'}: No such file" in message


def test_index_equals_that_of_another_implementation(tmp_path):
    pysam = pytest.importorskip("pysam", reason="pysam comes with tangermeme")
    fasta, output = tmp_path / "genome.fa", tmp_path / "ours.fai"
    fasta.write_text(FASTA)
    assert main(["index-genome", "--fasta", str(fasta), "--output", str(output)]) == 0
    pysam.faidx(str(fasta))
    assert output.read_text() == (tmp_path / "genome.fa.fai").read_text()
