"""What a run on SLURM needs to know before its first job: whether ends of jobs can be told, whether jobs of an earlier
run still run in this folder, and where logs are.
"""

import contextlib
import getpass
import os
import re
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from cisflow.errors import InputError, listing

# Snakemake asks at most so many seconds apart, and a job must not be forgotten in between.
LONGEST_WAIT = 180
# Snakemake leaves squeue for sacct where jobs are remembered for less than so many first waits.
WAITS_REMEMBERED = 3
# Seconds within which SLURM ends what is asked to.
ENDING = 60


class Cluster(NamedTuple):
    """accounts : whether ends of jobs are kept in a database. remembered : seconds for which squeue knows of them."""

    accounts: bool
    remembered: int


def begin(settings, locked, say):
    """See to what must be so before jobs are submitted.

    Parameters
    ----------
    settings : those of Snakemake's executor for SLURM; `status_command` is set to one that works on this cluster.
    locked : whether Snakemake holds its lock on the folder; without it, other jobs in it may be those of another run.
    say : function of one line of text.

    Raises
    ------
    InputError : nothing would tell that a job has ended, and the run would wait for ever; or jobs of an earlier run are
        still there.
    """
    settings.status_command, why = status_command(
        settings.status_command, cluster(), settings.init_seconds_before_status_checks
    )
    if why:
        say(why)
    if locked:
        refuse_orphans()
    say(
        "Logs: logs/ for each job, and what SLURM itself says of one in "
        f"{logs(settings)}. Jobs: squeue --me -o '%.10i %.9P %.8T %.10M %k'"
    )


def logs(settings):
    """Where SLURM writes its own logs of jobs."""
    return settings.logdir or ".snakemake/slurm_logs"


def cluster(text=None):
    """What `scontrol show config` tells of a Cluster; InputError where it does not answer."""
    text = _answer("scontrol", "show", "config") if text is None else text
    kept = re.search(r"^AccountingStorageType\s*=\s*(\S+)", text, re.MULTILINE)
    age = re.search(r"^MinJobAge\s*=\s*(\d+)", text, re.MULTILINE)
    accounts = kept is not None and not kept[1].endswith("none") and kept[1] != "(null)"
    return Cluster(accounts, int(age[1]) if age else 0)


def status_command(asked, known, first_wait):
    """Which command tells that jobs have ended, and a line that says why it is another than the one asked for.

    Parameters
    ----------
    asked : "squeue", "sacct" or None.
    known : Cluster.
    first_wait : seconds before Snakemake first asks.

    Raises
    ------
    InputError : neither would tell it.
    """
    if known.remembered >= max(LONGEST_WAIT + first_wait, WAITS_REMEMBERED * first_wait):
        if asked == "sacct" and not known.accounts:
            return "squeue", "This cluster has no accounting database: squeue in place of sacct tells that jobs ended"
        return asked or "squeue", ""
    if known.accounts:
        why = f"squeue forgets jobs after {known.remembered} s (MinJobAge): sacct in place of it tells that jobs ended"
        return "sacct", why if asked == "squeue" else ""
    raise InputError(
        f"this cluster keeps no accounts of jobs, and squeue forgets a job {known.remembered} s after its end"
        f" (MinJobAge of slurm.conf; expected {LONGEST_WAIT + first_wait} or more): the run would wait for ever. Use"
        " --workflow-profile workflow/profiles/generic, which asks often enough"
    )


def refuse_orphans(folder=None):
    """Refuse to start beside jobs that an earlier run of this folder left behind when it was killed.

    Snakemake's own lock on the folder is held, so whoever submitted them is gone; the run would submit the same jobs
    again. Jobs that are about to end are waited for.

    Raises
    ------
    InputError : there are such jobs.
    """
    folder = os.path.realpath(folder or os.getcwd())

    def is_ours(name, place):
        return name.startswith("cisflow_") and os.path.realpath(place) == folder

    deadline = time.monotonic() + ENDING
    while jobs := {job: state for job, name, state, place in _queue() if is_ours(name, place)}:
        if set(jobs.values()) != {"COMPLETING"} or time.monotonic() > deadline:
            raise InputError(
                f"SLURM jobs of an earlier run, which was killed, are still there: {listing(jobs, 20)}. Wait until they"
                " have ended, and what they made counts; or end them, and a training goes on from its last epoch:"
                f" scancel {' '.join(jobs)}"
            )
        time.sleep(1)


def _queue():
    """(job, name, state, folder) of each job of this user that has not ended."""
    answer = _answer("squeue", "--user", getpass.getuser(), "--noheader", "--format", "%i|%j|%T|%Z")
    rows = (line.strip().split("|", 3) for line in answer.splitlines())
    return [row for row in rows if len(row) == 4]


def unsaid(folder, since, lines=12):
    """What SLURM's own logs hold of jobs that failed before their command could say anything.

    Snakemake shows a job's log and what is behind it, but nothing behind an empty one: where an environment cannot be
    activated, or a node has no Python, all is in the log of SLURM.

    Parameters
    ----------
    folder : the logs of SLURM, of which those of jobs that succeeded are gone.
    since : seconds since the epoch, before which logs are of earlier runs.
    lines : lines shown of each.

    Returns
    -------
    list of lines of text
    """
    told = []
    for path in sorted(Path(folder).rglob("*.log")):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < since:
                continue
            text = path.read_text(errors="replace")
            own = re.search(r"^    log: (.+?)(?: \(check log file.*)?$", text, re.MULTILINE)
            if own and not (Path(own[1]).is_file() and Path(own[1]).stat().st_size):
                told += [f"{path}, of a job whose own log is empty:"]
                # What stands before Snakemake's own words on the failure is its cause.
                said = [line for line in text.split("\nError in rule")[0].splitlines() if line.strip()]
                told += [f"    {line}" for line in said[-lines:]]
    return told


def _answer(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"SLURM: {command[0]} gives no answer ({error})") from None
    if done.returncode:
        raise InputError(f"SLURM: {' '.join(command[:3])} failed: {done.stderr.strip()}")
    return done.stdout
