"""One line a stage of what a run does, with the time that is left; and what is running, for `cisflow status`.

A stage is a rule file. Snakemake's own log file keeps every job in full.
"""

import contextlib
import fcntl
import json
import logging
import os
import platform
import sys
import time
from collections import Counter
from pathlib import Path

# Of a run, in its working directory.
FOLDER = Path(".snakemake/cisflow")
STATE, LOCK = "run.json", "lock"
# A line of a stage that is not redrawn in place comes this seldom, in seconds.
EVERY = 10.0
# What Snakemake says of single jobs, which the lines stand for.
_SINGLE = {"job_info", "job_started", "job_finished", "shellcmd", "progress"}
_SELECTION = "Select jobs to execute"


class Stages(logging.Handler):
    """Follows Snakemake's log records.

    Parameters
    ----------
    stages : {rule: stage}, in the order of the stages.
    run : what is said of the run in its state: command, config files, Snakefile.
    stream : where lines go, or None for no lines. A terminal has them redrawn in place.
    clock : seconds that only grow.
    """

    def __init__(self, stages, run, stream=sys.stderr, folder=FOLDER, clock=time.monotonic):
        super().__init__()
        self.stages, self.run, self.stream, self.folder, self.clock = stages, run, stream, Path(folder), clock
        self.live = stream is not None and stream.isatty()
        self.totals, self.done, self.failed = Counter(), Counter(), Counter()
        self.chosen, self.started = set(), {}
        self.seconds = {}
        self.shown = {}
        self.drawn = 0
        self.held = None
        self.since = round(time.time())

    def emit(self, record):
        """Never the end of a run: what goes wrong here is not said, as in every handler of logs."""
        event = str(getattr(record, "event", None) or "")
        answer = getattr(self, f"_{event}", None)
        try:
            if answer is not None:
                answer(vars(record))
            if self.passes(record) and record.levelno >= logging.INFO:
                # Others print it below; the next event draws the lines again.
                self._erase()
        except OSError:
            return

    def passes(self, record):
        """Whether Snakemake's own line is to be printed: not where the line of a stage stands for it."""
        single = str(getattr(record, "event", None) or "") in _SINGLE or record.getMessage().startswith(_SELECTION)
        return not (single and self.chosen)

    def _run_info(self, message):
        self.totals = Counter()
        for rule, count in message["stats"].items():
            if rule in self.stages:
                self.totals[self.stages[rule]] += count

    def _job_started(self, message):
        self._hold()
        self.chosen.update(message["jobs"])

    def _job_info(self, message):
        rule = message["rule_name"]
        # A target rule is no work, and a dry run tells of jobs that it does not start.
        if rule in self.stages and message["jobid"] in self.chosen:
            job = {"rule": rule, "stage": self.stages[rule], "since": round(time.time())}
            job |= {"log": list(message.get("log") or []), "wildcards": _plain(message.get("wildcards"))}
            self.started[message["jobid"]] = (self.clock(), job)
            self._save()
            self._show(self.stages[rule])

    def _job_finished(self, message):
        self._end(message["job_id"], self.done)

    def _job_error(self, message):
        self._end(message["jobid"], self.failed)

    def _end(self, number, counts):
        if number not in self.started:
            return
        began, job = self.started.pop(number)
        stage = job["stage"]
        counts[stage] += 1
        if counts is self.done:
            self.seconds.setdefault(stage, []).append(self.clock() - began)
        self._save()
        self._show(stage, final=self.done[stage] + self.failed[stage] >= self.totals[stage])

    def left(self, stage):
        """Seconds that a stage may still take, or None before one of its jobs has ended.

        The mean time of its jobs so far, for all that have not ended, over as many as run at once.
        """
        took = self.seconds.get(stage)
        running = [began for began, job in self.started.values() if job["stage"] == stage]
        if not took:
            return None
        mean = sum(took) / len(took)
        waiting = self.totals[stage] - self.done[stage] - self.failed[stage] - len(running)
        now = self.clock()
        work = sum(max(mean - (now - began), 0) for began in running) + waiting * mean
        return work / max(len(running), 1)

    def line(self, stage):
        """What is to be said of a stage."""
        ended, total = self.done[stage], self.totals[stage]
        running = sum(job["stage"] == stage for _, job in self.started.values())
        parts = [f"{stage:<12}{ended:>5} of {total}"]
        parts += [f"{running} running"] if running else []
        parts += [f"{self.failed[stage]} failed"] if self.failed[stage] else []
        left = self.left(stage)
        if ended < total and left is not None:
            parts.append(f"about {duration(left)} left")
        return ", ".join(parts)

    def _show(self, stage, final=False):
        if self.stream is None:
            return
        if self.live:
            self._erase()
            active = [name for name in dict.fromkeys(self.stages.values()) if self._is_active(name)]
            if final and stage not in active:
                self.stream.write(self.line(stage) + "\n")
            for name in active:
                self.stream.write(self.line(name) + "\n")
            self.drawn = len(active)
        elif final or self.clock() - self.shown.get(stage, -EVERY) >= EVERY:
            self.shown[stage] = self.clock()
            self.stream.write(self.line(stage) + "\n")
        self.stream.flush()

    def _is_active(self, stage):
        begun = self.done[stage] + self.failed[stage] < self.totals[stage]
        return begun and (self.done[stage] or any(job["stage"] == stage for _, job in self.started.values()))

    def _erase(self):
        """Takes the lines of a terminal back, so that what others print does not stand between them."""
        if self.drawn:
            self.stream.write(f"\x1b[{self.drawn}F\x1b[J")
            self.drawn = 0

    def _hold(self):
        """A lock that the kernel lets go with this process: whether the state is that of a run that lives."""
        if self.held is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.held = open(self.folder / LOCK, "w")  # noqa: SIM115
            with contextlib.suppress(OSError):
                fcntl.flock(self.held, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _save(self):
        if self.held is None:
            return
        state = self.run | {
            "host": platform.node(),
            "since": self.since,
            "order": list(self.stages.items()),
            "stages": {
                stage: {"total": total, "done": self.done[stage], "failed": self.failed[stage]}
                for stage, total in self.totals.items()
            },
            "running": [job for _, job in self.started.values()],
        }
        part = self.folder / f"{STATE}.tmp"
        part.write_text(json.dumps(state, indent=1))
        os.replace(part, self.folder / STATE)


def _plain(wildcards):
    items = wildcards.items() if hasattr(wildcards, "items") else ()
    return {name: str(value) for name, value in items}


def duration(seconds):
    """Seconds in words: `40 s`, `12 min`, `3 h 05 min`."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def follow(logger, stages, run, lines=True):
    """Attach to Snakemake's logger, once a process, before its own handlers, so that a terminal is cleared first."""
    for handler in [handler for handler in logger.handlers if isinstance(handler, Stages)]:
        logger.removeHandler(handler)
    handler = Stages(stages, run, sys.stderr if lines else None)
    logger.handlers.insert(0, handler)
    if lines:
        for other in logger.handlers:
            if other.name == "DefaultStreamHandler":
                other.addFilter(handler.passes)
    return handler


def living(folder=FOLDER):
    """Whether the run whose state lies there lives: its process holds the lock."""
    try:
        with open(Path(folder) / LOCK) as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
