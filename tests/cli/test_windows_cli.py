"""`cisflow windows` and `cisflow split` from files to files."""

import json

import numpy as np
import pytest

from cisflow.__main__ import main
from cisflow.data import dataset as datasets
from cisflow.data.windows import Windows, table
from cisflow.io.arrays import read_array
from cisflow.io.genome import Locus
from cisflow.io.tables import read_table
from sources import unpacked
from tables import check_table

RANDOM = {"kind": "random", "valid": 0.2, "test": 0.2, "seed": 1}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """The shipped data, unpacked, as NAME=PATH."""
    return [f"{key}={path}" for key, path in unpacked(tmp_path_factory.mktemp("demo")).items()]


def windows(output, source, window, inputs, *more):
    options = ["--dataset", "d", "--source", json.dumps(source), "--window", str(window), "--seed", "1", *more]
    return main(["windows", *options, "--output", str(output), "--inputs", *inputs])


def written(folder, labels, chroms=None):
    """A dataset of windows of four bases with these labels, and its windows.tsv."""
    n = len(labels)
    frame = table([f"w{i}" for i in range(n)], [chroms and Locus(chroms[i], 0, 4, "+") for i in range(n)])
    values = np.array(labels, dtype=np.float32)[:, None]
    datasets.write(folder, Windows(frame, np.zeros((n, 4), np.uint8), values, ["label"], {}))
    return str(folder / "windows.tsv")


