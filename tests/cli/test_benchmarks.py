"""The benchmarks run; what they measure is no test's business."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from cisflow import models

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


# Median (minimum - maximum), and "times" of the wall clock before that of the processor.
SPREAD = r"(\d+\.\d+) \((\d+\.\d+) - (\d+\.\d+)\)"
RATIO = rf"{SPREAD} times in wall time, {SPREAD} in CPU time"


def printed(script, *options):
    command = [sys.executable, BENCHMARKS / script, "--tiny", "--repeats=1", "--threads=1", *options]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def assert_ratio(found):
    """A ratio line that is there, whose numbers are positive and, in one round, alike."""
    values = [float(number) for number in found.groups()[:6]]
    assert min(values) > 0
    assert len(set(values[:3])) == len(set(values[3:])) == 1


def test_bench_gradients_prints_a_ratio_for_every_row():
    text = printed("bench_gradients.py")
    for way, asked in (("original", 2.4), ("original", 4.5), ("captum", 1.1)):
        assert_ratio(re.search(rf"{way} / cisflow: {RATIO}; at least {asked} asked", text))
    assert len(re.findall(r"GiB at the peak", text)) == 6
    deltas = re.search(r"largest convergence delta: captum (\S+), cisflow (\S+)\n", text)
    assert 0 <= float(deltas[2]) < 1e-2 and 0 <= float(deltas[1]) < 1e-2
    assert all(float(value) < 1e-3 for value in re.findall(r"difference between the two: (\S+) of", text))


def test_bench_attribution_prints_a_ratio_for_every_way_and_layer(tmp_path):
    folder = tmp_path / "results" / "planted"
    settings = {"n_outputs": 2, "channels": 8, "width": 5, "pool": 2, "hidden": 6}
    torch.manual_seed(0)
    path = folder / "models" / "motif_cnn" / "random" / "seed1" / "model.safetensors"
    path.parent.mkdir(parents=True)
    header = {"architecture": "MotifCNN", "settings": settings, "targets": ["x", "y"]}
    models.save(path, models.build("MotifCNN", **settings), header)
    np.save(folder / "sequences.npy", np.random.default_rng(0).integers(0, 4, (3, 40)).astype(np.uint8))
    text = printed("bench_attribution.py", "--cases", "beluga1", "taylor", "--trained", folder)
    assert_ratio(re.search(rf"tangermeme (?:32|64) / exact: {RATIO}; at least 1.8 asked", text))
    assert_ratio(re.search(rf"brute force / exact: {RATIO}; at least 15 asked", text))
    assert len(re.findall(r"GiB at the peak", text)) == 4
    assert "taylor: planted/models/motif_cnn/random/seed1/model.safetensors, 3 x 40 bp" in text
    text, summary = text.split("taylor: mean of 1 networks")
    rows = dict(re.findall(r"^ +(input|\w+\d|output) +(\d.*)$", text, re.M))
    first, last = (rows[layer].split() for layer in ("input", "output"))
    assert first[1] == "+0.000" and float(last[0]) == 1
    # Of its own time exact ISM takes all.
    assert last[3:7] == ["1.0000", "(1.0000", "-", "1.0000)"]
    assert len(rows) > 2 and all(float(row.split()[3]) > 0 for row in rows.values())
    means = dict(re.findall(r"^ +(input|\w+\d|output) +(\d.*)$", summary, re.M))
    assert {layer: row.split()[:3] for layer, row in means.items()} == {
        layer: [*row.split()[:2], row.split()[3]] for layer, row in rows.items()
    }


def test_bench_sei_prints_a_ratio_and_an_error_for_every_path():
    small = {"targets": 20, "length": 256, "batch": 2, "repeats": 2, "threads": 1}
    options = [f"--{name}={value}" for name, value in small.items()]
    command = [sys.executable, BENCHMARKS / "bench_sei.py", "--channels", "8", "8", "8", *options]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    number = r" +(\d[\d.]*)"
    plain = re.search(rf"^plain float32{number}{number} +\(1.00-1.00\) +0.00e\+00", run.stdout, re.M)
    fused = re.search(rf"^fused float32{number}{number} +\([\d.-]+\) +([\d.e-]+)", run.stdout, re.M)
    assert plain and fused
    assert float(fused[3]) < 1e-4
    assert "75,992 windows, 2 strands, 256 bp" in run.stdout


def test_bench_scanning_prints_a_ratio_for_both_scans_and_finds_what_memelite_finds():
    text = printed("bench_scanning.py")
    for other, asked in (("convolve2d", 150), ("memelite", 1)):
        for own in ("hits", "occurs"):
            assert_ratio(re.search(rf"{other} / {own}: {RATIO}; at least {asked} asked", text))
    assert len(re.findall(r"GiB at the peak", text)) == 3
    both, alone, theirs, zero = re.search(
        r"hits: (\d+) of both, (\d+) of cisflow alone, (\d+) of memelite alone, of which (\d+) have p = 0", text
    ).groups()
    assert int(both) > 0 == int(alone) and theirs == zero
    assert all(float(value) < 1e-5 for value in re.findall(r"score from convolve2d: (\S+)", text))


def test_bench_design_prints_ratios_and_that_edits_are_the_same():
    text = printed("bench_design.py")
    assert_ratio(re.search(rf"brute force / fast: {RATIO}; at least 10 asked", text))
    assert_ratio(re.search(rf"tangermeme / fast: {RATIO}", text))
    assert "edits of all ways are the same" in text


def test_bench_effects_counts_signs_and_ranks():
    text = printed("bench_effects.py")
    for name in ("motifs", "planted pairs, each layout", "pairs"):
        row = re.search(
            rf"^{name}: sign right in (\d+) of (\d+) \(.*%\), Spearman (-?\d\.\d+)(?: of at most .*)?$", text, re.M
        )
        assert int(row[1]) <= int(row[2]) and -1 <= float(row[3]) <= 1


def test_bench_training_trains_the_same_network_both_ways():
    text = printed("bench_training.py", "--only=MotifCNN")
    assert_ratio(re.search(rf"bare / ours: {RATIO}; at least 0.95 asked", text))
    assert float(re.search(r"validation loss of the last epoch: .*, (\S+) apart", text)[1]) < 1e-4
