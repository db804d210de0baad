"""SIGKILL at random moments of every stage, of Snakemake and of both: taken up as documented, the same bytes.

A few kills of one dataset; with CISFLOW_FULL_SIZE=1, each job of the whole tiny run, which takes half an hour.
"""

import os
import sys

import pytest
import yaml

import forking
import killing
import pipeline
from tiny import CONFIG, planned, prepare, written

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which process holds which file"),
]
SEED = int(os.environ.get("CISFLOW_SEED", 1))
SOME = ("results/reporters/evaluation/metrics.tsv",)
full = pytest.mark.skipif("CISFLOW_FULL_SIZE" not in os.environ, reason="takes half an hour: set CISFLOW_FULL_SIZE=1")


@pytest.fixture
def python(tmp_path):
    """Variables of runs whose jobs have their imports made."""
    with forking.interpreter(tmp_path / "python") as folder:
        yield {"PATH": os.pathsep.join([str(folder), pipeline.environment()["PATH"]])}


def same_after_kills(first, second, arguments, python, **options):
    """The Kills of a run in one folder, whose results are those of an undisturbed run in another."""
    durations = killing.undisturbed(first, *arguments, **python)
    kills = killing.killed(second, durations, SEED, *arguments, **options, **python)
    assert not killing.leftovers(first) and not killing.leftovers(second)
    one, other = written(first), written(second)
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []
    assert not planned(second, *arguments)
    return kills


def test_a_run_that_is_killed_in_many_places_ends_in_the_same_bytes(tmp_path, numba, python):
    first = prepare(tmp_path / "first", numba)
    kills = same_after_kills(first, killing.copied(first, tmp_path / "second"), SOME, python, each=2, most=10)
    assert len(kills) >= 8 and {kill.whom for kill in kills} == {"job", "snakemake", "both"}


@full
def test_a_whole_run_of_which_each_job_is_killed_ends_in_the_same_bytes(tmp_path, numba, python):
    first = prepare(tmp_path / "first", numba)
    config = yaml.safe_load(CONFIG)
    config["models"]["small"]["training"]["max_epochs"] = 8
    config["models"]["searched"]["tune"]["n_trials"] = 8
    with killing.served(first / "data") as address:
        for entry in (config["resources"][name] for name in ("genome.fa", "genes.gtf")):
            entry["url"] = entry["url"].replace("data", address)
        (first / "tiny.yaml").write_text(yaml.safe_dump(config))
        kills = same_after_kills(first, killing.copied(first, tmp_path / "second"), (), python)
    print("\n".join(killing.table(kills)))
    assert len(kills) >= 100
