"""Files that sheets name are inputs of the job that counts them, where Snakemake plans it."""

from types import SimpleNamespace

import pytest

from cisflow.config import sheets
from cisflow.config.gathering import Gathering


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A run's folder, in which lies a sheet with its files beside it and one file of the run."""
    (tmp_path / "lab").mkdir()
    for name in ("lab/a.bam", "lab/minus.bw", "b.bam"):
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "track\tfile\tfile_minus\nx\ta.bam\tminus.bw\ny\tb.bam\t\nz\tnone.bam\t\nw\ta.bam\n",
        "\ufeffclass;track;file;file_minus\r\nT, B;x; a.bam ;minus.bw\r\n\r\nT;y;b.bam;\r\n",
        'track,file,file_minus\n"x, y",a.bam,minus.bw\ny,"b.bam",\n',
        "#track\tfile\tfile_minus\nx\ta.bam\tminus.bw\ny\tb.bam\t\n",
    ],
)
def test_files_of_a_sheet_that_are_there(lab, text):
    (lab / "lab" / "s").write_text(text, newline="")
    found = sheets.files("lab/s")
    assert [(lab / path).resolve().relative_to(lab).as_posix() for path in found] == [
        "lab/a.bam",
        "lab/minus.bw",
        "b.bam",
    ]


def test_what_is_no_sheet_names_nothing(lab):
    for content in (b"", b"\x89HDF\x00\xff", b"a b c\n1 2 3\n", b"track\tpath\nx\ta.bam\n"):
        (lab / "s").write_bytes(content)
        assert sheets.files("s") == []
    assert sheets.files("absent.tsv") == []


def test_a_job_reads_a_sheet_where_it_lies_and_the_files_it_names(lab):
    (lab / "lab" / "s.tsv").write_text("track\tfile\nx\ta.bam\ny\tb.bam\n")
    local = SimpleNamespace(url="lab/s.tsv", source=["lab/s.tsv"], member=None)
    remote = SimpleNamespace(url="https://lab/t.tsv", source=[], member=None)
    dataset = SimpleNamespace(
        resources=["peaks", "genome", "sheet", "other"],
        sources=[{"genome": "genome"}],
        targets=[{"sheet": "sheet"}, {"sheet": "sheet"}, {"sheet": "other"}, {"matrix": "m"}],
    )
    study = SimpleNamespace(resources={"sheet": local, "other": remote}, dataset=lambda wildcards: dataset)
    study.shipped = lambda path: path
    study.sheets = lambda entry: Gathering.sheets(study, entry)
    study.source_files = lambda wildcards: Gathering.source_files(study, wildcards)
    files = study.source_files(None)
    assert files[:6] == [f"resources/{name}" for name in ("genome", "other", "peaks", "sheet")] + [
        "resources/genome.fai",
        "lab/s.tsv",
    ]
    assert [(lab / path).resolve().name for path in files[6:]] == ["a.bam", "b.bam"]
    prefixed = [f"store/{path}" for path in files]
    assert Gathering.source_arguments(study, None, prefixed) == [
        "genome=store/resources/genome",
        "other=store/resources/other",
        "peaks=store/resources/peaks",
        "sheet=store/lab/s.tsv",
    ]
