"""`cisflow job-costs`: what the jobs took is what their benchmarks say, and no secret of the config is told."""

import json

import pandas as pd
import pytest
import yaml
from snakemake.report import _validate_flat_dict

from cisflow.__main__ import main
from tables import check_table

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
ORIGIN = {
    "datasets": ["peaks"],
    "models": {"cnn": [1, 2]},
    "resources": {
        "genome.fa": ["https://me:word@example.org/hg38.fa?token=abc", "0" * 64],
        "own": ["?peaks.bed", None],
    },
    "device": "auto",
}


def row(seconds, memory="-", cpu="-"):
    return f"{seconds}\t0:00:01\t{memory}\t-\t-\t-\t-\t-\t-\t{cpu}\n"


@pytest.fixture
def folder(tmp_path):
    texts = {
        "benchmarks/peaks/train.cnn.fold.seed1.tsv": HEAD + row(9, 9, 9) + row(120.5, 900.25, 200),
        "benchmarks/peaks/evaluate.tsv": HEAD + row(0.5),
        "benchmarks/other/evaluate.tsv": HEAD + row(5),
        "benchmarks/variants/mine.tsv": HEAD + row(60, 1000, 50),
        "benchmarks/time_attributions.tsv": HEAD + row(7, 70, 7),
        "logs/peaks/train.cnn.fold.seed1.log": "device: cuda:0\nGPU memory: 12.5 MB at the peak, A B 100\n",
        "logs/variants/mine.log": "device: cpu (auto: no GPU available)\n",
        "results/peaks/manifest.json": json.dumps({"versions": {"numpy": "2.0", "six": "1"}}),
        "results/peaks/models/manifest.json": json.dumps({"versions": {"numpy": "2.1", "torch": "2.13.0"}}),
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def gathered(folder, origin=ORIGIN):
    table, made = folder / "results" / "job_costs.tsv", folder / "results" / "provenance.yaml"
    options = ["--results", folder / "results", "--origin", json.dumps(origin), "--output", table, "--provenance", made]
    return main(["job-costs", *map(str, options)]), table, made


def test_table_is_that_of_the_benchmarks(folder):
    status, path, _ = gathered(folder)
    assert status == 0
    check_table(path, "job_costs")
    table = pd.read_csv(path, sep="\t").set_index("rule")
    assert sorted(table.index) == ["evaluate", "time_attributions", "train", "variants"]
    assert table.loc["train", ["seconds", "cpu_seconds", "memory_mb", "gpu_memory_mb"]].tolist() == [
        120.5,
        200,
        900.25,
        12.5,
    ]
    assert table.loc["train", "device"] == "A B 100" and table.loc["variants", "device"] == "cpu"
    assert pd.isna(table.loc["evaluate", "memory_mb"]) and pd.isna(table.loc["evaluate", "device"])
    assert table.loc["train", "job"] == "train.cnn.fold.seed1" and pd.isna(table.loc["variants", "dataset"])


def test_provenance_is_what_the_report_takes(folder):
    _, _, path = gathered(folder)
    made = yaml.safe_load(path.read_text())
    assert _validate_flat_dict(made)
    text = path.read_text()
    assert "numpy`` 2.0, 2.1" in text and "six" not in text and "1, 2" in text and "0" * 64 in text
    for secret in ("me:", "word", "abc", "token"):
        assert secret not in text
    # The report takes a text that begins so for code.
    values = [value for entry in made.values() for value in (entry if isinstance(entry, list) else [entry])]
    assert not any(value.startswith("?") for value in values) and not any(key.startswith("?") for key in made)


def test_nothing_measured_is_a_table_without_rows(tmp_path):
    status, path, _ = gathered(tmp_path)
    assert status == 0
    check_table(path, "job_costs")
    assert len(pd.read_csv(path, sep="\t")) == 0


@pytest.mark.parametrize("text", ["", "s\n", "a\tb\n1\t2\n", HEAD, HEAD + row("-")])
def test_a_benchmark_that_is_none_is_named(folder, capsys, text):
    path = folder / "benchmarks" / "peaks" / "evaluate.tsv"
    path.write_text(text)
    status, table, _ = gathered(folder)
    error = capsys.readouterr().err.strip()
    assert status == 1 and str(path) in error and "\n" not in error and not table.exists()
