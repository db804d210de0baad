"""What a config is checked against, read from source text, is what the modules have that a job imports."""

import ast
import inspect

import pytest

from cisflow.config import architectures, checks, code, declared
from cisflow.features import arrays
from cisflow.models import blocks, registry


def taken(network):
    """Names that a constructor takes, with those that it hands on to its base."""
    parameters = inspect.signature(network.__init__).parameters
    own = {name for name, kind in parameters.items() if name != "self" and kind.kind is not kind.VAR_KEYWORD}
    hands_on = any(kind.kind is kind.VAR_KEYWORD for kind in parameters.values())
    return own | (taken(network.__bases__[0]) if hands_on else set())


@pytest.mark.parametrize("name", code.architectures())
def test_a_config_may_have_the_arguments_of_an_architecture(name):
    assert set(architectures.arguments(code.architectures()[name], name)) == taken(registry.get(name))


def test_a_config_may_have_the_blocks_that_there_are():
    found = {kind: set(declaration.fields) for kind, declaration in architectures.kinds().items()}
    assert found == {kind: set(module.Settings.schema()) for kind, module in blocks.KINDS.items()}


def test_a_config_may_have_the_groups_that_targets_are_filed_under():
    names = ["K562 | CTCF | ENCODE", "K562 | H3K4me3 | ENCODE", "K562 | DNase | ENCODE", "K562 | H1.5 | ENCODE"]
    assert {arrays.group_of(name, rule) for name in names for rule in ("legacy", "corrected")} == set(checks.GROUPS)


def test_functions_are_left_out_and_nothing_else():
    """Of every module: what a class or the module itself assigns and imports is that of the whole text."""

    class Bare(ast.NodeTransformer):
        def visit_FunctionDef(self, node):
            return ast.Pass()

        visit_AsyncFunctionDef = visit_FunctionDef

        def visit_ClassDef(self, node):
            self.generic_visit(node)
            node.decorator_list = []
            return node

        def visit_If(self, node):
            return node

    def told(tree):
        tree.body = [node for node in tree.body if not isinstance(node, ast.Pass)]
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                node.body = [part for part in node.body if not isinstance(part, ast.Pass)]
        return ast.dump(tree)

    for path in declared.PACKAGE.rglob("*.py"):
        text = path.read_text()
        assert told(ast.parse(declared.declarations(text))) == told(Bare().visit(ast.parse(text))), path
