"""A run that a power cut ends goes on where it stopped."""

import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

import pipeline
from tables import text
from tiny import CONFIG, prepare, run

pytestmark = pytest.mark.slow

TRAINING = "results/reporters/models/small/random/seed1/"
LONG = {
    "reporters": {
        "source": {"kind": "table", "table": "reporters.csv", "target": "active"},
        "window": 60,
        "splits": {"random": {"kind": "random"}},
        "models": ["small"],
    }
}


def test_training_goes_on_after_a_power_cut(tmp_path, numba):
    folder = prepare(tmp_path / "long", numba)
    # What is asked of datasets by name is not asked of this one.
    config = yaml.safe_load(CONFIG) | {"datasets": LONG, "generalisation": {}}
    for key in ("features", "variants", "timing"):
        del config[key]
    config["models"] = {"small": config["models"]["small"]}
    config["models"]["small"]["training"] |= {"max_epochs": 30, "patience": 30}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    target, checkpoint = folder / TRAINING / "model.safetensors", folder / TRAINING / "work" / "last.ckpt"
    kill_when(folder, checkpoint.exists)
    declared = [folder / TRAINING / name for name in ("model.safetensors", "history.tsv", "manifest.json")]
    assert not any(path.exists() for path in declared)

    arguments = [TRAINING + "model.safetensors"]
    locked = run(folder, *arguments)
    assert locked.status == 1 and "--unlock" in locked.out + locked.err
    assert run(folder, "--unlock").status == 0
    done = run(folder, *arguments)
    assert done.status == 0, done.out + done.err
    resumed = target.read_bytes(), (folder / TRAINING / "history.tsv").read_bytes()
    assert len(text(folder / TRAINING / "history.tsv")) == 30 and not checkpoint.exists()
    assert run(folder, *arguments, "--forcerun", "train").status == 0
    assert resumed == (target.read_bytes(), (folder / TRAINING / "history.tsv").read_bytes())


def kill_when(folder, reached):
    """Start the training and, once it has come so far, kill Snakemake and its job with SIGKILL."""
    command = [sys.executable, "-m", "snakemake", TRAINING + "model.safetensors", "--configfile", "tiny.yaml"]
    with subprocess.Popen(
        [*command, "--cores", "2"],
        cwd=folder,
        env=pipeline.environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 300
        while not reached() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert reached() and process.poll() is None, "the training was over before it could be killed"
        os.killpg(process.pid, signal.SIGKILL)
