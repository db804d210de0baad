"""Gather what the jobs of a run took, and what made it: data, code, seeds, devices.

The times and the memory come from the benchmark files of Snakemake, device and memory of a GPU from the logs beside
them, package versions from the manifests.
"""

import json
import os
import platform
import re
import subprocess
from pathlib import Path

import pandas as pd

from cisflow import __version__
from cisflow.commands import options
from cisflow.errors import InputError
from cisflow.io import addresses, files, tables

COLUMNS = ["dataset", "rule", "job", "seconds", "cpu_seconds", "memory_mb", "device", "gpu_memory_mb"]
# Of each package, what a result may depend on.
PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "lightgbm",
    "lightning",
    "tangermeme",
    "modisco-lite",
    "memelite",
)
# What `models.device` says in the log of a job.
DEVICE = re.compile(r"^device: ([a-z]+)", re.MULTILINE)
GPU = re.compile(r"^GPU memory: ([0-9.]+) MB at the peak, (.+)$", re.MULTILINE)


def arguments(parser):
    parser.add_argument(
        "--results", type=Path, required=True, help="folder of results; benchmarks/ and logs/ beside it"
    )
    options.mapping(
        parser, "--origin", "datasets, models with their seeds, resources and device of the config", required=True
    )
    parser.add_argument("--output", type=Path, required=True, help="table of the jobs")
    parser.add_argument("--provenance", type=Path, required=True, help="YAML for the report's --report-metadata")


def run(args):
    jobs = gather(args.results.parent, args.origin["datasets"])
    tables.write_table(args.output, jobs)
    made = provenance(args.origin, jobs, args.results)
    # JSON is YAML too, and the order of the headings is that of the page.
    files.write_text(args.provenance, json.dumps(made, indent=1, ensure_ascii=False) + "\n")


def gather(folder, datasets):
    """What each job with a benchmark took.

    Parameters
    ----------
    folder : holds `benchmarks/` and `logs/`. datasets : those of the run; files of others are of other runs.

    Returns
    -------
    DataFrame with COLUMNS: wall time and CPU time in seconds, peak resident memory in MB, the device that the job's log
    names (empty: it asked for none) and the memory of its GPU at the peak in MB.

    Raises
    ------
    InputError : a benchmark file is not one of Snakemake's.
    """
    rows = []
    for path in sorted((folder / "benchmarks").rglob("*.tsv")):
        place = path.relative_to(folder / "benchmarks")
        dataset = place.parts[0] if len(place.parts) > 1 else ""
        if dataset not in ("", "variants", *datasets):
            continue
        log = _text(folder / "logs" / place.with_suffix(".log"))
        device, gpu = DEVICE.findall(log), GPU.findall(log)
        rule = dataset if dataset == "variants" else place.name.split(".")[0]
        rows.append(
            {"dataset": "" if dataset == "variants" else dataset, "rule": rule, "job": place.stem}
            | _benchmark(path)
            | {
                "device": gpu[-1][1] if gpu else device[-1] if device else "",
                "gpu_memory_mb": float(gpu[-1][0]) if gpu else None,
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _text(path):
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _benchmark(path):
    """Of a job that ran again, the last time."""
    table = tables.table(path, ("s", "max_rss", "cpu_time"))
    last = table[["s", "max_rss", "cpu_time"]].apply(pd.to_numeric, errors="coerce").tail(1)
    if not len(last) or last["s"].isna().any():
        raise InputError(f"{path}: no row with seconds in its column 's', expected a benchmark of Snakemake")
    # Of a job that ends within a second Snakemake measures no memory.
    return {"seconds": last["s"].item(), "cpu_seconds": last["cpu_time"].item(), "memory_mb": last["max_rss"].item()}


def provenance(origin, jobs, results):
    """What made the results, as {heading: text, or list of texts} in reStructuredText.

    Each text begins with a word of its own: the report takes one that begins with a question mark for code to run.
    """
    gpus = sorted(set(jobs.loc[jobs["gpu_memory_mb"].notna(), "device"]))
    on_cpu = int((jobs["device"] == "cpu").sum())
    devices = [f"GPU {_literal(name)}: {int((jobs['device'] == name).sum())} jobs" for name in gpus]
    devices += [f"CPU: {on_cpu} jobs of networks"] if on_cpu else []
    hours = jobs["seconds"].sum() / 3600
    seeds = {name: ", ".join(map(str, values)) for name, values in origin["models"].items() if values}
    return {
        "Data": [f"Dataset {_literal(name)}" for name in origin["datasets"]]
        + [f"File {_literal(name)}: {source}" for name, source in _sources(origin["resources"])],
        "Code": f"Cisflow {__version__}{_commit()}",
        "Seeds": [f"Model {_literal(name)}: {values}" for name, values in seeds.items()],
        "Device": [f"Asked for: {_literal(origin['device'])}", *devices],
        "Machine": f"Machine: {platform.system()} on {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
        "Packages": [f"Package {_literal(name)} {version}" for name, version in versions(results).items()],
        "Jobs": f"Jobs: {len(jobs)} with a benchmark, {hours:.2f} h together, {_peak(jobs)}",
    }


def _peak(jobs):
    peak = jobs["memory_mb"].max()
    return "memory was not measured" if pd.isna(peak) else f"{peak:,.0f} MB of memory at most"


def _literal(text):
    return f"``{str(text).replace('`', '')}``"


def _sources(resources):
    for name, (url, sha256) in resources.items():
        yield name, f"{_literal(addresses.shown(url))}, sha256 {sha256 or 'not given'}"


def _commit():
    """The commit of the workflow and whether its files differ from it, as far as git is there to tell."""
    call = ["git", "-C", str(Path(__file__).parents[3])]
    try:
        commit = subprocess.run([*call, "rev-parse", "HEAD"], capture_output=True, text=True)
        changed = subprocess.run([*call, "status", "--porcelain", "--", "."], capture_output=True, text=True)
    except OSError:
        return ""
    if commit.returncode or changed.returncode:
        return ""
    return f", commit {commit.stdout.strip()[:12]}" + (", with changes of its own" if changed.stdout.strip() else "")


def versions(results):
    """{package: version} that the manifests of a folder name; several versions are listed."""
    found = {}
    for path in sorted(results.rglob("manifest.json")):
        try:
            named = json.loads(path.read_text()).get("versions", {})
        except ValueError as error:
            raise InputError(f"{path}: {error}, expected the manifest of an output") from None
        for name in PACKAGES:
            if name in named:
                found.setdefault(name, set()).add(named[name])
    return {name: ", ".join(sorted(found[name])) for name in PACKAGES if name in found}
