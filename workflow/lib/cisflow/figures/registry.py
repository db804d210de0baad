"""The figures that there are, as their modules declare them, and how one is drawn."""

import ast
import functools
import importlib
from pathlib import Path

from cisflow.errors import InputError, listing
from cisflow.figures.given import demand


@functools.cache
def declarations():
    """{name of a module: its FIGURE or FIGURES as a list of dicts}, sorted, read without importing it."""
    found = {path.stem: _declared(path) for path in sorted(Path(__file__).parent.glob("*.py"))}
    return {name: declared for name, declared in found.items() if declared}


def _declared(path):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in ("FIGURE", "FIGURES"):
                value = ast.literal_eval(node.value)
                return [value] if name == "FIGURE" else value
    return []


def draw(name, inputs, settings):
    """The matplotlib Figure of a module.

    Parameters
    ----------
    inputs : {name: path or list of paths}, as the module declares them. settings : {name: value}, see the module.

    Raises
    ------
    InputError : there is no such figure, an input is missing or unknown, or what the module refuses.
    """
    known = declarations()
    if name not in known:
        raise InputError(f"unknown figure '{name}'; expected one of {', '.join(known)}")
    expected = known[name][0]["inputs"]
    demand(name, "inputs", inputs, [key for key, artifact in expected.items() if not artifact.endswith("?")])
    unknown = [key for key in inputs if key not in expected]
    if unknown:
        raise InputError(f"figure {name}: unknown input '{unknown[0]}'; expected {listing(expected, 9)}")
    return importlib.import_module(f"cisflow.figures.{name}").draw(inputs, settings)
