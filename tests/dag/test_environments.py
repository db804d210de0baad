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
from cisflow.config.loading import load
from distributions import LIB, closure, distribution
from planning import FIGURES, read

ENVS = sorted((pipeline.ROOT / "envs").glob("*.yaml"))
# Builds of torch, of which a config takes one.
BUILDS = {"cpu": "torch-cpu.yaml", "cuda": "torch-cuda.yaml"}
# Of the interpreter and its tools, and what only conda can install: not in requirements.txt.
CONDA_ONLY = {"python", "pip", "bedtools"}
# Packages of conda whose distribution has another name: this one brings no windows to draw in.
RENAMED = {"matplotlib-base": "matplotlib"}
# What other packages read text and colour it with: no result depends on the version.
ANY_VERSION = {"pyyaml", "pygments"}
# What people call, and no rule does.
BY_HAND = {"check", "document-config", "status"}
# Rooms of the package whose modules a command loads by name.
CHOSEN = {
    "windows": ["data.sources", "data.targets"],
    **dict.fromkeys(
        (
            "train",
            "predict",
            "input-contribution",
            "features",
            "variants",
            "kernels",
            "track-weights",
            "reach",
            "motif-effects",
            "variant-effects",
            "saturate",
        ),
        ["models"],
    ),
    **dict.fromkeys(
        ("attribute", "compare-attributions", "time-attributions", "saturate"), ["models", "attribution.methods"]
    ),
    **dict.fromkeys(("fit", "tune"), ["classifiers"]),
    "design": ["models", "design.methods"],
}


def dependencies(path):
    """(distribution of conda -> version, of pip -> version) of an environment; every one is pinned, pip has bounds."""
    conda, pip = {}, {}
    for entry in yaml.safe_load(path.read_text())["dependencies"]:
        if isinstance(entry, dict):
            assert list(entry) == ["pip"], f"{path.name}: {entry}, expected pip"
            for line in entry["pip"]:
                if not line.startswith("--"):
                    name, _, pip[name] = line.partition("==")
                    assert re.fullmatch(r"\d+(\.\d+)+", pip[name]), f"{path.name}: pip: '{line}' is not pinned"
        else:
            match = re.fullmatch(r"([a-z0-9-]+) (?:=(\d+(?:\.\d+)+)|(>=[0-9.]+,<[0-9.]+))", entry)
            assert match, f"{path.name}: '{entry}' is not pinned as 'name =version'"
            assert match[2] or match[1] == "pip", f"{path.name}: '{entry}' is not pinned as 'name =version'"
            conda[RENAMED.get(match[1], match[1])] = match[2] or match[3]
    return conda, pip


def pinned():
    """{distribution: version} of requirements.txt."""
    text = (pipeline.ROOT / "requirements.txt").read_text()
    return dict(re.findall(r"^([A-Za-z0-9-]+)==([0-9.]+)", text, re.MULTILINE))


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
    conda, pip = dependencies(path)
    assert "python" in conda and ("pip" in conda) == bool(pip)
    for name, version in (conda | pip).items():
        if name not in CONDA_ONLY:
            assert pinned().get(name) == version, f"{path.name}: {name} {version}, not as in requirements.txt"


def test_every_environment_is_used(commands):
    assert {env for _, env in commands.values()} == {path.name for path in ENVS} - {BUILDS["cpu"]}


def test_torch_is_in_one_environment_alone_in_two_builds_that_differ_in_the_index():
    with_torch = {path.name for path in ENVS if "torch" in set().union(*map(required, dependencies(path)[1]))}
    assert with_torch == set(BUILDS.values())
    cpu, cuda = (yaml.safe_load((pipeline.ROOT / "envs" / BUILDS[build]).read_text()) for build in ("cpu", "cuda"))
    index = [line for line in cpu["dependencies"][-1]["pip"] if line.startswith("--")]
    assert len(index) == 1 and index[0].startswith("--extra-index-url https://") and index[0].endswith("/cpu")
    cpu["dependencies"][-1]["pip"].remove(index[0])
    assert cpu == cuda


@pytest.mark.parametrize(
    ("device", "torch", "build"),
    [
        ("auto", {}, "cuda"),
        ("cuda", {}, "cuda"),
        ("cpu", {}, "cpu"),
        ("auto", {"torch": "cpu"}, "cpu"),
        ("cpu", {"torch": "cuda"}, "cuda"),
    ],
)
def test_the_build_of_torch_is_that_of_the_device_or_the_one_that_is_asked_for(folder, device, torch, build):
    assert load(read(folder, "config/demo.yaml") | {"device": device} | torch).torch == build


def test_one_key_of_the_config_moves_every_rule_with_torch_to_the_other_build(folder, tmp_path, commands):
    (tmp_path / "cpu.yaml").write_text(yaml.safe_dump(read(folder, "config/demo.yaml") | {"torch": "cpu"}))
    rules = pipeline.rules(folder, tmp_path / "cpu.yaml")
    found = {name: Path(rules[name]["env"]).name for name in commands}
    assert found == {name: env.replace(BUILDS["cuda"], BUILDS["cpu"]) for name, (_, env) in commands.items()}


@pytest.mark.parametrize("path", ENVS, ids=lambda path: path.name)
def test_environment_holds_what_its_commands_import(path, commands):
    """Whatever else brings it: an import that is not listed has the version that this happens to ask for."""
    held = set().union(*dependencies(path))
    for rule, (command, env) in commands.items():
        if env == path.name or {env, path.name} == set(BUILDS.values()):
            imports = {name.split(".")[0] for name in closure(*modules(command))}
            needed = {distribution(name) for name in imports - sys.stdlib_module_names - {"cisflow"}}
            assert needed <= held, f"{path.name} lacks {sorted(needed - held)}, which rule {rule} imports"


@pytest.mark.parametrize("path", ENVS, ids=lambda path: path.name)
def test_what_packages_bring_with_them_has_the_version_that_was_tested(path):
    conda, pip = dependencies(path)
    brought = set().union(*(required(name) for name in {*conda, *pip} - CONDA_ONLY))
    assert (brought & set(pinned())) - ANY_VERSION <= {*conda, *pip}


@pytest.mark.parametrize("path", ENVS, ids=lambda path: path.name)
def test_environment_holds_nothing_that_no_command_imports(path, commands):
    conda, pip = dependencies(path)
    used = set()
    for command, env in commands.values():
        if env == path.name or {env, path.name} == set(BUILDS.values()):
            used |= {name.split(".")[0] for name in closure(*modules(command))}
    needed = {distribution(name) for name in used}
    # What pins a requirement of another package (torch of tangermeme) is there for its version.
    pins = set().union(*(required(name) - {name} for name in {*conda, *pip} - CONDA_ONLY))
    assert set(conda) | set(pip) <= needed | pins | CONDA_ONLY


def test_bedtools_is_where_windows_are_made(commands):
    for command, env in commands.values():
        if command.startswith("windows "):
            assert "bedtools" in dependencies(pipeline.ROOT / "envs" / env)[0]
