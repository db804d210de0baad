"""Learning curves: the epochs of every run."""

import itertools

import numpy as np
import pandas as pd
import pytest

from cisflow.io.tables import write_table
from drawing import DATASET, LONG, MODELS, check_layout, check_reproducible, check_says_why, drawn, empty_cases

STUDIED = ["fsei", "basset", "convnet", "attention_conv", "dnabert2", "fsei_modern", "basset_modern"]


def history_tables(folder, models, splits=("random",), n_seeds=1):
    """[{model, split, seed, path}] of runs that converge, then overfit."""
    rng = np.random.default_rng(1)
    sources = []
    for model, split, seed in itertools.product(models, splits, range(1, n_seeds + 1)):
        epochs = np.arange(1, int(rng.integers(12, 25)))
        train = 0.3 + 0.4 * np.exp(-epochs / 5) + rng.normal(0, 0.004, len(epochs))
        valid = train + 0.02 + 0.004 * np.maximum(epochs - 8, 0) + rng.normal(0, 0.008, len(epochs))
        auroc = 0.86 - 0.25 * np.exp(-epochs / 4) + rng.normal(0, 0.005, len(epochs))
        auroc[2] = np.nan
        path = folder / f"{model}-{split}-{seed}.tsv"
        frame = pd.DataFrame({"epoch": epochs, "learning_rate": 0.001, "train_loss": train, "valid_loss": valid})
        write_table(path, frame.assign(valid_auroc=auroc, best=(epochs == epochs[valid.argmin()]).astype(int)))
        sources.append({"model": model, "split": split, "seed": seed, "path": str(path)})
    return sources


# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "one network": ("learning_curves", lambda f: {"histories": history_tables(f, ["FSei"])}, DATASET),
    "many networks": (
        "learning_curves",
        lambda f: {"histories": history_tables(f, MODELS[6:], ("random", "chromosome"), 2)},
        DATASET,
    ),
    "networks, long names": ("learning_curves", lambda f: {"histories": history_tables(f, LONG[:3])}, DATASET),
    # As many as config/config.yaml trains: seven on three splits with three seeds.
    "networks of the whole study": (
        "learning_curves",
        lambda f: {"histories": history_tables(f, STUDIED, ("chromosome", "published", "cluster"), 3)},
        DATASET,
    ),
    "no network": ("learning_curves", lambda f: {"histories": []}, DATASET),
}


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_fits_a_page_and_no_text_collides(case):
    check_layout(drawn(*case))


@pytest.mark.parametrize("case", empty_cases(CASES), indirect=True)
def test_empty_results_say_why(case):
    check_says_why(drawn(*case))


@pytest.mark.parametrize("case", ["one network"], indirect=True)
def test_two_runs_give_the_same_bytes(case, tmp_path):
    check_reproducible(case, tmp_path)


def test_learning_curves_have_a_line_for_each_run(tmp_path):
    sources = history_tables(tmp_path, ["FSei", "ConvNet"], ["random", "homology"], 3)
    figure = drawn("learning_curves", {"histories": sources}, DATASET)
    assert len(figure.axes) == 2 * 4
    titles = [axes.get_title().split("\n") for axes in figure.axes[::2]]
    for (model, split), upper, lower in zip(titles, figure.axes[::2], figure.axes[1::2], strict=True):
        tables = [
            pd.read_csv(source["path"], sep="\t")
            for source in sources
            if (source["model"], source["split"]) == (model, split)
        ]
        lines = [line.get_xydata() for line in upper.lines if line.get_marker() == "None"]
        for table, train, valid in zip(tables, lines[::2], lines[1::2], strict=True):
            np.testing.assert_allclose(train, table[["epoch", "train_loss"]])
            np.testing.assert_allclose(valid, table[["epoch", "valid_loss"]])
        marks = [line.get_xydata()[0] for line in lower.lines if line.get_marker() == "D"]
        best = [table.loc[table["best"] == 1, ["epoch", "valid_auroc"]].to_numpy()[0] for table in tables]
        np.testing.assert_allclose(marks, best)
