"""What the tests of figures share: a named case of their module, and small bitmaps."""

import pytest

from cisflow.figures import style


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Small bitmaps, for speed."""
    monkeypatch.setitem(style.RC, "savefig.dpi", 80)


@pytest.fixture
def case(request, tmp_path):
    """A figure of the module's CASES, by its name: (figure, inputs, settings)."""
    name, build, settings = request.module.CASES[request.param]
    return name, build(tmp_path), settings
