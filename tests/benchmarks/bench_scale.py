"""What the jobs of a data set cost as it grows: seconds, memory and disk of each command, for docs/scaling.md.

    python tests/benchmarks/bench_scale.py [--windows 10000 100000] [--threads 2] [--only windows split]

Windows of 600 bp, side by side on a random genome, with one label; a small network. Each command is a process of its
own, as in a run. Seconds are those of the wall clock and, beside them, of the processor, which other work lengthens
less; memory is the peak of the process; disk is what its output takes. A command reads what those
before it wrote, so `--only` must name these as well.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
LENGTH, SEED = 600, 1
CHROMOSOMES, LINE = 20, 60
MODEL = {
    "architecture": "MotifCNN",
    "settings": {"channels": 64, "width": 15, "hidden": 64},
    "training": {"max_epochs": 1, "batch_size": 128, "learning_rate": 0.001},
}
EXPLAINED = 2000


def write_inputs(folder, count):
    """genome.fa, of random bases, and windows.bed, whose windows tile it and have the label 0 or 1."""
    rng = np.random.default_rng(SEED)
    each = -(-count // CHROMOSOMES)
    with open(folder / "genome.fa", "wb") as genome:
        for number in range(CHROMOSOMES):
            bases = np.frombuffer(b"ACGT", dtype=np.uint8)[rng.integers(0, 4, each * LENGTH)]
            lines = np.full((each * LENGTH // LINE, LINE + 1), ord("\n"), dtype=np.uint8)
            lines[:, :LINE] = bases.reshape(-1, LINE)
            genome.write(b">chr%d\n" % (number + 1) + lines.tobytes())
    places = np.arange(count)
    frame = pd.DataFrame(
        {"#chrom": np.char.add("chr", (places // each + 1).astype(str)), "start": places % each * LENGTH}
    )
    frame["end"] = frame["start"] + LENGTH
    frame["name"] = np.char.add("w", places.astype(str))
    frame["active"] = rng.integers(0, 2, count)
    frame.to_csv(folder / "windows.bed", sep="\t", index=False)


def measured(*words):
    """(wall seconds, processor seconds, MiB at the peak) of one command; its log on failure ends the program."""
    command = [sys.executable, "-m", "cisflow", *map(str, words)]
    with tempfile.TemporaryFile("w+") as log:
        started = time.perf_counter()
        path = os.pathsep.join([str(ROOT / "workflow" / "lib")])
        child = os.posix_spawn(
            sys.executable,
            command,
            os.environ | {"PYTHONPATH": path},
            file_actions=[(os.POSIX_SPAWN_DUP2, log.fileno(), 1), (os.POSIX_SPAWN_DUP2, log.fileno(), 2)],
        )
        _, status, used = os.wait4(child, 0)
        wall = time.perf_counter() - started
        if status:
            log.seek(0)
            sys.exit(log.read()[-3000:])
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def size(path):
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def calls(folder, threads):
    """{command: (words, what it writes)}, in the order of a run."""
    data, run = folder / "results", folder / "run"
    source = {"kind": "bed", "bed": "windows.bed", "genome": "genome.fa", "targets": ["active"]}
    split = data / "splits" / "random.tsv"
    common = ["--dataset", data, "--split", split]
    torch = ["--device", "cpu", "--threads", threads]
    weights = run / "model.safetensors"
    inputs = [f"{name}={folder / name}" for name in ("windows.bed", "genome.fa")]
    settings = json.dumps({"kind": "random", "valid": 0.1, "test": 0.1, "seed": SEED})
    return {
        "windows": (
            ["--dataset", "scale", "--source", json.dumps(source), "--window", LENGTH, "--task", "binary"]
            + ["--seed", SEED, "--inputs", *inputs, "--output", data],
            data,
        ),
        "near-duplicates": (
            ["--windows", data / "windows.tsv", "--sequences", data / "sequences.npy", "--settings", "{}"]
            + ["--output", data / "near_duplicates.tsv"],
            data / "near_duplicates.tsv",
        ),
        "split": (
            ["--windows", data / "windows.tsv", "--name", "random", "--settings", settings, "--output", split],
            split,
        ),
        "leakage": (
            ["--windows", data / "windows.tsv", "--split", split, "--near-duplicates", data / "near_duplicates.tsv"]
            + ["--output", data / "splits" / "random.leakage.tsv"],
            data / "splits" / "random.leakage.tsv",
        ),
        "train": (
            [*common, "--model", json.dumps(MODEL), "--seed", SEED, *torch, "--work", run / "work"]
            + ["--output", weights, "--history", run / "history.tsv", "--manifest", run / "manifest.json"],
            weights,
        ),
        "predict": (
            [*common, "--weights", weights, *torch, "--output", run / "predictions.tsv"],
            run / "predictions.tsv",
        ),
        "attribute": (
            ["--dataset", data, "--weights", weights, "--predictions", run / "predictions.tsv"]
            + ["--method", json.dumps({"method": "tism"}), "--selection", json.dumps({"max_per_target": EXPLAINED})]
            + ["--seed", SEED, *torch, "--work", run / "rows", "--output", run / "tism.npz"],
            run / "tism.npz",
        ),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+")
    args = parser.parse_args()
    print(f"{'windows':>10} {'command':<16}{'seconds':>10}{'processor':>11}{'MiB peak':>10}{'MB disk':>9}")
    for count in args.windows:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_inputs(folder, count)
            index = folder / "genome.fa.fai"
            measured("index-genome", "--fasta", folder / "genome.fa", "--output", index)
            for command, (words, output) in calls(folder, args.threads).items():
                if args.only and command not in args.only:
                    continue
                output.parent.mkdir(parents=True, exist_ok=True)
                wall, processor, memory = measured(command, *words)
                row = f"{wall:>10.1f}{processor:>11.1f}{memory:>10.0f}{size(output) / 1e6:>9.1f}"
                print(f"{count:>10} {command:<16}{row}", flush=True)


if __name__ == "__main__":
    main()
