"""A config of 2,000 trainings: it is planned in bounded time, and no job's command grows with the number of runs."""

import json
import subprocess
import sys

import pytest
import yaml

import pipeline

MODELS, SEEDS = 20, 50
PLAN = """
import json, sys
from pathlib import Path
from snakemake.api import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings, SnakemakeApi
from snakemake.settings.enums import Quietness

with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
    call = api.workflow(
        resource_settings=ResourceSettings(cores=1), config_settings=ConfigSettings(configfiles=[Path(sys.argv[1])])
    )
    call.dag().execute_workflow(executor="dryrun")
    longest, counts = {}, {}
    for job in call._workflow.dag.jobs:
        counts[job.rule.name] = counts.get(job.rule.name, 0) + 1
        if job.shellcmd:
            longest[job.rule.name] = max(longest.get(job.rule.name, 0), len(job.shellcmd.encode()))
print(json.dumps([counts, longest]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The demo, with many networks and seeds on one dataset and all of one network's seeds explained and compared."""
    folder = pipeline.copy(tmp_path_factory.mktemp("scale"))
    config = yaml.safe_load((folder / "config" / "demo.yaml").read_text())
    networks = {
        f"network_{number}": {"architecture": "MotifCNN", "seeds": list(range(SEEDS))} for number in range(MODELS)
    }
    config["models"] |= networks
    ctcf = config["datasets"]["ctcf"]
    ctcf["models"] += list(networks)
    ctcf["explain"] = [
        {
            "model": "network_1",
            "split": "random",
            "methods": ["ism", "tism"],
            "reference": "ism",
            "seeds": list(range(SEEDS)),
        }
    ]
    ctcf["study"] = {"splits": {"published": "random", "held_out": "chromosome"}}
    (folder / "many.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.mark.slow
def test_two_thousand_trainings_are_planned(folder):
    # A dry run through Snakemake's own API, which tells the jobs as well: an error of planning is its exit status.
    command = [sys.executable, "-c", PLAN, "many.yaml"]
    done = subprocess.run(command, cwd=folder, env=pipeline.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts, longest = json.loads(done.stdout.splitlines()[-1])
    splits = len(yaml.safe_load((folder / "many.yaml").read_text())["datasets"]["ctcf"]["splits"])
    assert counts["train"] >= MODELS * SEEDS * splits == 2000
    assert max(longest.values()) < 16 * 1024, max(longest.items(), key=lambda item: item[1])
