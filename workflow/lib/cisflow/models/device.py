"""Which device a job runs on, and a place on a GPU for as long as it needs one."""

import contextlib
import fcntl
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import torch

from cisflow.errors import MachineError
from cisflow.io import work


@contextlib.contextmanager
def acquire(requested, gpus=1, threads=1):
    """Yield the torch device for a job, and hold a GPU of this machine for it while the block runs.

    Snakemake counts GPUs but does not say which one a job may use, so jobs take a slot by file lock: the kernel
    frees it even when a job is killed. Of the GPUs that CUDA_VISIBLE_DEVICES leaves, each job takes one of its own.

    Parameters
    ----------
    requested : "auto" (a GPU where there is one), "cpu" or "cuda".
    gpus : GPUs that the workflow granted; 0 keeps the job on the CPU.
    threads : CPU threads for torch.

    Raises
    ------
    MachineError : "cuda" was asked for and no GPU is available or granted.
    """
    with acquire_several(1, requested, gpus, threads) as (device,):
        yield device


@contextlib.contextmanager
def acquire_several(wanted, requested, gpus=1, threads=1):
    """As `acquire`, of a job of `wanted` processes: yields a list of the torch device of each.

    On the CPU they share the threads. GPUs are taken all at once, so that no two jobs wait for each other. With "auto"
    a job goes on with the GPUs that there are, which a line says.

    Raises
    ------
    MachineError : "cuda" was asked for and not as many GPUs are available or granted.
    """
    torch.set_num_threads(max(1, threads // wanted))
    available = torch.cuda.is_available()
    if requested == "cuda" and (not available or not gpus):
        raise MachineError(f"device: cuda was asked for, but {_why_none(available)}")
    if requested == "cpu" or not available or not gpus:
        print("device: cpu" + (" (auto: no GPU available)" if requested == "auto" else ""), file=sys.stderr)
        yield [torch.device("cpu")] * wanted
        return
    names = cards()
    found = min(gpus, len(names))
    if found < wanted:
        why = f"the workflow granted {gpus} (--resources gpu={wanted})" if gpus < wanted else f"torch sees {len(names)}"
        if requested == "cuda":
            raise MachineError(f"device: {wanted} GPUs were asked for, but {why}; use device: auto or fewer devices")
        print(f"device: {found} of {wanted} GPUs (auto: {why})", file=sys.stderr)
    with slots(names, min(found, wanted)) as numbers:
        print(f"device: {', '.join(f'cuda:{number}' for number in numbers)}", file=sys.stderr)
        try:
            yield [torch.device("cuda", number) for number in numbers]
        finally:
            if torch.cuda.is_initialized():
                # `job-costs` reads it. Of several processes, the first speaks for all.
                peak = torch.cuda.max_memory_allocated(numbers[0]) / 1e6
                card = torch.cuda.get_device_name(numbers[0])
                print(f"GPU memory: {peak:.1f} MB at the peak, {card}", file=sys.stderr)


def _why_none(available):
    """Why there is no GPU for a job, and what helps."""
    if available:
        return "the workflow granted none (--resources gpu=0); use device: auto or cpu"
    if torch.version.cuda is None and torch.version.hip is None:
        return (
            f"torch {torch.__version__} is built without CUDA; `torch: cuda` in the config selects the build with it"
            " for --use-conda, and pip takes it from PyPI"
        )
    return "torch sees no CUDA device; use device: auto or cpu"


def cards():
    """What the driver calls the GPUs that torch sees, in torch's order: jobs may see them under different numbers."""
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    names = []
    for number in range(torch.cuda.device_count()):
        # Older builds of torch do not tell it.
        uuid = getattr(torch.cuda.get_device_properties(number), "uuid", None)
        names.append(str(uuid or (visible[number] if number < len(visible) else number)))
    return names


@contextlib.contextmanager
def slot(names, folder=None, wait_s=1.0):
    """Hold one of the named cards of this machine, waiting until one is free; yields its place among the names."""
    with slots(names, 1, folder, wait_s) as (number,):
        yield number


@contextlib.contextmanager
def slots(names, wanted, folder=None, wait_s=1.0):
    """As `slot`, of several cards at once: yields a list of their places. None is held while others are waited for."""
    folder = work.private(Path(folder or tempfile.gettempdir(), f"cisflow-gpu-{os.getuid()}"))
    with contextlib.ExitStack() as stack:
        handles = [stack.enter_context(open(folder / f"slot-{name.replace('/', '_')}", "w")) for name in names]
        while True:
            held = []
            for number, handle in enumerate(handles):
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    held.append(number)
                if len(held) == wanted:
                    yield held
                    return
            for number in held:
                fcntl.flock(handles[number], fcntl.LOCK_UN)
            # Jobs that each took what the other lacks try again at different times.
            time.sleep(wait_s * random.uniform(0.5, 1))


def arithmetic(precision, device):
    """A block in which networks compute in "float32", or in "bfloat16" by torch's autocast: their weights stay float32,
    products are of numbers rounded to 8 bits, and sums, norms and softmax are of float32.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


@contextlib.contextmanager
def deterministic(wanted):
    """Whether torch refuses algorithms that may differ from run to run, for as long as the block runs."""
    before = torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(wanted)
    # Torch would write into every new tensor, before what computes it does: a twentieth of a small network's epoch.
    torch.utils.deterministic.fill_uninitialized_memory = not wanted
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.utils.deterministic.fill_uninitialized_memory = before[1]
