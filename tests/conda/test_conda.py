"""`snakemake --use-conda` on the tiny config: environments solved, linked and run in, from a channel on this disk."""

import contextlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

import conda_channel
import conda_standin
import forking
import pipeline
from planning import expected_figures
from tiny import NARROW, prepare, run

pytestmark = pytest.mark.slow

# Those of the tiny config, whose device is the processor.
ENVS = [path for path in sorted((pipeline.ROOT / "envs").glob("*.yaml")) if path.stem != "torch-cuda"]
INSTALLED = """
import importlib.metadata, importlib.util, json, sys
names = {each.name: each.version for each in importlib.metadata.distributions()}
print(json.dumps([sys.prefix, names, [name for name in sys.argv[1:] if importlib.util.find_spec(name)]]))
"""


@pytest.fixture(scope="module")
def conda(tmp_path_factory):
    """The folder of a stand-in conda, its channels and wheels."""
    rattler = pytest.importorskip("rattler", reason="py-rattler, which solves and links, is not installed")
    asked = {conda_channel.asked(env)[0]["python"] for env in ENVS}
    if asked != {conda_channel.PYTHON}:
        pytest.skip(f"packages are those of this Python, {conda_channel.PYTHON}; the environments ask for {asked}")
    folder = tmp_path_factory.mktemp("conda") / "base"
    conda_standin.install(folder)
    conda_channel.write_channels(folder / "channels", ENVS, str(rattler.Platform.current()))
    conda_channel.write_wheels(folder / "wheels", ENVS)
    yield folder
    # A gigabyte, which pytest would keep of three runs.
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def folder(conda, tmp_path_factory, request):
    """A folder in which the environments have been made."""
    folder = prepare(tmp_path_factory.mktemp("run") / "mine", request.config.cache.mkdir("numba"))
    call = with_conda(conda, folder, "--conda-create-envs-only")
    assert call.status == 0, call.out + call.err
    yield folder
    shutil.rmtree(folder / ".snakemake" / "conda")


@pytest.fixture(scope="module")
def prefixes(folder):
    """{name of an environment's file: the folder that it was made in}, by what each file says."""
    made = {path.read_text(): path.with_suffix("") for path in (folder / ".snakemake" / "conda").glob("*.yaml")}
    return {env.stem: made[env.read_text()] for env in ENVS}


@pytest.fixture(scope="module")
def pythons(prefixes, tmp_path_factory):
    """{environment: folder of the process that its jobs are forked from}: its own Python, with its own packages."""
    homes = {name: tmp_path_factory.mktemp("python") / name for name in prefixes}
    with contextlib.ExitStack() as stack:
        for name, prefix in prefixes.items():
            python = prefix / "bin" / f"python{conda_channel.PYTHON}"
            top = {package.split(".")[0] for package in forking.PACKAGES}
            held = inside(prefix, *top)[2]
            packages = [package for package in forking.PACKAGES if package.split(".")[0] in held]
            stack.enter_context(forking.interpreter(homes[name], packages, python))
            (prefix / "bin" / "python").unlink()
            (prefix / "bin" / "python").symlink_to(homes[name] / "bin" / "python")
        yield homes


@pytest.fixture(scope="module")
def finished(conda, folder, pythons):
    """The same folder after the run."""
    call = with_conda(conda, folder)
    assert call.status == 0, call.out + call.err
    return folder


def with_conda(conda, folder, *arguments):
    path = f"{conda / 'bin'}:{pipeline.environment()['PATH']}"
    return run(folder, "--use-conda", *NARROW, *arguments, PATH=path, timeout=1800)


def inside(prefix, *modules):
    """What the Python of an environment says: its prefix, {distribution: version}, which of the modules it has."""
    command = [prefix / "bin" / f"python{conda_channel.PYTHON}", "-c", INSTALLED, *modules]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("env", ENVS, ids=lambda path: path.stem)
def test_an_environment_holds_what_its_file_asks_for_and_is_one_of_its_own(prefixes, env):
    conda, pip = conda_channel.asked(env)
    prefix, names, held = inside(prefixes[env.stem], "torch", "snakemake", "pytest", "pandas")
    assert Path(prefix) == prefixes[env.stem]
    for name, version in (conda | pip).items():
        if name not in ("python", "pip", "bedtools"):
            assert names[name].split("+")[0] == version
    assert held == (["torch", "pandas"] if "torch" in pip else ["pandas"])
    records = [json.loads(path.read_text()) for path in (prefixes[env.stem] / "conda-meta").glob("*.json")]
    channels = {record["name"]: record["channel"].rstrip("/").rsplit("/")[-1] for record in records}
    assert {"python", "numpy"} <= channels.keys() and channels.pop("bedtools", "bioconda") == "bioconda"
    assert set(channels.values()) == {"conda-forge"}
    # Files, not links to where these came from.
    site = prefixes[env.stem] / conda_channel.SITE
    for package in ("numpy", "pandas"):
        assert (site / package / "__init__.py").resolve() == (site.resolve() / package / "__init__.py")


def test_the_tiny_config_runs_in_every_environment(finished, pythons):
    assert (finished / "results" / "metrics.tsv").is_file()
    drawn = expected_figures(yaml.safe_load((finished / "tiny.yaml").read_text())).total()
    assert len(list((finished / "results").rglob("figures/*.svg"))) == drawn
    assert {name for name, home in pythons.items() if (home / "socket").exists()} == set(pythons)


def test_the_same_command_a_second_time_does_nothing(conda, finished):
    before = {path: path.stat().st_mtime_ns for path in (finished / "results").rglob("*")}
    call = with_conda(conda, finished)
    assert call.status == 0 and "Nothing to be done" in call.out + call.err
    assert {path: path.stat().st_mtime_ns for path in (finished / "results").rglob("*")} == before


def test_neither_leaving_conda_out_nor_the_other_build_of_torch_runs_anything_again(conda, finished):
    call = run(finished, "-n", *NARROW)
    assert call.status == 0 and "Nothing to be done" in call.out + call.err, call.out
    config = yaml.safe_load((finished / "tiny.yaml").read_text())
    (finished / "other.yaml").write_text(yaml.safe_dump(config | {"torch": "cuda"}))
    path = f"{conda / 'bin'}:{pipeline.environment()['PATH']}"
    words = ("-n", "--use-conda", "--configfile", "other.yaml", "--cores", "2", *NARROW)
    call = pipeline.snakemake(finished, *words, PATH=path)
    assert call.status == 0 and "Nothing to be done" in call.out + call.err, call.out


def test_a_wrong_name_ends_in_what_the_solver_says(conda, tmp_path):
    folder = prepare(tmp_path / "mine", tmp_path)
    env = folder / "envs" / "data.yaml"
    env.write_text(env.read_text().replace("- pandas =", "- pandsa ="))
    call = with_conda(conda, folder, "--conda-create-envs-only")
    assert call.status == 1
    said = call.out + call.err
    assert re.search(r"No candidates were found for pandsa", said) and "envs/data.yaml" in said
    # The environments of the others may be there; bedtools is of this one.
    assert not list((folder / ".snakemake" / "conda").glob("*/conda-meta/bedtools*"))
