"""What a run on SLURM needs to know before its first job: whether ends of jobs can be told, whether jobs of an earlier
run still run in this folder, and where logs are.
"""

import getpass
import os
import re
import subprocess
from typing import NamedTuple

from cisflow.errors import InputError, listing

# Snakemake asks at most so many seconds apart, and a job must not be forgotten in between.
LONGEST_WAIT = 180
# Snakemake leaves squeue for sacct where jobs are remembered for less than so many first waits.
WAITS_REMEMBERED = 3


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
    InputError : nothing would tell that a job has ended, and the run would wait for ever.
    """
    settings.status_command, why = status_command(
        settings.status_command, cluster(), settings.init_seconds_before_status_checks
    )
    if why:
        say(why)
    if locked:
        cancel_orphans(say)
    say(
        "Logs: logs/ for each job, and what SLURM itself says of one in "
        f"{settings.logdir or '.snakemake/slurm_logs'}. Jobs: squeue --me -o '%.10i %.9P %.8T %.10M %k'"
    )


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


def cancel_orphans(say, folder=None):
    """Cancel the jobs that an earlier run of this folder left behind when it was killed.

    Snakemake's own lock on the folder is held, so whoever submitted them is gone. Nobody would take their results, and
    what they were at is submitted anew: a training goes on from its last epoch.
    """
    folder = os.path.realpath(folder or os.getcwd())
    answer = _answer("squeue", "--user", getpass.getuser(), "--noheader", "--format", "%i|%j|%Z")
    found = [line.strip().split("|", 2) for line in answer.splitlines() if line.count("|") >= 2]
    jobs = [job for job, name, place in found if name.startswith("cisflow_") and os.path.realpath(place) == folder]
    if jobs:
        _answer("scancel", *jobs)
        say(f"Cancelled, as left behind in this folder by a run that was killed: SLURM jobs {listing(jobs, 20)}")


def _answer(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"SLURM: {command[0]} gives no answer ({error})") from None
    if done.returncode:
        raise InputError(f"SLURM: {' '.join(command[:3])} failed: {done.stderr.strip()}")
    return done.stdout
