"""What a run on SLURM sees to before its first job, on what commands of SLURM answer."""

import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from cisflow.config import slurm
from cisflow.errors import InputError

CONFIG = """Configuration data as of 2026-11-28T16:13:29
AccountingStorageBackupHost = (null)
AccountingStorageType   = {kind}
MinJobAge               = {age} sec
"""
WITH, WITHOUT = "accounting_storage/slurmdbd", "accounting_storage/none"
SETTINGS = {"init_seconds_before_status_checks": 40, "logdir": Path("logs/slurm")}


@pytest.fixture
def answers(tmp_path, monkeypatch):
    """Commands of SLURM, each of which prints a text and keeps what it was called with: a function that makes one."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))

    def make(name, text, status=0):
        (tmp_path / f"{name}.txt").write_text(text)
        script = f'#!/bin/sh\necho "$@" >> {tmp_path}/{name}.calls\ncat {tmp_path}/{name}.txt\nexit {status}\n'
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
        return tmp_path / f"{name}.calls"

    return make


@pytest.mark.parametrize(
    ("asked", "kind", "age", "expected"),
    [
        ("squeue", WITHOUT, 300, "squeue"),
        ("squeue", WITH, 300, "squeue"),
        ("sacct", WITH, 300, "sacct"),
        ("sacct", WITH, 2, "sacct"),
        # Where what was asked for would never tell that a job has ended.
        ("sacct", WITHOUT, 300, "squeue"),
        ("sacct", "(null)", 300, "squeue"),
        ("squeue", WITH, 60, "sacct"),
        # Long enough for Snakemake to trust squeue, and shorter than it may wait.
        ("squeue", WITH, 150, "sacct"),
    ],
)
def test_ends_of_jobs_are_told_by_a_command_that_can(asked, kind, age, expected):
    known = slurm.cluster(CONFIG.format(kind=kind, age=age))
    command, why = slurm.status_command(asked, known, 40)
    assert command == expected and bool(why) == (asked != expected)


@pytest.mark.parametrize("asked", ["squeue", "sacct", None])
def test_a_run_that_would_wait_for_ever_is_refused(asked):
    with pytest.raises(InputError, match=r"MinJobAge .* 220 or more.*profiles/generic"):
        slurm.status_command(asked, slurm.cluster(CONFIG.format(kind=WITHOUT, age=60)), 40)


def test_a_run_does_not_start_beside_jobs_left_behind_in_its_folder(answers, tmp_path):
    here, other = tmp_path / "here", tmp_path / "other"
    here.mkdir()
    (tmp_path / "link").symlink_to(here)
    rows = [("11", "cisflow_a", here), ("12", "cisflow_b", tmp_path / "link"), ("13", "cisflow_a", other)]
    rows += [("14", "mine", here), ("15_2", "cisflow_a", here)]
    answers("squeue", "".join(f"{job}|{name}|RUNNING|{place}\n" for job, name, place in rows))
    with pytest.raises(InputError, match=r"still there: 11, 12, 15_2\. .* scancel 11 12 15_2$"):
        slurm.refuse_orphans(here)
    answers("squeue", "".join(f"{job}|{name}|RUNNING|{place}\n" for job, name, place in rows[2:4]))
    slurm.refuse_orphans(here)


def test_a_job_that_is_about_to_end_is_waited_for(answers, tmp_path):
    answers("squeue", f"11|cisflow_a|COMPLETING|{tmp_path}\n")
    ends = threading.Timer(1.5, answers, ["squeue", ""])
    ends.start()
    slurm.refuse_orphans(tmp_path)
    assert not ends.is_alive()


def test_without_a_lock_on_the_folder_its_jobs_may_be_those_of_another_run(answers):
    answers("scontrol", CONFIG.format(kind=WITHOUT, age=300))
    answers("squeue", f"11|cisflow_a|PENDING|{Path.cwd()}\n")
    settings, told = SimpleNamespace(**SETTINGS, status_command="sacct"), []
    slurm.begin(settings, locked=False, say=told.append)
    assert settings.status_command == "squeue" and "squeue in place of sacct" in told[0]
    assert "logs/slurm" in told[-1] and "squeue" in told[-1]
    with pytest.raises(InputError, match="scancel 11"):
        slurm.begin(settings, locked=True, say=told.append)


def test_a_cluster_that_does_not_answer_is_one_line(answers):
    answers("scontrol", "", status=1)
    with pytest.raises(InputError, match="SLURM: scontrol show config failed"):
        slurm.cluster()


def test_what_slurms_own_log_tells_is_shown_where_the_job_could_say_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs" / "slurm").mkdir(parents=True)
    for number, (own, last) in enumerate(
        [("", "no such environment"), ("cisflow train: ...", "killed"), (None, "lost")]
    ):
        lines = [
            "rule train:",
            f"    log: logs/{number}.log",
            "    jobid: 0",
            *map(str, range(50)),
            last,
            "Error in rule train:",
            *"abc" * 9,
        ]
        (tmp_path / "logs" / "slurm" / f"{number}.log").write_text("\n".join(lines))
        if own is not None:
            (tmp_path / "logs" / f"{number}.log").write_text(own)
    told = slurm.unsaid("logs/slurm", since=0)
    heads = [line for line in told if not line.startswith(" ")]
    assert [head.split(",")[0] for head in heads] == ["logs/slurm/0.log", "logs/slurm/2.log"]
    assert [line for line in told if line in ("    no such environment", "    killed", "    lost")] == [
        "    no such environment",
        "    lost",
    ]
    assert (
        len(told) <= 2 * 13 and slurm.unsaid("logs/slurm", since=4e9) == [] and slurm.unsaid("nowhere", since=0) == []
    )
