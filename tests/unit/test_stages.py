"""Lines of a run's stages: counts, what is left by the clock, and what `cisflow status` reads of a run that lives."""

import io
import json
import logging
import re
import subprocess
import sys

import pytest

import pipeline
from cisflow.config import stages

RULES = {"train": "models", "predict": "models", "evaluate": "evaluation"}


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock():
    return Clock()


def followed(folder, clock, stream):
    handler = stages.Stages(RULES, {"command": "snakemake", "configfiles": []}, stream, folder / "state", clock)

    def tell(event, **fields):
        record = logging.makeLogRecord({"levelno": logging.INFO, "event": event, "msg": "", **fields})
        handler.handle(record)

    tell("run_info", stats={"train": 4, "predict": 2, "evaluate": 1, "all": 1, "total": 8})
    return handler, tell


def start(tell, number, rule, **wildcards):
    tell("job_started", jobs=[number])
    tell("job_info", jobid=number, rule_name=rule, log=[f"logs/{number}.log"], wildcards=wildcards)


def test_time_left_is_that_of_equal_jobs_one_after_the_other(tmp_path, clock):
    out = io.StringIO()
    handler, tell = followed(tmp_path, clock, out)
    for number in range(6):
        start(tell, number, "train" if number < 4 else "predict")
        assert handler.left("models") is None if number == 0 else handler.left("models") == 60.0 * (6 - number)
        clock.now += 60
        tell("job_finished", job_id=number)
    assert handler.left("models") == 0
    lines = out.getvalue().splitlines()
    assert lines[-1].split() == ["models", "6", "of", "6"]
    start(tell, 9, "all")
    assert out.getvalue().splitlines() == lines


def test_jobs_side_by_side_share_what_is_left(tmp_path, clock):
    handler, tell = followed(tmp_path, clock, io.StringIO())
    start(tell, 0, "train")
    clock.now += 30
    tell("job_finished", job_id=0)
    start(tell, 1, "train")
    start(tell, 2, "train")
    clock.now += 10
    # 20 s of each of two, and three of 30 s that wait, on two places.
    assert handler.left("models") == (20 + 20 + 3 * 30) / 2


def test_a_line_comes_seldom_but_the_end_of_a_stage_at_once(tmp_path, clock):
    out = io.StringIO()
    _, tell = followed(tmp_path, clock, out)
    for number in range(6):
        start(tell, number, "train")
        tell("job_finished", job_id=number)
        clock.now += 1
    assert len(out.getvalue().splitlines()) == 2


def test_failed_jobs_are_counted_apart(tmp_path, clock):
    out = io.StringIO()
    _, tell = followed(tmp_path, clock, out)
    start(tell, 0, "evaluate")
    tell("job_error", jobid=0, level="ERROR")
    assert "0 of 1" in out.getvalue().splitlines()[-1] and "1 failed" in out.getvalue().splitlines()[-1]


def test_a_terminal_keeps_one_line_for_each_stage(tmp_path, clock):
    screen = Terminal()
    _, tell = followed(tmp_path, clock, screen)
    for number in range(6):
        start(tell, number, "train")
        clock.now += 5
        tell("job_finished", job_id=number)
    start(tell, 7, "evaluate")
    # What a terminal would show: the sequence takes back the lines above it.
    shown = []
    for part in re.split(r"(\x1b\[\d+F\x1b\[J)", screen.getvalue()):
        back = re.match(r"\x1b\[(\d+)F", part)
        shown = shown[: len(shown) - int(back[1])] if back else shown + part.splitlines()
    assert [line.split()[0] for line in shown] == ["models", "evaluation"]


def test_single_jobs_are_hidden_only_while_the_lines_stand_for_them(tmp_path, clock):
    handler = stages.Stages(RULES, {}, io.StringIO(), tmp_path, clock)
    single = logging.makeLogRecord({"levelno": 20, "event": "job_info", "msg": "", "jobid": 0, "rule_name": "train"})
    error = logging.makeLogRecord({"event": "job_error", "msg": "", "levelno": logging.ERROR})
    assert handler.passes(single)
    handler.handle(logging.makeLogRecord({"levelno": 20, "event": "run_info", "stats": {"train": 1}, "msg": ""}))
    handler.handle(single)
    assert handler.passes(single) and not list(tmp_path.iterdir()), "a dry run starts nothing"
    handler.handle(logging.makeLogRecord({"levelno": 20, "event": "job_started", "jobs": [0], "msg": ""}))
    assert not handler.passes(single) and handler.passes(error)


def test_state_lives_as_long_as_its_process(tmp_path, clock):
    assert not stages.living(tmp_path / "state")
    script = (
        "import io, logging, sys\n"
        "from cisflow.config import stages\n"
        "handler = stages.Stages({'train': 'models'}, {}, io.StringIO(), sys.argv[1])\n"
        "for fields in ({'event': 'run_info', 'stats': {'train': 1}}, {'event': 'job_started', 'jobs': [3]},\n"
        "               {'event': 'job_info', 'jobid': 3, 'rule_name': 'train', 'log': ['a.log'],\n"
        "                'wildcards': {'seed': 1}}):\n"
        "    handler.handle(logging.makeLogRecord({'msg': '', 'levelno': 20, **fields}))\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "state"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=pipeline.environment(PYTHONPATH=(pipeline.ROOT / "workflow" / "lib").as_posix()),
    )
    try:
        assert process.stdout.readline() == b"ready\n"
        assert stages.living(tmp_path / "state")
        state = json.loads((tmp_path / "state" / stages.STATE).read_text())
        assert [(job["rule"], job["stage"], job["log"]) for job in state["running"]] == [("train", "models", ["a.log"])]
        assert state["running"][0]["wildcards"] == {"seed": "1"}
    finally:
        process.kill()
        process.wait()
    assert not stages.living(tmp_path / "state")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (40, "40 s"), (600, "10 min"), (3599, "1 h 00 min"), (11100, "3 h 05 min")]
)
def test_durations_are_said_as_people_say_them(seconds, words):
    assert stages.duration(seconds) == words
