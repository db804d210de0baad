"""The plan of a network: which layers it names, what one base reaches, and which dense layers end it."""

import numpy as np
import pytest
import torch
from torch import nn

from cisflow import models
from cisflow.attribution.ism import exact
from cisflow.attribution.ism import graph as plan
from cisflow.models import layers
from small_networks import brute_force, sequences
from weights import unlike_each_other


@pytest.mark.parametrize("bias", [True, False])
def test_the_difference_of_two_logits_is_one_dense_layer(bias):
    torch.manual_seed(6)
    model = unlike_each_other(models.build("BassetLike", length=101, n_outputs=3, two_logits=True)).double()
    if not bias:
        model.dense[-2].bias = None
    drawn = torch.get_rng_state()
    planned = plan.Plan(model, 101)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert planned.dense and planned.neck is None
    kinds = [type(operation) for operation in planned.operations]
    assert kinds == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    hidden = torch.randn(4, 300, dtype=torch.double)
    torch.testing.assert_close(planned.operations[-1](hidden), model.dense[-2:](hidden))
    expected = brute_force(model, sequences(101))
    found = exact.exact_ism(model, sequences(101))
    assert np.abs(found.effects - expected).max() < 1e-7 * np.ptp(expected)


def test_two_logits_behind_another_layer_than_a_dense_one_are_followed_by_the_neck():
    torch.manual_seed(6)
    model = nn.Sequential(
        nn.Conv1d(4, 6, 5), nn.MaxPool1d(4), nn.Flatten(), nn.Linear(54, 8), nn.ReLU(), layers.LogitDifference()
    )
    model.double().eval()
    codes = sequences(40)
    assert not plan.Plan(model, 40).operations
    expected = brute_force(model, codes)
    assert np.abs(exact.exact_ism(model, codes).effects - expected).max() < 1e-7 * np.ptp(expected)


def test_layers_are_named_in_order():
    with torch.device("meta"):
        basset, sei = models.build("BassetLike").eval(), models.build("Sei").eval()
    assert list(plan.Plan(basset, 600).layers) == ["input", "conv1", "pool1", "conv2", "conv3", "pool2", "output"]
    names = list(plan.Plan(sei, 4096).layers)
    # The second convolution of a pair is the input of the residual path and of the sum: the first inside it is none.
    assert names[:4] == ["input", "conv1", "conv2", "add1"]
    assert "conv3" not in names


def test_plans_have_the_networks_receptive_fields():
    with torch.device("meta"):
        beluga = plan.Plan(models.build("Beluga").eval(), 2000)
    assert beluga.jump == 16
    assert beluga.dense
    # A receptive field of 309 bp and a stride of 16 leave at most ceil(309 / 16) positions that one base can change.
    assert beluga.extents()[beluga.frontier[0]] == 20
