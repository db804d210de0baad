"""What a label means: one module a task, with the check of labels, loss, prediction, metrics and their names.

A module with a class of `task.Task`, named after it, is a task; numpy and pandas alone are imported with it.
"""

import ast
import importlib
from pathlib import Path

from cisflow.errors import InputError


def _is_task(path):
    """Whether a module has a class of Task; read from its text, because no task is imported that is not used."""
    classes = (node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef))
    return any("Task" in map(ast.unparse, node.bases) for node in classes)


NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.py") if _is_task(path)))
DEFAULT = "binary"


def get(name):
    """The Task of a name (InputError: there is none)."""
    if name not in NAMES:
        raise InputError(f"unknown task '{name}'; expected one of {', '.join(NAMES)}")
    return getattr(importlib.import_module(f"cisflow.tasks.{name}"), name.capitalize())()
