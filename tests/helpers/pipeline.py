"""Snakemake on a copy of the workflow, as a user would call it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PARTS = ("workflow", "config", "envs", "resources/demo", "resources/published", "pyproject.toml")
DEMO = ("--configfile", "config/demo.yaml")

# Snakemake takes a second to import: one process imports it and forks for each call.
CALLS = """
import json, os, sys
from snakemake.cli import main

for call in json.load(sys.stdin):
    child = os.fork()
    if not child:
        for number, path in ((1, call["out"]), (2, call["err"])):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
        try:
            main(call["arguments"])
            status = 0
        except SystemExit as error:
            status = error.code
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

# What each rule declares, which neither a dry run nor the linter shows.
RULES = """
import json, sys
from pathlib import Path
from snakemake.api import ConfigSettings, OutputSettings, ResourceSettings, SnakemakeApi
from snakemake.settings.enums import Quietness

with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
    call = api.workflow(
        resource_settings=ResourceSettings(cores=1), config_settings=ConfigSettings(configfiles=[Path(sys.argv[1])])
    )
    call.dag().execute_workflow(executor="dryrun")
    jobs = list(call._workflow.dag.jobs)
    rules = {}
    for rule in call._workflow.rules:
        env = rule._conda_env and str((Path(str(rule.snakefile)).parent / rule._conda_env).resolve())
        # A function of the wildcards asks for one or more.
        gpu = rule.resources.get("gpu")
        gpu = gpu is not None and (gpu.is_evaluable() or bool(gpu.raw))
        code = {job.params.get("code") for job in jobs if job.rule.name == rule.name} - {None}
        rules[rule.name] = {"shell": rule.shellcmd, "log": list(map(str, rule.log)), "env": env, "gpu": gpu}
        rules[rule.name] |= {"stage": Path(str(rule.snakefile)).stem, "code": sorted(code)}
        rules[rule.name]["writes"] = bool(rule.template_engine)
print(json.dumps(rules))
"""


class Call(NamedTuple):
    """What a call of Snakemake left: exit status, stdout and stderr."""

    status: int
    out: str
    err: str


def copy(folder):
    """Copy to `folder` what a run needs, to run it there and to change it; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, folder / part)
    return folder


def environment(**changes):
    """Variables of a run: its jobs call `python`, which is the one that runs the tests."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "SNAKEMAKE_PROFILE")}
    return kept | {"PATH": path, "OMP_NUM_THREADS": "1"} | changes


def snakemake(folder, *arguments, timeout=900, **changes):
    """Run Snakemake in `folder`; `changes` are environment variables."""
    command = [sys.executable, "-m", "snakemake", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=folder, env=environment(**changes), capture_output=True, text=True, timeout=timeout, check=False
    )
    return Call(done.returncode, done.stdout, done.stderr)


def plans(folder, outputs, calls, **changes):
    """Calls of Snakemake that run no job: {name: arguments} -> {name: Call}; `outputs` is a folder for their text."""
    files = {name: (outputs / f"{name}.out", outputs / f"{name}.err") for name in calls}
    orders = [
        {"arguments": list(map(str, arguments)), "out": str(files[name][0]), "err": str(files[name][1])}
        for name, arguments in calls.items()
    ]
    command = [sys.executable, "-c", CALLS]
    done = subprocess.run(
        command, cwd=folder, env=environment(**changes), input=json.dumps(orders), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return {
        name: Call(int(status), *(path.read_text() for path in files[name]))
        for name, status in zip(calls, done.stdout.split(), strict=True)
    }


def rules(folder, configfile):
    """Name of each rule -> its shell command, logs, conda environment (a path), GPUs, the file it stands in, digests of
    its jobs' code, and whether Snakemake itself writes its output."""
    command = [sys.executable, "-c", RULES, str(configfile)]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def fake_conda(folder, python=Path(sys.executable).parent):
    """Put a `conda` into `folder` whose environments are empty and leave the `python` of a folder in charge.

    It answers what Snakemake asks of conda, and `bin/activate` sets CONDA_PREFIX as conda does: a run with it shows
    that the environment files are read, created and activated for each job, not that they can be solved.
    """
    (folder / "bin").mkdir(parents=True)
    conda = folder / "bin" / "conda"
    conda.write_text(
        f"""#!/bin/bash
echo "$@" >> {folder}/calls
case "$*" in
    "info --json") echo '{{"conda_prefix": "{folder}", "platform": "linux-64"}}' ;;
    "--version") echo "conda 25.1.0" ;;
    "config --get channel_priority --json") echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
    "clean "*) ;;
    "env create "*) while [ "$1" != --prefix ]; do shift; done; mkdir -p "$2/conda-meta" ;;
    *) exit 1 ;;
esac
"""
    )
    conda.chmod(0o755)
    (folder / "bin" / "activate").write_text(
        f'echo "$1" >> {folder}/activated\nexport CONDA_PREFIX="$1" PATH="$1/bin:{python}:$PATH"\n'
    )
    return {"PATH": os.pathsep.join([str(folder / "bin"), environment()["PATH"]])}
