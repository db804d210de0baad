"""The registry of architectures: every module of this folder with a class that states its `output`."""

import ast
import functools
import importlib
from pathlib import Path

from cisflow.errors import InputError, listing

FOLDER = Path(__file__).parent


@functools.cache
def architectures():
    """{architecture: module of this folder}, sorted.

    Read from the source text: a run imports, and depends on, only the one that it uses.
    """
    found = {}
    for path in FOLDER.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and any(map(_states_output, node.body)):
                found[node.name] = path.stem
    return dict(sorted(found.items()))


def _states_output(statement):
    return isinstance(statement, ast.Assign) and [ast.unparse(target) for target in statement.targets] == ["output"]


def get(architecture):
    """The class of an architecture (InputError: there is none of this name)."""
    known = architectures()
    if architecture not in known:
        raise InputError(f"unknown architecture '{architecture}'; expected one of {listing(known, 20)}")
    return getattr(importlib.import_module(f"cisflow.models.{known[architecture]}"), architecture)


def build(architecture, **settings):
    """An untrained network.Architecture with the given arguments of its constructor.

    Raises
    ------
    InputError : unknown architecture, or a setting that it does not have.
    """
    kind = get(architecture)
    try:
        return kind(**settings)
    except TypeError as error:
        raise InputError(f"architecture {architecture}: settings {settings}: {error}") from error
