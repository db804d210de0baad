"""The commands on the merged patterns of a dataset, one after the other, and their figures."""

import numpy as np
import pandas as pd
import pytest

from attributed import write as write_attributions
from cisflow.__main__ import main
from cisflow.io.meme import Motif, write_meme
from cisflow.io.tables import write_table
from cisflow.motifs import runs
from patterned import Planted, plant, probabilities, write
from tables import check_table

N, LENGTH = 60, 120
SITES = ("TGACTCAGCAT", "CCGGAAGTGAC")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A dataset of two seeds whose two motifs lie 20 bp apart, before its patterns are merged."""
    folder = tmp_path_factory.mktemp("results") / "demo"
    (folder / "patterns").mkdir(parents=True)
    table = pd.DataFrame([("net", "random", seed, "ism") for seed in (1, 2)], columns=runs.COLUMNS)
    write_table(folder / "patterns" / "runs.tsv", table)
    rng = np.random.default_rng(0)
    places = rng.integers(20, 60, N)
    planted = [Planted(site, range(N), places + 20 * k, ["+"] * N) for k, site in enumerate(SITES)]
    codes = plant(rng.integers(0, 4, (N, LENGTH)).astype(np.uint8), planted)
    for run in runs.read(folder / "patterns" / "runs.tsv"):
        for path in (run.modisco, run.attributions):
            path.parent.mkdir(parents=True, exist_ok=True)
        write(run.modisco, codes, planted)
        write_table(run.patterns, pd.DataFrame(columns=["run", "pattern", "note"]))
        write_attributions(run.attributions, codes, np.zeros((N, 4, LENGTH), np.float32))
    random = [probabilities("".join("ACGT"[code] for code in rng.integers(0, 4, 9))) for _ in range(30)]
    known = [probabilities(site) for site in SITES] + random
    write_meme(folder / "known.meme", [Motif(f"K{k}", f"TF{k}", matrix) for k, matrix in enumerate(known)], [9] * 32)
    return folder


def run(command, **options):
    return main([command, *(word for name, value in options.items() for word in (f"--{name}", str(value)))])


@pytest.fixture(scope="module")
def found(folder):
    out = folder / "patterns"
    assert run("merge-patterns", runs=out / "runs.tsv", database=folder / "known.meme", output=out) == 0
    given = dict(runs=out / "runs.tsv", instances=out / "instances.tsv")
    tables = {name: out / f"{name}.tsv" for name in ("together", "spacing", "distances")}
    assert run("motif-spacing", **given, patterns=out / "patterns.tsv", **tables) == 0
    tables = {name: out / f"{name}.tsv" for name in ("clusters", "enrichment", "matrix")}
    assert run("motif-clusters", **given, seed=1, **tables) == 0
    return out


def test_what_was_planted_passes_through_the_commands(found):
    patterns = check_table(found / "patterns.tsv", "merged_patterns")
    assert set(zip(patterns["match_name"], patterns["n_seeds"], patterns["seeds"], strict=True)) == {
        *(("TF0", "2", "2"), ("TF1", "2", "2"))
    }
    spacing = check_table(found / "spacing.tsv", "spacing").iloc[0]
    assert (spacing["distance"], spacing["n"]) == ("20", str(N)) and float(spacing["q_value"]) < 1e-6
    assert {spacing["first_name"], spacing["second_name"]} == {"TF0", "TF1"}
    clusters = check_table(found / "clusters.tsv", "motif_clusters")
    assert clusters["n_seqlets"].tolist() == [str(2 * N)] * 2
    assert len(check_table(found / "matrix.tsv", "motif_matrix")) == 4 * N


@pytest.mark.parametrize(
    ("figure", "inputs"),
    [
        ("pattern_table", {"patterns": "patterns.tsv", "matrices": "patterns.meme"}),
        ("motif_tree", {"patterns": "patterns.tsv", "matrices": "patterns.meme"}),
        ("spacing", {"spacing": "spacing.tsv", "distances": "distances.tsv"}),
    ],
)
def test_figures_are_drawn_from_the_tables(found, tmp_path, figure, inputs):
    given = [f"{name}={found / path}" for name, path in inputs.items()]
    settings = ["--settings", '{"n_merged": 40, "n_pairs": 12}']
    paths = ["--output", str(tmp_path / "f.svg"), "--png", str(tmp_path / "f.png")]
    assert main(["figure", figure, "--inputs", *given, *settings, *paths]) == 0
    assert "TF1" in (tmp_path / "f.svg").read_text()


@pytest.mark.parametrize(
    ("command", "options", "words"),
    [
        ("merge-patterns", {"settings": '{"similarity": 2}'}, "motifs.merging.similarity: 2 is greater than"),
        ("merge-patterns", {"runs": "absent.tsv"}, "absent.tsv: no such file"),
        ("merge-patterns", {"database": "runs.tsv"}, "runs.tsv: not a MEME file"),
    ],
)
def test_bad_input_is_one_message(folder, found, monkeypatch, capsys, command, options, words):
    monkeypatch.chdir(found)
    given = {"runs": "runs.tsv", "database": folder / "known.meme", "output": folder / "out"} | options
    assert run(command, **given) == 1
    error = capsys.readouterr().err
    assert f"cisflow {command}: error: " in error and words in error and "Traceback" not in error
