"""Which distribution brings a module, and which files a command of the package runs."""

import ast
from pathlib import Path

LIB = Path(__file__).parents[2] / "workflow" / "lib"

# Distribution of each third-party module whose name differs.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "modiscolite": "modisco-lite", "yaml": "pyyaml"}


def distribution(module):
    """The distribution that a top-level module comes from."""
    return DISTRIBUTIONS.get(module, module)


# What a task computes with is there where it is asked for, torch where a network is trained and scikit-learn where a
# metric is; labels are read in every environment.
ON_DEMAND = "tasks"


def imported(path):
    """Dotted names that a file imports, at any depth of its body; `from a import b` gives both a and a.b."""
    names, tree = set(), ast.parse(path.read_text())
    for node in tree.body if path.parent.name == ON_DEMAND else ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
    return names


def closure(*modules):
    """Dotted names that the named modules of the package (`cisflow.commands.train`) import, directly or not."""
    names, waiting = set(modules), list(modules)
    while waiting:
        base = LIB.joinpath(*waiting.pop().split("."))
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            new = imported(path) - names if path.is_file() else set()
            names |= new
            waiting += [name for name in new if name.startswith("cisflow.")]
    return names
