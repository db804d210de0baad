import numpy as np
import pandas as pd
import pytest

from cisflow.__main__ import main
from cisflow.io.arrays import write_array
from cisflow.io.tables import write_table
from tables import check_table

TABLES = ("metrics", "curves", "comparisons", "strata", "calibration")


@pytest.fixture
def runs(tmp_path):
    """Predictions of two models and seeds for three targets, one of them without positives, one partly unlabelled."""
    rng = np.random.default_rng(0)
    n = 90
    labels = rng.integers(0, 2, (n, 3)).astype(float)
    labels[:, 1] = 0
    labels[::5, 2] = np.nan
    entries = []
    for model in ("cnn", "logistic"):
        for seed in (1, 2):
            path = tmp_path / "models" / model / "random" / f"seed{seed}" / "predictions.tsv"
            path.parent.mkdir(parents=True)
            strands = np.full((2, n * 3), np.nan) if model == "logistic" else rng.random((2, n * 3))
            frame = pd.DataFrame(
                {
                    "id": np.repeat([f"w{i}" for i in range(n)], 3),
                    "fold": np.repeat(np.array(["train", "valid", "test"])[np.arange(n) % 3], 3),
                    "target": np.tile(["CTCF", "GATA1", "none"], n),
                    "label": pd.Series(labels.ravel()).astype("Int64"),
                    "forward": strands[0],
                    "reverse": strands[1],
                    "probability": rng.random(n * 3) if model == "logistic" else strands.mean(axis=0),
                }
            )
            frame.to_csv(path, sep="\t", index=False)
            kind = "classifier" if model == "logistic" else "network"
            entries.append({"split": "random", "model": model, "seed": seed, "kind": kind, "k": ""})
    return entries


def predictions(folder, run):
    return folder / "models" / run["model"] / run["split"] / f"seed{run['seed']}" / "predictions.tsv"


def evaluate(runs, output, *extra):
    folder = output.parent
    windows = pd.DataFrame({"id": [f"w{i}" for i in range(90)], "chrom": np.where(np.arange(90) < 75, "chr2", "chr10")})
    write_table(folder / "windows.tsv", windows.assign(start=0, end=30, strand="+"))
    write_table(folder / "targets.tsv", pd.DataFrame({"target": ["CTCF", "GATA1", "none"]}))
    write_array(folder / "targets.npy", np.zeros((90, 3), dtype=np.float32))
    write_array(folder / "sequences.npy", np.random.default_rng(1).integers(0, 5, (90, 30)).astype(np.uint8))
    write_table(folder / "runs.tsv", pd.DataFrame(runs))
    options = ["--dataset", "toy", "--folder", str(folder), "--runs", str(folder / "runs.tsv"), "--seed", "1"]
    return main(["evaluate", *options, "--resamples", "50", *extra, "--output", str(output)])


def test_evaluate_writes_tables_that_fit_their_schemas(runs, tmp_path):
    check_table(predictions(tmp_path, runs[0]), "predictions")
    check_table(predictions(tmp_path, runs[3]), "predictions")
    assert evaluate(runs, tmp_path / "out") == 0
    check_table(tmp_path / "runs.tsv", "runs")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(f"{name}.tsv" for name in TABLES)
    tables = {name: check_table(tmp_path / "out" / f"{name}.tsv", name) for name in TABLES}
    assert set(tables["metrics"]["target"]) == {"CTCF", "GATA1", "none", "mean"}
    assert set(tables["metrics"]["seed"]) == {"1", "2", "mean", "ensemble"}
    by_model = tables["metrics"].groupby("model")["strands"].agg(set)
    assert by_model["cnn"] == {"averaged", "separate"} and by_model["logistic"] == {"averaged"}
    # Of chr10 the test fold has five sequences, too few for a row.
    assert set(tables["strata"]["stratum"]) == {"chr2", "low", "middle", "high"}
    undefined = tables["metrics"].query("target == 'GATA1' and metric == 'auroc'")
    assert (undefined[["value", "lower", "upper"]] == "").all(axis=None)


