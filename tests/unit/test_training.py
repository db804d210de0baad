import tracemalloc

import numpy as np
import pytest
import torch

from cisflow import models, tasks
from cisflow.errors import InputError
from cisflow.models.motif_cnn import MotifCNN
from cisflow.models.predict import predict
from cisflow.sequence import dna
from cisflow.training import batches, fit
from cisflow.training.schedule import learning_rate
from trainings import CPU, SETTINGS, measured, planted, run, weights


def test_network_learns_a_planted_motif_on_both_strands(tmp_path):
    dataset, folds = planted()
    network, header, history = run(tmp_path / "work", dataset, folds, max_epochs=12)
    forward, reverse = predict(network, dataset.codes, CPU)
    test = folds == "test"
    assert tasks.get("binary").mean_score(dataset.labels[test], ((forward + reverse) / 2)[test]) > 0.95
    assert header["settings"]["n_outputs"] == 1
    assert [row["epoch"] for row in history] == list(range(1, len(history) + 1))
    assert sum(row["best"] for row in history) == 1
    best = min(history, key=lambda row: row["valid_loss"])
    assert best["best"] == 1


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_epoch_of_the_best_score_is_kept_where_that_is_watched(tmp_path, task):
    dataset, folds = planted()
    # Labels of the validation fold say nothing of how sure a prediction may be: its loss and its score disagree.
    noisy = dataset.labels.copy()
    noisy[np.flatnonzero(folds == "valid")[:12]] = 1 - noisy[np.flatnonzero(folds == "valid")[:12]]
    dataset = dataset._replace(labels=noisy, task=tasks.get(task))
    history = run(tmp_path, dataset, folds, max_epochs=15, patience=15, watch="score")[2]
    score = "valid_auroc" if task == "binary" else "valid_pearson"
    (kept,) = [row for row in history if row["best"]]
    assert kept[score] == max(row[score] for row in history)


def test_the_last_epoch_is_kept_where_none_is_better_than_another(tmp_path):
    dataset, folds = planted()
    history = run(tmp_path, dataset, folds, max_epochs=5, patience=1, learning_rate=0.2, watch="last")[2]
    assert [row["best"] for row in history] == [0, 0, 0, 0, 1]


def test_same_seed_gives_the_same_weights(tmp_path):
    dataset, folds = planted()
    first = run(tmp_path / "a", dataset, folds)[0]
    second = run(tmp_path / "b", dataset, folds)[0]
    assert torch.equal(weights(first), weights(second))


def test_training_is_deterministic_and_leaves_torch_as_it_was(tmp_path, monkeypatch):
    asked, real = [], fit.Learner.training_step

    def spy(*args):
        asked.append(torch.are_deterministic_algorithms_enabled())
        return real(*args)

    monkeypatch.setattr(fit.Learner, "training_step", spy)
    assert not torch.are_deterministic_algorithms_enabled()
    run(tmp_path / "work", *planted(), max_epochs=1)
    assert set(asked) == {True} and not torch.are_deterministic_algorithms_enabled()


RECIPES = [
    {"schedule": "warmup_cosine", "warmup_epochs": 2, "accumulate": 2, "shift": 3},
    {"schedule": "published", "warmup_epochs": 2, "optimizer": "sgd", "reverse_complement": "append"},
]
# The fourth epoch is the first of the second round, which starts from weights on disk.
ANNEALED = {"loss": "gaussian", "gradient_clip": 1.0, "max_epochs": 2, "anneal": {"rounds": 3, "patience": 1}}


@pytest.mark.parametrize(
    ("task", "recipe"),
    [*(("binary", recipe) for recipe in ({}, *RECIPES)), ("regression", {}), ("regression", ANNEALED)],
)
def test_interrupted_training_ends_in_the_same_weights_and_history(tmp_path, monkeypatch, task, recipe):
    dataset, folds = planted() if task == "binary" else measured(240)[:2]
    whole, _, history = run(tmp_path / "whole", dataset, folds, **recipe)

    class Killed(Exception):
        pass

    original = fit.Learner.on_train_epoch_start

    def stop_in_fourth_epoch(self):
        if self.current_epoch == 3:
            raise Killed
        original(self)

    monkeypatch.setattr(fit.Learner, "on_train_epoch_start", stop_in_fourth_epoch)
    with pytest.raises(Killed):
        run(tmp_path / "work", dataset, folds, **recipe)
    monkeypatch.setattr(fit.Learner, "on_train_epoch_start", original)
    starts = []
    monkeypatch.setattr(
        fit.Learner,
        "on_train_epoch_start",
        lambda self: (starts.append(self.current_epoch), original(self)),
    )
    resumed, _, resumed_history = run(tmp_path / "work", dataset, folds, **recipe)
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
    moved = batches.shifted(codes, 4)
    offsets = []
    for before, after in zip(codes.tolist(), moved.tolist(), strict=True):
        found = [d for d in range(-4, 5) if after == ([4] * 4 + before + [4] * 4)[4 + d : 34 + d]]
        assert len(found) == 1
        offsets += found
    assert set(offsets) == set(range(-4, 5))
    assert batches.shifted(codes, 0) is codes


