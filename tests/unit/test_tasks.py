"""Tasks: every one of the registry on labels of its own, and each one's numbers against closed forms."""

import numpy as np
import pandas as pd
import pytest
import torch

from cisflow import tasks
from cisflow.errors import InputError
from cisflow.training import losses

LABELS = {
    "binary": np.array([[0, 1], [1, np.nan], [1, 0], [0, 0]], dtype=np.float32),
    "regression": np.array([[0.5, -3], [2, np.nan], [-1.25, 7], [0, 0]], dtype=np.float32),
}
REFUSED = {"binary": [0.5, 2, -1, np.nan, np.inf], "regression": [np.nan, np.inf, -np.inf]}


@pytest.fixture(params=tasks.NAMES)
def task(request):
    return tasks.get(request.param)


def test_a_module_without_a_task_is_none():
    assert set(tasks.NAMES) == set(LABELS)


def test_unknown_task_is_refused():
    with pytest.raises(InputError, match="unknown task 'ranking'; expected one of .*binary.*regression"):
        tasks.get("ranking")


def test_labels_of_the_task_are_valid_and_others_are_not(task):
    labels = LABELS[task.name]
    np.testing.assert_array_equal(task.valid(labels), ~np.isnan(labels))
    assert not task.valid(np.array(REFUSED[task.name])).any()


def test_a_column_of_labels_is_read_back_as_it_was(task, tmp_path):
    labels = LABELS[task.name]
    frame = pd.DataFrame({"a": task.column(labels[:, 0]), "b": task.column(labels[:, 1])})
    frame.to_csv(tmp_path / "labels.tsv", sep="\t", index=False, float_format="%.8g")
    np.testing.assert_array_equal(pd.read_csv(tmp_path / "labels.tsv", sep="\t").to_numpy(), labels)


def test_the_summary_has_a_row_a_target_and_counts_missing_labels(task):
    table = task.summary(LABELS[task.name], ["first", "second"])
    assert table["target"].tolist() == ["first", "second"]
    assert table["n_missing"].tolist() == [0, 1]
    assert table.get("task", pd.Series([tasks.DEFAULT] * 2)).tolist() == [task.name] * 2


def test_a_fold_of_one_value_is_complained_of(task):
    labels = LABELS[task.name][:, 1]
    assert task.complaint(labels, "x") is None
    for poor in (np.full(3, labels[0]), np.full(2, np.nan), labels[:0]):
        assert f"target 'x' in {len(poor)} windows, expected at least" in task.complaint(poor, "x")


def test_missing_labels_carry_no_loss(task):
    labels = torch.from_numpy(LABELS[task.name])
    outputs = torch.randn(labels.shape, generator=torch.Generator().manual_seed(1), requires_grad=True)
    loss = losses.build(task.loss, 2)
    mean, count = loss(outputs, labels)
    mean.backward()
    assert count == 7
    np.testing.assert_array_equal((outputs.grad == 0).numpy(), np.isnan(LABELS[task.name]))
    nothing, none = loss(outputs, torch.full(labels.shape, torch.nan))
    assert (nothing, none) == (0, 0)


def test_loss_of_each_task_is_its_closed_form():
    outputs = np.array([[0.3, -2.0], [1.5, 0.1], [-0.7, 0.4], [2.0, -1.0]])
    for name, of_one in (
        ("binary", lambda z, y: -y * np.log(1 / (1 + np.exp(-z))) - (1 - y) * np.log(1 - 1 / (1 + np.exp(-z)))),
        ("regression", lambda z, y: (z - y) ** 2),
    ):
        labels = LABELS[name]
        mean, _ = losses.build(tasks.get(name).loss, 2)(torch.tensor(outputs), torch.from_numpy(labels))
        assert float(mean) == pytest.approx(np.nanmean(of_one(outputs, labels)), rel=1e-6)


def test_predictions_are_of_the_range_that_the_task_states(task):
    outputs = torch.linspace(-30, 30, 61)
    predictions = task.link(outputs, "logit")
    assert bool((predictions.diff() >= 0).all())
    if task.range is None:
        torch.testing.assert_close(predictions, outputs)
    else:
        assert task.range[0] <= predictions.min() and predictions.max() <= task.range[1]


def test_scores_rank_a_perfect_prediction_highest_and_are_the_mean_over_targets(task):
    labels = LABELS[task.name]
    perfect = np.where(np.isnan(labels), 5, labels)
    assert task.mean_score(labels, perfect) == pytest.approx(1)
    singles = [task.mean_score(labels[:, [column]], -perfect[:, ::-1][:, [column]]) for column in (0, 1)]
    assert task.mean_score(labels, -perfect[:, ::-1]) == pytest.approx(np.mean(singles))


def test_targets_without_a_score_are_left_out(task):
    labels = LABELS[task.name].copy()
    labels[:, 0] = labels[0, 0]
    perfect = np.nan_to_num(labels)
    assert task.mean_score(labels, perfect) == pytest.approx(1)
    assert np.isnan(task.mean_score(labels[:, :1], perfect[:, :1]))


def test_headline_and_compared_metrics_are_metrics_of_the_task(task):
    assert {task.headline, *task.compared} <= set(task.metrics)
