"""SIGKILL at random moments of every stage, of Snakemake and of both: taken up as documented, the same bytes.

A few kills of one dataset; with CISFLOW_FULL_SIZE=1, half the jobs of the whole tiny run, which takes half an hour.
"""

import contextlib
import os
import signal
import sys
import time

import pytest
import yaml

import forking
import killing
import pipeline
from tiny import CONFIG, NARROW, planned, prepare, run, written

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


def same_after_kills(folder, arguments, python, **options):
    """The Kills of a run whose results are those of an undisturbed run before it, in the same place."""
    fresh = killing.copied(folder, folder.with_name("fresh"))
    durations = killing.undisturbed(folder, *arguments, **python)
    undisturbed = folder.rename(folder.with_name("undisturbed"))
    # What numba compiles for a module it finds again by the path of that.
    fresh.rename(folder)
    kills = killing.killed(folder, durations, SEED, *arguments, **options, **python)
    assert not killing.leftovers(undisturbed) and not killing.leftovers(folder)
    one, other = written(undisturbed), written(folder)
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []
    assert not planned(folder, *arguments)
    return kills


def test_a_run_that_is_killed_in_many_places_ends_in_the_same_bytes(tmp_path, numba, python):
    folder = prepare(tmp_path / "run", numba)
    kills = same_after_kills(folder, SOME, python, each=2, most=10)
    assert killing.last_words(folder, 0).count("cisflow: a job was killed (SIGKILL)") >= 4
    assert len(kills) >= 8 and {kill.whom for kill in kills} == {"job", "snakemake", "both"}


def test_a_job_that_outlives_its_snakemake_is_alone_at_its_output(tmp_path, numba, python):
    """A stopped process cannot leave: the same job of the next run waits until it goes on, and leaves."""
    folder = prepare(tmp_path / "run", numba)
    log, windows, output = folder / "logs/reporters/windows.log", "results/reporters/windows.tsv", "results/reporters"
    with killing.running(folder, windows, *NARROW, **python) as snakemake:
        orphan = within(300, lambda: killing.at_work(folder).get(f"{output}.windows"))
        os.kill(orphan, signal.SIGSTOP)
        snakemake.kill()
    try:
        killing.recover(folder, **python)
        with killing.running(folder, windows, *NARROW, **python) as snakemake:
            words = f"{output}: process {orphan} of "
            told = within(300, lambda: log.exists() and words in log.read_text() and log.read_text())
            assert told.rstrip().endswith("is at work there; waiting until it has ended")
            assert killing.at_work(folder)[f"{output}.windows"] == orphan and not (folder / windows).exists()
            os.kill(orphan, signal.SIGCONT)
            assert snakemake.wait(timeout=300) == 0, killing.last_words(folder)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(orphan, signal.SIGKILL)
    found = written(folder)
    # A clock that has gone back is nothing to repair either.
    tomorrow = time.time() + 86400
    os.utime(folder / "resources" / "reporters.csv", (tomorrow, tomorrow))
    assert run(folder, windows, "--forcerun", "windows", *NARROW, **python).status == 0
    assert written(folder) == found and not killing.leftovers(folder)


def within(seconds, found):
    """What a call gives, as soon as that is something."""
    deadline = time.monotonic() + seconds
    while not (what := found()):
        assert time.monotonic() < deadline, f"not there after {seconds} s"
        time.sleep(killing.EVERY_S)
    return what


@full
def test_a_whole_run_of_which_half_the_jobs_are_killed_ends_in_the_same_bytes(tmp_path, numba, python):
    folder = prepare(tmp_path / "run", numba)
    config = yaml.safe_load(CONFIG)
    config["models"]["small"]["training"]["max_epochs"] = 8
    config["models"]["searched"]["tune"]["n_trials"] = 8
    with killing.served(folder / "data") as address:
        for entry in (config["resources"][name] for name in ("genome.fa", "genes.gtf")):
            entry["url"] = entry["url"].replace("data", address)
        (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
        kills = same_after_kills(folder, (), python, share=0.5)
    print("\n".join(killing.table(kills)))
    assert len(kills) >= 100
