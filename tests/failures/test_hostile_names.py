"""Names from strangers: no shell reads those of tables, files and configs as its own, and results keep them."""

import csv
import os
import subprocess

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from snakemake.utils import format as formatted

import forking
import pipeline
from tables import text
from tiny import run

TARGET = "-n $(touch pwned) `touch pwned`; touch pwned && 'a' \"b\" \\ $x_{$ é 💥 #"
FILE = "my $(touch pwned) 'table' \"x\"; é.csv"
IDS = [
    "-rf",
    "$(touch pwned)",
    "`touch pwned`",
    "a;touch pwned",
    "it's",
    'a "b"',
    "é💥",
    "<script>x</script>",
    "{x}",
    "*",
]
CONFIG = {
    "device": "cpu",
    "resources": {"rows.csv": {"url": f"data/{FILE}"}},
    "datasets": {
        "rows": {
            "source": {"kind": "table", "table": "rows.csv", "target": TARGET},
            "window": 30,
            "splits": {"random": {"kind": "random", "valid": 0.2, "test": 0.3}},
            "models": ["kmers"],
        }
    },
    "models": {"kmers": {"classifier": "logistic_regression", "features": "gc"}},
    "features": {"gc": {"kind": "composition"}},
    "evaluation": {"resamples": 100},
}


@pytest.mark.slow
def test_hostile_names_pass_through_a_run_as_they_are(tmp_path):
    folder = pipeline.copy(tmp_path / "run")
    (folder / "data").mkdir()
    rng = np.random.default_rng(1)
    with open(folder / "data" / FILE, "w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(["header", "sequence", "label"])
        for number in range(120):
            name = f"{IDS[number]}" if number < len(IDS) else f"r{number}"
            rows.writerow([name, "".join(rng.choice(list("ACGT"), 30)), number % 2])
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    with forking.interpreter(tmp_path / "python") as python:
        path = os.pathsep.join([str(python), pipeline.environment()["PATH"]])
        curves = "results/rows/figures/performance_curves.random.svg"
        call = run(folder, "-p", "results/metrics.tsv", curves, PATH=path)
    assert call.status == 0, call.out + call.err
    assert not list(folder.rglob("pwned"))
    assert text(folder / "results/rows/targets.tsv")["target"].tolist() == [TARGET]
    assert text(folder / "results/rows/windows.tsv")["id"].tolist()[: len(IDS)] == IDS
    assert set(text(folder / "results/metrics.tsv")["target"]) == {TARGET}


# What means something to a shell, to a command's options or to a terminal.
HOSTILE = st.text(
    st.sampled_from([*"$`\"'\\;&|<>(){}[]*?!#~=-% \t\n\r", "\x1b", "é", "💥", "a"]), min_size=1, max_size=12
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(HOSTILE, min_size=1, max_size=40))
def test_a_shell_reads_a_quoted_name_as_it_is(names):
    """As the rules quote them: one, or a list."""
    command = formatted("printf '%s\\0' {names:q} {first:q}", names=names, first=names[0])
    said = subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout
    assert said.decode().split("\0") == [*names, names[0], ""]
