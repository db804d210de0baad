"""Time and memory of attribution methods."""

import contextlib
import ctypes
import gc
import inspect
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import torch

from cisflow.attribution import blocks
from cisflow.attribution.targets import Targets
from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.errors import InputError
from cisflow.io import process
from cisflow.models import registry

COST = ("seed", "method", "repeat", "n_sequences", "seconds_per_sequence")
COLUMNS = ("method", "varied", "length", "n_sequences", "n_targets", "repeat", "seconds", "peak_mb")
MIB = 2**20
# Of Linux alone; without it no peak can be told from an earlier one.
PEAK_RESET = Path("/proc/self/clear_refs")


class Settings(settings.Settings):
    """Sizes at which methods are timed. Of each the first is kept while another varies."""

    lengths: list[int] = setting(
        [200, 400, 800],
        items={"minimum": 1},
        meaning="Lengths of the sequences, in bp; for a network that reads one length, that one. Of each size the "
        "first is kept while another varies.",
    )
    sequences: list[int] = setting([1, 4, 16], items={"minimum": 1}, meaning="Numbers of sequences.")
    targets: list[int] = setting([1, 4, 16], items={"minimum": 1}, meaning="Numbers of targets.")
    repeats: int = setting(
        3, minimum=1, meaning="Runs that are timed at each size, after one of the same size that is not."
    )

    def grid(self):
        """(what is varied, length, number of sequences, number of targets): one varies, the others at their first."""
        sizes = {"length": self.lengths, "n_sequences": self.sequences, "n_targets": self.targets}
        first = {name: values[0] for name, values in sizes.items()}
        return [(name, *(first | {name: value}).values()) for name, values in sizes.items() for value in values]


def costs(model, codes, targets, method, device, repeats):
    """What each of `repeats` runs of a method takes, after one of the same size.

    What a first run sets up (kernels for a shape, functions that are compiled, pages of code) is in neither.

    Parameters
    ----------
    method : methods.Method.

    Returns
    -------
    [(wall seconds of all sequences; MiB at the peak above what the process held between runs, or NaN)]

    Raises
    ------
    InputError : whatever `blocks.attribute` refuses.
    """
    cuda = torch.device(device).type == "cuda"

    def run():
        for _ in blocks.attribute(model, codes, targets, method, device, progress=False):
            pass
        if cuda:
            torch.cuda.synchronize()

    run()
    # What is left in reference cycles is no longer held.
    gc.collect()
    before = torch.cuda.memory_allocated() if cuda else held()
    found = []
    for _ in range(repeats):
        restart_peak(cuda)
        begin = time.perf_counter()
        run()
        spent = time.perf_counter() - begin
        peak = torch.cuda.max_memory_allocated() if cuda else _status("VmHWM")
        found.append((spent, np.maximum(0, peak - before) / MIB))
    return found


def measure(model, method, length, n_sequences, n_targets, device, threads, repeats):
    """Seconds and peak memory of one method at one size, in a process of its own.

    Parameters
    ----------
    model : {"architecture", "settings"} of a network, which gets random weights and `n_targets` outputs.
    method : methods.Method.

    Returns
    -------
    As `costs`.

    Raises
    ------
    InputError : as `build` and `blocks.attribute`; or the process was killed, as one is that takes more memory
        than there is.
    """
    context = multiprocessing.get_context("forkserver")
    # Processes are forked from one that has imported torch, which takes seconds.
    context.set_forkserver_preload(["cisflow.attribution.comparison.timing"])
    arguments = (model, method, length, n_sequences, n_targets, str(device), threads, repeats)
    following = {"initializer": process.follow, "initargs": (os.getpid(),)}
    with ProcessPoolExecutor(1, mp_context=context, **following) as pool:
        try:
            return pool.submit(_measure, *arguments).result()
        except BrokenProcessPool as error:
            raise InputError(
                f"{method.name}: the process that measured it was killed at length {length}, {n_sequences} sequences "
                f"and {n_targets} targets; expected one that finishes: give more memory, or leave out that size or "
                "method"
            ) from error
        except BaseException:
            # The block would end with what the process does, however long that takes.
            for child in multiprocessing.active_children():
                child.terminate()
            raise


def _measure(model, method, length, n_sequences, n_targets, device, threads, repeats):
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = build(model, length, n_targets).eval().to(device)
    codes = np.random.default_rng(0).integers(0, 4, (n_sequences, length)).astype(np.uint8)
    return costs(network, codes, Targets(None, n_targets), method, device, repeats)


def build(model, length, n_targets):
    """A network of the registry for a length and a number of outputs, where its architecture has settings for them.

    Raises
    ------
    InputError : unknown architecture, or one that reads sequences of another length alone.
    """
    name = model["architecture"]
    known = inspect.signature(registry.get(name)).parameters
    sizes = {"length": length, "n_outputs": n_targets, "n_targets": n_targets}
    given = {size: value for size, value in sizes.items() if size in known}
    network = registry.build(name, **model["settings"] | given)
    if network.length not in (None, length):
        raise InputError(f"timing: lengths: found {length}; expected {network.length} alone, which {name} reads")
    return network


def held():
    """Bytes of memory that the process holds, less what it has freed; NaN where the system does not tell."""
    # Freed memory that the allocator keeps would be used again by what is measured, which would seem to need less. A
    # system without glibc has no such function, and its allocator other habits.
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    return _status("VmRSS")


def restart_peak(cuda=False):
    """From here on the peak of memory counts anew, where the system can do that."""
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    elif PEAK_RESET.exists():
        PEAK_RESET.write_text("5")


def _status(name):
    """Bytes of memory that the process holds (`VmRSS`), or held at its peak (`VmHWM`); NaN where Linux is absent."""
    if not PEAK_RESET.exists():
        return np.nan
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
