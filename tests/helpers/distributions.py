"""Which distribution brings a module, and which files a command of the package runs."""

import ast
import functools
from pathlib import Path

LIB = Path(__file__).parents[2] / "workflow" / "lib"

# Distribution of each third-party module whose name differs.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "modiscolite": "modisco-lite", "yaml": "pyyaml"}


def distribution(module):
    """The distribution that a top-level module comes from."""
    return DISTRIBUTIONS.get(module, module)


# What a task computes with is there where it is asked for, scikit-learn where a network is scored; labels are read in
# every environment. An import within a function of this room counts where that function is called.
ON_DEMAND = "tasks"
# Module that imports the one of a task by its name -> the room that this lies in.
BY_TASK = {"cisflow.tasks": "cisflow.tasks", "cisflow.evaluation.tables": "cisflow.evaluation"}
TASKS = ("binary", "regression")


@functools.cache
def _tree(path):
    return ast.parse(path.read_text())


def _names(nodes):
    """Dotted names that statements import; `from a import b` gives both a and a.b."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
    return names


def imported(path):
    """Dotted names that a file imports, at any depth of its body, or of its top level where it is on demand."""
    tree = _tree(path)
    return _names(tree.body if path.parent.name == ON_DEMAND else ast.walk(tree))


def _called(node):
    """Names of variables and attributes in a piece of code, that is of everything that it may call."""
    used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return used | {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


def _on_demand(files):
    """Dotted names that functions of the room ON_DEMAND import, of those that the other files call, directly or not."""
    here = [path for path in files if path.parent.name == ON_DEMAND]
    functions = [node for path in here for node in ast.walk(_tree(path)) if isinstance(node, ast.FunctionDef)]
    called = set().union(*(_called(_tree(path)) for path in files if path not in here))
    names, waiting = set(), True
    while waiting:
        waiting = [function for function in functions if function.name in called]
        functions = [function for function in functions if function not in waiting]
        called = called.union(*map(_called, waiting))
        names = names.union(*(_names(ast.walk(function)) for function in waiting))
    return names


def closure(*modules):
    """Dotted names that the named modules of the package (`cisflow.commands.train`) import, directly or not."""
    names, waiting, files = set(modules), list(modules), []
    while waiting:
        name = waiting.pop()
        base = LIB.joinpath(*name.split("."))
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                files.append(path)
                new = imported(path) - names
                if name in BY_TASK:
                    new |= {f"{BY_TASK[name]}.{task}" for task in TASKS} - names
                names |= new
                waiting += [name for name in new if name.startswith("cisflow.")]
    return names | _on_demand(files)
