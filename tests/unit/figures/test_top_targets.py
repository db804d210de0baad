"""Targets with the highest weights: their order, families and shares, beside those that were published."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cisflow.errors import InputError
from cisflow.io.tables import read_table, write_table
from drawing import FACTORS, drawn, svg_text

TARGETS = ["HepG2 | ZNF274 | ENCODE", "293T | ZNF101 | Cistrome ID:1", "K562 | Pol2(phosphoS2) | ENCODE"]
TARGETS += ["LNCaP | MYC | Cistrome ID:2", "NHEK | CTCF | ENCODE", "H9 | H3K4me3 | Roadmap", "K562 | DNase | ENCODE"]
TARGETS += [f"Endometrial_adenocarcinoma_sample_{i % 11} | FACTOR{i}-with-a-long-name | x" for i in range(40)]
WEIGHTS = {"dataset": "demo", "model": "LR", "split": "random", "classifier": "logistic_regression"}
WEIGHTS |= {"n_factors": 20}
PAPER_TARGETS = str(Path(__file__).parents[3] / "resources" / "published" / "top_targets.tsv")


def weight_tables(folder, names, n_seeds=2, groups=("TF", "histone", "accessibility"), scale=1.0):
    """{weights: [weights.tsv], targets}: the weight falls from the first target to the last."""
    paths = []
    for seed in range(n_seeds):
        weights = scale * (np.linspace(1, -0.4, len(names)) + 0.01 * seed * (-1) ** np.arange(len(names)))
        path = folder / f"weights{seed}.tsv"
        write_table(path, pd.DataFrame({"name": names, "weight": weights}))
        paths.append(str(path))
    table = {"name": names, "group": [groups[i % len(groups)] for i in range(len(names))]}
    write_table(folder / "targets.tsv", pd.DataFrame(table))
    return {"weights": paths, "targets": str(folder / "targets.tsv")}


# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "many targets": ("top_targets", lambda f: weight_tables(f, TARGETS), WEIGHTS),
    "targets beside published ones": (
        "top_targets",
        lambda f: weight_tables(f, TARGETS) | {"published": PAPER_TARGETS},
        WEIGHTS | {"published_model": "LR", "where": "measured on split published"},
    ),
    "targets of plain names beside published ones": (
        "top_targets",
        lambda f: weight_tables(f, ["CTCF"], 1) | {"published": PAPER_TARGETS},
        WEIGHTS | {"classifier": "lightgbm", "published_model": "LGBM", "where": "measured on other data"},
    ),
    "targets of plain names": ("top_targets", lambda f: weight_tables(f, FACTORS, 1, ("all",)), WEIGHTS),
    "one target": ("top_targets", lambda f: weight_tables(f, ["CTCF"], 1), WEIGHTS | {"classifier": "lightgbm"}),
    "targets without signal, no weight": ("top_targets", lambda f: weight_tables(f, FACTORS, scale=0), WEIGHTS),
}


def test_top_targets_are_the_highest_and_lowest_weights_in_the_colours_of_their_families(tmp_path):
    inputs = weight_tables(tmp_path, TARGETS, 2)
    figure = drawn("top_targets", inputs, WEIGHTS | {"n_factors": 7})
    mean = np.mean([pd.read_csv(path, sep="\t")["weight"] for path in inputs["weights"]], axis=0)
    bars = figure.axes[0].patches
    np.testing.assert_allclose([bar.get_width() for bar in bars], [*mean[:7], *mean[-5:]])
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[:5] == ["HepG2 ZNF274", "293T ZNF101", "K562 Pol2(phosphoS2)", "LNCaP MYC", "NHEK CTCF"]
    colours = [bar.get_facecolor() for bar in bars]
    assert colours[0] == colours[1] and len({*colours[1:8]}) == 7


def test_published_targets_stand_beside_ours_in_the_colours_of_their_families(tmp_path):
    inputs = weight_tables(tmp_path, TARGETS, 1) | {"published": PAPER_TARGETS}
    settings = WEIGHTS | {"published_model": "LGBM", "where": "measured on other data"}
    figure = drawn("top_targets", inputs, settings)
    (axes,) = [axes for axes in figure.axes if axes.get_title(loc="left") == "As published" or len(axes.patches) == 20]
    table = pd.read_csv(PAPER_TARGETS, sep="\t")
    rows = table[table["model"] == "LGBM"]
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], rows["value"])
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == (rows["biosample"] + " " + rows["target"]).tolist()
    colours = [bar.get_facecolor() for bar in figure.axes[0].patches]
    # Pol II first and fifth MYC, as third and fourth of ours; ZNF101 eighth, as second.
    assert [axes.patches[i].get_facecolor() for i in (0, 4, 7)] == [colours[i] for i in (2, 3, 1)]
    assert "the 20 highest of LGBM, measured on other data" in svg_text(figure)
    with pytest.raises(InputError, match="top_targets.tsv: no row of model 'FSei'; expected one of LGBM, LR"):
        drawn("top_targets", inputs, settings | {"published_model": "FSei"})


def test_the_published_targets_are_those_of_the_study():
    table = pd.read_csv(PAPER_TARGETS, sep="\t")
    assert table.columns.tolist() == ["model", "rank", "biosample", "target", "value"]
    for model, rows in table.groupby("model"):
        assert rows["rank"].tolist() == list(range(1, 21)) and rows["value"].is_monotonic_decreasing, model
    first = table[table["rank"] == 1].set_index("model")
    assert first["value"].to_dict() == {"LR": 0.652, "LGBM": 364} and not table.isna().any(axis=None)


def test_shares_of_the_signal_are_those_of_absolute_weights(tmp_path):
    module = import_module("cisflow.figures.top_targets")
    table = module.signal(*weight_tables(tmp_path, TARGETS, 1).values())
    for column in ("group", "family"):
        part = module.shares(table, column)
        np.testing.assert_allclose(part[["share", "of_targets"]].sum(), 1)
    total = table["weight"].abs().sum()
    part = module.shares(table, "biosample").set_index("label")
    k562 = np.linspace(1, -0.4, len(TARGETS))[[2, 6]].sum() / total
    np.testing.assert_allclose(part.loc["K562", ["share", "of_targets"]].to_list(), [k562, 2 / len(TARGETS)], rtol=1e-6)


def test_weights_of_other_targets_are_refused(tmp_path):
    inputs = weight_tables(tmp_path, FACTORS, 2)
    table = read_table(inputs["weights"][1])
    write_table(inputs["weights"][1], table[::-1])
    with pytest.raises(InputError, match="weights1.tsv: its targets are not those of .*weights0.tsv"):
        drawn("top_targets", inputs, WEIGHTS)
    write_table(inputs["targets"], read_table(inputs["targets"]).iloc[1:])
    with pytest.raises(InputError, match="target 'CTCF' is not in .*targets.tsv .1 are not."):
        drawn("top_targets", inputs | {"weights": inputs["weights"][:1]}, WEIGHTS)
