"""Settings: name, type, default, range and meaning of each, declared once, in the module that reads them.

A module declares a class, and from it follow the check of its command, the schema of the config and the tables of
config/README.md:

    class Settings(settings.Settings):
        steps: int = setting(20, minimum=2, meaning="Points of the path.")

A declaration is read in two ways: from the class, where its module runs, and from the source text, where a run is
planned and nothing but the standard library may be imported (`declared.classes`). Hence defaults, ranges and meanings
are literals.
"""

import dataclasses
import typing

from cisflow.errors import InputError

_TYPES = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "str": {"type": "string"},
    "dict": {"type": "object"},
    "list": {"type": "array", "minItems": 1},
}
_PYTHON = {"integer": int, "number": (int, float), "boolean": bool, "string": str, "object": dict, "array": list}
# JSON Schema's name of each keyword that `setting` takes, in the order in which a value is checked against them.
_RANGES = {
    "minimum": "minimum",
    "above": "exclusiveMinimum",
    "maximum": "maximum",
    "below": "exclusiveMaximum",
    "choices": "enum",
    "min_items": "minItems",
    "max_items": "maxItems",
    "unique": "uniqueItems",
}
REQUIRED = dataclasses.MISSING


def setting(default=REQUIRED, *, meaning, items=None, word=None, resource=False, chosen=None, **ranges):
    """One setting of a class of Settings, for the annotated name that it is assigned to.

    Parameters
    ----------
    default : without it the setting is required. None makes it optional: a config that lacks it has no such key, and
        an instance has None. Where null is a value that a config may give, the annotation says so (`int | None`).
    meaning : a sentence for the documentation.
    items : ranges of the elements of a list, or of the values of an object.
    word : a text that may stand in place of a value, such as "auto".
    resource : whether it names an entry of the config's `resources`.
    chosen : (folder of the package, names of modules left out) of a mapping whose key `kind` names a module there, and
        whose other keys are the settings of that module's class `Settings`, as of a dataset's source.
    ranges : minimum, above (exclusive), maximum, below (exclusive), choices, min_items, max_items, unique.

    An annotation `str | dict[str, float]` is of one of the choices, or of numbers by them; `dict[str, Entry]` of
    settings by name, where `Entry` is a class of Settings.
    """
    if unknown := set(ranges) - set(_RANGES):
        raise TypeError(f"setting() takes no {sorted(unknown)[0]}")
    given = {"meaning": meaning, "items": items, "word": word, "resource": resource, "ranges": ranges}
    given["chosen"] = chosen
    if isinstance(default, list | dict):
        return dataclasses.field(default_factory=default.copy, metadata=given)
    return dataclasses.field(default=default, metadata=given)


def schema_of(annotation, default, given):
    """JSON Schema of one setting.

    Parameters
    ----------
    annotation : its type as it is written: `int`, `float | None`, `list[str]`, `dict[str, list[float]]`, … Settings
        within settings, and lists of them, have schemas of their own.
    default : REQUIRED, or a value. given : what `setting` was given beside it.
    """
    if given["chosen"]:
        of, without = given["chosen"]
        # The schema of the config puts the settings of each kind in its place (`schema.read`).
        chosen = {"by": "kind", "of": of, "without": list(without)}
        return {"type": "object", "chosen": chosen, "description": given["meaning"]}
    name, _, rest = annotation.partition(" | ")
    schema = dict(_typed(name, given["items"] or {}))
    if rest == "None":
        schema["type"] = [schema["type"], "null"]
    schema |= _keywords(given["ranges"])
    if "enum" in schema:
        # Choices say all that the type does, and jsonschema's complaint of them says what is expected.
        del schema["type"]
        schema["enum"] = [*schema["enum"], *([None] if rest == "None" else [])]
    if rest.startswith("dict"):
        names = {"propertyNames": {"enum": schema["enum"]}} if "enum" in schema else {}
        schema = {"anyOf": [schema, _typed(rest, given["items"] or {}) | names]}
    if given["word"] is not None:
        schema = {"anyOf": [{"const": given["word"]}, schema]}
    if default is not REQUIRED and (default is not None or rest == "None"):
        schema["default"] = default
    return schema | {"description": given["meaning"]}


