"""Settings: one declaration, read from the class and from its source text, checked here and by JSON Schema."""

import importlib
import inspect

import jsonschema
import pytest
from hypothesis import given, settings, strategies

from cisflow.config import declared, schema
from cisflow.config.settings import REQUIRED, Settings, complaint, setting
from cisflow.errors import InputError
from distributions import LIB

MODULES = sorted(
    path.relative_to(LIB / "cisflow").with_suffix("").as_posix()
    for path in (LIB / "cisflow").rglob("*.py")
    if path.name not in ("__main__.py", "settings.py")
)
DECLARED = [(module, name) for module in MODULES for name in declared.classes(module)]


def declaring(module, name):
    return getattr(importlib.import_module(f"cisflow.{module.replace('/', '.')}"), name)


@pytest.mark.parametrize(("module", "name"), DECLARED)
def test_the_source_text_says_what_the_class_does(module, name):
    cls, read = declaring(module, name), declared.classes(module)[name]
    assert read.block() == cls.block()
    assert read.meaning == inspect.getdoc(cls).splitlines()[0]
    jsonschema.Draft202012Validator.check_schema(cls.block())


@pytest.mark.parametrize(("module", "name"), DECLARED)
def test_defaults_are_settings_that_the_check_takes(module, name):
    cls = declaring(module, name)
    defaults = {key: entry["default"] for key, entry in cls.schema().items() if "default" in entry}
    jsonschema.validate(defaults, {**cls.block(), "required": [], "oneOf": [{}]})
    for key, value in defaults.items():
        assert complaint(value, cls.schema()[key]) is None


def test_every_room_with_settings_was_found():
    rooms = {module.rpartition("/")[0] for module, _ in DECLARED}
    assert {"data", "data/sources", "training", "classifiers", "attribution", "attribution/methods", "motifs"} <= rooms


VALUES = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers(-3, 300)
    # JSON Schema counts 2.0 as an integer; a job that counts with it does not.
    | strategies.floats(-1e6, 1e6).filter(lambda value: not value.is_integer())
    | strategies.sampled_from(["", "both", "uniform", "adamw", "random", "chr1", "train", "label"]),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(max_size=2), inner),
    max_leaves=4,
)


@settings(deadline=None, max_examples=400)
@given(strategies.data())
def test_a_value_is_refused_where_json_schema_refuses_it(data):
    """The check of a job and that of the config are two programs: they agree on every value of every setting."""
    module, name = data.draw(strategies.sampled_from(DECLARED))
    entries = declaring(module, name).schema()
    key = data.draw(strategies.sampled_from(sorted(entries)) if entries else strategies.nothing())
    value = data.draw(VALUES)
    refused = not jsonschema.Draft202012Validator(entries[key]).is_valid(value)
    assert (complaint(value, entries[key]) is not None) == refused, (module, name, key, value)


class Inner(Settings):
    """Of something."""

    depth: int = setting(minimum=1, meaning="How deep.")


class Outer(Settings):
    """Of all."""

    ONE_OF = ("left", "right")
    left: str = setting(None, meaning="This.")
    right: str = setting(None, meaning="Or that.")
    share: float = setting(0.5, above=0, below=1, meaning="A share.")
    inner: Inner = setting(None, meaning="More.")
    words: list[str] = setting(["a"], items={"choices": ["a", "b"]}, unique=True, meaning="Words.")


@pytest.mark.parametrize(
    ("given_settings", "line"),
    [
        ({"lft": "x"}, "it: unknown key 'lft'; expected keys: left, right, share, inner, words"),
        ({}, "it: found neither; expected exactly one of the keys left, right"),
        ({"left": "x", "right": "y"}, "it: found left and right; expected exactly one of the keys left, right"),
        ({"left": 3}, "it.left: 3 is not of type 'string'"),
        ({"left": "x", "share": 1}, "it.share: 1 is greater than or equal to the maximum of 1"),
        ({"left": "x", "share": True}, "it.share: True is not of type 'number'"),
        ({"left": "x", "inner": {}}, "it.inner: no key 'depth'; found keys: (none)"),
        ({"left": "x", "inner": {"depth": 0}}, "it.inner.depth: 0 is less than the minimum of 1"),
        ({"left": "x", "words": ["c"]}, "it.words[0]: 'c' is not one of ['a', 'b']"),
        ({"left": "x", "words": ["a", "a"]}, "it.words: ['a', 'a'] has non-unique elements"),
        (["left"], "it: ['left'] is not of type 'object'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(given_settings, line):
    with pytest.raises(InputError) as error:
        Outer.complete(given_settings, "it")
    assert str(error.value) == line


def test_what_is_not_given_has_its_default():
    made = Outer.complete({"left": "x", "inner": {"depth": 2}}, "it")
    assert (made.left, made.right, made.share, made.inner, made.words) == ("x", None, 0.5, Inner(depth=2), ["a"])
    assert Outer.complete({"left": "x"}, "it").words is not Outer.complete({"left": "x"}, "it").words
    assert made.as_dict()["inner"] == {"depth": 2}


def test_a_setting_without_a_default_is_required():
    assert Inner.block()["required"] == ["depth"]
    assert REQUIRED not in [entry.get("default") for entry in Inner.schema().values()]


def test_the_schema_of_the_config_is_one():
    jsonschema.Draft202012Validator.check_schema(schema.read())
