"""The schema of the config: what `workflow/schemas/config.schema.yaml` states, and what modules of the package declare.

In the file, `declared: training/recipe.Training` stands for the settings of that class; beside a `properties` of its
own they come after those. `chosen: {by: kind, of: data/sources}` stands for an object whose key `kind` names a module
of that folder, and whose other keys are the settings of its class `Settings`; where `of` is a module, the key names one
of its classes of settings, in lower case; a setting of a module may be `chosen` too (`config.settings.setting`).
`enum: architectures` (or `classifiers`, `tasks`) stands for the names of those.
"""

import copy
import functools
from pathlib import Path

from cisflow.config import code, declared, settings
from cisflow.errors import InputError

FILE = Path(__file__).parents[3] / "schemas" / "config.schema.yaml"


@functools.cache
def read():
    """The whole schema, as a dict, read once a process."""
    # Snakemake itself brings yaml and jsonschema wherever a run is planned; jobs import neither.
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return _composed(yaml.load(FILE.read_text(encoding="utf-8"), Loader=loader))


def _composed(schema):
    """A part of the schema with what modules declare in its place."""
    if isinstance(schema, list):
        return [_composed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: _composed(value) for key, value in schema.items() if key not in ("declared", "chosen")}
    if "declared" in schema:
        module, name = schema["declared"].rsplit(".", 1)
        declaration = declared.classes(module)[name]
        own = _composed(declaration.block())
        properties = parts.pop("properties", {}) | own["properties"]
        required = [*parts.pop("required", ()), *own.get("required", ())]
        parts |= settings.block(properties, required, declaration.one_of)
    if "chosen" in schema:
        parts |= _choice(**schema["chosen"])
    if isinstance(parts.get("enum"), str):
        parts["enum"] = {"architectures": architectures, "classifiers": classifiers, "tasks": tasks}[parts["enum"]]()
    return parts


def architectures():
    return sorted(code.architectures())


def classifiers():
    return list(choices("classifiers"))


def tasks():
    return list(declared.tasks())


def choices(of):
    """{name: Declaration} of what a key of the config chooses among: modules of a folder, or classes of a module."""
    if (declared.PACKAGE / of).is_dir():
        found = {name: declared.classes(f"{of}/{name}").get("Settings") for name in declared.names(of)}
        return {name: declaration for name, declaration in found.items() if declaration is not None}
    return {name.lower(): declaration for name, declaration in declared.classes(of).items()}


def _choice(by, of, meaning="Its kind, which decides the other keys.", without=None):
    """What a `chosen` stands for. `without`: what is left out where one setting is chosen within another; the tables of
    config/README.md list the others' settings where they stand by themselves.
    """
    known = {name: declaration for name, declaration in choices(of).items() if name not in (without or ())}
    branches = []
    for name, declaration in known.items():
        own = _composed(declaration.block())
        properties = {by: {"const": name, "description": declaration.meaning}} | own["properties"]
        block = settings.block(properties, [by, *own.get("required", ())], declaration.one_of)
        branches.append({"if": {"properties": {by: {"const": name}}}, "then": block})
    key = {"enum": list(known), "description": meaning}
    found = {"type": "object", "required": [by], "properties": {by: key}, "allOf": branches}
    return found | ({"$comment": "told elsewhere"} if without is not None else {})


def validate(config, schema):
    """Check a config and fill in its defaults, in place.

    Raises
    ------
    InputError : the first thing that is wrong; one line says where it is, what was found and what was expected.
    """
    from jsonschema import Draft202012Validator, ValidationError, validators

    check_properties = Draft202012Validator.VALIDATORS["properties"]

    def with_defaults(validator, properties, instance, schema):
        if isinstance(instance, dict):
            for key, entry in properties.items():
                if "default" in entry:
                    instance.setdefault(key, copy.deepcopy(entry["default"]))
        yield from check_properties(validator, properties, instance, schema)

    # As `config.settings` has it in the job: 2.0 is no whole number, which JSON Schema would have it be.
    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    checked = validators.extend(Draft202012Validator, {"properties": with_defaults}, type_checker=types)
    try:
        checked(schema).validate(config)
    except ValidationError as error:
        where = error.json_path.removeprefix("$").removeprefix(".")
        raise InputError(": ".join(filter(None, ["config", where, _complaint(error)]))) from None


def _complaint(error):
    """What was found and what was expected, of an error of jsonschema, whose own words on keys say too little."""
    found = error.instance
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = [key for key in found if key not in known]
        return f"unknown key '{unknown[0]}'; expected keys: {', '.join(known)}"
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in found]
        return f"no key '{missing[0]}'; found keys: {', '.join(map(str, found)) or '(none)'}"
    if error.validator == "oneOf":
        keys = [key for choice in error.validator_value for key in choice["required"]]
        present = [key for key in keys if key in found]
        return f"found {' and '.join(present) or 'neither'}; expected exactly one of the keys {', '.join(keys)}"
    if error.validator == "anyOf" and (wrong := settings.complaint(found, error.schema)):
        return ": ".join(filter(None, [wrong[0].removeprefix("."), wrong[1]]))
    return error.message
