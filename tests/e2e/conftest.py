"""What runs of the workflow share."""

import pytest


@pytest.fixture(scope="session")
def numba(request):
    """A folder for what numba compiles, kept from one run of the tests to the next."""
    return request.config.cache.mkdir("numba")
