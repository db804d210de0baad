"""A `python` for the jobs of a run whose interpreter has started, and has imported the large packages, before.

A job of a tiny run takes a tenth of a second, and what it imports takes seconds. This `python` hands command line,
environment, folder and streams of a job to a process that has made those imports and forks for each job. The job runs
as under `python -m`, with an exit status, variables, a folder and streams of its own, and imports cisflow anew. Shared
are the imports of other packages, and the seed of hashes: each run has a process of its own to fork from.
"""

import atexit
import contextlib
import gc
import importlib
import os
import runpy
import shlex
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path

# What takes long to import.
PACKAGES = (
    *("numpy.random", "pandas", "scipy.stats", "sklearn.linear_model", "sklearn.pipeline", "lightgbm", "optuna"),
    *("torch", "lightning", "safetensors.torch", "matplotlib.figure", "matplotlib.backends.backend_svg", "h5py"),
    *("tangermeme.deep_lift_shap", "tangermeme.plot", "memelite", "modiscolite.report", "pyfaidx"),
)
# It says how many threads numba may have, before numba is imported.
ALONE = ("discover",)
# Seconds after which a process without jobs ends by itself, should nothing have stopped it.
IDLE = 600

# Neither `site` nor `socket` is imported: it runs before every job.
CLIENT = """
import os, sys

python, server, home, packages = {python!r}, {server!r}, {home!r}, {packages!r}
if sys.argv[1:3] != ["-m", "cisflow"] or sys.argv[3:4] in {alone!r}:
    os.execv(python, [python, *sys.argv[1:]])

import _socket, fcntl


def connected():
    client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        client.connect(home + "/socket")
    except OSError:
        return None
    return client


def start():
    # Who connects waits until the process, whose environment is that of the first job, has made its imports.
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    if os.path.exists(home + "/socket"):
        os.unlink(home + "/socket")
    listener.bind(home + "/socket")
    listener.listen(64)
    if not os.fork():
        os.setpgrp()
        log = os.open(home + "/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number, stream in enumerate((os.open(os.devnull, os.O_RDONLY), log, log)):
            os.dup2(stream, number)
        os.set_inheritable(listener.fileno(), True)
        os.execv(python, [python, server, str(listener.fileno()), *packages])


client = connected()
if client is None:
    with open(home + "/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        client = connected()
        if client is None:
            start()
            client = connected()
words = [os.getcwd(), str(len(sys.argv)), *sys.argv, *(name + "=" + value for name, value in os.environ.items())]
text = "\\0".join(words).encode(errors="surrogateescape")
streams = b"".join(number.to_bytes(4, sys.byteorder) for number in range(3))
client.sendmsg([len(text).to_bytes(8, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
while text:
    text = text[client.send(text) :]
status = client.recv(1)
# A job that was killed sends none.
sys.exit(status[0] if status else 137)
"""


@contextlib.contextmanager
def interpreter(home, packages=PACKAGES, python=sys.executable):
    """Put such a `python` into `home`/bin, a folder for PATH; the process that it forks from ends with the block."""
    (home / "bin").mkdir(parents=True)
    paths = {"python": str(python), "server": str(Path(__file__)), "home": str(home)}
    text = CLIENT.format(**paths, packages=packages, alone=[[name] for name in ALONE])
    (home / "client.py").write_text(text)
    python, client = shlex.quote(str(python)), shlex.quote(str(home / "client.py"))
    # Elsewhere a process with threads of the system's libraries does not survive a fork.
    call = f"{python} -IS {client}" if sys.platform == "linux" else python
    (home / "bin" / "python").write_text(f'#!/bin/sh\nexec {call} "$@"\n')
    (home / "bin" / "python").chmod(0o755)
    try:
        yield home / "bin"
    finally:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.connect(str(home / "socket"))
            client.send(bytes(8))


def serve(listener, packages):
    """Import the packages and fork for each job that comes, until one of no length says that the run is over."""
    for name in packages:
        importlib.import_module(name)
    assert len(os.listdir("/proc/self/task")) == 1, "a thread of an import would be lost in a job"
    gc.freeze()
    # Nobody but its client waits for a job.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener.settimeout(IDLE)
    while True:
        connection, _ = listener.accept()
        header, streams, _, _ = socket.recv_fds(connection, 8, 3)
        length = int.from_bytes(header, "big")
        if header and not length:
            return
        # A client that was killed has said nothing.
        if header and not os.fork():
            listener.close()
            status = work(connection, length, streams)
            with contextlib.suppress(OSError):
                connection.send(bytes([status]))
            os._exit(status)
        for stream in streams:
            os.close(stream)
        connection.close()


def work(connection, length, streams):
    """Do, in a process of its own, the job that a client describes; returns its exit status."""
    words = b""
    while len(words) < length:
        words += connection.recv(length - len(words))
    folder, n_arguments, *words = words.decode(errors="surrogateescape").split("\0")
    arguments, variables = words[: int(n_arguments)], words[int(n_arguments) :]
    os.chdir(folder)
    n_given = len(given())
    os.environ.clear()
    os.environ.update(word.split("=", 1) for word in variables)
    sys.argv, sys.path[: 1 + n_given] = ["-m", *arguments[3:]], [folder, *given()]
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # As of a process that has just started: `random` sees to that itself.
    sys.modules["numpy"].random.seed()
    if "numba" in sys.modules:
        # It has read the variables of the process that this one is forked from.
        sys.modules["numba"].core.config.reload_config()
    status = 0
    try:
        runpy.run_module("cisflow", run_name="__main__", alter_sys=True)
    except SystemExit as error:
        status = error.code
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    if not isinstance(status, int | None):
        print(status, file=sys.stderr)
        status = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    return (status or 0) & 0xFF


def given():
    """Folders of PYTHONPATH."""
    return [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
