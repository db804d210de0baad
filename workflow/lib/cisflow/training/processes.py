"""The processes of one training on several devices: this one, and others that it starts and ends itself.

Neither Snakemake nor a cluster knows of more than one. Only this process, the first, writes files; the others end when
it ends, whatever ends it.
"""

import contextlib
import io
import mmap
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import warnings
from multiprocessing import connection

import lightning as L
import numpy as np
import torch
from lightning.fabric.plugins.environments import ClusterEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import distributed

from cisflow.errors import InputError
from cisflow.io import process
from cisflow.training.sharing import Share

HERE = "127.0.0.1"


class Machine(ClusterEnvironment):
    """Tells lightning that the processes are there already, all on this machine, whatever a cluster says of the job."""

    def __init__(self, share):
        super().__init__()
        self.share = share

    creates_processes_externally = True
    main_address, main_port = HERE, 0

    @staticmethod
    def detect():
        return False

    def world_size(self):
        return self.share.of

    def global_rank(self):
        return self.share.place

    local_rank = global_rank

    def node_rank(self):
        return 0

    def set_world_size(self, size):
        """It is known."""

    def set_global_rank(self, rank):
        """It is known."""


class Terminated(L.Callback):
    """SIGTERM ends the first process alone, at once, and that one ends the others.

    Lightning's own way, which it takes between these two, has all processes agree on it from within the signal: they
    wait for each other for ever where it comes in the middle of an exchange.
    """

    def on_fit_start(self, *_):
        signal.signal(signal.SIGTERM, _terminate if distributed.get_rank() == 0 else signal.SIG_IGN)

    on_train_start = on_fit_start


def _terminate(number, _):
    raise process.Stopped(number)


def silence():
    """Turn off warnings of lightning that are wrong of these processes."""
    # Every process has the losses and metrics of all.
    warnings.filterwarnings("ignore", message=".*sync_dist=True.*")
    warnings.filterwarnings("ignore", message="The `srun` command is available .* but is not used")
    warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated")


def trainer_options(devices, idle):
    """Arguments of lightning's Trainer for one of several processes.

    Parameters
    ----------
    devices : torch.device of each process. idle : whether there are weights that the loss does not depend on.
    """
    return {
        "strategy": DDPStrategy(find_unused_parameters=idle),
        "devices": len(devices) if devices[0].type == "cpu" else [device.index for device in devices],
        # Every process reads every batch.
        "use_distributed_sampler": False,
    }


@contextlib.contextmanager
def started(devices, function, arguments):
    """Start a process for each device but the first, and be one of them for the block; the others end with it.

    Each calls function(share, *arguments); arrays among the arguments that are mapped files are mapped again there.
    When one of them ends of itself, this process ends with status 1.

    Yields
    ------
    Share of this process, the first.
    """
    if len(devices) == 1:
        yield Share()
        return
    server = distributed.TCPStore(HERE, 0, len(devices), is_master=True, wait_for_workers=False)
    context = multiprocessing.get_context("spawn")
    shares = [Share(place, len(devices)) for place in range(len(devices))]
    threads = torch.get_num_threads()
    others = [
        context.Process(
            target=_other,
            args=(share, device, server.port, threads, function, _packed(arguments)),
            name=f"process {share.place + 1} of {share.of}",
            daemon=True,
        )
        for share, device in zip(shares[1:], devices[1:], strict=True)
    ]
    over = threading.Event()
    try:
        for other in others:
            other.start()
        threading.Thread(target=_watch, args=(others, over), daemon=True).start()
        _join(shares[0], devices[0], server)
        yield shares[0]
    finally:
        over.set()
        for other in others:
            # They hold nothing that is to be kept.
            if other.pid is not None:
                other.kill()
                other.join()
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _join(share, device, store):
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, store=store, rank=share.place, world_size=share.of)


def _watch(others, over):
    """End this process when another has ended without it: it would wait for that one for ever."""
    ended = connection.wait([other.sentinel for other in others])
    if not over.is_set():
        lost = [other for other in others if other.sentinel in ended]
        for other in lost:
            # Its status is known a moment after its end.
            other.join(1)
        names = ", ".join(f"{other.name} ended with status {other.exitcode}" for other in lost)
        print(f"{names}: the training ends; the same call goes on from its last epoch", file=sys.stderr, flush=True)
        for other in others:
            other.kill()
        os._exit(1)


def _other(share, device, port, threads, function, packed):
    """What a process but the first does: its part, and then nothing until it is ended."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    torch.set_num_threads(threads)
    _join(share, device, distributed.TCPStore(HERE, port, share.of, is_master=False))
    # The first process tells what is wrong with the training.
    with contextlib.suppress(InputError):
        function(share, *_unpacked(packed))
    threading.Event().wait()


def _end_with(parent):
    connection.wait([parent.sentinel])
    os._exit(1)


class _Pickler(pickle.Pickler):
    """Writes a mapped file as its name: its content may be larger than memory."""

    def persistent_id(self, found):
        # What is a part of a map has that for its base.
        return str(found.filename) if isinstance(found, np.memmap) and isinstance(found.base, mmap.mmap) else None


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, name):
        return np.load(name, mmap_mode="r", allow_pickle=False)


def _packed(arguments):
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(arguments)
    return buffer.getvalue()


def _unpacked(packed):
    return _Unpickler(io.BytesIO(packed)).load()
