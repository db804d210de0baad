"""Robustness, calibration and leakage: every stratum, bin and count of the tables."""

import itertools

import numpy as np
import pandas as pd
import pytest

from cisflow.io.tables import write_table
from drawing import DATASET, LONG, MODELS, NOWHERE, SPLIT, drawn, svg_text
from evaluated import metric_table


def robust(folder, models, splits=("random", "chromosome"), strands=True, chromosomes=9, targets=("ir",)):
    """metrics.tsv with rows of single strands and of an ensemble, and strata.tsv."""
    path, frame = metric_table(folder / "metrics.tsv", models, splits, 2, targets)
    rows = [frame, frame[frame["seed"] == "mean"].assign(seed="ensemble", value=0.999)]
    if strands:
        rows.append(frame.assign(strands="separate", value=frame["value"] - 0.02))
    write_table(path, pd.concat(rows))
    names = [("chromosome", f"chr{i + 1}", None, None) for i in range(chromosomes)]
    names += [("gc", "low", 0.31, 0.42), ("gc", "middle", 0.42, 0.5), ("gc", "high", 0.51, 0.74)]
    means = frame[(frame["seed"] == "mean") & (frame["metric"] == "auroc")]
    strata = [
        {key: getattr(row, key) for key in ("dataset", "split", "model", "fold", "target", "metric")}
        | dict(zip(("kind", "stratum", "gc_from", "gc_to"), name, strict=True))
        | {"value": row.value - 0.005 * i, "lower": row.value - 0.06, "upper": row.value + 0.05}
        | {"n": 400, "n_positive": 130}
        for row in means.itertuples()
        for i, name in enumerate(names)
    ]
    write_table(folder / "strata.tsv", pd.DataFrame(strata))
    return {"metrics": path, "strata": str(folder / "strata.tsv")}


def calibration(folder, models, targets=("ir",), seeds=("1", "2", "ensemble")):
    """calibration.tsv whose third bin is empty, and metrics.tsv with rows of the ensembles."""
    path, frame = metric_table(folder / "metrics.tsv", models, ("random",), 2, targets)
    own = frame[frame["metric"] == "brier"]
    values = [own.assign(metric="calibration_error", value=0.034), own.assign(metric="calibration_slope", value=1.21)]
    values = pd.concat(values)
    write_table(path, pd.concat([frame, values, values[values["seed"] == "mean"].assign(seed="ensemble")]))
    rows = []
    for model, target, seed, i in itertools.product(models, targets, seeds, range(10)):
        n = 0 if i == 2 else 200 - 18 * i
        observed = 0.05 + 0.09 * i
        shares = {"predicted": 0.05 + 0.1 * i, "observed": observed, "lower": observed - 0.04, "upper": observed + 0.05}
        where = {"dataset": "demo", "split": "random", "model": model, "seed": seed, "fold": "test", "target": target}
        rows.append(
            where | {"bin_from": i / 10, "bin_to": (i + 1) / 10} | {k: v if n else None for k, v in shares.items()}
        )
        rows[-1] |= {"n": n, "n_positive": round(n * observed)}
    write_table(folder / "calibration.tsv", pd.DataFrame(rows))
    return {"calibration": str(folder / "calibration.tsv"), "metrics": path}


def leakage_tables(folder, splits, note=()):
    """{leakage: tables of splits}; checks of `note` are not known."""
    sources = []
    for number in range(len(splits)):
        rows = []
        for check in ("near_duplicate", "overlap", "sei_trained", "shared_gene"):
            pairs = [("valid", "train"), ("test", "train"), ("test", "valid")]
            for place, (fold, other) in enumerate(
                [("train", ""), ("valid", ""), ("test", "")] if check == "sei_trained" else pairs
            ):
                count = [0, 3, 4321, 7599][(number + place) % 4]
                row = {"check": check, "fold": fold, "other": other, "count": count, "n": 7599}
                row |= {"fraction": count / 7599, "note": ""}
                rows.append(row | ({"count": None, "n": 0, "fraction": None, "note": "x"} if check in note else {}))
        path = folder / f"{number}.leakage.tsv"
        write_table(path, pd.DataFrame(rows).astype({"count": "Int64"}))
        sources.append(str(path))
    return {"leakage": sources}


def of(splits):
    return DATASET | {"splits": splits}


