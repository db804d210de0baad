"""Greedy design side by side: exact in silico mutagenesis of what a mutant changes, brute force, and tangermeme.

    python tests/benchmarks/bench_design.py [--repeats 3] [--threads 2] [--length 600] [--steps 3] [--tiny]

One sequence at a time, forward strand, one output, a network with random weights. Every way takes the same number of
steps, each the best of all single edits: `fast` by the plan of `attribution.ism`, `brute force` by a forward pass of
each mutant, `tangermeme` by its `design.greedy_substitution`, which does so too. The ways take turns, so that other
work on the machine meets all of them; ratios are of wall and of CPU time within a round, with their range. Peak memory
is that of a process of its own. The edits of all ways are compared.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "lib")]

import numpy as np  # noqa: E402
import side_by_side  # noqa: E402
import torch  # noqa: E402
from tangermeme.design import greedy_substitution  # noqa: E402

from cisflow import models  # noqa: E402
from cisflow.design import methods  # noqa: E402
from cisflow.design.constraints import Constraints  # noqa: E402
from cisflow.design.constraints import Settings as Allowed  # noqa: E402
from cisflow.design.objective import Objective  # noqa: E402
from cisflow.design.objective import Settings as Wanted  # noqa: E402
from cisflow.design.problem import Problem  # noqa: E402
from cisflow.sequence import dna  # noqa: E402

AT_LEAST = {"brute force": 10, "tangermeme": None}
NETWORKS = ("BassetLike", "MotifCNN", "ConvNet")


def network(architecture, length):
    torch.manual_seed(0)
    settings = {} if architecture == "MotifCNN" else {"length": length}
    return models.Network(models.build(architecture, n_outputs=1, **settings).eval(), ["a"], "forward")


def sequence(length):
    return np.random.default_rng(0).integers(0, 4, (1, length)).astype(np.uint8)


def designed(architecture, length, steps, fast):
    """Base codes (length,) after the steps."""
    objective = Objective(Wanted.complete({"up": ["a"]}, "objective"))
    constraints = Constraints(Allowed.complete({}, "constraints"), length)
    problem = Problem(network(architecture, length), objective, constraints, fast=fast)
    method = methods.read({"method": "greedy", "steps": steps, "tolerance": 0}, "method")
    return method.design(problem, sequence(length), 0, progress=False).codes[0]


def tangermeme(architecture, length, steps):
    x = torch.from_numpy(dna.one_hot(sequence(length)))
    module = network(architecture, length).module
    found = greedy_substitution(module, x, max_iter=steps, tol=0, batch_size=256, device="cpu")
    return found[0].argmax(dim=0).numpy().astype(np.uint8)


WAYS = {
    "fast": lambda *given: designed(*given, fast=True),
    "brute force": lambda *given: designed(*given, fast=False),
    "tangermeme": tangermeme,
}


def run_alone(way, *given):
    WAYS[way](*given)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--length", type=int, default=600)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--networks", nargs="+", default=NETWORKS, choices=NETWORKS)
    parser.add_argument("--tiny", action="store_true", help="a short sequence, to see whether the script runs")
    options = parser.parse_args()
    length, steps = (60, 2) if options.tiny else (options.length, options.steps)
    torch.set_num_threads(options.threads)
    for function in WAYS.values():
        # What is compiled, and first calls of torch.
        function("MotifCNN", 60, 1)
    for architecture in ["MotifCNN"] if options.tiny else options.networks:
        given, times, found = (architecture, length, steps), {way: [] for way in WAYS}, {}
        for _ in range(options.repeats):
            for way, function in WAYS.items():
                spent, found[way] = side_by_side.clocked(function, *given)
                times[way].append(spent)
        print(f"{architecture}, {length} bp, {steps} steps")
        for other, asked in AT_LEAST.items():
            print(f"  {side_by_side.ratio(times, other, 'fast', asked)}")
        for way, values in times.items():
            wall, cpu = np.transpose(values)
            gib = side_by_side.peak_gib(options.threads, run_alone, way, *given)
            spent = f"{side_by_side.spread(wall)} s, CPU {side_by_side.spread(cpu)} s"
            print(f"  {way:<12} {spent}, {gib:.2f} GiB at the peak")
        same = all((codes == found["fast"]).all() for codes in found.values())
        print(f"  edits of all ways are {'the same' if same else 'NOT the same'}")


if __name__ == "__main__":
    main()
