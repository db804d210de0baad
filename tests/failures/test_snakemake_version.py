"""A Snakemake of which it is known that the workflow will not run with it."""

import subprocess
import sys

import pipeline

CALL = """
import sys
import snakemake

snakemake.__version__ = sys.argv[1]
from snakemake.cli import main

main(sys.argv[2:])
"""


def test_a_snakemake_whose_environments_are_made_otherwise_is_refused_in_one_line(tmp_path):
    folder = pipeline.copy(tmp_path / "workflow")
    words = [sys.executable, "-c", CALL, "10.0.1", "-n", *pipeline.DEMO]
    done = subprocess.run(words, cwd=folder, env=pipeline.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cisflow needs Snakemake 9.19 or newer, below 10; found 10.0.1" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
