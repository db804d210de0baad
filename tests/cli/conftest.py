"""What the tests of commands share: networks, trained once."""

import pytest

import planted
from calls import MODEL, predict, train


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """(dataset, folder of a network trained on it, with its predictions): two targets."""
    dataset, folder = tmp_path_factory.mktemp("dataset"), tmp_path_factory.mktemp("network")
    planted.write(dataset, targets=("ap1", "creb"))
    assert train(dataset, folder) == 0
    assert predict(dataset, folder) == 0
    return dataset, folder


@pytest.fixture(scope="session")
def one_sided(tmp_path_factory):
    """(dataset, folder of a network of the forward strand alone, with its predictions)."""
    dataset, folder = tmp_path_factory.mktemp("dataset"), tmp_path_factory.mktemp("forward")
    planted.write(dataset)
    model = MODEL | {"training": MODEL["training"] | {"max_epochs": 3, "reverse_complement": "none"}}
    assert train(dataset, folder, model) == 0 and predict(dataset, folder) == 0
    return dataset, folder
