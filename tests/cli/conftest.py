"""What the tests of commands share: a network, trained once."""

import pytest

import planted
from calls import predict, train


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """(dataset, folder of a network trained on it, with its predictions): two targets."""
    dataset, folder = tmp_path_factory.mktemp("dataset"), tmp_path_factory.mktemp("network")
    planted.write(dataset, targets=("ap1", "creb"))
    assert train(dataset, folder) == 0
    assert predict(dataset, folder) == 0
    return dataset, folder
