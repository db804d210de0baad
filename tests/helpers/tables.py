"""Tables as text, and checks of a table against its schema in workflow/schemas/tables."""

import re
from pathlib import Path

import jsonschema
import pandas as pd
import yaml

SCHEMAS = Path(__file__).parents[2] / "workflow" / "schemas" / "tables"
ROWS = 200


def read_schema(name):
    return yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text())


def text(path):
    """A table, its values as text."""
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)


def check_table(path, schema_name):
    """Assert that a TSV has the columns of its schema and, in all rows, the types and ranges.

    All rows are checked by column; jsonschema itself sees the first 200. Returns the table, values as text.
    """
    schema = read_schema(schema_name)
    table = text(path)
    absent = [name for name in schema["required"] if name not in table.columns]
    assert not absent, f"{path}: no column {', '.join(absent)}"
    assert table.columns.is_unique, f"{path}: a column occurs twice"
    for name in table.columns:
        column = schema["properties"].get(name, schema["additionalProperties"])
        assert column is not False, f"{path}: column '{name}' is not in the schema {schema_name}"
        check_column(f"{path}: column '{name}'", table[name], column)
    validator = jsonschema.Draft202012Validator(schema)
    for row, record in enumerate(table.head(ROWS).to_dict("records"), 2):
        for name, content in record.items():
            record[name] = value(content, schema["properties"].get(name, schema["additionalProperties"]))
        for error in validator.iter_errors(record):
            raise AssertionError(f"{path}: row {row}: {error.json_path}: {error.message}")
    return table


def check_column(where, texts, column):
    """Assert type, range, choice and pattern of a column of strings, in which an empty one is null."""
    types = kinds(column)
    if "null" not in types:
        assert_all(where, texts, texts != "", "a value")
    texts = texts[texts != ""]
    if "string" not in types:
        numbers = pd.to_numeric(texts, errors="coerce")
        assert_all(where, texts, numbers.notna() & numbers.abs().lt(float("inf")), "a finite number")
        if "integer" in types:
            assert_all(where, texts, texts.str.fullmatch(r"-?\d+"), "a whole number")
        assert_all(where, texts, numbers >= column.get("minimum", -float("inf")), f"{column.get('minimum')} or more")
        assert_all(where, texts, numbers <= column.get("maximum", float("inf")), f"{column.get('maximum')} or less")
        texts = numbers
    if "enum" in column:
        assert_all(
            where, texts, texts.isin([choice for choice in column["enum"] if choice is not None]), column["enum"]
        )
    if "pattern" in column:
        fits = re.compile(column["pattern"]).search
        assert_all(where, texts, texts.map(lambda text: fits(text) is not None), column["pattern"])


def assert_all(where, values, good, expected):
    bad = values[~good.astype(bool)]
    if len(bad):
        raise AssertionError(f"{where}: row {bad.index[0] + 2} is '{bad.iloc[0]}', expected {expected}")


def kinds(column):
    """The JSON types of a column as a list."""
    return column["type"] if isinstance(column["type"], list) else [column["type"]]


def value(text, column):
    """The JSON value of a field."""
    if text == "":
        return None if "null" in kinds(column) else ""
    if "string" in kinds(column):
        return text
    return int(text) if "integer" in kinds(column) else float(text)
