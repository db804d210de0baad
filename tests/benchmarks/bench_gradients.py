"""Gradients side by side: TISM against one backward pass per target and sequence, and IG against captum.

    python tests/benchmarks/bench_gradients.py [--repeats 5] [--threads 2] [--only IG] [--tiny]

Random weights at true size. The two ways of a row take turns, so that other work on the machine meets both; ratios are
of wall and of CPU time within a round, with their range over the rounds. Peak memory is that of a process of its own
for each way, weights included. `--tiny` puts a small network in the place of each, to see whether the script runs.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "lib")]

import numpy as np  # noqa: E402
import side_by_side  # noqa: E402
import torch  # noqa: E402
from captum.attr import IntegratedGradients  # noqa: E402

from cisflow import models  # noqa: E402
from cisflow.attribution import blocks, scores  # noqa: E402

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


def tiny():
    torch.manual_seed(0)
    model = models.build("BassetLike", length=200, n_outputs=FAST).eval()
    return model, np.random.default_rng(0).integers(0, 4, (4, 200)).astype(np.uint8)


def original(model, codes, targets):
    gradient = one_backward_each(model, models.one_hot(codes, "cpu"), targets)
    return scores.transform(gradient, codes, "tism")


def ours(model, codes, targets):
    gradient = blocks.multipliers(model, codes, targets, "tism", strands="forward")
    return scores.transform(gradient, codes, "tism")


def captum_way(model, codes, _):
    x = models.one_hot(codes, "cpu")
    with blocks.frozen(model):
        found = IntegratedGradients(model).attribute(
            x, torch.full_like(x, 0.25), target=0, n_steps=STEPS, internal_batch_size=STEPS
        )
    return found.numpy()[:, None]


def our_path(model, codes, _):
    found = blocks.multipliers(
        model, codes, [0], "integrated_gradients", strands="forward", steps=STEPS, batch_size=STEPS
    )
    return scores.transform(found, codes, "global")


@torch.inference_mode()
def convergence_delta(model, codes, contributions):
    """Largest |sum of a sequence's contributions - (output - output at the baseline)|."""
    x = models.one_hot(codes, "cpu")
    difference = (model(x) - model(torch.full_like(x[:1], 0.25)))[:, 0].numpy()
    return np.abs(contributions[:, 0].sum(axis=(1, 2), dtype=np.float64) - difference).max()


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
    return function(model, codes[:n], list(range(n_targets)))


def run_alone(build, *way):
    run(*build(), *way)


def compare(row, repeats, small):
    build, ways = ROWS[row]
    build = tiny if small else build
    model, codes = build()
    times = {way: [] for way in ways}
    for repeat in range(repeats + 1):
        found = {}
        for way, (function, n, n_targets) in ways.items():
            spent, found[way] = side_by_side.clocked(run, model, codes, function, n, n_targets)
            if n_targets > 1:
                forward, _ = side_by_side.clocked(model, models.one_hot(codes[:1], "cpu"))
                spent = forward + (spent - forward).clip(min=0) * N_TARGETS / n_targets
            # The first run of each warms up.
            if repeat:
                times[way].append(spent)
    slow, fast = ways
    common = min(found[slow].shape[1], found[fast].shape[1])
    scale = np.abs(found[fast]).max()
    difference = np.abs(found[slow][:, :common] - found[fast][:, :common]).max() / scale
    print(row)
    print(f"  {side_by_side.ratio(times, slow, fast, AT_LEAST[row])}")
    for way, values in times.items():
        wall, cpu = np.transpose(values)
        scaled = f" (scaled from {ways[way][2]} targets)" if ways[way][2] > 1 else ""
        peak = side_by_side.peak_gib(torch.get_num_threads(), run_alone, build, *ways[way])
        print(
            f"  {way:<9} {side_by_side.spread(wall)} s, CPU {side_by_side.spread(cpu)} s{scaled}, "
            f"{peak:.2f} GiB at the peak"
        )
    if ways[fast][0] is our_path:
        deltas = (f"{way} {convergence_delta(model, codes, found[way]):.1e}" for way in ways)
        print(f"  largest convergence delta: {', '.join(deltas)}")
    print(f"  largest difference between the two: {difference:.1e} of the largest score", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", help="rows whose name holds this")
    parser.add_argument("--tiny", action="store_true", help="small networks, to see whether the script runs")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for row in ROWS:
        if options.only is None or options.only in row:
            compare(row, options.repeats, options.tiny)


if __name__ == "__main__":
    main()
