"""Gradients side by side: TISM against one backward pass per target and sequence, and IG against captum.

    python tests/benchmarks/bench_gradients.py [--repeats 5] [--threads 2]

Random weights at true size. The two ways of a row take turns, so that other work on the machine meets both; the
ratios are of CPU time, with their spread over the repeats. Peak memory is that of a process of its own for each way,
weights included. `make bench` adds the package to the path.
"""

import argparse
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from captum.attr import IntegratedGradients

from cisflow import models
from cisflow.attribution import methods, scores

STEPS = 20
# The way of the original takes half an hour of CPU time for all targets of four sequences, so that both ways are
# timed on some targets and their time past the forward pass is scaled.
N_TARGETS, SLOW, FAST = 2002, 8, 64


def one_backward_each(model, x, targets):
    """The way of TISM's authors: one backward pass per target and sequence, which computes weight gradients too."""
    result = np.empty((len(x), len(targets), *x.shape[1:]), dtype=np.float32)
    for row in range(len(x)):
        sequence = x[row : row + 1].clone().requires_grad_(True)
        outputs = model(sequence)
        for number, target in enumerate(targets):
            sequence.grad = None
            outputs[0, target].backward(retain_graph=True)
            result[row, number] = sequence.grad[0].numpy()
    return result


def beluga():
    torch.manual_seed(0)
    model = models.build("Beluga").eval()
    return model, np.random.default_rng(0).integers(0, 4, (4, 2000)).astype(np.uint8)


def fsei():
    torch.manual_seed(0)
    model = models.build("FSei", n_outputs=1, two_logits=True).eval()
    return model, np.random.default_rng(0).integers(0, 4, (4, 600)).astype(np.uint8)


def original(model, codes, targets):
    gradient = one_backward_each(model, models.one_hot(codes, "cpu"), targets)
    return scores.transform(gradient, codes, "tism")


def ours(model, codes, targets):
    gradient = methods.multipliers(model, codes, targets, "tism", strands="forward")
    return scores.transform(gradient, codes, "tism")


def captum_way(model, codes, _):
    x = models.one_hot(codes, "cpu")
    with methods.frozen(model):
        found, _ = IntegratedGradients(model).attribute(
            x,
            torch.full_like(x, 0.25),
            target=0,
            n_steps=STEPS,
            internal_batch_size=STEPS,
            return_convergence_delta=True,
        )
    return found.numpy()[:, None]


def our_path(model, codes, _):
    found = methods.multipliers(
        model, codes, [0], "integrated_gradients", strands="forward", steps=STEPS, batch_size=STEPS
    )
    return scores.transform(found, codes, "global")


# Row of the table: network, {way: (function, sequences, targets)}, the slower one first.
ROWS = {
    "TISM, Beluga 2,000 bp, 4 sequences, 1 target": (beluga, {"original": (original, 4, 1), "cisflow": (ours, 4, 1)}),
    "TISM, Beluga 2,000 bp, 1 sequence, 2,002 targets": (
        beluga,
        {"original": (original, 1, SLOW), "cisflow": (ours, 1, FAST)},
    ),
    "IG, FSei 600 bp, 4 sequences, 20 steps": (fsei, {"captum": (captum_way, 4, 1), "cisflow": (our_path, 4, 1)}),
}
AT_LEAST = dict(zip(ROWS, (2.4, 4.5, 1.1), strict=True))


def run(model, codes, function, n, n_targets):
    """CPU seconds, and the scores."""
    started = time.process_time()
    result = function(model, codes[:n], list(range(n_targets)))
    return time.process_time() - started, result


def forward_seconds(model, codes):
    started = time.process_time()
    model(models.one_hot(codes[:1], "cpu"))
    return time.process_time() - started


def peak_gib(row, way):
    """Peak resident memory of one run in a process of its own."""
    command = [sys.executable, __file__, "--peak", row, way, "--threads", str(torch.get_num_threads())]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 2**20


def compare(row, repeats):
    build, ways = ROWS[row]
    model, codes = build()
    seconds = {way: [] for way in ways}
    for repeat in range(repeats + 1):
        found = {}
        for way, (function, n, n_targets) in ways.items():
            spent, found[way] = run(model, codes, function, n, n_targets)
            if n_targets > 1:
                forward = forward_seconds(model, codes)
                spent = forward + max(0.0, spent - forward) * N_TARGETS / n_targets
            # The first run of each warms up.
            if repeat:
                seconds[way].append(spent)
    (slow, slow_seconds), (fast, fast_seconds) = seconds.items()
    common = min(found[slow].shape[1], found[fast].shape[1])
    scale = np.abs(found[fast]).max()
    difference = np.abs(found[slow][:, :common] - found[fast][:, :common]).max() / scale
    ratios = sorted(a / b for a, b in zip(slow_seconds, fast_seconds, strict=True))
    memory = {way: peak_gib(row, way) for way in ways}
    print(row)
    for way, values in seconds.items():
        scaled = f", from {ways[way][2]} targets" if ways[way][2] > 1 else ""
        print(
            f"  {way:<9} {statistics.median(values):8.2f} CPU s ({min(values):.2f} to {max(values):.2f}{scaled}), "
            f"{memory[way]:.2f} GiB at the peak"
        )
    print(
        f"  {statistics.median(ratios):.2f} times ({ratios[0]:.2f} to {ratios[-1]:.2f}); "
        f"at least {AT_LEAST[row]} asked; largest difference {difference:.1e} of the largest score",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", help="rows whose name holds this")
    parser.add_argument("--peak", nargs=2, metavar=("ROW", "WAY"), help="print the peak memory of one run, in kB")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak:
        build, ways = ROWS[options.peak[0]]
        run(*build(), *ways[options.peak[1]])
        # Not ru_maxrss, which a process takes over from the one that started it.
        print(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
        return
    for row in ROWS:
        if options.only is None or options.only in row:
            compare(row, options.repeats)


if __name__ == "__main__":
    main()
