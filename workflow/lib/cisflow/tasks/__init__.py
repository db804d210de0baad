"""What a label means: one module a task, with the check of labels, loss, prediction, metrics and their names.

Every module of this folder holds one class of `task.Task`, named after it; numpy and pandas alone are imported with it.
"""

import importlib
from pathlib import Path

from cisflow.errors import InputError

NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in ("__init__", "task")))
DEFAULT = "binary"


def get(name):
    """The Task of a name (InputError: there is none)."""
    if name not in NAMES:
        raise InputError(f"unknown task '{name}'; expected one of {', '.join(NAMES)}")
    return getattr(importlib.import_module(f"cisflow.tasks.{name}"), name.capitalize())()
