"""Calls of `cisflow train`."""

import json
import subprocess
import sys

import pipeline


def words(dataset, folder, model, **options):
    """The words of a call that trains `model` into `folder`."""
    options |= {"dataset": dataset, "split": dataset / "splits" / "random.tsv", "seed": 3, "device": "cpu"}
    options |= {"output": folder / "model.safetensors", "work": folder / "work", "model": json.dumps(model)}
    options |= {"history": folder / "history.tsv", "manifest": folder / "manifest.json"}
    return ["train", *(str(word) for name, value in options.items() for word in (f"--{name}", value))]


def start(call):
    """A process of its own that runs a call, its text kept."""
    environment = pipeline.environment(PYTHONPATH=str(pipeline.ROOT / "workflow" / "lib"))
    command = [sys.executable, "-m", "cisflow", *call]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
