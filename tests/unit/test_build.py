"""Building a dataset: which source, from which settings and files, and the manifest beside what is written."""

import hashlib
import json

import pytest

from cisflow import tasks
from cisflow.data import build
from cisflow.errors import InputError
from sources import collect

BINARY = tasks.get("binary")


def test_a_resource_that_was_not_given_is_named():
    with pytest.raises(InputError, match="names resource 'hg38'; expected one of hg19, table"):
        collect("bed", {"bed": "table", "genome": "hg38", "target": "bound"}, 4, {"hg19": "a", "table": "b"})


def test_resources_of_settings_within_settings_are_given_their_files(tmp_path):
    (tmp_path / "p.fa").write_text(">a\nACGT\n")
    with pytest.raises(InputError, match="names resource 'hg38'; expected one of p"):
        collect("fasta", {"positives": "p", "background": {"genome": "hg38"}}, 4, {"p": tmp_path / "p.fa"})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "source: no key 'table'; found keys: "),
        (
            {"table": "t", "tabel": "t"},
            "source: unknown key 'tabel'; expected keys: table, header, sequence, fold, target, targets, repeated",
        ),
        ({"table": 3}, "source.table: 3 is not of type 'string'"),
    ],
)
def test_settings_of_a_source_are_checked_as_its_config_is(settings, words):
    with pytest.raises(InputError, match=f"^dataset 'd': {words}"):
        collect("table", settings, 4, {"t": "t.csv"})


@pytest.mark.parametrize("kind", ["vcf", "", None, "os.path", "__init__"])
def test_an_unknown_kind_of_source_is_refused(tmp_path, kind):
    with pytest.raises(
        InputError, match=f"dataset 'd': source: kind is '{kind}', expected one of annotation, bed, events, fasta"
    ):
        build.build(tmp_path, "d", {"kind": kind}, 4, {}, 1, BINARY)


def test_a_window_of_no_bases_is_refused(tmp_path):
    with pytest.raises(InputError, match="dataset 'd': window is 0, expected 1 or more"):
        build.build(tmp_path, "d", {"kind": "table"}, 0, {}, 1, BINARY)


def test_the_manifest_says_what_the_windows_were_made_from(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("header,sequence,label\na,ACGT,1\nb,GGGG,0\n")
    source = {"kind": "table", "table": "t"}
    build.build(tmp_path / "out", "d", source, 4, {"t": path}, 5, BINARY)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["settings"] == {"dataset": "d", "source": source, "window": 4, "task": "binary"}
    assert manifest["inputs"] == {str(path): hashlib.sha256(path.read_bytes()).hexdigest()}
    assert (manifest["n"], manifest["seed"], manifest["dropped"]) == (2, 5, {})
