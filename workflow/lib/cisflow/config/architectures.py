"""Settings of networks, as the source text of their architectures declares them: none is imported to plan a run."""

import ast
import functools

from cisflow.config import code, declared, settings
from cisflow.config.refusals import below, refuse

MODULAR = "models/modular"
# Settings of the parts of a modular network -> (module of their block, "list" or "dict" of several).
PARTS = {
    "stem": ("stem", ""),
    "summary": ("summary", ""),
    "dense": ("dense", ""),
    "heads": ("dense", "dict"),
    "join": ("join", ""),
    "joins": ("join", "dict"),
}


def check(network, where):
    """Refuse settings that the constructor of a network does not take, or of another type (InputError).

    Parameters
    ----------
    network : entries.Network. where : its settings are, for messages.
    """
    known = arguments(network.module, network.architecture)
    modular = is_modular(network.module, network.architecture)
    if unknown := [name for name in network.settings if name not in known]:
        refuse(where, f"unknown key '{unknown[0]}'; expected keys: {', '.join(known)}")
    given = told(network.settings) if modular else network.settings
    for name, value in given.items():
        if found := settings.complaint(value, known[name]):
            refuse(f"{below(where, name)}{found[0]}", found[1])
    if modular:
        check_parts(given, where)


def told(given):
    """Settings of a modular network that say something: an empty list or mapping says no more there than none."""
    return {name: value for name, value in given.items() if value is not None and value not in ([], {})}


def check_parts(given, where):
    """Refuse settings of a modular network, whose constructor takes mappings, that its blocks do not have."""
    for name, (module, form) in PARTS.items():
        if name in given:
            for place, item in settings.nested_items(given[name], form):
                _complain(item, declared.classes(f"models/blocks/{module}")["Settings"], f"{below(where, name)}{place}")
    if "profile" in given:
        _complain(given["profile"], declared.classes("models/blocks/heads")["Profile"], f"{where}.profile")
    for number, block in enumerate(given.get("blocks", ())):
        check_block(block, f"{where}.blocks[{number}]")
    own = declared.literal(MODULAR, "PARTS")
    for number, trunk in enumerate(given.get("trunks", ())):
        place = f"{where}.trunks[{number}]"
        if unknown := [name for name in trunk if name not in own]:
            refuse(place, f"unknown key '{unknown[0]}'; expected keys: {', '.join(own)}")
        _complain(told(trunk), declared.classes(MODULAR)["Settings"], place)
        check_parts(told(trunk), place)


def check_block(given, where):
    known = kinds()
    kind = given.get("kind")
    if kind not in known:
        refuse(f"{where}.kind", f"{kind!r} is not one of {list(known)}")
    _complain({name: value for name, value in given.items() if name != "kind"}, known[kind], where)


def _complain(given, declaration, where):
    if found := settings.complaint(given, declaration.block()):
        refuse(f"{where}{found[0]}", found[1])


@functools.cache
def kinds():
    """{kind: Declaration of its settings} of the blocks between a stem and a summary."""
    for node in declared.tree(declared.PACKAGE / "models/blocks/__init__.py").body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "KINDS":
            pairs = zip(node.value.keys, node.value.values, strict=True)
            modules = {key.value: f"models/blocks/{value.id}" for key, value in pairs}
    return {kind: declared.classes(module)["Settings"] for kind, module in modules.items()}


def is_modular(module, name):
    """Whether a class of a module is the modular network, or one that is composed by it."""
    node = _node(module, name)
    bases = [ast.unparse(base) for base in node.bases]
    return module == MODULAR or any(base in code.architectures() and is_modular(*_of(base)) for base in bases)


@functools.cache
def arguments(module, name):
    """{argument: JSON Schema} of the constructor of a network, with those that it hands on to the class it is made of.

    The default says of what type an argument is: where that is None, it may be anything here.
    """
    node = _node(module, name)
    inherited = {}
    for base in map(ast.unparse, node.bases):
        inherited |= arguments(*_of(base)) if base in code.architectures() else {}
    made = next((part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"), None)
    if made is None:
        return inherited
    given = [argument.arg for argument in made.args.args[1:]]
    defaults = [ast.literal_eval(default) for default in made.args.defaults]
    own = {key: _schema(default) for key, default in zip(given, defaults, strict=True)}
    if module == MODULAR:
        # An argument that is left out is None, which the class of settings does not know as a value of theirs.
        own |= {
            key: {"anyOf": [{"const": None}, schema]}
            for key, schema in declared.classes(MODULAR)["Settings"].schema().items()
        }
    return own | {key: schema for key, schema in inherited.items() if made.args.kwarg and key not in own}


def _of(name):
    return code.architectures()[name], name


def _node(module, name):
    body = declared.tree(declared.PACKAGE / f"{module}.py").body
    return next(node for node in body if isinstance(node, ast.ClassDef) and node.name == name)


def _schema(default):
    """JSON Schema of an argument by its default: a size is 1 at least where it is, 0 where that is what it is without.

    A tuple stands for sizes of layers, each of which may be a tuple itself.
    """
    if isinstance(default, bool):
        return {"type": "boolean"}
    if isinstance(default, int):
        return {"type": "integer", "minimum": min(default, 1)}
    if isinstance(default, float):
        return {"type": "number", "minimum": 0}
    if isinstance(default, str):
        return {"type": "string"}
    if isinstance(default, tuple):
        return {"type": "array", "minItems": 1, "items": _schema(default[0])}
    return {}
