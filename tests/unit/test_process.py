"""Processes of commands: one at an output, none that outlives who started it, and an orderly end at SIGTERM."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pipeline
from cisflow import __main__ as program
from cisflow.io import process, work
from holding import start, within

TABLE = "a\tb\n1\t2\n"
# A command that writes half of its output and goes on for two minutes.
HALF = """
import signal, sys, time
from cisflow.io import files, process
# Who started the tests may have had these ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
with process.of_command("stack-tables", sys.argv[1:]), files.atomic(sys.argv[2]) as temporary:
    temporary.write_text("half")
    print("at work", flush=True)
    time.sleep(120)
"""
# A shell whose command goes on, as that of a job does.
STARTER = """
import subprocess, sys, time
shell = "export CISFLOW_STARTED_BY=$PPID; {python} -c \\"$CODE\\" --output {output}; true"
with subprocess.Popen(shell.format(python=sys.executable, output=sys.argv[1]), shell=True):
    time.sleep(120)
"""
HOLD = """
import sys, time
from pathlib import Path
from cisflow.io import work
place = Path(sys.argv[1])
with work.held(place, place.with_name(f"{place.name}.stack-tables.lock")):
    print("held", flush=True)
    time.sleep(0.5)
    place.write_text("of the first")
"""
FORK = """
import os, sys, time
from cisflow.io import work
with work.held(sys.argv[1]):
    if not os.fork():
        time.sleep(120)
    print("forked", flush=True)
    time.sleep(120)
"""


@pytest.fixture
def table(tmp_path):
    (tmp_path / "table.tsv").write_text(TABLE)
    return tmp_path / "table.tsv"


def stack(table, output):
    return ["stack-tables", "--tables", str(table), "--output", str(output)]


def test_a_command_waits_for_another_at_the_same_output_and_says_so(table, tmp_path, capsys):
    output = tmp_path / "out.tsv"
    with within(120), start(HOLD, output) as first:
        assert first.stdout.readline() == "held\n"
        assert program.main(stack(table, output)) == 0
        assert first.wait(timeout=60) == 0
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and told[0].startswith(f"{output}: process {first.pid} of ") and "waiting" in told[0]
    assert output.read_text() == TABLE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.tsv", "table.tsv"]


def test_commands_with_files_of_their_own_in_one_folder_do_not_wait(table, tmp_path, capsys):
    with within(60), start(HOLD, tmp_path / "other") as first:
        assert first.stdout.readline() == "held\n"
        assert program.main(stack(table, tmp_path / "out.tsv")) == 0
    assert capsys.readouterr().err == ""


def test_a_command_that_is_refused_leaves_no_lock_and_no_folder(tmp_path, capsys):
    assert program.main(stack(tmp_path / "absent.tsv", tmp_path / "new" / "folder" / "out.tsv")) == 1
    assert "absent.tsv" in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_command_in_order(tmp_path, number):
    with within(60), start(HALF, "--output", tmp_path / "out") as command:
        assert command.stdout.readline() == "at work\n"
        assert {path.name for path in tmp_path.iterdir()} == {"out.tmp", "out.stack-tables.lock"}
        command.send_signal(number)
        assert command.wait(timeout=30) == 128 + number
    assert not list(tmp_path.iterdir())


def test_a_signal_is_told_in_one_line(table, tmp_path, monkeypatch, capsys):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(program.importlib, "import_module", lambda _: os.kill(os.getpid(), signal.SIGTERM))
    assert program.main(stack(table, tmp_path / "out")) == 143
    assert capsys.readouterr().err.startswith("cisflow stack-tables: stopped by SIGTERM: ")
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_that_is_ignored_stays_so(monkeypatch):
    """As under nohup."""
    monkeypatch.setattr(process, "SIGNALS", ("SIGUSR1",))
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        with process.of_command("windows", []):
            os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_job_leaves_when_who_started_it_is_killed(tmp_path):
    """SIGKILL ends that process alone: the shell between them stays."""
    environment = pipeline.environment(PYTHONPATH=str(pipeline.ROOT / "workflow" / "lib"), CODE=HALF)
    command = [sys.executable, "-c", STARTER, tmp_path / "out"]
    with (
        within(60),
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as first,
    ):
        assert first.stdout.readline() == b"at work\n"
        first.kill()
        # The streams end with the last process that has them.
        _, told = first.communicate(timeout=30)
    assert f"process {first.pid}, which started this job, is gone".encode() in told
    assert not list(tmp_path.iterdir())


def test_a_process_that_is_forked_holds_nothing(tmp_path):
    with within(60), start(FORK, tmp_path / "work") as first:
        assert first.stdout.readline() == "forked\n"
        children = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
        first.kill()
        try:
            with work.held(tmp_path / "work"):
                assert len(children) == 1 and process._alive(int(children[0]))
        finally:
            os.kill(int(children[0]), signal.SIGKILL)


def test_a_process_that_has_ended_counts_as_gone_before_it_is_asked_about():
    with subprocess.Popen(["true"]) as ended:
        time.sleep(0.2)
        assert not process._alive(ended.pid)
    assert process._alive(os.getpid()) and process._alive(1)


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (["--tables", "a", "b", "--output", "c"], "c"),
        (["--output=c=d"], "c=d"),
        (["--output"], None),
        (["--outputs", "c"], None),
        ([], None),
    ],
)
def test_the_output_is_known_before_options_are_read(words, output):
    assert process.output_of(words) == output
