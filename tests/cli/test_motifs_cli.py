"""The commands of the motifs stage, one after the other."""

import gzip
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cisflow
from attributed import write
from cisflow.__main__ import main
from cisflow.data import dataset as datasets
from cisflow.data import windows
from cisflow.data.windows import Windows
from cisflow.io import files
from cisflow.io.meme import read_meme
from cisflow.sequence import dna
from tables import check_table

DATABASE = Path(__file__).parents[2] / "resources" / "demo" / "JASPAR2024_CORE_vertebrates_non-redundant.meme.gz"
PLANTED = "MA0139.2"
M, LENGTH = 200, 120
SCANNED = dict(scores="s.tsv", background="b.bed", nulls="n.tsv")


class Page(HTMLParser):
    """Images, rows and open tags of a page."""

    def __init__(self, text):
        super().__init__()
        self.images, self.rows, self.open, self.text = [], 0, [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.images += [value for name, value in attrs if tag == "img" and name == "src"]
        self.rows += tag == "tr"
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the database and attributions that show one motif."""
    folder = tmp_path_factory.mktemp("motifs")
    (folder / "jaspar.meme").write_bytes(gzip.decompress(DATABASE.read_bytes()))
    motif = next(motif for motif in read_meme(folder / "jaspar.meme") if motif.id == PLANTED)
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (M, LENGTH)).astype(np.uint8)
    multipliers = rng.normal(0, 0.02, (M, 4, LENGTH)).astype(np.float32)
    truth = []
    for row, start in enumerate(rng.integers(20, LENGTH - 40, M)):
        instance, effect = motif.matrix.argmax(axis=0).astype(np.uint8), motif.matrix - 0.25
        strand = "+-"[row % 2]
        if strand == "-":
            instance, effect = dna.reverse_complement(instance), effect[::-1, ::-1]
        span = slice(start, start + len(instance))
        codes[row, span] = instance
        multipliers[row, :, span] += effect
        truth.append((f"w{row}", "CTCF", PLANTED, start, start + len(instance), strand))
    ids = [f"w{row}" for row in range(M)]
    datasets.write(
        folder / "dataset", Windows(windows.table(ids, [None] * M), codes, np.ones((M, 1), np.float32), ["CTCF"], {})
    )
    columns = ["id", "target", "matrix_id", "start", "end", "strand"]
    pd.DataFrame(truth, columns=columns).to_csv(folder / "truth.tsv", sep="\t", index=False)
    targets = np.full(len(codes), "CTCF")
    write(folder / "a.npz", codes, multipliers, targets=targets)
    write(folder / "few.npz", codes[:3], multipliers[:3], targets=targets[:3])
    return folder


def run(command, folder, **paths):
    options = [word for name, value in paths.items() for word in (f"--{name}", str(value))]
    if "database" not in paths and command != "discover":
        options += ["--database", str(folder / "jaspar.meme")]
    return main([command, *options])


def stage(folder, name, attributions):
    """Run every command of the stage into `folder`/`name`."""
    out = folder / name
    modisco, control, summary = out / "modisco.h5", out / "control.h5", out / "discovery.json"
    found = dict(seed=1, output=modisco, control=control, summary=summary)
    assert run("discover", folder, attributions=attributions, settings='{"n_leiden_runs": 1}', **found) == 0
    assert run("name-motifs", folder, modisco=modisco, control=control, output=out / "patterns.tsv") == 0
    assert run("motif-report", folder, modisco=modisco, summary=summary, output=out / "report") == 0
    tables = dict(seqlets=out / "seqlets.tsv", scores=out / "motif_scores.tsv", nulls=out / "motif_nulls.tsv")
    tables |= dict(background=out / "background.bed", dataset=folder / "dataset")
    settings = '{"null": "permuted"}'
    assert run("scan-seqlets", folder, attributions=attributions, settings=settings, seed=1, **tables) == 0
    truth = folder / "truth.tsv"
    assert run("recovery", folder, patterns=out / "patterns.tsv", truth=truth, output=out / "recovery.tsv") == 0
    return out


@pytest.fixture(scope="module")
def found(folder):
    return stage(folder, "found", folder / "a.npz")


def test_planted_motif_passes_through_the_stage(found):
    tables = {
        name: check_table(found / f"{name}.tsv", name)
        for name in ("patterns", "seqlets", "motif_scores", "motif_nulls", "recovery")
    }
    assert tables["patterns"]["match_id"][0] == PLANTED
    assert tables["motif_scores"]["motif_id"][0] == PLANTED
    recovered = tables["recovery"].iloc[0]
    assert (recovered["found"], recovered["how"], recovered["pattern"]) == ("1", "name", "pos_0")
    assert not list(found.glob("*.tmp"))


def test_report_shows_patterns_and_three_matches(found):
    page = Page((found / "report" / "motifs.html").read_text())
    n = files.read_json(found / "discovery.json")["n_patterns"]
    assert page.open == [] and page.rows == n + 1
    assert 5 <= len(page.images) <= 5 * n
    for image in page.images:
        assert not image.startswith(("/", "http")) and (found / "report" / image).read_bytes()[:4] == b"\x89PNG"
    drawn = {f"logos/{path.name}" for path in (found / "report" / "logos").iterdir()}
    assert drawn == set(page.images)
    assert "CTCF (MA0139.2)" in page.text and f"{n} patterns" in page.text


def test_same_input_same_report(folder, found):
    run(
        "motif-report",
        folder,
        modisco=found / "modisco.h5",
        summary=found / "discovery.json",
        output=folder / "again",
    )
    one, other = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*.*")}
        for root in (found / "report", folder / "again")
    )
    assert one == other and len(one) > 3


def test_too_few_rows_pass_through_the_stage(folder):
    out = stage(folder, "few", folder / "few.npz")
    for name in ("patterns", "recovery"):
        table = check_table(out / f"{name}.tsv", name)
    assert table["found"].tolist() == ["0"]
    summary = files.read_json(out / "discovery.json")
    page = Page((out / "report" / "motifs.html").read_text())
    assert page.open == [] and page.images == []
    assert summary["explanation"] and summary["explanation"] in page.text


def test_report_with_one_match_and_an_awkward_name(folder, found, tmp_path):
    text = (folder / "jaspar.meme").read_text()
    header, block = text[: text.index("MOTIF")], text[text.index(f"MOTIF {PLANTED}") :]
    block = block[: block.index("URL")].replace(f"{PLANTED} CTCF", "a/b <i>CTCF</i>")
    (tmp_path / "one.meme").write_text(header + block)
    paths = dict(modisco=found / "modisco.h5", summary=found / "discovery.json", database=tmp_path / "one.meme")
    with pytest.warns(UserWarning, match="given 1 target motifs"):
        assert run("motif-report", folder, **paths, output=tmp_path / "report") == 0
    page = Page((tmp_path / "report" / "motifs.html").read_text())
    assert page.open == [] and "<i>CTCF</i> (a/b)" in page.text
    assert "logos/motif_1.png" in page.images
    assert all((tmp_path / "report" / image).exists() for image in page.images)


@pytest.mark.slow
def test_discovery_does_not_depend_on_threads(folder, tmp_path):
    found = []
    for threads in ("1", "2"):
        out = tmp_path / threads
        paths = dict(attributions=folder / "a.npz", output=out / "m.h5", control=out / "c.h5", summary=out / "s.json")
        options = [word for name, value in paths.items() for word in (f"--{name}", str(value))]
        # A process of its own: numba counts its threads once.
        environment = {name: value for name, value in os.environ.items() if name != "NUMBA_NUM_THREADS"}
        environment["PYTHONPATH"] = str(Path(cisflow.__file__).parents[1])
        command = [sys.executable, "-m", "cisflow", "discover", *options, "--seed", "1", "--threads", threads]
        subprocess.run(command, check=True, env=environment)
        found.append([paths[name].read_bytes() for name in ("output", "control", "summary")])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("command", "paths", "words"),
    [
        (
            "discover",
            dict(attributions="absent.npz", seed=1, output="o.h5", control="c.h5", summary="s.json"),
            "absent.npz: no such file",
        ),
        (
            "discover",
            dict(attributions="a.npz", settings='{"x": 1}', seed=1, output="o.h5", control="c.h5", summary="s.json"),
            "motifs.discovery: unknown key 'x'",
        ),
        (
            "name-motifs",
            dict(modisco="jaspar.meme", control="jaspar.meme", output="p.tsv"),
            "not a complete TF-MoDISco",
        ),
        ("motif-report", dict(modisco="o.h5", summary="absent.json", output="r"), "absent.json: not readable as JSON"),
        (
            "scan-seqlets",
            dict(attributions="a.npz", dataset="dataset", database="truth.tsv", seed=1, seqlets="h.tsv", **SCANNED),
            "truth.tsv: not a MEME file",
        ),
        ("recovery", dict(patterns="absent.tsv", truth="truth.tsv", output="r.tsv"), "absent.tsv: no such file"),
    ],
)
def test_bad_input_is_one_message(folder, monkeypatch, capsys, command, paths, words):
    monkeypatch.chdir(folder)
    assert run(command, folder, **paths) == 1
    error = capsys.readouterr().err
    assert f"cisflow {command}: error: " in error and words in error and "Traceback" not in error
    assert not any(Path(value).exists() for name, value in paths.items() if name in ("output", "seqlets"))
