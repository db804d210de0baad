"""What a module imports, read from its text, against its syntax tree."""

import ast

import pytest

from cisflow.config import code, declared


def by_syntax(text):
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return {name for name in names if name.split(".")[0] == "cisflow"}


def test_imports_of_every_module_are_those_of_its_syntax_tree():
    texts = {path: path.read_text() for path in declared.PACKAGE.rglob("*.py")}
    assert {path: code.imports(text) for path, text in texts.items()} == {
        path: by_syntax(text) for path, text in texts.items()
    }
    assert sum(map(bool, map(code.imports, texts.values()))) > len(texts) / 2


@pytest.mark.parametrize(
    "text",
    [
        "import cisflow",
        "import cisflow.errors as errors, cisflow.io.files  # why",
        "from cisflow import errors",
        "from cisflow.io import files as other, tables",
        "from cisflow.io import (  # why\n    files,  # and why\n    tables as other,\n)\n",
        "def late():\n    from cisflow.motifs import naming\n\n    import cisflow.io\n",
        "from cisflowing import other\nimport numpy as cisflow\nfrom numpy import cisflow\nimport cisflow_more\n",
    ],
)
def test_every_way_to_import(text):
    assert code.imports(text) == by_syntax(text)
