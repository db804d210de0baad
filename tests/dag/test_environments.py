"""The conda environments: pinned as requirements.txt is, and each holds what its rules' commands import."""

import importlib.metadata
import re
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import pipeline
from cisflow.__main__ import command_names
from distributions import LIB, closure, distribution
from planning import FIGURES

ENVS = sorted((pipeline.ROOT / "envs").glob("*.yaml"))
# Of the interpreter and its tools, and what only conda can install: not in requirements.txt.
CONDA_ONLY = {"python", "pip", "bedtools"}
# What people call, and no rule does.
BY_HAND = {"check", "document-config", "status"}
# Rooms of the package whose modules a command loads by name.
CHOSEN = {
    "windows": ["data.sources", "data.targets"],
    **dict.fromkeys(("train", "predict", "input-contribution", "features", "variants", "kernels"), ["models"]),
    **dict.fromkeys(("attribute", "compare-attributions", "time-attributions"), ["models", "attribution.methods"]),
    **dict.fromkeys(("fit", "tune"), ["classifiers"]),
}


def dependencies(path):
    """(conda name -> version, pip name -> version) of an environment; every one is pinned."""
    conda, pip = {}, {}
    for entry in yaml.safe_load(path.read_text())["dependencies"]:
        if isinstance(entry, dict):
            assert list(entry) == ["pip"], f"{path.name}: {entry}, expected pip"
            for line in entry["pip"]:
                name, _, pip[name] = line.partition("==")
                assert re.fullmatch(r"\d+(\.\d+)+", pip[name]), f"{path.name}: pip: '{line}' is not pinned"
        elif entry != "pip":
            match = re.fullmatch(r"([a-z0-9-]+) =(\d+(?:\.\d+)+)", entry)
            assert match, f"{path.name}: '{entry}' is not pinned as 'name =version'"
            conda[match[1]] = match[2]
    return conda, pip


def required(name):
    """Names of all distributions that an installed one needs, itself included."""
    found, waiting = set(), [canonicalize_name(name)]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for line in importlib.metadata.requires(name) or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(requirement.name))
    return found


def modules(command):
    """Modules of the package that `cisflow <command>` may run."""
    name, *arguments = command.split()
    found = [f"cisflow.commands.{name.replace('-', '_')}"]
    for room in CHOSEN.get(name, ()):
        found += [f"cisflow.{room}.{path.stem}" for path in (LIB / "cisflow").joinpath(*room.split(".")).glob("*.py")]
    if name == "figure":
        found.append(f"cisflow.figures.{arguments[0]}")
    return found


@pytest.fixture(scope="module")
def commands(rules):
    """(command with its first argument, environment) of each rule."""
    shells = {name: rule for name, rule in rules.items() if rule["shell"]}
    return {name: (command(name, rule["shell"]), Path(rule["env"]).name) for name, rule in shells.items()}


def command(rule, shell):
    """The command of a rule with its first argument; of a figure, the module that draws it."""
    figure = FIGURES.get(rule.removeprefix("figure_"))
    return (
        f"figure {figure.module}"
        if figure and rule != figure.name
        else re.match(r"python -m cisflow (\S+ \S+)", shell)[1]
    )


def test_rules_call_every_command_and_no_other(commands):
    called = {command.split()[0] for command, _ in commands.values()}
    assert called == set(command_names()) - BY_HAND


@pytest.mark.parametrize("path", ENVS, ids=lambda path: path.name)
def test_channels_stand_in_the_order_that_bioconda_asks_for(path):
    content = yaml.safe_load(path.read_text())
    assert set(content) == {"channels", "dependencies"}
    assert content["channels"] == ["conda-forge", "bioconda", "nodefaults"]


@pytest.mark.parametrize("path", ENVS, ids=lambda path: path.name)
def test_versions_are_those_of_requirements_txt(path):
    text = (pipeline.ROOT / "requirements.txt").read_text()
    pinned = dict(re.findall(r"^([A-Za-z0-9-]+)==([0-9.]+)", text, re.MULTILINE))
    conda, pip = dependencies(path)
    assert "python" in conda and ("pip" in yaml.safe_load(path.read_text())["dependencies"]) == bool(pip)
    for name, version in (conda | pip).items():
        if name not in CONDA_ONLY:
            assert pinned.get(name) == version, f"{path.name}: {name} {version}, requirements.txt: {pinned.get(name)}"


def test_every_environment_is_used(commands):
    assert {env for _, env in commands.values()} == {path.name for path in ENVS}


@pytest.mark.parametrize("path", ENVS, ids=lambda path: path.name)
def test_environment_holds_what_its_commands_import(path, commands):
    conda, pip = dependencies(path)
    held = set(conda).union(*(required(name) for name in pip))
    for rule, (command, env) in commands.items():
        if env == path.name:
            imports = {name.split(".")[0] for name in closure(*modules(command))}
            needed = {distribution(name) for name in imports - sys.stdlib_module_names - {"cisflow"}}
            assert needed <= held, f"{path.name} lacks {sorted(needed - held)}, which rule {rule} imports"


@pytest.mark.parametrize("path", ENVS, ids=lambda path: path.name)
def test_environment_holds_nothing_that_no_command_imports(path, commands):
    conda, pip = dependencies(path)
    used = set()
    for command, env in commands.values():
        used |= {name.split(".")[0] for name in closure(*modules(command))} if env == path.name else set()
    needed = {distribution(name) for name in used}
    # What pins a requirement of another package (torch of tangermeme) is there for its version.
    pins = set().union(*(required(name) - {name} for name in {*conda, *pip} - CONDA_ONLY))
    assert set(conda) | set(pip) <= needed | pins | CONDA_ONLY


def test_bedtools_is_where_windows_are_made(commands):
    for command, env in commands.values():
        if command.startswith("windows "):
            assert "bedtools" in dependencies(pipeline.ROOT / "envs" / env)[0]
