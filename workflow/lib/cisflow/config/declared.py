"""What modules of the package declare, read from their source text: a run is planned without importing them."""

import ast
import contextlib
import functools
import re
from pathlib import Path

from cisflow.config import settings

PACKAGE = Path(__file__).parents[1]
_ROOT = "cisflow.config.settings"


@functools.cache
def tree(path):
    """Syntax tree of a file, parsed once a process."""
    return ast.parse(Path(path).read_text(encoding="utf-8"))


@functools.cache
def _outline(path):
    """As `tree`, without functions and methods."""
    return ast.parse(declarations(Path(path).read_text(encoding="utf-8")))


def declarations(text):
    """Source text with `pass` in place of functions, methods and decorators, which take most of the time of parsing."""
    kept, inside = [], None
    for line in text.splitlines():
        stripped = line.lstrip()
        indent = len(line) - len(stripped)
        if inside is not None:
            # The end of a signature of several lines stands below its beginning.
            if not stripped or indent > inside or (indent == inside and stripped[0] == ")"):
                continue
            inside = None
        if indent in (0, 4) and stripped.startswith(("def ", "async def ", "@")):
            inside = indent
            line = " " * indent + "pass"
        kept.append(line)
    return "\n".join(kept)


def module_path(name):
    """File of a module or package of cisflow, `cisflow.data.splits`; None where it has none."""
    base = PACKAGE.parent / name.replace(".", "/")
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def names(room):
    """Names of the public modules in a folder of the package (`data/sources`), sorted."""
    return sorted(path.stem for path in (PACKAGE / room).glob("*.py") if not path.stem.startswith("_"))


def literal(module, name, default=None):
    """A literal that a module (`data/sources/planted`) assigns at its top level; `default` where it does not."""
    for node in _outline(PACKAGE / f"{module}.py").body:
        if isinstance(node, ast.Assign) and [getattr(target, "id", None) for target in node.targets] == [name]:
            return ast.literal_eval(node.value)
    return default


def class_literals(module):
    """{name: literal} of what the classes at the top level of a module (`tasks/binary`) assign in their bodies."""
    found = {}
    for node in _outline(PACKAGE / f"{module}.py").body:
        for part in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(part, ast.Assign) and len(part.targets) == 1 and isinstance(part.targets[0], ast.Name):
                with contextlib.suppress(ValueError):
                    found[part.targets[0].id] = ast.literal_eval(part.value)
    return found


@functools.cache
def tasks():
    """{name: its metrics} of every task that labels may have; numpy is not at hand where a run is planned."""
    known = {name: class_literals(f"tasks/{name}") for name in names("tasks")}
    return {name: literals["metrics"] for name, literals in known.items() if "metrics" in literals}


def docstring(module):
    """Docstring of a module (`commands/train`)."""
    return ast.get_docstring(_outline(PACKAGE / f"{module}.py")) or ""


class Declaration:
    """A class of Settings, as its source text declares it.

    Attributes
    ----------
    meaning : first line of its docstring. fields : {name: (annotation, default, what `setting` was given)}, those of
    the bases first. nested : {name: Declaration} of the fields that are settings themselves, and forms : "list" or
    "dict" of those that are several of them, "" of the others. one_of : see Settings.
    """

    def __init__(self, node, module):
        self.name = node.name
        self.meaning = (ast.get_docstring(node) or "").split("\n")[0]
        self.fields, self.nested, self.forms, self.one_of = {}, {}, {}, ()
        # As dataclasses do: fields of the last base come first.
        for base in reversed(node.bases):
            if (inherited := _class(base, module)) is not None:
                self.fields |= inherited.fields
                self.nested |= inherited.nested
                self.forms |= inherited.forms
                self.one_of = inherited.one_of
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign):
                self._field(statement, module)
            elif isinstance(statement, ast.Assign) and statement.targets[0].id == "ONE_OF":
                self.one_of = ast.literal_eval(statement.value)

    def _field(self, statement, module):
        call = statement.value
        given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
        default = ast.literal_eval(call.args[0]) if call.args else settings.REQUIRED
        details = {"meaning": given.pop("meaning"), "items": given.pop("items", None), "word": given.pop("word", None)}
        details |= {"resource": given.pop("resource", False), "chosen": given.pop("chosen", None), "ranges": given}
        name = statement.target.id
        self.fields[name] = (ast.unparse(statement.annotation), default, details)
        found = re.fullmatch(r"(?:(list|dict)\[(?:str, )?)?([\w.]+)\]?", self.fields[name][0])
        if found and (inner := _class(ast.Name(found[2]), module)) is not None:
            self.nested[name], self.forms[name] = inner, found[1] or ""

    def schema(self):
        """{name: JSON Schema} of every setting, as `Settings.schema`."""
        return {
            name: settings.nested_schema(self.nested[name].block(), self.forms[name], given)
            if name in self.nested
            else settings.schema_of(annotation, default, given)
            for name, (annotation, default, given) in self.fields.items()
        }

    def block(self):
        """JSON Schema of an object of these settings, as `Settings.block`."""
        required = [name for name, (_, default, _) in self.fields.items() if default is settings.REQUIRED]
        return settings.block(self.schema(), required, self.one_of)

    def resources(self, given):
        """Names of the resources that a mapping of these settings names, in the order of their declaration."""
        found = []
        for name, (_, _, details) in self.fields.items():
            if name not in given:
                continue
            value = given[name]
            if name in self.nested:
                for _, item in settings.nested_items(value, self.forms[name]):
                    found += self.nested[name].resources(item)
            elif details["chosen"]:
                found += classes(f"{details['chosen'][0]}/{value['kind']}")["Settings"].resources(value)
            elif details["resource"]:
                found.append(value)
        return found


@functools.cache
def classes(module):
    """{name: Declaration} of the classes of Settings in a module (`training/train`), in their order."""
    path = PACKAGE / f"{module}.py"
    own = [node.name for node in _outline(path).body if isinstance(node, ast.ClassDef)]
    found = {name: _class(ast.Name(name), path) for name in own}
    return {name: declaration for name, declaration in found.items() if declaration is not None}


def _class(node, path):
    """Declaration of the class that an expression names in a file; None where that is no class of Settings."""
    name = ast.unparse(node)
    for statement in _outline(path).body:
        if isinstance(statement, ast.ClassDef) and statement.name == name:
            if any(_is_root(base, path) or _class(base, path) is not None for base in statement.bases):
                return Declaration(statement, path)
        elif isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("cisflow."):
            for alias in statement.names:
                if (alias.asname or alias.name) == name and (other := module_path(statement.module)):
                    return _class(ast.Name(alias.name), other) if statement.module != _ROOT else None
    return None


def _is_root(base, path):
    return (
        ast.unparse(base) == "Settings"
        and any(
            isinstance(node, ast.ImportFrom)
            and node.module == _ROOT
            and any((alias.asname or alias.name) == "Settings" for alias in node.names)
            for node in _outline(path).body
        )
        or ast.unparse(base) == "settings.Settings"
    )
