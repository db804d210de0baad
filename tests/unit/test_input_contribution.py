"""What each input gives, where the answer is known: predictions that read one of two inputs alone."""

import numpy as np
import pandas as pd
import pytest

from cisflow import tasks
from cisflow.data.dataset import Dataset
from cisflow.evaluation import input_contribution
from cisflow.io.tables import write_table
from tables import check_table

N, T = 200, 4


@pytest.fixture
def pairs():
    """Dataset of two inputs of 20 bases: labels follow the GC content of the first, by an offset of each track."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (N, 40)).astype(np.uint8)
    labels = (strong(codes[:, :20])[:, None] + np.arange(T)).astype(np.float32)
    labels[3, 1] = np.nan
    ids, targets = np.array([f"w{i}" for i in range(N)]), [f"t{i}" for i in range(T)]
    inputs = (("dna", 0, 20), ("rna", 20, 40))
    return Dataset(ids, codes, labels, targets, tasks.get("regression"), inputs=inputs)


def strong(codes):
    return ((codes == 1) | (codes == 2)).sum(axis=1)


def perfect(codes):
    return strong(codes[:, :20])[:, None] + np.arange(T)


def test_partners_are_others_each_used_once():
    for n in (2, 3, 50):
        found = input_contribution.partners(n, np.random.default_rng(n))
        assert sorted(found) == list(range(n)) and (found != np.arange(n)).all()


def test_the_input_that_is_read_is_the_one_that_counts(pairs, tmp_path):
    names = {"dataset": "d", "split": "s", "model": "m", "seed": "1"}
    rows = np.arange(50, N)
    table = input_contribution.table(names, pairs, rows, perfect, 6, 1)
    write_table(tmp_path / "inputs.tsv", table)
    check_table(tmp_path / "inputs.tsv", "input_contribution")
    found = table.set_index(["input", "axis", "metric"])
    assert found.loc[("none", "track", "pearson"), ["value", "drop", "n"]].tolist() == pytest.approx([1, 0, T])
    assert found.loc[("rna", "track", "pearson"), ["value", "drop"]].tolist() == pytest.approx([1, 0])
    # Another's sequence tells nothing of the own one.
    assert found.loc[("dna", "track", "pearson"), "value"] == pytest.approx(0, abs=0.1)
    assert found.loc[("dna", "track", "pearson"), "sd"] > 0 == found.loc[("rna", "track", "pearson"), "sd"]
    # Errors grow, which is a drop: those of two independent numbers of the same variance.
    error = found.loc[("dna", "track", "rmse")]
    assert error["drop"] == error["value"] == pytest.approx(np.sqrt(2 * strong(pairs.codes[rows, :20]).var()), rel=0.1)
    # Tracks differ by what no sequence tells.
    assert found.loc[("dna", "region", "pearson"), "drop"] == pytest.approx(0)
    again = input_contribution.table(names, pairs, rows, perfect, 6, 1)
    pd.testing.assert_frame_equal(table, again)
