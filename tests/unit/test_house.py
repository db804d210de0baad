"""The rooms of the package: imports run one way, the way that the architecture states."""

import ast
import graphlib

import pytest

from distributions import LIB

PACKAGE = LIB / "cisflow"
# Each tier imports from itself and from those before it.
TIERS = (
    {"errors"},
    {"io", "sequence"},
    {"tasks", "published"},
    {"data", "models", "evaluation"},
    {"training", "features", "classifiers", "attribution"},
    {"motifs", "effects", "variants", "design"},
    {"figures", "report"},
    {"commands"},
)
TIER = {room: number for number, tier in enumerate(TIERS) for room in tier}


def room(path):
    """Room of a file: its folder of the package, or its own name at the top."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """Modules of the package that a file imports, wherever in its body, as (room, module)."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module == "cisflow":
            names = [f"cisflow.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("cisflow."):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "cisflow" and parts[1:2] != ["__version__"]:
                yield parts[1], ".".join(parts[1:])


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__main__.py" and path.parent != PACKAGE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_follow_the_order_of_the_rooms(path):
    own = room(path)
    for other, module in imported(path):
        if other == own:
            continue
        if own == "config":
            assert other == "errors", f"config is of the standard library alone; found cisflow.{module}"
        elif other == "config":
            planning = own == "commands" and path.stem in ("document_config", "status")
            assert module.startswith("config.settings") or planning, f"jobs import config.settings alone: {module}"
        else:
            assert TIER[other] <= TIER[own], f"{own} imports cisflow.{module}, against the order"


def test_no_rooms_import_each_other():
    edges = {}
    for path in FILES:
        others = {other for other, _ in imported(path)}
        edges.setdefault(room(path), set()).update(others - {room(path), "config"})
    list(graphlib.TopologicalSorter(edges).static_order())


def test_the_package_is_its_rooms():
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py", "errors.py"}
    assert {room(path) for path in FILES} <= set(TIER) | {"config"}


def test_no_module_has_grown_beyond_one_room():
    long = {path.name: count for path in FILES if (count := len(path.read_text().splitlines())) > 450}
    assert not long
