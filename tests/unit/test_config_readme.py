"""config/README.md documents every key of the schema, word for word, and the schema's defaults are the package's."""

import ast
import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "workflow" / "lib" / "cisflow"
README = (ROOT / "config" / "README.md").read_text()
SCHEMA = yaml.safe_load((ROOT / "workflow" / "schemas" / "config.schema.yaml").read_text())


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
        yield f"`{path}` of kind `{entry['if']['properties']['kind']['const']}`", "kind", resolved(entry["then"])
    if "if" in schema:
        (key,) = schema["if"]["required"]
        (other,) = {name for choice in schema["oneOf"] for name in choice["required"]} - {key}
        yield f"`{path}` with `{other}`", other, resolved(schema["else"])
        yield f"`{path}` with `{key}`", key, resolved(schema["then"])


def documented(schema, path, heading, tables):
    """Collect (key, default, meaning) of every key below a schema: `tables` maps a heading to its rows."""
    schema = resolved(schema)
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


def properties(schema, where="$"):
    """(where, schema) of every property at any depth of the schema file, its $defs included."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties" and not where.endswith(".if"):
                yield from ((f"{where}.{name}", entry) for name, entry in value.items())
            yield from properties(value, f"{where}.{key}")
    elif isinstance(schema, list):
        for number, value in enumerate(schema):
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


def assigned(module, name):
    """A literal of a module of the package, read without importing the module."""
    for node in ast.parse((PACKAGE / f"{module}.py").read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"{module}.py: no {name}")


def schema_defaults(schema):
    return {key: resolved(entry)["default"] for key, entry in schema["properties"].items() if "default" in entry}


NETWORK = SCHEMA["properties"]["models"]["additionalProperties"]["else"]["properties"]
CLASSIFIER = SCHEMA["properties"]["models"]["additionalProperties"]["then"]["properties"]
EXPLAIN = SCHEMA["properties"]["datasets"]["additionalProperties"]["properties"]["explain"]["items"]
ATTRIBUTION = SCHEMA["properties"]["attribution"]["additionalProperties"]
MOTIFS = SCHEMA["properties"]["motifs"]["properties"]


@pytest.mark.parametrize(
    ("module", "schema"),
    [
        ("training/train", NETWORK["training"]),
        ("classifiers/tuning", CLASSIFIER["tune"]),
        ("attribution/selection", EXPLAIN),
        ("attribution/methods", ATTRIBUTION),
        ("motifs/discovery", MOTIFS["discovery"]),
        ("motifs/hotspots", MOTIFS["hotspots"]),
    ],
)
def test_defaults_of_the_schema_are_those_of_the_package(module, schema):
    defaults = assigned(module, "DEFAULTS")
    assert {key: schema_defaults(schema).get(key) for key in defaults} == defaults


@pytest.mark.parametrize("kind", SCHEMA["$defs"]["sources"])
def test_what_a_source_falls_back_on_is_the_default_of_the_schema(kind):
    known = SCHEMA["$defs"]["sources"][kind]
    defaults = schema_defaults(known) | schema_defaults(known["properties"].get("background", {"properties": {}}))
    source = (PACKAGE / "data" / "sources" / f"{kind}.py").read_text()
    used = re.findall(r"\.get\(\"(\w+)\", ([^(\[]+?)\)", source)
    found = {key: ast.literal_eval(value) for key, value in used if key in defaults}
    assert found == {key: defaults[key] for key in found}
    assert found or not defaults


def test_choices_of_the_schema_are_those_of_the_package():
    kinds = {path.stem for path in (PACKAGE / "data" / "sources").glob("*.py")} - {"__init__"}
    source = SCHEMA["properties"]["datasets"]["additionalProperties"]["properties"]["source"]
    assert set(source["properties"]["kind"]["enum"]) == kinds
    assert set(SCHEMA["$defs"]["sources"]) == kinds
    assert NETWORK["architecture"]["enum"] == sorted(assigned("models/__init__", "ARCHITECTURES"))
    precision = SCHEMA["properties"]["features"]["additionalProperties"]["else"]["properties"]["precision"]
    assert tuple(precision["enum"]) == assigned("models/inference", "PRECISIONS")
