"""Commands of models, called as the rules call them, on a dataset of planted.py."""

import json

from cisflow.__main__ import main

MODEL = {
    "architecture": "MotifCNN",
    "settings": {"channels": 8, "width": 9, "hidden": 8},
    "training": {"max_epochs": 8, "batch_size": 32, "learning_rate": 0.01},
}
MANIFEST = {"settings", "inputs", "versions", "seed", "seconds", "peak_memory_mb", "device"}


def call(command, *flags, **options):
    """Exit status of a command; an option `a_b` is --a-b, and a dict becomes JSON."""
    words = [command, *flags]
    for name, value in options.items():
        values = value if isinstance(value, list) else [value]
        words += [f"--{name.replace('_', '-')}", *(json.dumps(v) if isinstance(v, dict) else str(v) for v in values)]
    return main(words)


def train(dataset, folder, model=MODEL, seed=3, **more):
    """Train on the split `random`, with more options; the exit status."""
    paths = {"output": folder / "model.safetensors", "history": folder / "history.tsv"}
    options = {"dataset": dataset, "split": dataset / "splits" / "random.tsv", "device": "cpu"}
    options |= more | {"work": folder / "work", "manifest": folder / "manifest.json"}
    return call("train", **options, **paths, model=model, seed=seed)


def predict(dataset, folder):
    """Predictions of the network in `folder`; the exit status."""
    split = dataset / "splits" / "random.tsv"
    weights, output = folder / "model.safetensors", folder / "predictions.tsv"
    return call("predict", dataset=dataset, split=split, weights=weights, device="cpu", output=output)
