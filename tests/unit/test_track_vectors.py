"""Heads that read a vector of each track: closed form, other tracks, what is held out, and what is refused."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

import pipeline
from cisflow import models
from cisflow.attribution import track_weights
from cisflow.config.loading import load
from cisflow.data import track_features
from cisflow.data.dataset import Dataset
from cisflow.data.track_features import TrackFeatures
from cisflow.errors import InputError
from cisflow.models import checkpoints
from cisflow.models.blocks import vectors
from cisflow.models.network import one_hot
from cisflow.tasks import get
from cisflow.training import fit

CPU = torch.device("cpu")
TASK = get("regression")
FEATURES = ["a", "b", "c"]
SETTINGS = {"stem": {"kernels": 6, "width": 5}, "dense": {"widths": [5]}}


def vectors_of(tracks, seed=0):
    return np.random.default_rng(seed).gamma(2, 1, (tracks, len(FEATURES)))


def network(values, seen, rank="full"):
    torch.manual_seed(0)
    given = SETTINGS | {"length": 30, "n_outputs": len(values), "vectors": rank, "track_features": FEATURES}
    module = models.build("Modular", **given).eval()
    vectors.fill(module, values, seen)
    return module


def codes(n=6, length=30, seed=1):
    return np.random.default_rng(seed).integers(0, 4, (n, length)).astype(np.uint8)


@pytest.mark.parametrize("rank", ["full", 2])
def test_outputs_are_the_bilinear_form_of_weights_and_standardised_vectors(rank):
    values, seen = vectors_of(5), np.array([True, True, True, False, True])
    module, x = network(values, seen, rank), one_hot(codes(), CPU)
    with torch.inference_mode():
        found, weights = module(x).double().numpy(), vectors.Weights(module, "signal")(x).double().numpy()
    standard = (values - values[seen].mean(axis=0)) / values[seen].std(axis=0)
    shared = found - weights @ standard.T
    np.testing.assert_allclose(shared, shared[:, :1].repeat(5, axis=1), atol=1e-5)
    assert np.linalg.matrix_rank(weights, tol=1e-5) <= (3 if rank == "full" else 2 + 1)


def test_another_track_is_predicted_by_its_vector_alone(tmp_path):
    values, seen = vectors_of(4), np.ones(4, dtype=bool)
    module, x = network(values, seen), one_hot(codes(), CPU)
    checkpoints.save(
        tmp_path / "n.safetensors",
        module,
        {
            "architecture": "Modular",
            "settings": {**SETTINGS, "length": 30, "n_outputs": 4, "vectors": "full", "track_features": FEATURES},
        },
    )
    loaded = checkpoints.load(tmp_path / "n.safetensors").module
    with torch.inference_mode():
        expected = module(x)
        torch.testing.assert_close(loaded(x), expected)
        others = vectors.for_tracks(loaded, np.stack([values[2], values[:2].mean(axis=0)]))
        found = others(x)
    assert others.n_outputs == 2
    torch.testing.assert_close(found[:, 0], expected[:, 2])
    # Linear in the vector: the mean vector has the mean prediction.
    torch.testing.assert_close(found[:, 1], expected[:, :2].mean(dim=1))


def test_a_feature_that_no_seen_track_varies_in_does_nothing():
    values = vectors_of(4)
    values[:3, 1] = 2
    module, x = network(values, np.array([True, True, True, False])), one_hot(codes(), CPU)
    moved = copy.deepcopy(values)
    moved[3, 1] = 99
    with torch.inference_mode():
        torch.testing.assert_close(network(moved, np.array([True, True, True, False]))(x), module(x))


def trained(work, labels, held, features=None):
    n, t = labels.shape
    tracks = [f"t{number}" for number in range(t)]
    ids = np.array([f"w{row}" for row in range(n)])
    frame = pd.DataFrame({"target": tracks, "modality": "signal", "class": "", "group": "", "replicate": ""})
    dataset = Dataset(ids, codes(n), labels.astype(np.float32), tracks, TASK, tracks=frame)
    folds = np.resize(["train", "train", "train", "valid", "test"], n)
    recipe = {"max_epochs": 2, "batch_size": 16}
    features = features or TrackFeatures(FEATURES, tracks, vectors_of(t))
    settings = SETTINGS | {"vectors": "full"}
    module, _, history = fit.train(
        dataset, folds, "Modular", settings, recipe, 1, CPU, work, features=features, held=held
    )
    return module, history


def test_training_does_not_see_the_labels_of_tracks_that_are_held_out(tmp_path):
    labels = np.random.default_rng(2).normal(size=(60, 5))
    other = labels.copy()
    other[:, 3] += 100
    other[:, 4] = np.nan
    held = {"test": ["t3", "t4"]}
    (one, first), (two, second) = (trained(tmp_path / name, own, held) for name, own in (("a", labels), ("b", other)))
    assert first == second
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[name]), name
    # Tracks to validate on choose the epoch, and train nothing.
    _, validated = trained(tmp_path / "c", labels, {"test": ["t4"], "valid": ["t3"]})
    assert [row["train_loss"] for row in validated] == [row["train_loss"] for row in first]
    assert [row["valid_loss"] for row in validated] != [row["valid_loss"] for row in first]


def test_weights_are_the_derivatives_by_the_vector():
    values, seen = vectors_of(4), np.ones(4, dtype=bool)
    module = network(values, seen)
    centre, scale = track_features.scales(values, seen)
    moved = network(values + 0.5 / scale, seen)
    vectors_moved = torch.from_numpy((values + 0.5 / scale - centre) * scale).float()
    for head in moved.heads_of("signal"):
        head[-1].weight.data[:, :-1] = vectors_moved
    x = one_hot(codes(), CPU)
    with torch.inference_mode():
        gain = (moved(x) - module(x)).numpy()
    plain = models.Network(module, strands="forward", task=TASK)
    found = track_weights.weights(plain, "signal", codes(), CPU)
    np.testing.assert_allclose(gain, 0.5 * found.sum(axis=1, keepdims=True).repeat(4, axis=1), atol=1e-5)
    table = track_weights.table(
        {"dataset": "d", "split": "s", "model": "m", "seed": "1"}, plain, codes(40), CPU, seed=1, n_resamples=50
    )
    own = track_weights.weights(plain, "signal", codes(40), CPU)
    np.testing.assert_allclose(table["importance"], own.std(axis=0), rtol=1e-4)
    assert sorted(table["rank"]) == [1, 2, 3] and (table["lower"] <= table["upper"]).all()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("track\n t1\n", "found the column track alone"),
        ("track\ta\nt1\t1\nt1\t2\n", "t1"),
        ("track\ta\nt1\tx\n", "row 2: a is 'x', expected a finite number"),
        ("track\ta\nt1\tinf\n", "row 2: a is 'inf', expected a finite number"),
        ("name\ta\nt1\t1\n", "no column track"),
        ("track\ta\nt2\t1\n", "no row of track 't1'"),
    ],
)
def test_a_table_of_vectors_that_lacks_something_is_refused(tmp_path, text, line):
    path = tmp_path / "v.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match="v.tsv") as error:
        track_features.read(path, ["t1"])
    assert line in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("held", "line"),
    [
        ({"test": ["x"]}, "no track 'x'"),
        ({"test": ["a"], "valid": ["a"]}, "track 'a' is held out twice"),
        ({"test": ["a", "b"]}, "all 2 tracks are held out"),
        ({"train": ["a"]}, "tracks of fold 'train'"),
    ],
)
def test_tracks_that_cannot_be_held_out_are_refused(held, line):
    with pytest.raises(InputError, match=line):
        track_features.states(held, ["a", "b"], "split 's'")


def test_networks_that_know_no_vectors_are_refused(tmp_path):
    with pytest.raises(InputError, match="tracks have no features; expected track_features"):
        models.build("Modular", length=30, n_outputs=2, vectors="full")
    with pytest.raises(InputError, match="reads no vectors of tracks"):
        vectors.fill(models.build("Modular", length=30, n_outputs=2), np.zeros((2, 1)), np.ones(2, bool))


PRESET = yaml.safe_load((pipeline.ROOT / "config" / "generalisation.yaml").read_text())
SIMULATED = ("datasets", "simulated")


def changed(keys, value):
    config = copy.deepcopy(PRESET)
    place = config
    for key in keys[:-1]:
        place = place[key]
    if value is None:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    return config


@pytest.mark.parametrize(
    ("keys", "value", "line"),
    [
        ((*SIMULATED, "track_features"), None, "heads of 'of_vectors' read vectors of tracks"),
        ((*SIMULATED, "track_features"), "x.tsv", "'x.tsv' is not defined"),
        ((*SIMULATED, "splits", "tracks", "tracks", "test"), ["cell_99"], "no row of track 'cell_99'"),
        ((*SIMULATED, "splits", "tracks", "tracks", "valid"), ["cell_41"], "'cell_41' is in valid and in test"),
        ((*SIMULATED, "targets", 0, "regulators", "MA0371.1"), "nobody", "no feature 'nobody'"),
        (("models", "of_vectors", "settings", "vectors"), None, "'of_vectors' predicts no track that it has not seen"),
        (("models", "of_vectors", "settings", "vectors"), "some", "vectors"),
        (("models", "of_vectors", "settings", "vectors"), 0, "vectors"),
        (
            ("generalisation", "species", "database"),
            "x.meme",
            "generalisation.species.database: 'x.meme' is not defined",
        ),
        (("generalisation", "reach"), {"share": 1.5}, "generalisation.reach.share"),
        (("generalisation", "homology"), {"edges": [0.5]}, "generalisation.homology.edges"),
    ],
)
def test_what_no_job_could_follow_is_refused_when_a_run_is_planned(keys, value, line):
    with pytest.raises(InputError) as error:
        load(changed(keys, value), root=pipeline.ROOT)
    assert line in str(error.value) and "\n" not in str(error.value)


def test_a_table_with_a_number_that_is_none_is_refused_when_a_run_is_planned(tmp_path):
    path = tmp_path / "tracks.tsv"
    path.write_text("track\ta\nt1\tnan\n")
    config = changed(("resources", "simulated_tracks.tsv"), {"url": str(path)})
    with pytest.raises(InputError, match="row 2: a is 'nan', expected a finite number"):
        load(config, root=pipeline.ROOT)