def _typed(annotation, items):
    """JSON Schema of a type, with ranges of what a list or an object of it holds."""
    outer, _, inner = annotation.removesuffix("]").partition("[")
    if outer == "list" and inner:
        return _TYPES["list"] | {"items": _TYPES[inner] | _keywords(items)}
    if outer == "dict" and inner:
        values = _typed(inner.removeprefix("str, "), {}) | _keywords(items)
        return _TYPES["dict"] | {"minProperties": 1, "additionalProperties": values}
    return _TYPES[outer]


def _keywords(ranges):
    return {_RANGES[name]: list(value) if name == "choices" else value for name, value in ranges.items()}


class Settings:
    """Base of all declarations. A class is frozen, and its instances are made by `complete`.

    A class may state, as literals, what JSON Schema cannot say of one setting: `ONE_OF`, names of settings of which
    exactly one is given.
    """

    ONE_OF = ()

    def __init_subclass__(cls):
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)

    @classmethod
    def schema(cls):
        """{name: JSON Schema} of every setting, those of the bases first; `required` are those without a default."""
        found = {}
        for field in dataclasses.fields(cls):
            default = field.default if field.default_factory is REQUIRED else field.default_factory()
            inner, form = _nested_in(field.type)
            if inner is not None:
                found[field.name] = nested_schema(inner.block(), form, field.metadata)
            else:
                found[field.name] = schema_of(_written(field.type), default, field.metadata)
        return found

    @classmethod
    def block(cls):
        """JSON Schema of an object of these settings."""
        required = [field.name for field in dataclasses.fields(cls) if _is_required(field)]
        return block(cls.schema(), required, cls.ONE_OF)

    @classmethod
    def complete(cls, given, where):
        """The settings of a mapping, with defaults for those that it lacks.

        Parameters
        ----------
        given : {name: value}. where : what they are settings of, for messages.

        Raises
        ------
        InputError : no mapping, an unknown or missing name, or a value of another type or out of its range.
        """
        complain(given, cls.block(), where)
        nested = {}
        for field in dataclasses.fields(cls):
            inner, form = _nested_in(field.type)
            if inner is None or field.name not in given:
                continue
            value = given[field.name]
            made = [inner.complete(item, f"{where}.{field.name}{place}") for place, item in nested_items(value, form)]
            if form == "dict":
                made = dict(zip(value, made, strict=True))
            nested[field.name] = made if form else made[0]
        return cls(**(given | nested))

    def as_dict(self):
        """{name: value}, for JSON."""
        return dataclasses.asdict(self)


def _nested_in(annotation):
    """(class of Settings that a field holds, "list" or "dict" where it holds several) of its type; None of others."""
    origin = typing.get_origin(annotation)
    form = origin.__name__ if origin in (list, dict) else ""
    inner = typing.get_args(annotation)[-1] if form else annotation
    return (inner if isinstance(inner, type) and issubclass(inner, Settings) else None), form


def nested_schema(inner, form, given):
    """JSON Schema of settings within settings, from the `block` of one.

    Parameters
    ----------
    form : "list" or "dict" where there are several of them, else "". given : what `setting` was given.
    """
    several = {"": inner, "list": {"items": inner}, "dict": {"minProperties": 1, "additionalProperties": inner}}[form]
    return _TYPES.get(form, {}) | several | _keywords(given["ranges"]) | {"description": given["meaning"]}


def nested_items(value, form):
    """[(place below the value, settings)] of settings within settings, of one or of several of them."""
    if form == "list":
        return [(f"[{row}]", item) for row, item in enumerate(value)]
    return [(f".{name}", item) for name, item in value.items()] if form == "dict" else [("", value)]


def block(properties, required, one_of=()):
    """JSON Schema of an object of the given properties and no others."""
    # In this order, what is missing is told before defaults are filled in for it.
    schema = {"type": "object"} | ({"required": required} if required else {})
    schema |= {"oneOf": [{"required": [name]} for name in one_of]} if one_of else {}
    return schema | {"additionalProperties": False, "properties": properties}


def complain(value, schema, where):
    """Refuse a value that is not of a schema of these settings, in the words of the config's own check (InputError)."""
    if message := complaint(value, schema):
        place, text = message
        raise InputError(f"{where}{place}: {text}")


