"""`cisflow train` from files to files: stopped and called again, from a pretrained network, and on tokens."""

import os
import signal
import time

import numpy as np
import pandas as pd
import pytest

import planted
import tokens
from cisflow import models
from cisflow.__main__ import main
from cisflow.io import files
from cisflow.training import fit
from train_calls import start, words

EPOCHS = 30
SMALL = {"architecture": "MotifCNN", "settings": {"channels": 8, "width": 9, "hidden": 8}}
LONG = {"max_epochs": EPOCHS, "patience": EPOCHS, "batch_size": 16, "schedule": "warmup_cosine"}
BERT = {"vocabulary": 32, "hidden": 16, "layers": 2, "heads": 2, "intermediate": 24}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    planted.write(folder)
    return folder


def outputs(folder):
    return [(folder / name).read_bytes() for name in ("model.safetensors", "history.tsv")]


def test_training_that_sigterm_stops_goes_on_when_it_is_called_again(dataset, tmp_path):
    call = words(dataset, tmp_path, SMALL | {"training": LONG})
    checkpoint = tmp_path / "work" / "last.ckpt"
    with start(call) as process:
        deadline = time.monotonic() + 300
        while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGTERM)
        told = process.communicate(timeout=300)[0]
    # The status that a shell gives a process which SIGTERM ended.
    assert process.returncode == 128 + signal.SIGTERM, told
    assert "stopped by SIGTERM: the same call goes on from what is finished" in told
    assert checkpoint.exists()
    assert not any((tmp_path / name).exists() for name in ("model.safetensors", "history.tsv", "manifest.json"))

    with start(call) as process:
        told = process.communicate(timeout=300)[0]
    assert process.returncode == 0, told
    # The bar of the first epoch is not drawn a second time.
    assert "Epoch 0:" not in told and f"Epoch {EPOCHS - 1}:" in told
    assert pd.read_csv(tmp_path / "history.tsv", sep="\t")["epoch"].tolist() == list(range(1, EPOCHS + 1))
    assert not checkpoint.exists()

    whole = tmp_path / "whole"
    assert main(words(dataset, whole, SMALL | {"training": LONG})) == 0
    assert outputs(whole) == outputs(tmp_path)


def test_a_network_starts_from_another_that_was_trained_here(dataset, tmp_path):
    settings = {"channels": [4, 4, 6], "hidden": 5}
    recipe = {"max_epochs": 1, "batch_size": 64}
    first, second = tmp_path / "first", tmp_path / "second"
    network = {"architecture": "FSei", "settings": settings, "training": recipe}
    assert main(words(dataset, first, network)) == 0
    weights = first / "model.safetensors"
    assert main(words(dataset, second, network | {"freeze": True}, pretrained=weights)) == 0
    before, after = (models.load(folder / "model.safetensors").module.state_dict() for folder in (first, second))
    kept = [name for name in before if (before[name] == after[name]).all()]
    assert {name for name in before if not name.startswith("classifier.")} <= set(kept)
    assert not (before["classifier.project.0.weight"] == after["classifier.project.0.weight"]).all()
    record = files.read_json(second / "manifest.json")
    assert record["frozen"] == sum(value.numel() for name, value in before.items() if "classifier." not in name)
    assert str(weights) in record["inputs"]


MODULAR = {"stem": {"kernels": 8, "width": 9}, "summary": {"kind": "max"}, "dense": {"widths": [6]}}


def test_fine_tuning_takes_and_keeps_what_it_is_told(dataset, tmp_path):
    network = {"architecture": "Modular", "settings": MODULAR, "training": {"max_epochs": 1, "batch_size": 64}}
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(words(dataset, first, network)) == 0
    chosen = {"include": ["trunks.*"], "freeze": ["trunks.0.stem.*"]}
    weights = first / "model.safetensors"
    assert main(words(dataset, second, network | {"finetune": chosen}, pretrained=weights)) == 0
    before, after = (models.load(folder / "model.safetensors").module.state_dict() for folder in (first, second))
    kept = {name for name in before if (before[name] == after[name]).all()}
    stem = {name for name in before if name.startswith("trunks.0.stem.")}
    assert stem and stem <= kept
    assert not any(name.startswith("readouts.") and name.endswith("weight") for name in kept)


