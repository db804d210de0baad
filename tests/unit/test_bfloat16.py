"""Every network under bfloat16 on the CPU: it trains and predicts, and every method explains what comes of it."""

import numpy as np
import pytest
import torch

import tokens
from cisflow import tasks
from cisflow.attribution import methods
from cisflow.data import dataset as datasets
from cisflow.data.track_features import TrackFeatures
from cisflow.models.device import arithmetic
from cisflow.models.network import Network
from cisflow.models.predict import predict
from cisflow.training import fit
from explained import multipliers
from small_modular import NETWORKS
from small_networks import SIZES, SMALL

CPU = torch.device("cpu")
TOKENS = {"tokenizer": tokens.tokenizer(), "vocabulary": 32, "hidden": 16, "layers": 2, "heads": 2, "intermediate": 24}
CASES = {name: (name, settings, SIZES[name]) for name, settings in SMALL.items() if name != "Sei"}
for name, (architecture, given) in NETWORKS.items():
    CASES[name] = (architecture, given, given.get("length") or sum(given["segments"]))
CASES["DNABERT2"] = ("DNABERT2", TOKENS | {"n_outputs": 1, "dropout": 0.0}, 60)


def learnable(settings, length):
    """64 windows of which one base in ten decides the labels, of as many modalities and inputs as a network has."""
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 4, (64, length)).astype(np.uint8)
    n = sum(settings.get("modalities", {}).values()) or settings["n_outputs"]
    labels = ((codes[:, ::10] == 0).sum(1, keepdims=True) * np.ones(n) / 2).astype(np.float32)
    names = [f"t{number}" for number in range(n)]
    ends = np.cumsum(settings.get("segments", [length])).tolist()
    inputs = tuple((f"i{end}", start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True))
    ids, folds = np.arange(64).astype(str), np.repeat(["train", "valid"], 32)
    found = datasets.Dataset(ids, codes, labels, names, tasks.get("regression"))
    return found._replace(inputs=inputs if len(ends) > 1 else ()), folds


@pytest.mark.parametrize("name", CASES)
def test_training_prediction_and_attribution(name, tmp_path):
    architecture, settings, length = CASES[name]
    dataset, folds = learnable(settings, length)
    settings = {key: value for key, value in settings.items() if key != "bins"}
    vectors = None
    if names := settings.pop("track_features", None):
        values = np.random.default_rng(2).standard_normal((len(dataset.targets), len(names)))
        vectors = TrackFeatures(names, dataset.targets, values)
    recipe = {"max_epochs": 1, "batch_size": 16, "reverse_complement": "none", "watch": "last"}
    trained = {}
    for precision in ("32-true", "bf16-mixed"):
        how = recipe | {"precision": precision}
        where = CPU, tmp_path / precision
        network, _, history = fit.train(dataset, folds, architecture, settings, how, 1, *where, features=vectors)
        trained[precision] = network, history
    (exact, one), (rounded, other) = trained.values()
    assert {parameter.dtype for parameter in rounded.parameters()} == {torch.float32}
    # Losses are alike to the three digits that bfloat16 has.
    np.testing.assert_allclose([row["valid_loss"] for row in other], [row["valid_loss"] for row in one], rtol=0.1)
    network = Network(rounded, task=dataset.task, strands="forward")
    plain = predict(network, dataset.codes, CPU)[0]
    with arithmetic("bfloat16", CPU):
        found = predict(network, dataset.codes, CPU)[0]
    assert found.dtype == np.float32 and not np.array_equal(found, plain)
    error = np.abs(found - plain).max() / max(1, np.abs(plain).max())
    print(f"{name}: {error:.4f}")
    assert error < 0.03
    for method in methods.NAMES if network.reads == "one-hot" else ():
        values = multipliers(network, dataset.codes[:1], [0], method, layer="input")
        assert values.shape == (1, 1, 4, length) and np.isfinite(values).all()
