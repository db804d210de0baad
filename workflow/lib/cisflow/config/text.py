"""The text of a config: what YAML itself hides from those who read its content, or tells in words of its own."""

import json
from pathlib import Path

from cisflow.errors import InputError

# Of keys that yte takes for conditions and loops, which may well repeat, in a file that asks for it.
TEMPLATED = "__use_yte__"


def check(path):
    """Refuse a file of another encoding, that is no YAML or no mapping, or that gives a key twice (InputError)."""
    # Snakemake itself brings yaml wherever a run is planned.
    import yaml

    try:
        text = Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{error.object[error.start]:02x} is not of UTF-8"
        raise InputError(f"{path}: line {line}: {found}; expected a config in UTF-8") from None
    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        if _is_json(text):
            return
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark else ""
        found = getattr(error, "problem", None) or getattr(error, "reason", None) or "no YAML"
        raise InputError(f"{path}: {place}{found}; expected YAML, indented by blanks and not by tabs") from None
    if not isinstance(node, yaml.MappingNode):
        found = "nothing" if node is None else {"seq": "a list"}.get(node.tag.rpartition(":")[2], repr(node.value))
        raise InputError(f"{path}: found {found}; expected keys and values, `datasets: …`")
    if TEMPLATED not in [key.value for key, _ in node.value]:
        _check_keys(node, path, set())


def _is_json(text):
    """Whether a text is JSON, which Snakemake reads too, tabs and all."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _check_keys(node, path, seen):
    """Refuse a key that a mapping, or one within it, has twice; `seen` are ids of the nodes that aliases repeat."""
    if id(node) in seen or isinstance(node.value, str):
        return
    seen.add(id(node))
    first = {}
    for part in node.value:
        key, value = part if isinstance(part, tuple) else (None, part)
        # `<<` merges one mapping after the other.
        if key is not None and isinstance(key.value, str) and key.value != "<<":
            line = key.start_mark.line + 1
            if (key.tag, key.value) in first:
                before = first[key.tag, key.value]
                raise InputError(f"{path}: line {line}: key '{key.value}' is in line {before} too; expected it once")
            first[key.tag, key.value] = line
        _check_keys(value, path, seen)
