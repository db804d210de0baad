"""The process of a command: alone at its output, gone soon after who started it, out in order when it is told to go."""

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path

from cisflow.io import work

# The variable in which the shell of a job tells the process that started it: where that is killed, the shell stays.
STARTED_BY = "CISFLOW_STARTED_BY"
# Where a command writes, one option a command; what else it writes lies beside it.
OUTPUTS = ("--output", "--meme", "--clusters", "--spacing", "--nulls")
SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP")
# Seconds between looks at who started the process.
EVERY_S = 1.0
# Seconds that a process has to leave by itself: code of libraries lets no signal through until it is done.
GRACE_S = 30.0


class Stopped(SystemExit):
    """A signal ends the process; the status is 128 + its number, as a shell gives it."""

    def __init__(self, number):
        super().__init__(128 + number)
        self.signal = signal.Signals(number).name


@contextlib.contextmanager
def of_command(name, words):
    """For the block, be the process of the command `name`, called with the options `words`.

    No other process works at the same output meanwhile: who comes second waits, and says so. SIGTERM, SIGINT and SIGHUP
    end the block by Stopped, so that temporary files go and finished rows stay. Where Snakemake is killed, its jobs
    follow.

    Raises
    ------
    Stopped : by one of these signals.
    OSError : the folder of the output cannot be written to.
    """
    with _leaving(), _following(name), _alone(name, output_of(words)):
        yield


def output_of(words):
    """The path that a command is told to write to, or None."""
    for number, word in enumerate(words):
        option, given, value = word.partition("=")
        if option in OUTPUTS:
            return value if given else next(iter(words[number + 1 :]), None)
    return None


@contextlib.contextmanager
def _alone(name, output):
    """Hold the output of a command. Commands may share a folder, each with files of its own."""
    if not output:
        yield
        return
    # A path like `a/..` has no name of its own.
    output = Path(os.path.abspath(output)) if Path(output).name in ("", "..") else Path(output)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(work.held(output, output.with_name(f"{output.name}.{name}.lock")))
        except OSError as error:
            error.filename = str(output)
            raise
        yield


@contextlib.contextmanager
def _leaving():
    """End the block by Stopped where a signal asks for it; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number, _):
        signal.signal(number, signal.SIG_DFL)
        raise Stopped(number)

    before = {}
    for number in (getattr(signal, name) for name in SIGNALS):
        # `nohup` has one of them ignored.
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            before[number] = signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _following(name):
    """For the block, watch who started the job, and leave when it is gone."""
    starter = os.environ.get(STARTED_BY, "")
    # In a container with processes of its own, the shell sees none above it.
    if not starter.isdecimal() or int(starter) <= 1 or not _alive(int(starter)):
        yield
        return
    over = follow(int(starter), f"cisflow {name}: process {starter}, which started this job, is gone")
    try:
        yield
    finally:
        over.set()


def follow(starter, told=""):
    """Let this process leave soon after another has ended, with a line that says so; setting the Event calls it off."""
    over = threading.Event()

    def watch():
        while not over.wait(EVERY_S):
            if not _alive(starter):
                if told:
                    print(told, file=sys.stderr, flush=True)
                os.kill(os.getpid(), signal.SIGTERM)
                if not over.wait(GRACE_S):
                    os.kill(os.getpid(), signal.SIGKILL)
                return

    threading.Thread(target=watch, name="starter", daemon=True).start()
    return over


def _alive(process):
    """Whether there is a process of a number; one that has ended and that nobody has asked about counts as gone."""
    try:
        os.kill(process, 0)
        with open(f"/proc/{process}/stat", "rb") as handle:
            return handle.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except ProcessLookupError:
        return False
    except OSError:
        # It is another user's, or the system tells no more of it.
        return True
