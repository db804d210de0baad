"""How a config is refused: one line that says where, what was found and what was expected."""

from cisflow.errors import InputError


def refuse(where, what):
    raise InputError(": ".join(filter(None, ["config", where, what])))


def expect(name, known, where):
    """Refuse a name that is none of `known`, which the config defines under `where`'s other end."""
    if name not in known:
        refuse(where, f"'{name}' is not defined; expected one of {', '.join(map(str, known)) or '(none)'}")


def below(where, key):
    """The place of a key, or of a number in a list, below another."""
    if isinstance(key, int):
        return f"{where}[{key}]"
    return f"{where}.{key}".removeprefix(".") if key.isidentifier() else f"{where}[{key!r}]"
