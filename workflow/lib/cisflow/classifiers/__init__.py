"""Classifiers on precomputed features: one module a classifier, with its `Settings` and `fit`."""

import ast
import importlib
from pathlib import Path

from cisflow.errors import InputError


def names():
    """Names of the classifiers: the modules of this folder that hold a class `Settings`, sorted."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if _has_settings(path))


def _has_settings(path):
    statements = ast.parse(path.read_text(encoding="utf-8")).body
    return any(isinstance(node, ast.ClassDef) and node.name == "Settings" for node in statements)


def get(name):
    """The module of a classifier (InputError: there is none of this name).

    Its `fit(x, y, folds, settings, seed, threads)` gives a data.Fit, see `logistic_regression.fit` and `ridge.fit`; its
    TASKS are the names of the tasks that it has.
    """
    if name not in names():
        raise InputError(f"unknown classifier '{name}'; expected one of {', '.join(names())}")
    return importlib.import_module(f"cisflow.classifiers.{name}")
