"""What the two commands of the README rest on: pins, make targets, system packages, shipped data, citation."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import cisflow
from cisflow.io import files
from distributions import LIB, distribution, imported

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".ci" / "system-packages"

# `make test` hands its own flags and variables to a make that runs below it.
OUTSIDE = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHON")}


def make(folder, *arguments):
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=OUTSIDE, capture_output=True, text=True, timeout=30, check=False
    )


def requirements():
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    return [line for line in lines if line]


def test_requirements_are_pinned_once_and_torch_is_first():
    names = []
    for line in requirements():
        match = re.fullmatch(r"([A-Za-z0-9-]+)==[0-9]+(\.[0-9]+)+", line)
        assert match, f"requirements.txt: '{line}' is not pinned as name==version"
        names.append(match[1].lower())
    assert names[0] == "torch"
    assert len(set(names)) == len(names)


def test_requirements_cover_every_import_of_the_package():
    pinned = {line.split("==")[0] for line in requirements()}
    imports = set().union(*(imported(path) for path in LIB.rglob("*.py")))
    known = sys.stdlib_module_names | {"cisflow"}
    assert {distribution(name) for name in {name.split(".")[0] for name in imports} - known} <= pinned


@pytest.mark.parametrize("target", ["demo", "test", "lint"])
def test_make_has_the_target(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_installs_once_and_again_only_when_the_pins_change(tmp_path):
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "system-packages").touch(0o755)

    def plan():
        done = make(tmp_path, "-n", "test")
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "-m venv" in plan() and "requirements.txt" in plan()
    stamp = tmp_path / ".venv" / ".installed"
    stamp.parent.mkdir()
    stamp.touch()
    assert "venv --clear" not in plan() and "-m pytest" in plan()
    newer = stamp.stat().st_mtime + 10
    os.utime(tmp_path / "requirements.txt", (newer, newer))
    assert "venv --clear" in plan()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_says_which_python_it_needs(tmp_path):
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = make(tmp_path, ".venv/.installed", f"PYTHON={old}")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.fixture
def machine(tmp_path):
    """A PATH of stand-ins: a function that adds a command, and one that runs the script there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("grep", "touch", "chmod", "env"):
        (folder / name).symlink_to(shutil.which(name))

    def add(name, body):
        path = folder / name
        path.write_text(f"#!/bin/sh\necho {name} $* >> {tmp_path}/calls\n{body}\n")
        path.chmod(0o755)

    def run():
        environment = {"PATH": str(folder)}
        done = subprocess.run(["/bin/sh", str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=30)
        calls = (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []
        return done, [call for call in calls if call.split()[0] in ("apt-get", "brew", "sudo")]

    add("uname", "echo Linux")
    add("id", "echo 0")
    add("ldconfig", "echo libgomp.so.1")
    return add, run


def installing(tmp_path):
    return f"touch {tmp_path}/bin/bedtools; chmod +x {tmp_path}/bin/bedtools"


def test_nothing_is_installed_where_all_is_there(machine):
    add, run = machine
    add("bedtools", "")
    add("apt-get", "exit 1")
    done, calls = run()
    assert (done.returncode, done.stdout, done.stderr, calls) == (0, "", "", [])


def test_root_installs_with_apt(machine, tmp_path):
    add, run = machine
    add("apt-get", installing(tmp_path))
    done, calls = run()
    assert done.returncode == 0, done.stderr
    assert calls == ["apt-get install -y bedtools libgomp1"]


def test_missing_package_lists_are_fetched_first(machine, tmp_path):
    add, run = machine
    lists = tmp_path / "lists"
    add("apt-get", f"[ $1 = update ] && touch {lists}\n[ -e {lists} ] || exit 100\n{installing(tmp_path)}")
    done, calls = run()
    assert done.returncode == 0, done.stderr
    assert [call.split()[1] for call in calls] == ["install", "update", "install"]


def test_without_rights_the_line_to_run_is_printed(machine):
    add, run = machine
    add("id", "echo 1000")
    add("sudo", "exit 1")
    add("apt-get", "")
    done, calls = run()
    assert done.returncode == 1
    assert calls == ["sudo -n true"]
    assert done.stderr.splitlines()[-1] == (
        "cisflow: missing: bedtools. Run: sudo apt-get install -y bedtools libgomp1"
    )


def test_missing_openmp_is_noticed(machine):
    add, run = machine
    add("bedtools", "")
    add("ldconfig", "echo libstdc++.so.6")
    done, _ = run()
    assert done.returncode == 1
    assert "missing: libgomp.so.1" in done.stderr


def test_brew_is_used_where_there_is_no_apt(machine, tmp_path):
    add, run = machine
    add("brew", installing(tmp_path))
    done, calls = run()
    assert done.returncode == 0, done.stderr
    assert calls == ["brew install bedtools"]


def test_demo_data_are_those_of_their_readme():
    folder = ROOT / "resources" / "demo"
    told = dict(re.findall(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", (folder / "README.md").read_text(), re.MULTILINE))
    assert told == {path.name: files.digest(path) for path in folder.iterdir() if path.name != "README.md"}


def test_citation_names_the_version_and_licence_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == cisflow.__version__
    assert citation["cff-version"] == "1.2.0"
    assert citation["license"] == "MIT" and (ROOT / "LICENSE").read_text().startswith("MIT License")
    assert {"message", "title", "authors"} <= set(citation)


def test_changelog_has_the_version():
    assert re.search(rf"^## {re.escape(cisflow.__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_catalog_entry_offers_conda_and_a_report():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["software-stack-deployment"]["conda"] is True
    assert usage["report"] is True
