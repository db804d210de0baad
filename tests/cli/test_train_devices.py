"""A training by two processes: on the CPU, where they do what they would do on two GPUs."""

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import planted
from cisflow import models
from cisflow.__main__ import main
from train_calls import start, words

EPOCHS = 6
SMALL = {"architecture": "MotifCNN", "settings": {"channels": 8, "width": 9, "hidden": 8}}
# 33 rows are no whole number for each of two; the last batch of an epoch is of three.
RECIPE = {"max_epochs": EPOCHS, "patience": EPOCHS, "batch_size": 33, "accumulate": 2, "gradient_clip": 0.5, "shift": 2}

OUTPUTS = ("model.safetensors", "history.tsv", "manifest.json")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    planted.write(folder)
    return folder


def call(dataset, folder, devices):
    return words(dataset, folder, SMALL | {"training": RECIPE | {"devices": devices}}, threads=2)


def children(pid):
    """Processes that a process has started, and those that they have started."""
    found = [int(text) for path in Path(f"/proc/{pid}/task").glob("*/children") for text in path.read_text().split()]
    return found + [below for child in found for below in children(child)]


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="tells processes by /proc")
def test_two_processes_that_sigterm_stops_go_on_and_end_in_the_weights_of_one(dataset, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    checkpoint = two / "work" / "last.ckpt"
    with start(call(dataset, two, 2)) as process:
        deadline = time.monotonic() + 300
        while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        started = children(process.pid)
        os.kill(process.pid, signal.SIGTERM)
        told = process.communicate(timeout=300)[0]
    assert process.returncode == 128 + signal.SIGTERM, told
    assert "stopped by SIGTERM" in told and checkpoint.exists()
    deadline = time.monotonic() + 20
    while any(map(running, started)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert started and not any(map(running, started))
    assert not any((two / name).exists() for name in OUTPUTS)

    assert main(call(dataset, two, 2)) == 0
    assert json.loads((two / "manifest.json").read_text())["device"] == "cpu, cpu"
    assert main(call(dataset, one, 1)) == 0
    found = [models.load(folder / "model.safetensors").module.state_dict() for folder in (one, two)]
    for name, expected in found[0].items():
        np.testing.assert_allclose(found[1][name], expected, rtol=1e-3, atol=1e-5, err_msg=name)
    histories = [pd.read_csv(folder / "history.tsv", sep="\t") for folder in (one, two)]
    pd.testing.assert_frame_equal(*histories, rtol=1e-4)

    if "CISFLOW_FULL_SIZE" in os.environ:
        whole = tmp_path / "whole"
        assert main(call(dataset, whole, 2)) == 0
        assert [(whole / name).read_bytes() == (two / name).read_bytes() for name in OUTPUTS[:2]] == [True, True]
