"""Learning curves: the epochs of every run."""

import itertools

import numpy as np
import pandas as pd

from cisflow.io.tables import write_table
from drawing import DATASET, LONG, MODELS, drawn, svg_text

NUMBERS = DATASET | {"task": "regression"}
STUDIED = ["fsei", "basset", "convnet", "attention_conv", "dnabert2", "fsei_modern", "basset_modern"]


def history(folder, model, split, seed):
    return folder / "models" / model / split / f"seed{seed}" / "history.tsv"


def history_tables(folder, models, splits=("random",), n_seeds=1):
    """{runs: path of runs.tsv} of runs that converge, then overfit; their histories lie beside it."""
    rng = np.random.default_rng(1)
    rows = []
    for model, split, seed in itertools.product(models, splits, range(1, n_seeds + 1)):
        epochs = np.arange(1, int(rng.integers(12, 25)))
        train = 0.3 + 0.4 * np.exp(-epochs / 5) + rng.normal(0, 0.004, len(epochs))
        valid = train + 0.02 + 0.004 * np.maximum(epochs - 8, 0) + rng.normal(0, 0.008, len(epochs))
        auroc = 0.86 - 0.25 * np.exp(-epochs / 4) + rng.normal(0, 0.005, len(epochs))
        auroc[2] = np.nan
        path = history(folder, model, split, seed)
        frame = pd.DataFrame({"epoch": epochs, "learning_rate": 0.001, "train_loss": train, "valid_loss": valid})
        write_table(path, frame.assign(valid_auroc=auroc, best=(epochs == epochs[valid.argmin()]).astype(int)))
        rows.append((split, model, seed, "network"))
    write_table(folder / "runs.tsv", pd.DataFrame(rows, columns=["split", "model", "seed", "kind"]).assign(k=None))
    return {"runs": str(folder / "runs.tsv")}


def no_network(folder):
    rows = {"split": ["random"], "model": ["LR"], "seed": [1], "kind": ["classifier"], "k": [None]}
    write_table(folder / "runs.tsv", pd.DataFrame(rows))
    return {"runs": str(folder / "runs.tsv")}


def regression(folder):
    """Histories of a regression, whose correlation starts below zero."""
    inputs = history_tables(folder, MODELS[:1])
    path = history(folder, MODELS[0], "random", 1)
    frame = pd.read_csv(path, sep="\t").rename(columns={"valid_auroc": "valid_pearson"})
    write_table(path, frame.assign(valid_pearson=frame["valid_pearson"] - 0.75))
    return inputs


def of_modalities(folder, names, models=MODELS[:1], n_seeds=2):
    """Histories of a regression with several modalities, whose losses have scales of their own."""
    inputs, rng = history_tables(folder, models, n_seeds=n_seeds), np.random.default_rng(2)
    for model, seed in itertools.product(models, range(1, n_seeds + 1)):
        path = history(folder, model, "random", seed)
        frame = pd.read_csv(path, sep="\t").rename(columns={"valid_auroc": "valid_pearson"})
        for number, name in enumerate(names):
            noise = rng.normal(0, 0.006, (3, len(frame)))
            frame[f"train_loss_{name}"] = 10.0**number * (frame["train_loss"] + noise[0] - 0.4)
            frame[f"valid_loss_{name}"] = 10.0**number * (frame["valid_loss"] + noise[1] - 0.4)
            frame[f"valid_pearson_{name}"] = frame["valid_pearson"] - 0.1 * number + noise[2]
        write_table(path, frame)
    return inputs


# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "one network": ("learning_curves", lambda f: history_tables(f, ["FSei"]), DATASET),
    "many networks": (
        "learning_curves",
        lambda f: history_tables(f, MODELS[6:], ("random", "chromosome"), 2),
        DATASET,
    ),
    "networks, long names": ("learning_curves", lambda f: history_tables(f, LONG[:3]), DATASET),
    # As many as config/config.yaml trains: seven on three splits with three seeds.
    "networks of the whole study": (
        "learning_curves",
        lambda f: history_tables(f, STUDIED, ("chromosome", "published", "cluster"), 3),
        DATASET,
    ),
    "a regression": ("learning_curves", regression, NUMBERS),
    "two modalities": ("learning_curves", lambda f: of_modalities(f, ["atac", "expression"]), NUMBERS),
    "nine modalities, long names": (
        "learning_curves",
        lambda f: of_modalities(f, [*LONG[:7], "7", "8"], MODELS[4:8], 1),
        NUMBERS,
    ),
    "no network": ("learning_curves", no_network, DATASET),
}


def test_learning_curves_have_a_line_for_each_run(tmp_path):
    inputs = history_tables(tmp_path, ["FSei", "ConvNet"], ["random", "homology"], 3)
    figure = drawn("learning_curves", inputs, DATASET)
    assert len(figure.axes) == 2 * 4
    titles = [axes.get_title().split("\n") for axes in figure.axes[::2]]
    for (model, split), upper, lower in zip(titles, figure.axes[::2], figure.axes[1::2], strict=True):
        tables = [pd.read_csv(history(tmp_path, model, split, seed), sep="\t") for seed in (1, 2, 3)]
        lines = [line.get_xydata() for line in upper.lines if line.get_marker() == "None"]
        for table, train, valid in zip(tables, lines[::2], lines[1::2], strict=True):
            np.testing.assert_allclose(train, table[["epoch", "train_loss"]])
            np.testing.assert_allclose(valid, table[["epoch", "valid_loss"]])
        marks = [line.get_xydata()[0] for line in lower.lines if line.get_marker() == "D"]
        best = [table.loc[table["best"] == 1, ["epoch", "valid_auroc"]].to_numpy()[0] for table in tables]
        np.testing.assert_allclose(marks, best)


def test_learning_curves_of_a_regression_show_its_correlation(tmp_path):
    figure = drawn("learning_curves", regression(tmp_path), NUMBERS)
    table = pd.read_csv(history(tmp_path, MODELS[0], "random", 1), sep="\t")
    lower = figure.axes[1]
    np.testing.assert_allclose(lower.lines[0].get_xydata(), table[["epoch", "valid_pearson"]])
    assert lower.get_ylabel() == "Pearson's r" and lower.get_ylim()[0] < table["valid_pearson"].min() < 0
    assert "Validation Pearson's r" in svg_text(figure)


def test_learning_curves_of_modalities_have_a_colour_each_and_losses_on_one_scale(tmp_path):
    names = ["atac", "expression"]
    upper, lower = drawn("learning_curves", of_modalities(tmp_path, names), NUMBERS).axes
    seeds = [pd.read_csv(history(tmp_path, MODELS[0], "random", seed), sep="\t") for seed in (1, 2)]
    curves = {axes: [line for line in axes.lines if line.get_marker() == "None"] for axes in (upper, lower)}
    losses, scores = iter(curves[upper]), iter(curves[lower])
    assert len(curves[upper]) == 2 * len(curves[lower]) == 8
    colours = set()
    for table, name in itertools.product(seeds, names):
        valid = pd.concat([seed[f"valid_loss_{name}"] for seed in seeds])
        shown = [next(losses), next(losses), next(scores)]
        colours.add((name, *{line.get_color() for line in shown}))
        for line, fold in zip(shown, ("train", "valid"), strict=False):
            expected = (table[f"{fold}_loss_{name}"] - valid.min()) / (valid.max() - valid.min())
            np.testing.assert_allclose(line.get_ydata(), expected, atol=1e-6)
        np.testing.assert_allclose(shown[2].get_ydata(), table[f"valid_pearson_{name}"])
    # One colour a modality, another for the other.
    assert sorted(len(found) for found in colours) == [2, 2] and len({found[1] for found in colours}) == 2
    marks = [line.get_ydata()[0] for line in lower.lines if line.get_marker() == "D"]
    expected = [table.loc[table["best"] == 1, f"valid_pearson_{name}"].item() for table in seeds for name in names]
    np.testing.assert_allclose(marks, expected)
