"""The profile for SLURM on the real thing: its daemons on this machine, jobs that train, and jobs that fail."""

import itertools
import os
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
import yaml

import pipeline
import slurm
from tables import text
from tiny import CONFIG, prepare

pytestmark = pytest.mark.slow

PROFILE = ("--workflow-profile", "workflow/profiles/slurm", "--configfile", "tiny.yaml")
# The profile waits for clusters that are asked seldom.
SOON = ("--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2")
MODELS = "results/reporters/models/{}/random/seed{}/model.safetensors"
FULL_SIZE = pytest.mark.skipif("CISFLOW_FULL_SIZE" not in os.environ, reason="takes long: set CISFLOW_FULL_SIZE=1")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster of one node, started and stopped by its process ids."""
    why = slurm.install()
    if why:
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("slurm")
    started = slurm.Cluster(folder)
    try:
        yield started.start()
    finally:
        started.stop()
    assert not slurm.processes(folder)


@pytest.fixture(scope="module")
def environment(cluster, tmp_path_factory):
    """Variables of a run on the cluster, with a conda whose environments are the Python of these tests."""
    conda = pipeline.fake_conda(tmp_path_factory.mktemp("conda") / "base")["PATH"].split(os.pathsep)[0]
    path = [conda, str(Path(sys.executable).parent), cluster.variables["PATH"]]
    return cluster.variables | {"PATH": os.pathsep.join(path)}


def table_config():
    """Of the tiny config one data set, with a network that trains for long beside its own, and one that is no table."""
    tiny = yaml.safe_load(CONFIG)
    reporters = tiny["datasets"]["reporters"] | {"models": ["small", "long"]}
    broken = reporters | {"source": reporters["source"] | {"table": "broken.csv"}}
    small = tiny["models"]["small"]
    long = small | {"training": small["training"] | {"max_epochs": 200, "patience": 200}}
    return {
        "device": "cpu",
        "resources": {name: {"url": f"data/{name}"} for name in ("reporters.csv", "broken.csv")},
        "datasets": {"reporters": reporters, "broken": broken},
        "models": {"small": small | {"seeds": [1, 2, 3]}, "long": long},
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory, numba):
    folder = prepare(tmp_path_factory.mktemp("tiny") / "run", numba)
    (folder / "tiny.yaml").write_text(yaml.safe_dump(table_config()))
    (folder / "data" / "broken.csv").write_text("header,letters,label\nr1,ACGT,1\n")
    return folder


@pytest.fixture(scope="module")
def trained(folder, cluster, environment):
    """Two trainings for which there is one card of the model that they ask for; the Call."""
    asked = ["--set-resources", "train:runtime=30", "train:gpu_model=h200"]
    targets = [MODELS.format("small", seed) for seed in (1, 2)]
    return pipeline.snakemake(folder, *targets, *PROFILE, *SOON, *asked, **environment)


def of(cluster, rule):
    """What the controller tells of the jobs of a rule, first to last."""
    found = [fields for fields in cluster.jobs().values() if fields.get("Comment", "").startswith(f"rule_{rule}_")]
    return sorted(found, key=lambda fields: int(fields["JobId"]))


def first_line(folder, log):
    return (folder / "logs" / log).read_text().splitlines()[0]


def test_jobs_run_on_their_partitions_and_one_at_a_time_on_a_card(trained, folder, cluster):
    assert trained.status == 0, trained.out + trained.err
    windows, training = of(cluster, "windows"), of(cluster, "train")
    assert [job["Partition"] for job in windows] == ["cpu"] and "TresPerJob" not in windows[0]
    # Of one rule a resource was set on the command line: its partition is still that of GPUs.
    assert [job["Partition"] for job in training] == ["gpu", "gpu"]
    for job in training:
        print(
            job["JobId"],
            job["Comment"],
            job["TRES"],
            job["TresPerJob"],
            job.get("GRES"),
            job["StartTime"],
            job["EndTime"],
        )
        assert job["TresPerJob"] == "gres:gpu:h200:1" and job["TimeLimit"] == "00:30:00"
    first, second = sorted((datetime.fromisoformat(job["StartTime"]), job["EndTime"]) for job in training)
    assert datetime.fromisoformat(first[1]) <= second[0]
    # Ready at the same time: it was for the card that one waited.
    assert len({job["SubmitTime"][:-1] for job in training}) == 1


def test_the_log_of_a_job_shows_its_allocation(trained, folder, cluster):
    job = of(cluster, "train")[0]
    seed = job["Comment"][-1]
    line = first_line(folder, f"reporters/train.small.random.seed{seed}.log")
    print(line)
    assert line.endswith(f"SLURM job {job['JobId']}, partition gpu, GPU 0")
    assert "partition cpu" in first_line(folder, "reporters/windows.log")
    assert "GPU" not in first_line(folder, "reporters/windows.log")


def test_the_screen_says_what_jobs_are_called_and_where_logs_are(trained, cluster):
    assert re.search(r"Logs: logs/ .* logs/slurm\. Jobs: squeue --me ", trained.err)
    names = {job["JobName"] for job in cluster.jobs().values()}
    assert all(name.startswith("cisflow_") for name in names)
    assert of(cluster, "train")[0]["Comment"].startswith("rule_train_wildcards_reporters_small_random_")


@pytest.fixture(scope="module")
def failed(trained, folder, cluster, environment):
    """A job killed for its memory, which its next attempt has enough of, and a table that cannot be read; the Call.

    sacct is asked for, which answers nothing on this cluster.
    """
    memory = ["--set-resources", "train:mem_mb=500*attempt**2", "train:gpu=2", "train:gpu_model=a100"]
    options = ["--retries", "1", "--keep-going", "--slurm-status-command", "sacct"]
    targets = [MODELS.format("small", 3), "results/broken/windows.tsv"]
    return pipeline.snakemake(folder, *targets, *PROFILE, *SOON, *memory, *options, **environment)


def test_without_accounting_a_run_does_not_wait_for_ever(failed):
    assert "This cluster has no accounting database: squeue in place of sacct" in failed.err


def test_a_job_killed_for_its_memory_says_so_and_gets_more(failed, folder, cluster):
    killed, done = of(cluster, "train")[2:]
    assert (killed["MinMemoryNode"], killed["JobState"]) == ("500M", "FAILED")
    assert (done["MinMemoryNode"], done["JobState"]) == ("2000M", "COMPLETED")
    # What SLURM says stands behind the job's own log, which says where it ran.
    shown = failed.err[failed.err.index("Error in rule train") :].split("Error in rule windows")[0]
    assert f"SLURM job {killed['JobId']}" in shown and "exceeded memory limit" in shown
    assert (folder / MODELS.format("small", 3)).exists()


def test_two_gpus_are_for_one_process(failed, folder, cluster):
    job = of(cluster, "train")[-1]
    assert (job["NumTasks"], job["TresPerJob"]) == ("1", "gres:gpu:a100:2")
    log = (folder / "logs" / "reporters" / "train.small.random.seed3.log").read_text()
    assert log.startswith("cisflow train: ") and log.count("cisflow train: ") == 1
    assert log.splitlines()[0].endswith("GPU 1,2, attempt 2")


def test_input_that_was_refused_is_not_read_by_the_next_attempt(failed, cluster):
    assert failed.status == 1
    assert [job["JobState"] for job in of(cluster, "windows")[1:]] == ["FAILED", "FAILED"]
    lines = re.findall(r"^cisflow windows: error: .*", failed.err, re.MULTILINE)
    assert "broken.csv" in lines[0] and "the attempt before" not in lines[0]
    assert lines[-1].startswith(lines[0]) and lines[-1].endswith("the next run reads the input again)")


def test_after_a_kill_of_snakemake_no_two_jobs_train_side_by_side(trained, folder, cluster, environment):
    target = MODELS.format("long", 1)
    run = (folder / target).parent
    earlier = {job["JobId"] for job in of(cluster, "train")}
    command = [sys.executable, "-m", "snakemake", target, *PROFILE, *SOON]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=pipeline.environment(**environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 300
        while not (run / "work" / "last.ckpt").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.kill()
    (orphan,) = (job for job in of(cluster, "train") if job["JobId"] not in earlier)
    # It is to last until it is asked about.
    cluster.ask("scontrol", "suspend", orphan["JobId"])
    assert pipeline.snakemake(folder, "--unlock", *PROFILE, **environment).status == 0
    beside = pipeline.snakemake(folder, target, *PROFILE, *SOON, **environment)
    assert beside.status == 1 and f"scancel {orphan['JobId']}\n" in beside.err and "rule train:" not in beside.err
    assert {job["JobId"] for job in of(cluster, "train")} == {*earlier, orphan["JobId"]}
    cluster.ask("scancel", orphan["JobId"])
    again = pipeline.snakemake(folder, target, *PROFILE, *SOON, **environment)
    assert again.status == 0, again.out + again.err
    old, new = (job for job in of(cluster, "train") if job["JobId"] not in earlier)
    assert (old["JobState"], new["JobState"]) == ("CANCELLED", "COMPLETED")
    assert datetime.fromisoformat(old["EndTime"]) <= datetime.fromisoformat(new["StartTime"])
    log = (folder / "logs" / "reporters" / "train.long.random.seed1.log").read_text()
    assert "starts afresh" not in log and "is at work there" not in log
    assert len(text(run / "history.tsv")) == 200 and not (run / "work").exists()


def test_the_status_of_any_job_is_told_without_accounting(failed, folder, cluster, environment):
    """By the script of the profile for any scheduler."""
    ended = [job["JobId"] for job in of(cluster, "train")[2:4]]
    waits = cluster.ask("sbatch", "--parsable", "--begin=now+1hour", "--output=/dev/null", "--wrap", "true").strip()
    script = folder / "workflow" / "profiles" / "generic" / "status.sh"
    answers = [
        subprocess.run([script, job], env=pipeline.environment(**environment), capture_output=True, text=True).stdout
        for job in (*ended, waits, "999")
    ]
    cluster.ask("scancel", waits)
    assert answers == ["failed\n", "success\n", "running\n", "failed\n"]


@FULL_SIZE
def test_every_rule_runs_on_its_partition_and_no_two_jobs_on_one_card(tmp_path, numba, cluster, environment):
    """The whole tiny config, on three cards."""
    folder = prepare(tmp_path / "whole", numba)
    call = pipeline.snakemake(folder, *PROFILE, *SOON, "--jobs", "6", timeout=7200, **environment)
    assert call.status == 0, call.err[-5000:]
    jobs = {job["JobId"]: job for job in cluster.jobs().values() if job["WorkDir"] == str(folder)}
    assert all((job["Partition"] == "gpu") == ("TresPerJob" in job) for job in jobs.values())
    cards = {}
    for path in (folder / "logs").rglob("*.log"):
        line = path.read_text(errors="replace").split("\n", 1)[0]
        if found := re.match(r"cisflow .* SLURM job (\d+), partition (\w+)(?:, GPU (\d))?$", line):
            job = jobs[found[1]]
            assert (job["Partition"], found[2]) in (("gpu", "gpu"), ("cpu", "cpu")) and (found[3] is None) == (
                found[2] == "cpu"
            )
            if found[3]:
                times = (datetime.fromisoformat(job[name]) for name in ("StartTime", "EndTime"))
                cards.setdefault(found[3], []).append(tuple(times))
    print({card: len(times) for card, times in cards.items()}, "jobs a card, of", len(jobs))
    assert len(cards) > 1
    for times in cards.values():
        times.sort()
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(times))
    again = pipeline.snakemake(folder, *PROFILE, **environment)
    assert again.status == 0 and "Nothing to be done" in again.err


def test_a_cluster_that_forgets_jobs_at_once_is_refused_in_one_line(trained, folder, cluster, environment):
    cluster.configure(min_job_age=60)
    cluster.ask("scontrol", "reconfigure")
    try:
        call = pipeline.snakemake(folder, MODELS.format("long", 1), "--forceall", *PROFILE, **environment)
    finally:
        cluster.configure()
        cluster.ask("scontrol", "reconfigure")
    assert call.status == 1 and "Traceback" not in call.err
    assert "squeue forgets a job 60 s after its end" in call.err and "Error in rule" not in call.err
