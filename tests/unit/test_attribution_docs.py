"""docs/attributions.md against the files, the methods, the scores and the tables that it describes."""

import re

import numpy as np
import pytest

import pipeline
from cisflow.attribution import methods, scores
from cisflow.config.figures import COMPARISON_TABLES
from cisflow.io.arrays import write_arrays
from cisflow.sequence import dna

TEXT = (pipeline.ROOT / "docs" / "attributions.md").read_text()


def first_column(section):
    """Names in the first column of the table of a section."""
    body = TEXT.split(f"## {section}\n", 1)[1]
    rows = body.split("|---|", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    return [name for row in rows for name in re.findall(r"`([a-z_.]+)`", row.split("|")[1])]


def test_every_method_score_and_table_is_described():
    assert set(first_column("Methods")) == set(methods.NAMES)
    assert first_column("Scores") == list(scores.KINDS)
    assert {name.removesuffix(".tsv") for name in first_column("Comparison")} == set(COMPARISON_TABLES)


def test_the_example_runs_and_means_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (path,) = re.findall(r'np.load\("(.*)"\)', code)
    rng = np.random.default_rng(0)
    multipliers = rng.normal(size=(3, 4, 20)).astype(np.float32)
    codes = rng.integers(0, 4, (3, 20)).astype(np.uint8)
    baseline = np.full(4, 0.25, dtype=np.float32)
    write_arrays(path, multipliers=multipliers, sequences=codes, baseline=baseline)
    found = {}
    exec(code, found)
    x = dna.one_hot(codes)
    np.testing.assert_allclose(found["gradient_x_input"], multipliers * x, atol=1e-6)
    np.testing.assert_allclose(found["contributions"], multipliers * (x - 0.25), atol=1e-6)
    centred = multipliers - multipliers.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found["present"], (centred * x).sum(axis=1), atol=1e-6)
    assert found["corrected"] == pytest.approx(centred, abs=1e-6)
