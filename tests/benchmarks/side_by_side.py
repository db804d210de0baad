"""What the benchmarks share that let several ways take turns: clocks, ratios with their range, and peak memory."""

import multiprocessing
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch

WALL, CPU = 0, 1
SLOW_IMPORTS = ("torch", "captum.attr", "tangermeme.ersatz", "tangermeme.saturation_mutagenesis")


def clocked(function, *arguments, **settings):
    """Wall and CPU seconds (2,) of a call, and its result."""
    started = time.perf_counter(), time.process_time()
    result = function(*arguments, **settings)
    return np.array([time.perf_counter() - started[WALL], time.process_time() - started[CPU]]), result


def spread(values, digits=2):
    """Median (minimum - maximum)."""
    return f"{np.median(values):.{digits}f} ({np.min(values):.{digits}f} - {np.max(values):.{digits}f})"


def ratio(times, other, own, at_least=None):
    """How many times as long one way takes as another, round by round.

    Parameters
    ----------
    times : {way: [wall and CPU seconds of each round]}. at_least : what the ratio of wall times is asked to be.
    """
    found = np.array(times[other]) / np.array(times[own])
    asked = "" if at_least is None else f"; at least {at_least} asked"
    return f"{other} / {own}: {spread(found[:, WALL])} times in wall time, {spread(found[:, CPU])} in CPU time{asked}"


def peak_gib(threads, function, *arguments):
    """Peak resident memory of a call in a process of its own, what the process has imported included."""
    context = multiprocessing.get_context("forkserver")
    # Processes are forked from one that has imported what takes seconds, and no more than the script has.
    context.set_forkserver_preload([name for name in SLOW_IMPORTS if name in sys.modules])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_peak, threads, function, *arguments).result()


def _peak(threads, function, *arguments):
    torch.set_num_threads(threads)
    function(*arguments)
    # Not ru_maxrss, which a process takes over from the one that started it.
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 2**20