def test_evaluate_twice_writes_the_same_bytes(runs, tmp_path):
    for folder in ("first", "second"):
        assert evaluate(runs, tmp_path / folder) == 0
    for name in TABLES:
        first, second = ((tmp_path / folder / f"{name}.tsv").read_bytes() for folder in ("first", "second"))
        assert first == second


def test_evaluate_without_test_fold_writes_empty_tables(runs, tmp_path):
    path = predictions(tmp_path, runs[0])
    frame = pd.read_csv(path, sep="\t")
    frame[frame["fold"] != "test"].to_csv(path, sep="\t", index=False)
    assert evaluate(runs[:1], tmp_path / "out") == 0
    for name in set(TABLES) - {"metrics"}:
        assert not len(check_table(tmp_path / f"out/{name}.tsv", name))
    assert set(check_table(tmp_path / "out/metrics.tsv", "metrics")["fold"]) == {"valid"}


def test_evaluate_writes_the_metrics_that_it_is_asked_for(runs, tmp_path):
    assert evaluate(runs, tmp_path / "out", "--metrics", "brier", "auroc") == 0
    tables = {name: check_table(tmp_path / f"out/{name}.tsv", name) for name in TABLES}
    assert set(tables["metrics"]["metric"]) == {"auroc", "brier"}
    assert set(tables["comparisons"]["metric"]) == set(tables["strata"]["metric"]) == {"auroc"}


def test_evaluate_names_the_files_that_disagree(runs, tmp_path, capsys):
    paths = [predictions(tmp_path, run) for run in runs[:2]]
    frame = pd.read_csv(paths[1], sep="\t")
    frame.loc[frame["id"] == "w7", "fold"] = "train"
    frame.to_csv(paths[1], sep="\t", index=False)
    assert evaluate(runs, tmp_path / "out") == 1
    message = capsys.readouterr().err
    for words in (*map(str, paths), "fold", "'w7'", "valid against train"):
        assert words in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "extra", "words"),
    [
        ({"seed": 3}, [], "seed3/predictions.tsv: no such file"),
        ({"seed": "one"}, [], "seed is 'one', expected a number"),
        ({}, ["--seed", "-1"], "--seed: found -1, expected 0 or more"),
        ({}, ["--resamples", "0"], "--resamples: found 0, expected 1 or more"),
        ({}, ["--metrics", "pearson"], "metric 'pearson' is of task regression; dataset 'toy' has task binary"),
    ],
)
def test_evaluate_refuses_bad_input(runs, tmp_path, capsys, change, extra, words):
    assert evaluate([{**runs[0], **change}], tmp_path / "out", *extra) == 1
    assert words in capsys.readouterr().err


def stack(folder, *texts):
    paths = [folder / f"{number}.tsv" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return main(["stack-tables", "--tables", *map(str, paths), "--output", str(folder / "all.tsv")])


def test_stack_tables_keeps_values_as_they_are(tmp_path):
    assert stack(tmp_path, "id\tvalue\n007\t0.10\n", "id\tvalue\n", "id\tvalue\nNA\t") == 0
    assert (tmp_path / "all.tsv").read_text() == "id\tvalue\n007\t0.10\nNA\t\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [("id\tscore\n1\t2\n", "1.tsv: columns are id, score; expected those of"), ("", "1.tsv: empty, expected a table")],
)
def test_stack_tables_names_the_table_that_differs(tmp_path, capsys, text, words):
    assert stack(tmp_path, "id\tvalue\n1\t2\n", text) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "all.tsv").exists()


def test_stack_tables_without_a_file(tmp_path, capsys):
    assert main(["stack-tables", "--tables", str(tmp_path / "absent.tsv"), "--output", str(tmp_path / "all.tsv")]) == 1
    assert "absent.tsv: not readable as text" in capsys.readouterr().err
