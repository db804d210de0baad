"""config/README.md documents every key of the schema, word for word, and the schema's defaults are the package's."""

import argparse
import json
import pkgutil
import re
from pathlib import Path

import pytest

from cisflow import classifiers, tasks
from cisflow.attribution import methods as attribution_methods
from cisflow.commands import document_config
from cisflow.config import declared, schema
from cisflow.data import sources
from cisflow.models import inference, registry

ROOT = Path(__file__).parents[2]
README = (ROOT / "config" / "README.md").read_text()
SCHEMA = schema.read()


def resolved(schema):
    """A schema with what its $ref points to; its own keys win."""
    if "$ref" not in schema:
        return schema
    target = SCHEMA
    for part in schema["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return resolved(target) | {key: value for key, value in schema.items() if key != "$ref"}


def variants(schema, path):
    """(heading, key, schema) of each alternative and of the key of the config that chooses it."""
    for entry in schema.get("allOf", ()):
        ((key, chosen),) = entry["if"]["properties"].items()
        yield f"`{path}` of {key} `{chosen['const']}`", key, resolved(entry["then"])
    if "if" in schema:
        (key,) = schema["if"]["required"]
        (other,) = {name for choice in schema["oneOf"] for name in choice["required"]} - {key}
        yield f"`{path}` with `{other}`", other, resolved(schema["else"])
        yield f"`{path}` with `{key}`", key, resolved(schema["then"])


SOURCES = declared.names("data/sources")


def documented(schema, path, heading, tables):
    """Collect (key, default, meaning) of every key below a schema: `tables` maps a heading to its rows.

    The kinds of a source within a source are those of a source.
    """
    schema = resolved(schema)
    if "$comment" in schema:
        assert {entry["if"]["properties"]["kind"]["const"] for entry in schema["allOf"]} < set(SOURCES)
        return
    for key, entry in schema.get("properties", {}).items():
        entry, name = resolved(entry), f"{path}.{key}".lstrip(".")
        tables.setdefault(heading, []).append((name, default(schema, key, entry), meaning(entry)))
        documented(entry, name, heading, tables)
    if isinstance(schema.get("additionalProperties"), dict):
        documented(schema["additionalProperties"], f"{path}.<name>", heading, tables)
    if "items" in schema:
        documented(schema["items"], f"{path}[]", heading, tables)
    for title, key, variant in variants(schema, path):
        documented(variant | {"required": [key, *variant.get("required", ())]}, path, title, tables)


def default(schema, key, entry):
    if key in schema.get("required", ()):
        return "required"
    if "default" not in entry:
        return "optional"
    value = entry["default"]
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def meaning(entry):
    """The description, with the choices where there are any."""
    text = entry["description"]
    for words, choices in (("One", entry.get("enum")), ("Any", entry.get("items", {}).get("enum"))):
        if choices:
            text += f" {words} of {', '.join(f'`{choice}`' for choice in choices)}."
    return text


def schema_tables():
    tables = {}
    for key, entry in SCHEMA["properties"].items():
        part = {"properties": {key: entry}, "required": SCHEMA["required"]}
        documented(part, "", f"`{key}`", tables)
    return tables


def readme_tables():
    """Heading -> rows of every table of the README whose columns are key, default and meaning."""
    tables, heading, inside = {}, None, False
    for line in README.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells == ["key", "default", "meaning"]:
            inside = True
        elif not cells:
            inside = False
        elif inside and set(cells[0]) != {"-"}:
            tables.setdefault(heading, []).append((cells[0].strip("`"), *cells[1:]))
    return tables


def properties(part, where="$"):
    """(where, schema) of every property at any depth of the schema file, its $defs included."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "properties" and not where.endswith(".if"):
                yield from ((f"{where}.{name}", entry) for name, entry in value.items())
            yield from properties(value, f"{where}.{key}")
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from properties(value, f"{where}[{number}]")


def test_every_key_of_the_schema_is_described_in_a_sentence():
    for where, entry in properties(SCHEMA):
        assert re.fullmatch(r"\S.*\.", entry.get("description", "")), f"{where}: no description, or no full stop"


def test_nothing_is_said_of_the_config_that_the_schema_does_not_know():
    assert readme_tables().keys() == schema_tables().keys()


@pytest.mark.parametrize("heading", schema_tables())
def test_readme_has_the_rows_of_the_schema(heading):
    assert readme_tables().get(heading) == schema_tables()[heading]


def test_sections_are_in_the_order_of_the_schema():
    assert list(readme_tables()) == list(schema_tables())


def test_the_tables_are_those_that_the_command_writes(tmp_path):
    copy = tmp_path / "README.md"
    copy.write_text(README)
    document_config.run(argparse.Namespace(readme=copy))
    assert copy.read_text() == README, "write them anew: make docs"


def test_what_stands_before_the_tables_is_kept(tmp_path):
    copy = tmp_path / "README.md"
    copy.write_text("# Words of ours.\n\nMore.\n")
    document_config.run(argparse.Namespace(readme=copy))
    assert copy.read_text().startswith("# Words of ours.\n\nMore.\n\n## `device`\n")


def test_choices_are_what_the_package_has():
    """Each is a module or a class: here they are imported, where the schema reads their text."""
    source = SCHEMA["properties"]["datasets"]["additionalProperties"]["properties"]["source"]
    assert set(source["properties"]["kind"]["enum"]) == {
        info.name for info in pkgutil.iter_modules(sources.__path__) if not info.name.startswith("_")
    }
    network = SCHEMA["properties"]["models"]["additionalProperties"]["else"]["properties"]
    assert network["architecture"]["enum"] == sorted(registry.architectures())
    methods = SCHEMA["properties"]["attribution"]["additionalProperties"]["properties"]["method"]
    assert set(methods["enum"]) == set(attribution_methods.NAMES)
    classifier = SCHEMA["properties"]["models"]["additionalProperties"]["then"]["properties"]["classifier"]
    assert set(classifier["enum"]) == set(classifiers.names())
    task = SCHEMA["properties"]["datasets"]["additionalProperties"]["properties"]["task"]
    assert set(task["enum"]) == set(tasks.NAMES)
    precision = SCHEMA["properties"]["features"]["additionalProperties"]["else"]["properties"]["precision"]
    assert tuple(precision["enum"]) == inference.PRECISIONS
