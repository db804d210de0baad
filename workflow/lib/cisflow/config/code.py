"""The code that a job depends on: by content, so that touching, moving or checking out files reruns nothing."""

import ast
import functools
import hashlib
import re

from cisflow.config import declared

# Module that imports the one of a task by its name -> where that lies.
BY_TASK = {"tasks/__init__": "tasks", "evaluation/tables": "evaluation"}


# Found by their text: parsing all that a study's jobs import would take a third of the time of planning them.
_IMPORT = re.compile(r"^[ \t]*(?:from (cisflow(?:\.[\w.]+)?) import (\([^)]*\)|.*)|import (cisflow\b.*))", re.MULTILINE)


@functools.cache
def _imported(path):
    """Files of the package that one file imports, at any depth of its body, with the packages that they lie in."""
    found = set()
    for name in imports(path.read_text(encoding="utf-8")):
        parts = name.split(".")
        # `cisflow` itself holds the version alone, which is that of a release and not of a job.
        inner = range(2, len(parts) + 1) if len(parts) > 1 else range(1, 2)
        found.update(_module_path(".".join(parts[:end])) for end in inner)
    return found - {None}


_module_path = functools.cache(declared.module_path)


def imports(text):
    """What of the package a module may import by its source text, as dotted names: modules, and names in them."""
    names = set()
    for origin, imported, plain in _IMPORT.findall(text):
        listed = re.sub(r"#.*", "", (imported or plain).strip("()")).split(",")
        own = {each.split()[0] for each in listed if each.strip()}
        names |= {origin, *(f"{origin}.{name}" for name in own)} if origin else own
    return names


def files(*modules):
    """The named modules of the package (`commands/train`) and all that they import, directly or not, sorted."""
    return sorted(_closure(modules))


@functools.cache
def _closure(modules):
    waiting = [declared.PACKAGE / f"{module}.py" for module in modules]
    found = set()
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting.extend(_imported(file))
    return found


@functools.cache
def _content(path):
    return path.relative_to(declared.PACKAGE.parent).as_posix().encode() + path.read_bytes()


@functools.cache
def digest(*modules):
    """Digest of the modules and of all that they import, 16 hexadecimal digits."""
    state = hashlib.sha256()
    for file in files(*modules):
        state.update(_content(file))
    return state.hexdigest()[:16]


def command(name, *modules, task=None):
    """Digest of a command, and of modules that it imports by name.

    Parameters
    ----------
    task : what the labels of the job's dataset mean; its modules count where the command asks for them.
    """
    modules = (f"commands/{name}", *modules)
    reached = _closure(modules)
    for asking, room in BY_TASK.items():
        if task is not None and declared.PACKAGE / f"{asking}.py" in reached:
            modules = (*modules, f"{room}/{task}")
    return digest(*modules)


@functools.cache
def architectures():
    """{class name of a network: module}: every class of a module of `models` that says what its `output` is."""
    return {
        node.name: f"models/{name}"
        for name in declared.names("models")
        for node in declared.tree(declared.PACKAGE / f"models/{name}.py").body
        if isinstance(node, ast.ClassDef) and "output" in _assigned(node)
    }


def _assigned(node):
    return {target.id for part in node.body if isinstance(part, ast.Assign) for target in part.targets}
