"""Runs that are killed at moments drawn from a seed, and taken up as the README says, until they are done.

Linux alone tells which process holds which file.
"""

import collections
import contextlib
import functools
import http.server
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import pipeline
from cisflow.__main__ import command_names
from tiny import NARROW

COMMANDS = set(command_names())
# Seconds between looks at who is at work, and after which a run is taken to hang.
EVERY_S, HANGS_S = 0.01, 3600
# Who is killed, in turn: a job, Snakemake, or that and all of its jobs at once, as by a power cut.
WHOM = ("job", "snakemake", "job", "job", "job", "both", "job", "job", "job", "job")


class Kill(NamedTuple):
    """A SIGKILL: in which stage and job, who, and how far into the job it came, of how long that takes undisturbed."""

    stage: str
    output: str
    whom: str
    after_s: float
    of_s: float


def at_work(folder):
    """{output, and command with a dot before it: process} of the commands that hold an output below a folder."""
    found = {}
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1:4] != ["FLOCK", "ADVISORY", "WRITE"] or int(fields[4]) <= 0:
            continue
        process = int(fields[4])
        with contextlib.suppress(OSError):
            for number in os.listdir(f"/proc/{process}/fd"):
                target = Path(os.readlink(f"/proc/{process}/fd/{number}"))
                if target.suffix == ".lock" and stage(target.stem) in COMMANDS and target.is_relative_to(folder):
                    found[target.relative_to(folder).with_suffix("").as_posix()] = process
    return found


def stage(output):
    return output.rpartition(".")[2]


@contextlib.contextmanager
def running(folder, *arguments, **variables):
    """Snakemake at work in a prepared folder: its process, whose words go to `told` there."""
    command = [sys.executable, "-m", "snakemake", *map(str, arguments), "--configfile", "tiny.yaml", "--cores", "2"]
    with open(folder / "told", "ab") as told:
        process = subprocess.Popen(
            command, cwd=folder, env=pipeline.environment(**variables), stdout=told, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def last_words(folder, length=4000):
    return (folder / "told").read_text(errors="replace")[-length:]


def undisturbed(folder, *arguments, **variables):
    """Run to the end; {output: seconds that its job takes}."""
    first, last = {}, {}
    with running(folder, *NARROW, *arguments, **variables) as process:
        while process.poll() is None:
            now = time.monotonic()
            for output in at_work(folder):
                first.setdefault(output, now)
                last[output] = now
            time.sleep(EVERY_S)
    assert process.returncode == 0, last_words(folder)
    return {output: last[output] - first[output] + EVERY_S for output in first}


def killed(folder, durations, seed, *arguments, each=1, share=1, most=10**6, **variables):
    """Run to the end, though each job is killed, or Snakemake in the middle of it; the Kills.

    A moment is drawn from four fifths of the time that the job took; one that is done earlier has escaped.

    Parameters
    ----------
    durations : what `undisturbed` gave. share : of the jobs that are killed, drawn as well.
    each, most : number of kills of a job, and in all, after which there are none.
    """
    draw, kills = random.Random(seed), []
    left = {output: each for output in sorted(durations) if draw.random() < share}
    while True:
        started, due, over = {}, {}, None
        with running(folder, *NARROW, "--keep-going", *arguments, **variables) as process:
            begun = time.monotonic()
            while process.poll() is None and over is None:
                now = time.monotonic()
                assert now < begun + HANGS_S, f"hangs: {last_words(folder)}"
                jobs = at_work(folder)
                for output in sorted(jobs):
                    if output not in started:
                        started[output] = now
                        due[output] = now + draw.uniform(0, 0.8 * durations.get(output, 0))
                    if left.get(output) and now >= due[output] and len(kills) < most:
                        left[output] -= 1
                        chosen = WHOM[len(kills) % len(WHOM)]
                        kill(process.pid, jobs, output, chosen)
                        moment = now - started[output], durations[output]
                        kills.append(Kill(stage(output), output.rpartition(".")[0], chosen, *moment))
                        print(*kills[-1], flush=True)
                        over = chosen if chosen != "job" else None
                        break
                time.sleep(EVERY_S)
            status = process.wait()
        if over is not None:
            assert status == -signal.SIGKILL
            recover(folder, **variables)
        elif status == 0:
            return kills
        else:
            assert any(kill.whom == "job" for kill in kills), f"failed by itself: {last_words(folder)}"


def kill(snakemake, jobs, output, whom):
    """SIGKILL to a job, to Snakemake, or to that and all jobs."""
    victims = {"job": [jobs[output]], "snakemake": [snakemake], "both": [snakemake, *jobs.values()]}[whom]
    for process in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def recover(folder, **variables):
    """What the README tells to do after Snakemake was killed, before the same command again."""
    with running(folder, "--unlock", *NARROW, **variables) as process:
        assert process.wait(timeout=HANGS_S) == 0, last_words(folder)


def leftovers(folder):
    """What a run that is done has no more use for: temporary files, locks, work folders."""
    endings = (".tmp", ".lock", ".part", ".work")
    paths = [path for name in ("results", "resources") for path in (folder / name).rglob("*")]
    return sorted(path for path in paths if path.name.endswith(endings) or path.name in ("work", "trials"))


def table(kills):
    """Lines of stage, number of kills, whom, and of how far into the job they came."""
    lines = [f"{'stage':24} {'kills':>5} {'job':>4} {'snakemake':>9} {'both':>4}  after (of)"]
    by_stage = collections.defaultdict(list)
    for kill in kills:
        by_stage[kill.stage].append(kill)
    for name, some in sorted(by_stage.items()):
        counts = collections.Counter(kill.whom for kill in some)
        moments = ", ".join(f"{kill.after_s:.2f} ({kill.of_s:.2f})" for kill in some[:4])
        numbers = f"{len(some):5} {counts['job']:4} {counts['snakemake']:9} {counts['both']:4}"
        lines.append(f"{name:24} {numbers}  {moments}{', …' if len(some) > 4 else ''} s")
    return lines


class Slow(http.server.SimpleHTTPRequestHandler):
    """A server that takes a second for a file."""

    def copyfile(self, source, target):
        size = os.fstat(source.fileno()).st_size
        # Who is killed takes no more.
        with contextlib.suppress(ConnectionError):
            while block := source.read(max(1, size // 20)):
                target.write(block)
                time.sleep(0.05)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(folder):
    """The files of a folder by http, slowly; the address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Slow, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def copied(folder, other):
    """A copy of a prepared folder."""
    shutil.copytree(folder, other, symlinks=True)
    return other
