import numpy as np
import pytest
import torch

from cisflow import datasets, models, prediction, training
from cisflow.errors import InputError

CPU = torch.device("cpu")
SETTINGS = {"channels": 16, "width": 9, "hidden": 8}


def planted(n=240, length=60, seed=0):
    """Windows of random bases; half of them hold TGACTCA in the middle."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    labels = (np.arange(n) // 6 % 2).astype(np.float32)[:, None]
    codes[labels[:, 0] == 1, 20:27] = [3, 2, 0, 1, 3, 1, 0]
    folds = np.array((["train"] * 4 + ["valid", "test"]) * (n // 6))
    return datasets.Dataset(np.array([f"w{i}" for i in range(n)]), codes, labels, ["ap1"]), folds


def run(work, dataset, folds, **overrides):
    recipe = {"max_epochs": 6, "batch_size": 32, "learning_rate": 0.01} | overrides
    return training.train(dataset, folds, "MotifCNN", SETTINGS, recipe, 3, CPU, work)


def weights(network):
    return torch.cat([tensor.double().flatten() for tensor in network.state_dict().values()])


def test_network_learns_a_planted_motif_on_both_strands(tmp_path):
    dataset, folds = planted()
    network, header, history = run(tmp_path / "work", dataset, folds, max_epochs=12)
    forward, reverse = prediction.predict(network, dataset.codes, CPU)
    test = folds == "test"
    assert training.mean_auroc(dataset.labels[test], ((forward + reverse) / 2)[test]) > 0.95
    assert header["settings"]["n_outputs"] == 1
    assert [row["epoch"] for row in history] == list(range(1, len(history) + 1))
    assert sum(row["best"] for row in history) == 1
    best = min(history, key=lambda row: row["valid_loss"])
    assert best["best"] == 1


def test_same_seed_gives_the_same_weights(tmp_path):
    dataset, folds = planted()
    first = run(tmp_path / "a", dataset, folds)[0]
    second = run(tmp_path / "b", dataset, folds)[0]
    assert torch.equal(weights(first), weights(second))


def test_interrupted_training_ends_in_the_same_weights_and_history(tmp_path, monkeypatch):
    dataset, folds = planted()
    whole, _, history = run(tmp_path / "whole", dataset, folds)

    class Killed(Exception):
        pass

    original = training.Classification.on_train_epoch_start

    def stop_in_fourth_epoch(self):
        if self.current_epoch == 3:
            raise Killed
        original(self)

    monkeypatch.setattr(training.Classification, "on_train_epoch_start", stop_in_fourth_epoch)
    with pytest.raises(Killed):
        run(tmp_path / "work", dataset, folds)
    monkeypatch.setattr(training.Classification, "on_train_epoch_start", original)
    starts = []
    monkeypatch.setattr(
        training.Classification,
        "on_train_epoch_start",
        lambda self: (starts.append(self.current_epoch), original(self)),
    )
    resumed, _, resumed_history = run(tmp_path / "work", dataset, folds)
    assert starts[0] == 3
    assert torch.equal(weights(whole), weights(resumed))
    assert history == resumed_history


def test_checkpoints_of_another_recipe_are_not_resumed(tmp_path):
    dataset, folds = planted()
    run(tmp_path / "work", dataset, folds, max_epochs=2)
    changed = run(tmp_path / "work", dataset, folds, max_epochs=2, learning_rate=0.003)[0]
    fresh = run(tmp_path / "fresh", dataset, folds, max_epochs=2, learning_rate=0.003)[0]
    assert torch.equal(weights(changed), weights(fresh))


def test_finished_training_is_not_trained_further(tmp_path):
    dataset, folds = planted()
    first = run(tmp_path / "work", dataset, folds, max_epochs=30, patience=1)
    again = run(tmp_path / "work", dataset, folds, max_epochs=30, patience=1)
    assert len(first[2]) < 30
    assert first[2] == again[2]
    assert torch.equal(weights(first[0]), weights(again[0]))


def test_shifted_rows_keep_their_bases_in_order():
    torch.manual_seed(0)
    codes = torch.randint(0, 4, (200, 30), dtype=torch.uint8)
    moved = training.shifted(codes, 4)
    offsets = []
    for before, after in zip(codes.tolist(), moved.tolist(), strict=True):
        found = [d for d in range(-4, 5) if after == ([4] * 4 + before + [4] * 4)[4 + d : 34 + d]]
        assert len(found) == 1
        offsets += found
    assert set(offsets) == set(range(-4, 5))
    assert training.shifted(codes, 0) is codes


def test_missing_labels_carry_no_loss():
    logits = torch.tensor([[0.3, -1.0], [2.0, 0.5]])
    labels = torch.tensor([[1.0, float("nan")], [float("nan"), 0.0]])
    loss, count = training._loss(logits, labels)
    expected = (np.log1p(np.exp(-0.3)) + np.log1p(np.exp(0.5))) / 2
    assert float(loss) == pytest.approx(expected, rel=1e-6)
    assert int(count) == 2


def test_mean_auroc_leaves_out_targets_of_one_class():
    labels = np.array([[0, 1], [1, 1], [0, 1], [1, np.nan]])
    scores = np.array([[0.1, 0.2], [0.9, 0.1], [0.4, 0.3], [0.3, 0.5]])
    assert training.mean_auroc(labels, scores) == pytest.approx(0.75)


def test_prediction_of_the_other_strand_swaps_forward_and_reverse():
    from cisflow import dna

    model = models.build("MotifCNN", n_outputs=3, **SETTINGS).eval()
    codes = planted(12)[0].codes
    forward, reverse = prediction.predict(model, codes, CPU)
    swapped_forward, swapped_reverse = prediction.predict(model, dna.reverse_complement(codes), CPU)
    np.testing.assert_allclose(forward, swapped_reverse, atol=1e-6)
    np.testing.assert_allclose(reverse, swapped_forward, atol=1e-6)


def test_unknown_training_key_is_named(tmp_path):
    dataset, folds = planted(12)
    with pytest.raises(InputError, match="training settings: unknown key 'epochs'; expected max_epochs"):
        run(tmp_path / "work", dataset, folds, epochs=3)


def test_loss_that_is_not_finite_stops_with_a_reason(tmp_path):
    dataset, folds = planted(24)
    with pytest.raises(InputError, match="loss is nan in epoch 1: lower the learning rate"):
        run(tmp_path / "work", dataset, folds, learning_rate=1e30)