def test_first_kernels_start_from_motifs(dataset, tmp_path, capsys):
    matrix = np.full((7, 4), 0.01)
    matrix[np.arange(7), planted.MOTIF] = 0.97
    rows = "\n".join(" ".join(f"{value:.2f}" for value in row) for row in matrix)
    lines = f"MEME version 4\n\nMOTIF M1 planted\nletter-probability matrix: alength= 4 w= 7\n{rows}\n"
    (tmp_path / "motifs.meme").write_text(lines)
    training = {"max_epochs": 1, "batch_size": 64, "learning_rate": 1e-9, "weight_decay": 0}
    network = {"architecture": "Modular", "settings": MODULAR, "training": training}
    assert main(words(dataset, tmp_path, network, motifs=tmp_path / "motifs.meme")) == 0
    assert "first kernels: 1 start from motifs" in capsys.readouterr().err
    state = models.load(tmp_path / "model.safetensors").module.state_dict()
    kernel = next(tensor for tensor in state.values() if tensor.ndim == 3)[0].numpy()
    # The width is 9, of which the motif takes the 7 in the middle.
    assert kernel.argmax(axis=0)[1:-1].tolist() == planted.MOTIF


def test_dnabert2_carries_its_tokenizer_and_predicts_without_the_file(dataset, tmp_path):
    (tmp_path / "tokenizer.json").write_text(tokens.tokenizer())
    network = {"architecture": "DNABERT2", "settings": BERT, "training": {"max_epochs": 2, "batch_size": 64}}
    assert main(words(dataset, tmp_path, network, tokenizer=tmp_path / "tokenizer.json")) == 0
    (tmp_path / "tokenizer.json").unlink()
    call = {"dataset": dataset, "split": dataset / "splits" / "random.tsv", "device": "cpu"}
    call |= {"weights": tmp_path / "model.safetensors", "output": tmp_path / "predictions.tsv"}
    assert main(["predict", *(str(word) for name, value in call.items() for word in (f"--{name}", value))]) == 0
    table = pd.read_csv(tmp_path / "predictions.tsv", sep="\t")
    assert len(table) == 240 and table["probability"].between(0, 1).all()
    assert (table["forward"] != table["reverse"]).any()
    np.testing.assert_allclose(table["probability"], (table["forward"] + table["reverse"]) / 2, rtol=1e-6)


def test_dnabert2_goes_on_after_an_interruption_and_ends_in_the_same_bytes(dataset, tmp_path, monkeypatch):
    (tmp_path / "tokenizer.json").write_text(tokens.tokenizer())
    recipe = {"max_epochs": 3, "batch_size": 64, "schedule": "warmup_cosine", "warmup_epochs": 1, "shift": 4}
    network = {"architecture": "DNABERT2", "settings": BERT, "training": recipe}
    whole, cut = (words(dataset, tmp_path / name, network, tokenizer=tmp_path / "tokenizer.json") for name in "ab")
    assert main(whole) == 0
    original, starts = fit.Learner.on_train_epoch_start, []

    def interrupted(self):
        starts.append(self.current_epoch)
        if starts == [0, 1]:
            raise KeyboardInterrupt
        original(self)

    monkeypatch.setattr(fit.Learner, "on_train_epoch_start", interrupted)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        main(cut)
    assert not (tmp_path / "b" / "model.safetensors").exists()
    assert main(cut) == 0
    assert starts == [0, 1, 1, 2]
    assert outputs(tmp_path / "a") == outputs(tmp_path / "b")


def test_a_tokenizer_that_is_not_there_is_named(dataset, tmp_path, capsys):
    network = {"architecture": "DNABERT2", "settings": BERT}
    assert main(words(dataset, tmp_path, network, tokenizer=tmp_path / "absent.json")) == 1
    assert "absent.json: not readable as text" in capsys.readouterr().err
