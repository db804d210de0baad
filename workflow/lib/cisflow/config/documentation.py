"""The tables of config/README.md, from the schema: key, default and meaning of everything that a config may say."""

import json

from cisflow.config import schema as schemas

# Tables come last in the file; this is how the first of their headings begins.
FIRST_HEADING = "\n## `"


def update(text):
    """A README with the tables of today's schema in place of those that it holds."""
    prose, found, _ = text.partition(FIRST_HEADING)
    if not found:
        prose = text.rstrip("\n") + "\n"
    return prose.rstrip("\n") + "\n\n" + render(tables(schemas.read()))


def render(found):
    """Markdown of {(level, heading): rows}."""
    parts = []
    for (level, heading), rows in found.items():
        lines = [f"{'#' * level} {heading}", "", "| key | default | meaning |", "|---|---|---|"]
        lines += [f"| `{key}` | {_cell(default)} | {_cell(meaning)} |" for key, default, meaning in rows]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _cell(text):
    return text.replace("|", r"\|")


def tables(schema):
    """{(level, heading): [(key, default, meaning), …]} of a schema, in its order."""
    found = {}
    definitions = schema.get("$defs", {})
    for key, entry in schema["properties"].items():
        part = {"properties": {key: entry}, "required": schema["required"]}
        _collect(part, "", (2, f"`{key}`"), found, definitions)
    return found


def _resolved(schema, definitions):
    """A schema with what its $ref points to; its own keys win."""
    if "$ref" not in schema:
        return schema
    target = definitions[schema["$ref"].removeprefix("#/$defs/")]
    return _resolved(target, definitions) | {key: value for key, value in schema.items() if key != "$ref"}


def _collect(schema, path, heading, found, definitions):
    schema = _resolved(schema, definitions)
    if "$comment" in schema:
        # A source within a source: its kinds have their tables already.
        return
    for key, entry in schema.get("properties", {}).items():
        entry, name = _resolved(entry, definitions), f"{path}.{key}".lstrip(".")
        found.setdefault(heading, []).append((name, _default(schema, key, entry), _meaning(entry)))
        _collect(entry, name, heading, found, definitions)
    if isinstance(schema.get("additionalProperties"), dict):
        _collect(schema["additionalProperties"], f"{path}.<name>", heading, found, definitions)
    if "items" in schema:
        _collect(schema["items"], f"{path}[]", heading, found, definitions)
    for title, key, choice in _choices(schema, path):
        part = choice | {"required": [key, *choice.get("required", ())]}
        _collect(part, path, (3, title), found, definitions)


def _choices(schema, path):
    """(heading, key, schema) of each alternative and of the key of the config that chooses it."""
    for entry in schema.get("allOf", ()):
        ((key, chosen),) = entry["if"]["properties"].items()
        yield f"`{path}` of {key} `{chosen['const']}`", key, entry["then"]
    if "if" in schema:
        (key,) = schema["if"]["required"]
        (other,) = {name for choice in schema["oneOf"] for name in choice["required"]} - {key}
        yield f"`{path}` with `{other}`", other, schema["else"]
        yield f"`{path}` with `{key}`", key, schema["then"]


def _default(schema, key, entry):
    if key in schema.get("required", ()):
        return "required"
    if "default" not in entry:
        return "optional"
    value = entry["default"]
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _meaning(entry):
    """The description, with the choices where there are any."""
    text = entry["description"]
    for words, choices in (("One", entry.get("enum")), ("Any", entry.get("items", {}).get("enum"))):
        if choices:
            text += f" {words} of {', '.join(f'`{choice}`' for choice in choices)}."
    return text
