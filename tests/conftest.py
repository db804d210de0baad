"""What all tests share: the order in which their files are run, and what numba compiles."""

import collections

import pytest


def pytest_collection_modifyitems(items):
    """Whole runs first, then files with slow tests, each with the most tests first.

    A long file that comes last leaves all workers but its own idle.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    tests = collections.Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path.parent.name != "e2e", item.path not in slow, -tests[item.path]))


@pytest.fixture(scope="session")
def numba(request):
    """A folder for what numba compiles, kept from one run of the tests to the next."""
    return request.config.cache.mkdir("numba")