SOURCES = {
    "ctcf": ({"kind": "fasta", "positives": "ctcf", "background": {"genome": "hg19", "per_positive": 2}}, 200, 1500),
    "introns": ({"kind": "annotation", "annotation": "gtf", "genome": "hg19", "anchor": "donor"}, 400, 1162),
    "grammar": (
        {
            "kind": "planted",
            "genome": "hg19",
            "motifs": "jaspar",
            "matrices": ["MA0139.2", "MA0138.3"],
            "min_information": 14,
            "n": 500,
            "probability": 0.3,
        },
        300,
        500,
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_windows_are_written_whole_and_twice_the_same(tmp_path, inputs, name):
    source, window, n = SOURCES[name]
    for run in ("one", "two"):
        assert windows(tmp_path / run, source, window, inputs) == 0
    written = sorted(path.name for path in (tmp_path / "one").iterdir())
    expected = ["ledger.tsv", "manifest.json", "sequences.npy", "targets.npy", "targets.tsv", "windows.tsv"]
    assert written == sorted(expected + ["truth.tsv"] * (name == "grammar"))
    for file in set(written) - {"manifest.json"}:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    frame = read_table(tmp_path / "one" / "windows.tsv", text=("id", "chrom", "strand"))
    targets = read_table(tmp_path / "one" / "targets.tsv")["target"].tolist()
    labels = read_array(tmp_path / "one" / "targets.npy", dtype=np.float32, shape=(n, len(targets)))
    read_array(tmp_path / "one" / "sequences.npy", dtype=np.uint8, shape=(n, window))
    assert frame.columns.tolist() == ["id", "chrom", "start", "end", "strand", *targets]
    assert np.array_equal(frame[targets].to_numpy(np.float32), labels)
    assert frame["id"].is_unique and (frame["end"] - frame["start"] == window).all()
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    assert manifest["settings"]["source"] == source and manifest["n"] == n
    assert len(manifest["inputs"]) == 4


def test_splits_are_written_in_the_order_of_the_windows(tmp_path, inputs):
    source, window, _ = SOURCES["introns"]
    assert windows(tmp_path, source, window, inputs) == 0
    settings = {"kind": "chromosome", "valid": ["chr5"], "test": ["chr3"]}
    table = str(tmp_path / "windows.tsv")
    for name, value in {"chromosome": settings, "random": RANDOM}.items():
        output = tmp_path / "splits" / f"{name}.tsv"
        options = ["--windows", table, "--name", name, "--settings", json.dumps(value)]
        assert main(["split", *options, "--output", str(output)]) == 0
        folds = read_table(output)
        frame = read_table(table)
        assert folds.columns.tolist() == ["id", "fold"]
        assert folds["id"].tolist() == frame["id"].tolist()
        if name == "chromosome":
            assert set(zip(frame["chrom"], folds["fold"], strict=True)) == {
                ("chr22", "train"),
                ("chr4", "train"),
                ("chr5", "valid"),
                ("chr3", "test"),
            }


def test_real_numbers_pass_from_a_table_to_a_split(tmp_path, capsys):
    rng = np.random.default_rng(0)
    values = rng.normal(size=40).astype(np.float32)
    texts = ["" if i % 7 == 0 else f"{value:.9g}" for i, value in enumerate(values)]
    path = tmp_path / "t.csv"
    path.write_text("header,sequence,label\n" + "".join(f"w{i},ACGT,{text}\n" for i, text in enumerate(texts)))
    source, inputs = {"kind": "table", "table": "t", "target": "expression"}, [f"t={path}"]
    assert windows(tmp_path / "out", source, 4, inputs, "--task", "regression") == 0
    dataset = datasets.read(tmp_path / "out")
    assert dataset.task.name == "regression" and dataset.targets == ["expression"]
    np.testing.assert_array_equal(dataset.labels[:, 0], np.where(np.arange(40) % 7 == 0, np.nan, values))
    for name in ("windows", "targets"):
        check_table(tmp_path / "out" / f"{name}.tsv", f"{name}.regression")
    options = ["--windows", str(tmp_path / "out" / "windows.tsv"), "--name", "s", "--settings", json.dumps(RANDOM)]
    assert main(["split", *options, "--output", str(tmp_path / "s.tsv")]) == 0
    assert datasets.read_folds(tmp_path / "s.tsv", dataset.ids).tolist().count("test") == 8
    assert windows(tmp_path / "binary", source, 4, inputs) == 1
    assert f"t.csv: row 3: column 'label' is '{texts[1]}', expected 0, 1 or empty" in capsys.readouterr().err


def test_a_chromosome_that_is_called_by_a_number_can_be_split_by(tmp_path):
    path = written(tmp_path, [i % 2 for i in range(12)], [str(1 + i % 3) for i in range(12)])
    settings = json.dumps({"kind": "chromosome", "valid": ["2"], "test": ["3"]})
    options = ["--windows", path, "--name", "s", "--settings", settings]
    assert main(["split", *options, "--output", str(tmp_path / "s.tsv")]) == 0
    assert read_table(tmp_path / "s.tsv")["fold"].tolist() == ["train", "valid", "test"] * 4


def test_a_bad_split_says_so_and_writes_nothing(tmp_path, capsys):
    options = ["--windows", written(tmp_path, [1, 0]), "--name", "mine", "--settings", json.dumps(RANDOM)]
    assert main(["split", *options, "--output", str(tmp_path / "mine.tsv")]) == 1
    assert "cisflow split: error: split 'mine': fold 'valid' is empty" in capsys.readouterr().err
    assert not (tmp_path / "mine.tsv").exists()


def test_a_table_without_the_columns_of_windows_is_refused(tmp_path, capsys):
    (tmp_path / "windows.tsv").write_text("id\tlabel\na\t1\n")
    options = ["--windows", str(tmp_path / "windows.tsv"), "--name", "s", "--settings", json.dumps(RANDOM)]
    assert main(["split", *options, "--output", str(tmp_path / "s.tsv")]) == 1
    assert "windows.tsv: no column chrom, start, end, strand; found columns id, label" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "status", "words"),
    [
        ("--inputs", "hg19", 1, "--inputs: found 'hg19', expected NAME=PATH"),
        ("--inputs", "=x", 1, "--inputs: found '=x', expected NAME=PATH"),
        ("--source", "{", 1, "--source: not JSON"),
        ("--source", "[]", 1, "--source: found list, expected a JSON object"),
        ("--source", "{}", 1, "dataset 'd': source: kind is 'None', expected one of annotation"),
        ("--window", "wide", 2, "argument --window: invalid int value: 'wide'"),
        ("--task", "ranking", 2, "argument --task: invalid choice: 'ranking'"),
    ],
)
def test_options_that_are_none_are_refused(tmp_path, capsys, option, value, status, words):
    options = {
        "--dataset": "d",
        "--source": "{}",
        "--window": "4",
        "--seed": "1",
        "--inputs": "a=b",
        "--output": str(tmp_path / "out"),
        option: value,
    }
    try:
        ended = main(["windows", *(word for pair in options.items() for word in pair)])
    except SystemExit as stop:
        ended = stop.code
    assert ended == status
    assert words in capsys.readouterr().err


def test_the_help_of_both_commands_is_there(capsys):
    for command in ("windows", "split"):
        with pytest.raises(SystemExit) as exit_:
            main([command, "--help"])
        assert exit_.value.code == 0
    assert main([]) == 2
    out = capsys.readouterr().out
    assert "Gather the windows of a data set" in out and "Divide the windows of a data set" in out
