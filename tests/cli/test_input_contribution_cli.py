"""The command that exchanges inputs, on a network that was trained."""

import pandas as pd

import planted
from calls import MODEL, call, train
from cisflow.io.tables import write_table
from tables import check_table


def contribution(dataset, folder, **changes):
    options = {"dataset": dataset, "split": dataset / "splits" / "random.tsv", "seed": 1, "device": "cpu"}
    names = {"dataset": "d", "split": "random", "model": "m", "seed": "3"}
    options |= {"weights": folder / "model.safetensors", "names": names, "output": folder / "inputs.tsv"}
    return call("input-contribution", **options | changes)


def test_a_network_of_two_inputs_is_judged_with_each_exchanged(tmp_path):
    dataset, folder = tmp_path / "dataset", tmp_path / "network"
    # The motif lies in the first half.
    planted.write(dataset, targets=("a", "b"), task="regression")
    write_table(dataset / "inputs.tsv", pd.DataFrame({"name": ["left", "right"], "start": [0, 30], "end": [30, 60]}))
    training = MODEL["training"] | {"reverse_complement": "none", "max_epochs": 12}
    settings = {"stem": {"kernels": 16, "width": 9}, "summary": {"kind": "max"}}
    network = {"architecture": "Modular", "settings": settings, "training": training}
    assert train(dataset, folder, network) == 0
    assert contribution(dataset, folder, exchanges=3) == 0
    table = check_table(folder / "inputs.tsv", "input_contribution").set_index(["input", "axis", "metric"])
    drops = table["drop"].astype(float)
    assert drops["left", "track", "pearson"] > 0.3 > abs(drops["right", "track", "pearson"])


def test_what_has_one_sequence_or_no_numbers_is_refused(trained, tmp_path, capsys):
    dataset, folder = trained
    assert contribution(dataset, folder, output=tmp_path / "inputs.tsv") == 1
    assert "no inputs.tsv, expected several sequences a sample" in capsys.readouterr().err
