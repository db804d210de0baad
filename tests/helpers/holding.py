"""Another process that has a work folder in its hold."""

import contextlib
import os
import signal
import subprocess
import sys
import threading

import pipeline

HOLD = """
import sys, time
from cisflow.io import work
with work.held(sys.argv[1]):
    print("held", flush=True)
    time.sleep(120)
"""


def start(text, *arguments):
    """A process of its own that runs lines of Python."""
    environment = pipeline.environment(PYTHONPATH=str(pipeline.ROOT / "workflow" / "lib"))
    command = [sys.executable, "-c", text, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


@contextlib.contextmanager
def holder(folder):
    """A process that holds the folder, and goes when it is killed or the block ends."""
    with start(HOLD, folder) as process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def killed_soon(folder, seconds=0.5):
    """For the block, a process that holds the folder and that SIGKILL ends after a while; yields it."""
    with holder(folder) as process:
        timer = threading.Timer(seconds, os.kill, (process.pid, signal.SIGKILL))
        timer.start()
        yield process
        timer.cancel()


@contextlib.contextmanager
def within(seconds):
    """Make it an error that the block takes longer: what hangs fails."""

    def over(*_):
        raise TimeoutError(f"not done after {seconds} s")

    previous = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
