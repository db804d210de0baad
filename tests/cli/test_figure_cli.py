"""`cisflow figure`: files, exit status, messages."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from cisflow.__main__ import main
from cisflow.figures import registry

LIBRARY = Path(registry.__file__).parents[2]


@pytest.fixture
def arguments(tmp_path):
    """Arguments that draw a learning curve into `out`."""
    folder = tmp_path / "models" / "ConvNet" / "random" / "seed1"
    folder.mkdir(parents=True)
    history = pd.DataFrame({"epoch": [1, 2, 3], "learning_rate": 0.1, "train_loss": [0.7, 0.5, 0.4]})
    history.assign(valid_loss=[0.7, 0.6, 0.65], valid_auroc=[0.6, 0.7, 0.71], best=[0, 1, 0]).to_csv(
        folder / "history.tsv", sep="\t", index=False
    )
    (tmp_path / "runs.tsv").write_text("split\tmodel\tseed\tkind\tk\nrandom\tConvNet\t1\tnetwork\t\n")
    return {
        "name": "learning_curves",
        "--inputs": f"runs={tmp_path / 'runs.tsv'}",
        "--settings": json.dumps({"dataset": "demo", "task": "binary"}),
        "--output": str(tmp_path / "out" / "a.svg"),
        "--png": str(tmp_path / "out" / "a.png"),
    }


def history(folder):
    return folder / "models" / "ConvNet" / "random" / "seed1" / "history.tsv"


def command(arguments):
    arguments = dict(arguments)
    return ["figure", arguments.pop("name"), *(word for pair in arguments.items() for word in pair)]


def test_writes_both_files_and_nothing_else(arguments, tmp_path):
    assert main(command(arguments)) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "a.svg"]
    assert (tmp_path / "out" / "a.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "out" / "a.svg").read_text()
    assert "ConvNet" in svg and "Validation loss" in svg


def test_another_process_with_another_hash_seed_writes_the_same_bytes(arguments, tmp_path):
    assert main(command(arguments)) == 0
    again = arguments | {"--output": str(tmp_path / "b.svg"), "--png": str(tmp_path / "b.png")}
    environment = {"PYTHONPATH": str(LIBRARY), "PYTHONHASHSEED": "7", "MPLBACKEND": "svg", "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "cisflow", *command(again)], check=True, env=environment)
    for kind in ("svg", "png"):
        assert (tmp_path / f"b.{kind}").read_bytes() == (tmp_path / "out" / f"a.{kind}").read_bytes()


def test_figures_of_tables_need_no_torch():
    # Logos are drawn by a library that imports it.
    names = [
        name
        for name in registry.declarations()
        if name not in ("attribution_logos", "discovered_motifs", "track_logos")
    ]
    lines = [f"import cisflow.figures.{name}" for name in names]
    code = "\n".join(["import sys", "import cisflow.commands.figure", *lines, "assert 'torch' not in sys.modules"])
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(LIBRARY)})


def test_an_unknown_figure_is_refused_with_the_list(arguments, capsys):
    assert main(command(arguments | {"name": "style"})) == 1
    error = capsys.readouterr().err
    assert "unknown figure 'style'; expected one of " + ", ".join(sorted(registry.declarations())) in error


@pytest.mark.parametrize(
    ("text", "message"), [("{'a': 1}", "not JSON"), ("[1]", "found list, expected a JSON object"), ("", "not JSON")]
)
def test_bad_json_is_refused(arguments, capsys, text, message):
    assert main(command(arguments | {"--settings": text})) == 1
    assert f"--settings: {message}" in capsys.readouterr().err


def test_inputs_have_names(arguments, capsys):
    assert main(command(arguments | {"--inputs": "runs.tsv"})) == 1
    assert "--inputs: found 'runs.tsv', expected NAME=PATH" in capsys.readouterr().err


def test_bad_input_names_the_file_and_leaves_nothing(arguments, tmp_path, capsys):
    history(tmp_path).write_text("epoch\ttrain_loss\n1\t0.5\n")
    assert main(command(arguments)) == 1
    error = capsys.readouterr().err
    assert "history.tsv: no column valid_loss, valid_auroc, best" in error and "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_a_missing_file_is_named(arguments, tmp_path, capsys):
    history(tmp_path).unlink()
    assert main(command(arguments)) == 1
    assert "history.tsv: no such file" in capsys.readouterr().err
