"""`cisflow features` killed in the middle: the next run computes only what was not finished, to the same bytes."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

import pipeline
from cisflow.io.genome import Genome

N, SHARDS = 200, 8
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(pipeline.ROOT / "workflow" / "lib")}
NARROW = {"n_targets": 300, "channels": [16, 16, 16]}
RANDOM_WEIGHTS = """
import json, sys, torch
from cisflow import models

torch.manual_seed(1)
model = models.build("Sei", **json.loads(sys.argv[1]))
torch.save({f"module.model.{name}": tensor for name, tensor in model.state_dict().items()}, sys.argv[2])
"""


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    """(genome, BED): 200 windows of the demo's fragments, on both strands."""
    folder = tmp_path_factory.mktemp("windows")
    genome, bed = folder / "genome.fa", folder / "windows.bed"
    with gzip.open(pipeline.ROOT / "resources/demo/hg19_fragments.fa.gz") as packed, open(genome, "wb") as plain:
        shutil.copyfileobj(packed, plain)
    regions = Genome(genome).regions()
    lines = []
    for number in range(N):
        region = regions[number % len(regions)]
        start = region.start + number * (region.end - region.start - 600) // N
        lines.append(f"{region.chrom}\t{start}\t{start + 600}\tw{number}\t0\t{'+-'[number % 2]}\n")
    bed.write_text("".join(lines))
    return genome, bed


def start(folder, windows, weights, settings, length):
    genome, bed = windows
    options = {
        "bed": bed,
        "genome": genome,
        "weights": weights,
        "architecture": "Sei",
        "settings": json.dumps(settings),
    }
    options |= {"length": length, "batch-size": 16, "shards": SHARDS, "threads": 1, "device": "cpu", "output": folder}
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    command = [sys.executable, "-m", "cisflow", "features", *words]
    return subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)


def finish(process, seconds):
    _, told = process.communicate(timeout=seconds)
    assert process.returncode == 0, told
    return told


def finished(folder):
    return sorted(path.name for path in (folder / "shards").glob("*.npz"))


full = pytest.mark.skipif(
    "CISFLOW_FULL_SIZE" not in os.environ, reason="takes minutes, 5 GB of memory and of disk: set CISFLOW_FULL_SIZE=1"
)


@pytest.mark.parametrize(
    "settings, length",
    [
        pytest.param(NARROW, 2048, id="narrow"),
        pytest.param({}, 1024, id="full", marks=full),
    ],
)
def test_a_run_killed_and_started_again_gives_the_bytes_of_one_that_was_not(tmp_path, windows, settings, length):
    weights = tmp_path / "sei.pth"
    subprocess.run([sys.executable, "-c", RANDOM_WEIGHTS, json.dumps(settings), weights], env=ENVIRONMENT, check=True)
    finish(start(tmp_path / "whole", windows, weights, settings, length), 3600)

    killed = tmp_path / "killed"
    process = start(killed, windows, weights, settings, length)
    try:
        deadline = time.monotonic() + 3600
        while len(finished(killed)) < 3:
            assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    before = finished(killed)
    assert 3 <= len(before) < SHARDS and not (killed / "features.npy").exists()

    told = finish(start(killed, windows, weights, settings, length), 3600)
    assert f"{len(before)} of {SHARDS} shards are there from an earlier run" in told
    left = N - len(before) * N // SHARDS
    assert f"{N - left}/{N}" in told and f"{N}/{N}" in told
    for name in ("features.npy", "ids.tsv", "targets.tsv"):
        assert (killed / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    for folder in (killed, tmp_path / "whole"):
        manifest = json.loads((folder / "manifest.json").read_text())
        print(folder.name, manifest["seconds"], "s,", manifest["peak_memory_mb"], "MB")
        assert manifest["peak_memory_mb"] < 8000
    assert not (killed / "shards").exists()
