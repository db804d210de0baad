"""A SLURM cluster of one node: its own daemons, on this machine, in a folder of their own.

Debian's packages are installed where root may; nothing of /etc is read or written: munge has a key and a socket in the
folder, and SLURM_CONF names the configuration to every command. More processors and memory are declared than
the machine has, so that jobs wait for GPUs alone: one of one model and two of another, files that any machine has.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
# What /dev has everywhere, in place of GPUs.
CARDS = {"h200": ["/dev/null"], "a100": ["/dev/zero", "/dev/full"]}
CONF = """
ClusterName=cisflow
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,defer_batch
SlurmdParameters=config_overrides
# Without cgroups, which a container may not have: what a job uses is looked at every second.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
KillWait=5
MinJobAge={min_job_age}
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
NodeName={host} NodeAddr=127.0.0.1 CPUs=16 RealMemory=200000 Gres={gres}
PartitionName=cpu Nodes={host} Default=YES MaxTime=7-0 OverSubscribe=NO
PartitionName=gpu Nodes={host} MaxTime=2-0
"""


def install():
    """Why there is no SLURM to be had; None where it is there, or could be installed."""
    if missing() and (os.geteuid() or not shutil.which("apt-get")):
        return f"no {', '.join(missing())}, and no root to install slurm-wlm and munge from Debian's packages"
    if not missing() and not os.geteuid():
        return None
    if os.geteuid():
        return "daemons that start jobs are started by root alone"
    # A machine with systemd is not to start daemons of its own.
    variables = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    order = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "slurm-wlm", "munge"]
    for command in (order, ["apt-get", "update", "-q"], order):
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=240, check=False)
        if not missing():
            return None
    return f"slurm-wlm and munge cannot be installed: {done.stderr.strip().splitlines()[-1:] or done.returncode}"


def missing():
    return [name for name in DAEMONS if not shutil.which(name, path=PATH)]


def free_port():
    with socket.socket() as handle:
        handle.bind(("127.0.0.1", 0))
        return handle.getsockname()[1]


class Cluster:
    """A running cluster.

    variables : what the environment of its commands needs.
    """

    def __init__(self, folder):
        self.folder = folder
        self.host = socket.gethostname().split(".")[0]
        self.daemons = []
        for name in ("munge", "state", "spool"):
            (folder / name).mkdir(mode=0o755, parents=True)
        key = folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        self.conf = folder / "slurm.conf"
        self.ports = {"controller": free_port(), "node": free_port()}
        self.configure()
        cards = [(model, file) for model, files in CARDS.items() for file in files]
        lines = [f"NodeName={self.host} Name=gpu Type={model} File={file}\n" for model, file in cards]
        (folder / "gres.conf").write_text("".join(lines))
        (folder / "cgroup.conf").write_text("CgroupPlugin=autodetect\n")
        # Within a job Snakemake strips `srun` of all variables of SLURM.
        srun = folder / "bin" / "srun"
        srun.parent.mkdir()
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.conf} exec {shutil.which("srun", path=PATH)} "$@"\n')
        srun.chmod(0o755)
        self.variables = {"SLURM_CONF": str(self.conf), "PATH": os.pathsep.join([str(srun.parent), PATH])}

    def configure(self, min_job_age=3600):
        gres = ",".join(f"gpu:{model}:{len(files)}" for model, files in CARDS.items())
        text = CONF.format(host=self.host, folder=self.folder, min_job_age=min_job_age, gres=gres, **self.ports)
        self.conf.write_text(text)

    def start(self):
        munge = self.folder / "munge"
        paths = [f"--{name}={munge / name}" for name in ("socket", "pid-file", "log-file", "seed-file")]
        # Folders of a test are of whoever runs it, which munge is told to put up with.
        self._daemon("munged", "--foreground", "--force", f"--key-file={munge / 'key'}", *paths)
        self._until(lambda: (munge / "socket").exists(), "munged")
        self._daemon("slurmctld", "-D", "-f", self.conf)
        self._until(lambda: "UP" in self.ask("scontrol", "ping"), "slurmctld")
        self._daemon("slurmd", "-D", "-f", self.conf, "-N", self.host)
        self._until(lambda: self.ask("sinfo", "-h", "-o", "%t").split() in (["idle"], ["idle", "idle"]), "slurmd")
        return self

    def _daemon(self, name, *options):
        with open(self.folder / f"{name}.out", "ab") as log:
            command = [shutil.which(name, path=PATH), *map(str, options)]
            environment = os.environ | self.variables
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
        self.daemons.append(process)

    def _until(self, ready, name):
        deadline = time.monotonic() + 60
        while not ready():
            if self.daemons[-1].poll() is not None or time.monotonic() > deadline:
                text = "".join(path.read_text(errors="replace") for path in self.folder.glob(f"{name}*.*[gt]"))
                raise RuntimeError(f"{name} did not start: {text[-2000:]}")
            time.sleep(0.1)

    def ask(self, *command):
        """What a command of SLURM prints."""
        environment = os.environ | self.variables
        return subprocess.run(
            list(map(str, command)), env=environment, capture_output=True, text=True, check=False, timeout=60
        ).stdout

    def jobs(self):
        """Id -> {field: value} of each job that the controller knows, as `scontrol --details show job` has them."""
        found = {}
        for line in self.ask("scontrol", "--details", "--oneliner", "show", "job").splitlines():
            fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
            if "JobId" in fields:
                found[fields["JobId"]] = fields
        return found

    def stop(self):
        """End all jobs and then the daemons, by their numbers."""
        with contextlib.suppress(subprocess.SubprocessError):
            deadline = time.monotonic() + 60
            while (jobs := self.ask("squeue", "-h", "-o", "%A").split()) and time.monotonic() < deadline:
                self.ask("scancel", *jobs)
                time.sleep(0.5)
        for process in reversed(self.daemons):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self.daemons):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.daemons = []
        for process in processes(self.folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def processes(folder):
    """Ids of the processes with a path below `folder` in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
    return found
