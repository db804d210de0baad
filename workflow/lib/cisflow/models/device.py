"""Which device a job runs on, and a place on a GPU for as long as it needs one."""

import contextlib
import fcntl
import os
import sys
import tempfile
import time
from pathlib import Path

import torch

from cisflow.errors import InputError


@contextlib.contextmanager
def acquire(requested, gpus=1, threads=1):
    """Yield the torch device for a job, and hold a GPU of this machine for it while the block runs.

    Snakemake counts GPUs but does not say which one a job may use, so jobs take a slot by file lock: the kernel
    frees it even when a job is killed. Where a scheduler has set CUDA_VISIBLE_DEVICES, that choice stands.

    Parameters
    ----------
    requested : "auto" (a GPU where there is one), "cpu" or "cuda".
    gpus : GPUs that the workflow granted; 0 keeps the job on the CPU.
    threads : CPU threads for torch.

    Raises
    ------
    InputError : "cuda" was asked for and no GPU is available or granted.
    """
    torch.set_num_threads(threads)
    available = torch.cuda.is_available()
    if requested == "cuda" and (not available or not gpus):
        why = "the workflow granted none (--resources gpu=0)" if available else "torch sees no CUDA device"
        raise InputError(f"device: cuda was asked for, but {why}; use device: auto or cpu")
    if requested == "cpu" or not available or not gpus:
        if requested == "auto":
            print("device: cpu (auto: no GPU available)", file=sys.stderr)
        yield torch.device("cpu")
        return
    if os.environ.get("CUDA_VISIBLE_DEVICES"):
        yield torch.device("cuda", 0)
        return
    with slot(torch.cuda.device_count()) as number:
        print(f"device: cuda:{number}", file=sys.stderr)
        yield torch.device("cuda", number)


@contextlib.contextmanager
def slot(count, folder=None, wait_s=1.0):
    """Hold one of `count` numbered slots of this machine, waiting until one is free; yields its number."""
    folder = Path(folder or tempfile.gettempdir(), f"cisflow-gpu-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    with contextlib.ExitStack() as stack:
        handles = [stack.enter_context(open(folder / f"slot{number}", "w")) for number in range(count)]
        while True:
            for number, handle in enumerate(handles):
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield number
                    return
            time.sleep(wait_s)


@contextlib.contextmanager
def deterministic(wanted):
    """Whether torch refuses algorithms that may differ from run to run, for as long as the block runs."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(wanted)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
