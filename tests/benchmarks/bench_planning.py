"""What planning costs: processor time and memory of `snakemake -n`, and of a cluster job's own start.

    python tests/benchmarks/bench_planning.py [--repeats 3] [--only study]

The study as it ships; the study with so many seeds that it has more than 3,000 jobs; a million windows, whose features
and attributions are computed in parts of 2,000 (docs/scaling.md); and a job as a cluster runs it, Snakemake's import,
the reading of the workflow and the job's own plan, without the job. Each is a process of its own; the processor time is
that of the process and of its children. `import` is what Snakemake itself takes to start.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
SNAKEMAKE = [sys.executable, "-m", "snakemake"]
# Row -> (seconds of processor time, MB of memory) that it may take.
MOST = {"study": (4, 400), "3,000 jobs": (15, 400), "million windows": (60, 400), "cluster job": (2, 400)}
MEASURE = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([done.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, done.stdout + done.stderr]))
"""


def measured(*arguments):
    """(seconds of processor time, MB at the peak, text) of a call of Snakemake."""
    call = subprocess.run(
        [sys.executable, "-c", MEASURE, *SNAKEMAKE, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True
    )
    status, seconds, memory, text = json.loads(call.stdout)
    if status:
        sys.exit(text)
    return seconds, memory, text


def many(folder, jobs=3000):
    """The study with as many seeds as make it this large."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    path = folder / "many.yaml"
    for seeds in range(10, 1000, 10):
        for model in config["models"].values():
            model["seeds"] = list(range(1, seeds + 1))
        path.write_text(yaml.safe_dump(config))
        _, _, text = measured("-n", "--cores", 1, "--configfile", path)
        if int(re.search(r"^total +(\d+)", text, re.MULTILINE)[1]) >= jobs:
            return path
    sys.exit(f"no number of seeds makes {jobs} jobs")


def million(folder, windows=10**6, part=2000):
    """Features of Sei for windows of a BED file, networks and classifiers on them, and one network explained."""
    config = {
        "shards": windows // part,
        "resources": {
            name: {"url": f"https://localhost/{name}"}
            for name in ("genome.fa", "windows.bed", "sei.pth", "names.txt", "jaspar.meme")
        },
        "datasets": {
            "windows": {
                "source": {"kind": "bed", "bed": "windows.bed", "genome": "genome.fa", "targets": ["active"]},
                "window": 600,
                "splits": {"chromosome": {"kind": "chromosome", "valid": ["chr10"], "test": ["chr8", "chr9"]}},
                "models": ["basset", "motif_cnn", "regression", "boosting"],
                "explain": [
                    {
                        "model": "basset",
                        "split": "chromosome",
                        "methods": ["tism"],
                        "seeds": [1, 2, 3],
                        "max_per_target": 100000,
                        "shards": 100000 // part,
                    }
                ],
            }
        },
        "models": {
            "sei": {"architecture": "Sei", "weights": "sei.pth"},
            "basset": {"architecture": "BassetLike", "seeds": [1, 2, 3]},
            "motif_cnn": {"architecture": "MotifCNN", "seeds": [1, 2, 3]},
            "regression": {"classifier": "logistic_regression", "features": "sei"},
            "boosting": {"classifier": "lightgbm", "features": "sei"},
        },
        "features": {"sei": {"model": "sei", "length": 4096, "genome": "genome.fa", "names": "names.txt"}},
        "attribution": {"tism": {"method": "tism"}},
        "motifs": {"database": "jaspar.meme"},
    }
    path = folder / "million.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def calls(folder):
    """{row: arguments of Snakemake}."""
    job = [
        "--target-jobs",
        "stack_metrics:",
        "--allowed-rules",
        "stack_metrics",
        "--mode",
        "remote",
        "-n",
        "--cores",
        1,
    ]
    return {
        "import": lambda: ["--version"],
        "study": lambda: ["-n", "--cores", 1],
        "3,000 jobs": lambda: ["-n", "--cores", 1, "--configfile", many(folder)],
        "million windows": lambda: ["-n", "--cores", 1, "--configfile", million(folder)],
        "cluster job": lambda: [
            *job,
            "--force-use-threads",
            "--nolock",
            "--ignore-incomplete",
            "--rerun-triggers",
            "input",
        ],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=("import", *MOST))
    args = parser.parse_args()
    failed = []
    print(f"{'':<14}{'jobs':>7}{'processor s':>20}{'memory MB':>12}")
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in calls(Path(folder)).items():
            if args.only not in (None, name):
                continue
            given = arguments()
            runs = [measured(*given) for _ in range(args.repeats)]
            seconds, memory = [run[0] for run in runs], max(run[1] for run in runs)
            total = re.search(r"^total +(\d+)", runs[0][2], re.MULTILINE)
            spread = f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"
            print(f"{name:<14}{total[1] if total else '':>7}{spread:>20}{memory:>12.0f}", flush=True)
            most = MOST.get(name, (float("inf"), float("inf")))
            if statistics.median(seconds) > most[0] or memory > most[1]:
                failed.append(f"{name}: expected at most {most[0]} s and {most[1]} MB")
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