def test_network_learns_real_numbers_and_says_so(tmp_path):
    dataset, folds, truth = measured()
    recipe = {"max_epochs": 20, "patience": 20, "reverse_complement": "none"}
    network, header, history = run(tmp_path / "work", dataset, folds, **recipe)
    models.save(tmp_path / "model.safetensors", network, header)
    loaded = models.load(tmp_path / "model.safetensors")
    forward, reverse = predict(loaded, dataset.codes, CPU)
    assert loaded.task == dataset.task and reverse is None
    for target in (0, 1):
        assert np.corrcoef(forward[folds == "test", target], truth[folds == "test", target])[0, 1] > 0.9
    best = next(row for row in history if row["best"])
    valid = folds == "valid"
    scores = []
    for target in (0, 1):
        rows = valid & ~np.isnan(dataset.labels[:, target])
        scores.append(np.corrcoef(forward[rows, target], dataset.labels[rows, target])[0, 1])
    assert best["valid_pearson"] == pytest.approx(np.mean(scores), abs=1e-6)
    squares = (forward[valid] - dataset.labels[valid]) ** 2
    assert best["valid_loss"] == pytest.approx(np.nanmean(squares), rel=1e-5)


def appended(dataset, wanted):
    """Codes and labels of all windows, with those of the labels `wanted` on their other strand behind them."""
    rows = np.arange(len(dataset.codes))
    turned = batches.turned(dataset.labels, rows, wanted)
    windows = batches.Windows(batches.Batch(dataset.codes, dataset.labels), rows, turned)
    (batch,) = batches.loader(windows, len(windows))
    return batch.codes.numpy(), batch.labels.numpy()


def test_labels_to_show_on_the_other_strand_are_of_classes_alone(tmp_path):
    dataset, folds, _ = measured(12)
    with pytest.raises(InputError, match=r"reverse_complement_labels: \[1\]; expected none under task regression"):
        run(tmp_path / "work", dataset, folds, reverse_complement_labels=[1])
    codes, labels = appended(dataset, None)
    np.testing.assert_array_equal(codes, np.concatenate([dataset.codes, dna.reverse_complement(dataset.codes)]))
    np.testing.assert_array_equal(labels, np.concatenate([dataset.labels, dataset.labels]))


@pytest.mark.parametrize("task", tasks.NAMES)
def test_a_network_of_probabilities_is_not_trained(tmp_path, monkeypatch, task):
    dataset, folds = planted(12)
    monkeypatch.setattr(MotifCNN, "output", "probability")
    with pytest.raises(InputError, match="architecture MotifCNN gives probabilities; training expects one with raw"):
        run(tmp_path / "work", dataset._replace(task=tasks.get(task)), folds)


def test_prediction_of_the_other_strand_swaps_forward_and_reverse():
    model = models.build("MotifCNN", n_outputs=3, **SETTINGS).eval()
    codes = planted(12)[0].codes
    forward, reverse = predict(model, codes, CPU)
    swapped_forward, swapped_reverse = predict(model, dna.reverse_complement(codes), CPU)
    np.testing.assert_allclose(forward, swapped_reverse, atol=1e-6)
    np.testing.assert_allclose(reverse, swapped_forward, atol=1e-6)