def complaint(value, schema):
    """The first thing wrong of a value as (place below it, what is wrong); None where nothing is."""
    if "anyOf" in schema:
        word, other = schema["anyOf"]
        if "const" in word:
            return None if _same(value, word["const"]) else complaint(value, other)
        return complaint(value, other if isinstance(value, dict) else word)
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        return "", f"{value!r} is not of type {', '.join(map(repr, kinds))}"
    for keyword, wrong, words in _CHECKS:
        if keyword in schema and not _skipped(keyword, value) and wrong(value, schema[keyword]):
            return "", words.format(value=repr(value), limit=schema[keyword])
    if isinstance(value, dict) and "properties" in schema:
        return _complaint_of_object(value, schema)
    if isinstance(value, dict) and isinstance(schema.get("additionalProperties"), dict):
        if len(value) < schema["minProperties"]:
            return "", "found no key; expected at least one"
        known = schema.get("propertyNames", {}).get("enum", value)
        if unknown := [key for key in value if key not in known]:
            return "", f"unknown key '{unknown[0]}'; expected keys: {', '.join(known)}"
        for key, item in value.items():
            if found := complaint(item, schema["additionalProperties"]):
                return f".{key}{found[0]}", found[1]
    if isinstance(value, list):
        for number, item in enumerate(value):
            if found := complaint(item, schema.get("items", {})):
                return f"[{number}]{found[0]}", found[1]
    return None


def _complaint_of_object(value, schema):
    known = schema["properties"]
    if unknown := [key for key in value if key not in known]:
        return "", f"unknown key '{unknown[0]}'; expected keys: {', '.join(known)}"
    if missing := [key for key in schema.get("required", ()) if key not in value]:
        return "", f"no key '{missing[0]}'; found keys: {', '.join(map(str, value)) or '(none)'}"
    if one_of := [key for choice in schema.get("oneOf", ()) for key in choice["required"]]:
        present = [key for key in one_of if key in value]
        if len(present) != 1:
            found = " and ".join(present) or "neither"
            return "", f"found {found}; expected exactly one of the keys {', '.join(one_of)}"
    for key, item in value.items():
        if found := complaint(item, known[key]):
            return f".{key}{found[0]}", found[1]
    return None


_CHECKS = (
    (
        "enum",
        lambda value, choices: not any(_same(value, choice) for choice in choices),
        "{value} is not one of {limit}",
    ),
    ("minimum", lambda value, limit: not value >= limit, "{value} is less than the minimum of {limit}"),
    (
        "exclusiveMinimum",
        lambda value, limit: not value > limit,
        "{value} is less than or equal to the minimum of {limit}",
    ),
    ("maximum", lambda value, limit: not value <= limit, "{value} is greater than the maximum of {limit}"),
    (
        "exclusiveMaximum",
        lambda value, limit: not value < limit,
        "{value} is greater than or equal to the maximum of {limit}",
    ),
    ("minItems", lambda value, least: len(value) < least, "{value} is too short; expected {limit} or more"),
    ("maxItems", lambda value, most: len(value) > most, "{value} is too long; expected {limit} at most"),
    (
        "uniqueItems",
        lambda value, unique: unique and any(item in value[:place] for place, item in enumerate(value)),
        "{value} has non-unique elements",
    ),
)


def _skipped(keyword, value):
    """Whether a keyword says nothing of a value: a range of what is no number, a length of what is no list."""
    if keyword == "enum":
        return False
    return not (isinstance(value, list) if keyword.endswith("Items") else _is(value, "number"))


def _is(value, kind):
    if kind == "null":
        return value is None
    # In YAML and JSON, true is no number.
    return isinstance(value, _PYTHON[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _same(value, choice):
    return value == choice and isinstance(value, bool) == isinstance(choice, bool)


def _is_required(field):
    return field.default is REQUIRED and field.default_factory is REQUIRED


def _written(annotation):
    """A type as its source text has it."""
    if isinstance(annotation, str):
        return annotation
    if typing.get_origin(annotation) is not None:
        return str(annotation).replace("typing.", "")
    return annotation.__name__