FIVE = [f"{name}_split" for name in "abcde"]
# Name of the case: (figure, function of a folder -> inputs, settings).
CASES = {
    "robustness of one model": ("robustness", lambda f: robust(f, ["FSei"], ("random",), False, 1), SPLIT),
    "robustness of ten": ("robustness", lambda f: robust(f, MODELS), SPLIT),
    "robustness, long names": ("robustness", lambda f: robust(f, LONG), SPLIT),
    "robustness, many targets": ("robustness", lambda f: robust(f, MODELS[:3], targets=("a", "b", "mean")), SPLIT),
    "robustness without chromosomes": ("robustness", lambda f: robust(f, MODELS[:3], chromosomes=0), SPLIT),
    "robustness of nothing": ("robustness", lambda f: robust(f, MODELS), NOWHERE),
    "calibration of one model": ("calibration", lambda f: calibration(f, ["FSei"], seeds=("1",)), SPLIT),
    "calibration of ten": ("calibration", lambda f: calibration(f, MODELS), SPLIT),
    "calibration, long names": ("calibration", lambda f: calibration(f, LONG), SPLIT),
    "calibration, many targets": ("calibration", lambda f: calibration(f, MODELS[:3], ("a", "b", "mean")), SPLIT),
    "calibration of nothing": ("calibration", lambda f: calibration(f, MODELS), NOWHERE),
    "leakage of one split": ("leakage", lambda f: leakage_tables(f, ["random"], ("shared_gene",)), of(["random"])),
    "leakage of five": ("leakage", lambda f: leakage_tables(f, FIVE), of(FIVE)),
    "leakage, long names": ("leakage", lambda f: leakage_tables(f, LONG[:3]), of(LONG[:3])),
    "leakage of nothing": ("leakage", lambda f: leakage_tables(f, []), of([])),
}


def test_robustness_draws_splits_strands_and_strata(tmp_path):
    inputs = robust(tmp_path, MODELS[:4])
    metrics, strata = (pd.read_csv(inputs[name], sep="\t") for name in ("metrics", "strata"))
    metrics = metrics[(metrics["metric"] == "auroc") & (metrics["seed"] == "mean")]
    both, single = (metrics[metrics["strands"] == name] for name in ("averaged", "separate"))
    here, single = both[both["split"] == "random"], single[single["split"] == "random"]
    strata = strata[strata["split"] == "random"]
    expected = [both, pd.concat([here, single]), strata[strata["kind"] == "gc"], strata[strata["kind"] == "chromosome"]]
    figure = drawn("robustness", inputs, SPLIT)
    for axes, rows in zip(figure.axes, expected, strict=True):
        points = np.concatenate([line.get_xdata() for line in axes.lines])
        np.testing.assert_allclose(np.sort(points), np.sort(rows["value"]))
    text = svg_text(figure).replace("\n", " ")
    for words in (
        "Low, 31\u201342%: 130 of 400 positive",
        "High, 51\u201374%:",
        "random: 400 of 1,200 positive",
        "One of 9 chromosomes",
        "Both, averaged",
    ):
        assert words in text


def test_calibration_draws_the_bins_of_the_ensemble(tmp_path):
    inputs = calibration(tmp_path, ["FSei", "LR"])
    table = pd.read_csv(inputs["calibration"], sep="\t")
    changed = (table["seed"] == "ensemble") & (table["model"] == "LR")
    table.loc[changed, "observed"] = table.loc[changed, "observed"] ** 2
    write_table(inputs["calibration"], table)
    figure = drawn("calibration", inputs, SPLIT)
    for axes, model in zip(figure.axes, ("FSei", "LR"), strict=True):
        rows = table[(table["model"] == model) & (table["seed"] == "ensemble") & (table["n"] > 0)]
        np.testing.assert_allclose(axes.lines[1].get_xydata(), rows[["predicted", "observed"]])
        assert axes.get_title(loc="center") == model
    assert "n = 1,200, 400 positive" in svg_text(figure)
    assert svg_text(figure).count("Error 0.03") == 2 and "Slope 1.21" in svg_text(figure)


def test_calibration_of_many_targets_pools_their_sequences(tmp_path):
    inputs = calibration(tmp_path, ["FSei"], ("a", "b", "mean"))
    table = pd.read_csv(inputs["calibration"], sep="\t")
    table = table[table["target"] != "mean"]
    table.loc[table["target"] == "b", "n_positive"] = 0
    write_table(inputs["calibration"], table)
    points = drawn("calibration", inputs, SPLIT).axes[0].lines[1].get_ydata()
    rows = table[(table["seed"] == "ensemble") & (table["n"] > 0)]
    expected = rows.groupby("bin_from")["n_positive"].sum() / rows.groupby("bin_from")["n"].sum()
    np.testing.assert_allclose(points, expected)


def test_leakage_says_counts_shares_and_what_is_not_known(tmp_path):
    figure = drawn(
        "leakage", leakage_tables(tmp_path, ["random", "cluster"], ("shared_gene",)), of(["random", "cluster"])
    )
    text = svg_text(figure)
    for words in ("4,321 (56.9%)", "3 (&lt;0.1%)", "0 (0.0%)", "7,599 (100.0%)", "test / train", "random", "cluster"):
        assert words in text, words
    assert text.count("not known") == 6
    widths = [[patch.get_width() for patch in axes.patches] for axes in figure.axes]
    assert [len(row) for row in widths] == [6, 6, 0, 6]
    # Of the first panel: test / train of both splits, valid / train, test / valid.
    assert widths[0] == pytest.approx([count / 7599 for count in (3, 4321, 0, 3, 4321, 7599)])