def published(epochs, warmup, highest):
    """The published rates by torch's own schedulers, epoch by epoch."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=highest)
    rise = torch.optim.lr_scheduler.LinearLR(optimizer, 1e-4 / highest, total_iters=warmup)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs - warmup, eta_min=1e-5)
    schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [rise, fall], [warmup])
    rates = []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


@pytest.mark.parametrize(("epochs", "warmup", "highest"), [(50, 5, 1e-3), (100, 4, 5e-4), (12, 1, 1e-3)])
def test_published_schedule_changes_between_epochs_as_torch_s_does(epochs, warmup, highest):
    recipe = {"max_epochs": epochs, "warmup_epochs": warmup, "learning_rate": highest, "schedule": "published"}
    recipe = fit.Training.complete(recipe)
    expected = published(epochs, warmup, highest)
    assert expected[0] == pytest.approx(1e-4) and expected[warmup] == pytest.approx(highest)
    for moment in (0.1, 0.9):
        rates = [learning_rate(recipe, epoch + moment) for epoch in range(epochs)]
        np.testing.assert_allclose(rates, expected, rtol=1e-9)
    assert learning_rate(recipe, epochs) == pytest.approx(1e-5)


def test_warmup_cosine_rises_and_falls_with_every_batch():
    recipe = {"max_epochs": 10, "warmup_epochs": 2, "learning_rate": 0.01, "schedule": "warmup_cosine"}
    recipe = fit.Training.complete(recipe)
    rates = np.array([learning_rate(recipe, moment) for moment in np.linspace(0, 10, 101)])
    np.testing.assert_allclose(rates[:21], np.linspace(0, 0.01, 21))
    assert (np.diff(rates[20:]) < 0).all()
    assert rates[60] == pytest.approx(0.005) and rates[-1] == pytest.approx(0, abs=1e-12)


def test_history_has_the_rate_that_each_epoch_ran_at(tmp_path):
    dataset, folds = planted(60)
    recipe = {"schedule": "published", "warmup_epochs": 2, "max_epochs": 5, "learning_rate": 0.002}
    _, _, history = run(tmp_path / "work", dataset, folds, **recipe)
    np.testing.assert_allclose([row["learning_rate"] for row in history], published(5, 2, 0.002))


def steps(monkeypatch, work, dataset, folds, **recipe):
    """(class of the optimizer, its settings, number of its steps) of a training."""
    seen = []
    original = fit.Learner.optimizer_step

    def counted(self, epoch, batch, optimizer, closure=None):
        seen.append(optimizer.optimizer if hasattr(optimizer, "optimizer") else optimizer)
        original(self, epoch, batch, optimizer, closure)

    monkeypatch.setattr(fit.Learner, "optimizer_step", counted)
    run(work, dataset, folds, max_epochs=1, batch_size=20, **recipe)
    return type(seen[0]), seen[0].defaults, len(seen)


@pytest.mark.parametrize(("accumulate", "expected"), [(1, 8), (4, 2), (3, 3)])
def test_optimizer_is_the_one_asked_for_and_steps_after_so_many_batches(tmp_path, monkeypatch, accumulate, expected):
    dataset, folds = planted()
    recipe = {"optimizer": "sgd", "momentum": 0.8, "weight_decay": 0.02, "accumulate": accumulate}
    kind, settings, n = steps(monkeypatch, tmp_path / "work", dataset, folds, **recipe)
    assert (kind, settings["momentum"], settings["weight_decay"], n) == (torch.optim.SGD, 0.8, 0.02, expected)


def test_adamw_has_the_betas_asked_for(tmp_path, monkeypatch):
    dataset, folds = planted(60)
    kind, settings, _ = steps(monkeypatch, tmp_path / "work", dataset, folds, betas=[0.9, 0.99])
    assert (kind, settings["betas"]) == (torch.optim.AdamW, (0.9, 0.99))


@pytest.mark.parametrize("wanted", [[0, 1], [1], [0]])
def test_appended_rows_are_the_other_strand_of_the_labels_asked_for(wanted):
    dataset, _ = planted(60)
    codes, labels = appended(dataset, wanted)
    chosen = np.isin(dataset.labels[:, 0], wanted)
    np.testing.assert_array_equal(codes[:60], dataset.codes)
    np.testing.assert_array_equal(codes[60:], dna.reverse_complement(dataset.codes[chosen]))
    np.testing.assert_array_equal(labels, np.concatenate([dataset.labels, dataset.labels[chosen]]))


@pytest.mark.parametrize(("mode", "wanted"), [("random", [0, 1]), ("random", [1]), ("none", [0, 1])])
def test_random_strands_are_shown_for_the_labels_asked_for(tmp_path, monkeypatch, mode, wanted):
    dataset, folds = planted(240)
    seen = []
    original = MotifCNN.inputs
    monkeypatch.setattr(MotifCNN, "inputs", lambda *args: (seen.append(args[1].clone()), original(*args))[1])
    recipe = {"reverse_complement": mode, "reverse_complement_labels": wanted, "max_epochs": 1}
    run(tmp_path / "work", dataset, folds, **recipe)
    label_of = {row.tobytes(): label for row, label in zip(dataset.codes, dataset.labels[:, 0], strict=True)}
    turned = {0: [], 1: []}
    for row in torch.cat(seen).numpy()[: (folds == "train").sum()]:
        other = dna.reverse_complement(row).copy().tobytes()
        turned[label_of.get(row.tobytes(), label_of.get(other))].append(other in label_of)
    for label, flags in turned.items():
        share = np.mean(flags)
        assert (0.3 < share < 0.7) if mode == "random" and label in wanted else share == 0


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"optimizer": "adam"}, r"training settings.optimizer: 'adam' is not one of \['adamw', 'sgd'\]"),
        ({"schedule": "cosine"}, r"schedule: 'cosine' is not one of \['constant', 'published', 'warmup_cosine'\]"),
        ({"reverse_complement": True}, "reverse_complement: True is not one of"),
        ({"reverse_complement_labels": [2]}, r"reverse_complement_labels\[0\]: 2 is not one of \[0, 1\]"),
        ({"schedule": "warmup_cosine"}, "warmup_epochs: 5; expected less than max_epochs, 5"),
    ],
)
def test_a_choice_that_is_not_there_is_named(tmp_path, recipe, message):
    dataset, folds = planted(12)
    with pytest.raises(InputError, match=message):
        run(tmp_path / "work", dataset, folds, **{"max_epochs": 5} | recipe)


def test_unknown_training_key_is_named(tmp_path):
    dataset, folds = planted(12)
    with pytest.raises(InputError, match="training settings: unknown key 'epochs'; expected keys: loss, max_epochs"):
        run(tmp_path / "work", dataset, folds, epochs=3)


def test_annealing_goes_on_from_the_best_weights_at_lower_rates(tmp_path, monkeypatch):
    dataset, folds, _ = measured(240)
    started, original = {}, fit.Learner.on_train_epoch_start

    def spy(self):
        original(self)
        started[self.current_epoch] = weights(self.network)
        best = torch.load(tmp_path / "work" / "best.ckpt", weights_only=True) if self.round else None
        if self.round and self.current_epoch == self.round_start:
            state = {name.removeprefix("network."): tensor for name, tensor in best["state_dict"].items()}
            assert torch.equal(started[self.current_epoch], torch.cat([t.double().flatten() for t in state.values()]))

    monkeypatch.setattr(fit.Learner, "on_train_epoch_start", spy)
    recipe = {
        "learning_rate": 0.05,
        "max_epochs": 20,
        "patience": 2,
        "anneal": {"rounds": 2, "factor": 0.1, "patience": 2},
    }
    _, _, history = run(tmp_path / "work", dataset, folds, **recipe)
    rates = [row["learning_rate"] for row in history]
    np.testing.assert_allclose(rates, [0.05] * (len(rates) - 4) + [0.005] * 2 + [0.0005] * 2)
    assert 6 < len(history) < 24
    assert run(tmp_path / "work", dataset, folds, **recipe)[2] == history


def test_training_reads_mapped_files_a_batch_at_a_time(tmp_path):
    """100,000 windows of 100 tracks: what is held of them is a batch, not a copy of their fold."""
    labels = np.lib.format.open_memmap(tmp_path / "labels.npy", "w+", np.float32, (100_000, 100))
    codes = np.lib.format.open_memmap(tmp_path / "codes.npy", "w+", np.uint8, (100_000, 50))
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("codes", "labels")]
    tracemalloc.start()
    windows = batches.Windows(batches.Batch(*mapped), np.arange(80_000))
    seen = sum(float(batch.labels.sum()) for batch in batches.loader(windows, 512, seed=1))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == 0 and len(labels) == len(codes)
    assert peak < 10 * 2**20 < labels.nbytes / 3


def test_loss_that_is_not_finite_stops_with_a_reason(tmp_path):
    dataset, folds = planted(24)
    with pytest.raises(InputError, match="loss is nan in epoch 1: lower the learning rate"):
        run(tmp_path / "work", dataset, folds, learning_rate=1e30)
