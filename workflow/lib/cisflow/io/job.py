"""The job that a command is part of: how its log begins, and a refusal that the next attempt at it need not find anew.

Two variables of the environment, which the rules set, tell a command that it is a job: CISFLOW_JOB, and CISFLOW_ATTEMPT
where a cluster runs it. A command that a person calls has neither, and none of this happens.
"""

import contextlib
import datetime
import hashlib
import json
import os
import socket
import sys
from pathlib import Path

from cisflow.io.work import note

# Where refusals are kept, below the folder of the run.
REFUSED = Path("results", ".cache", "refused")
# Variable of the scheduler -> what it holds.
_ALLOCATION = {"SLURM_JOB_ID": "SLURM job", "SLURM_JOB_PARTITION": "partition", "CUDA_VISIBLE_DEVICES": "GPU"}


def announce(name):
    """Begin a job's log: which command, on which machine, in which allocation.

    Said before anything large is imported: Snakemake shows no log behind an empty one, and the scheduler's own, which
    tells that a job was killed for its memory, is the one behind.
    """
    if "CISFLOW_JOB" not in os.environ:
        return
    where = [f"process {os.getpid()} of {socket.gethostname()}"]
    where += [f"{what} {os.environ[key]}" for key, what in _ALLOCATION.items() if os.environ.get(key)]
    if _attempt() > 1:
        where.append(f"attempt {_attempt()}")
    now = datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    print(f"cisflow {name}: {now}, {', '.join(where)}", file=sys.stderr, flush=True)


def refusal(argv):
    """Why the attempt before refused its input, where this is a later attempt at the same call; otherwise None."""
    if not _attempt():
        return None
    path = _path(argv)
    if _attempt() > 1:
        return note(path).get("refused")
    # Of an earlier run, after which the input may have been mended.
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
    return None


def refuse(argv, reason):
    """Keep for the next attempt why this one refused its input."""
    if _attempt():
        path = _path(argv)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"refused": str(reason)}), encoding="utf-8")


def _attempt():
    """Number of the attempt, from 1; 0 where no scheduler counts them."""
    given = os.environ.get("CISFLOW_ATTEMPT", "")
    return int(given) if given.isdecimal() else 0


def _path(argv):
    return REFUSED / f"{hashlib.sha256(json.dumps(list(argv)).encode()).hexdigest()[:32]}.json"
