"""`cisflow windows` and `cisflow split` from files to files."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from cisflow.__main__ import main
from cisflow.io.arrays import read_array
from cisflow.io.tables import read_table

DEMO = Path(__file__).parents[2] / "resources" / "demo"
RANDOM = {"kind": "random", "valid": 0.2, "test": 0.2, "seed": 1}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """The shipped data, unpacked, as NAME=PATH."""
    folder = tmp_path_factory.mktemp("demo")
    names = {
        "hg19": "hg19_fragments.fa",
        "gtf": "hg19_transcripts.gtf",
        "ctcf": "ctcf_gm12878_peaks.fa",
        "jaspar": "JASPAR2024_CORE_vertebrates_non-redundant.meme",
    }
    for name in names.values():
        (folder / name).write_bytes(gzip.decompress((DEMO / f"{name}.gz").read_bytes()))
    return [f"{key}={folder / name}" for key, name in names.items()]


def windows(output, source, window, inputs):
    options = ["--dataset", "d", "--source", json.dumps(source), "--window", str(window), "--seed", "1"]
    return main(["windows", *options, "--output", str(output), "--inputs", *inputs])


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
    expected = ["manifest.json", "sequences.npy", "targets.npy", "targets.tsv", "windows.tsv"]
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


def test_a_chromosome_that_is_called_by_a_number_can_be_split_by(tmp_path):
    rows = "".join(f"w{i}\t{1 + i % 3}\t0\t4\t+\t{i % 2}\n" for i in range(12))
    (tmp_path / "windows.tsv").write_text("id\tchrom\tstart\tend\tstrand\tlabel\n" + rows)
    settings = json.dumps({"kind": "chromosome", "valid": ["2"], "test": ["3"]})
    options = ["--windows", str(tmp_path / "windows.tsv"), "--name", "s", "--settings", settings]
    assert main(["split", *options, "--output", str(tmp_path / "s.tsv")]) == 0
    assert read_table(tmp_path / "s.tsv")["fold"].tolist() == ["train", "valid", "test"] * 4


def test_a_bad_split_says_so_and_writes_nothing(tmp_path, capsys):
    (tmp_path / "windows.tsv").write_text("id\tchrom\tstart\tend\tstrand\tlabel\na\t\t\t\t\t1\nb\t\t\t\t\t0\n")
    options = ["--windows", str(tmp_path / "windows.tsv"), "--name", "mine", "--settings", json.dumps(RANDOM)]
    assert main(["split", *options, "--output", str(tmp_path / "mine.tsv")]) == 1
    assert "cisflow split: error: split 'mine': fold 'valid' is empty" in capsys.readouterr().err
    assert not (tmp_path / "mine.tsv").exists()


def test_a_table_without_the_columns_of_windows_is_refused(tmp_path, capsys):
    (tmp_path / "windows.tsv").write_text("id\tlabel\na\t1\n")
    options = ["--windows", str(tmp_path / "windows.tsv"), "--name", "s", "--settings", json.dumps(RANDOM)]
    assert main(["split", *options, "--output", str(tmp_path / "s.tsv")]) == 1
    assert "windows.tsv: no column chrom, start, end, strand; found columns id, label" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--inputs", "hg19", "found 'hg19', expected NAME=PATH"),
        ("--inputs", "=x", "found '=x', expected NAME=PATH"),
        ("--source", "{", "argument --source: invalid loads value"),
        ("--window", "wide", "argument --window: invalid int value: 'wide'"),
    ],
)
def test_bad_usage_exits_with_2(tmp_path, capsys, option, value, words):
    options = {
        "--dataset": "d",
        "--source": "{}",
        "--window": "4",
        "--seed": "1",
        "--inputs": "a=b",
        "--output": str(tmp_path / "out"),
        option: value,
    }
    with pytest.raises(SystemExit) as exit_:
        main(["windows", *(word for pair in options.items() for word in pair)])
    assert exit_.value.code == 2
    assert words in capsys.readouterr().err


def test_the_help_of_both_commands_is_there(capsys):
    for command in ("windows", "split"):
        with pytest.raises(SystemExit) as exit_:
            main([command, "--help"])
        assert exit_.value.code == 0
    assert main([]) == 2
    out = capsys.readouterr().out
    assert "Gather the windows of a data set" in out and "Divide the windows of a data set" in out
