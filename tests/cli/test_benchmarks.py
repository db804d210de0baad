"""The benchmarks run; what they measure is no test's business."""

import re
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


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
