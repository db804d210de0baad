"""Greedy design side by side: exact in silico mutagenesis of what a mutant changes, brute force, and tangermeme.

    python tests/benchmarks/bench_design.py [--repeats 3] [--threads 2] [--sequences 50] [--length 600] [--steps 3]

Random starts, forward strand, one output, random weights. Every way takes the same number of steps, each of which is
the best of all single edits: `fast` by the plan of `attribution.ism`, all designs together; `brute force` by a forward
pass of each mutant, and `tangermeme` by its `design.greedy_substitution`, which does so too, of the first design
alone, whose times are scaled. The ways take turns, so that other work on the machine meets all of them; ratios are of
wall and of CPU time within a round, with their range. Peak memory is that of a process of its own. The edits of all
ways are compared.
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
# Designs of the slow ways.
SAMPLE = 1
NETWORKS = ("BassetLike", "MotifCNN", "ConvNet")


def network(architecture, length):
    torch.manual_seed(0)
    settings = {} if architecture == "MotifCNN" else {"length": length}
    return models.Network(models.build(architecture, n_outputs=1, **settings).eval(), ["a"], "forward")


def sequences(n, length):
    return np.random.default_rng(0).integers(0, 4, (n, length)).astype(np.uint8)


def designed(architecture, length, steps, n, fast):
    """Base codes (n, length) after the steps."""
    objective = Objective(Wanted.complete({"up": ["a"]}, "objective"))
    constraints = Constraints(Allowed.complete({}, "constraints"), length)
    problem = Problem(network(architecture, length), objective, constraints, fast=fast)
    method = methods.read({"method": "greedy", "steps": steps, "tolerance": 0}, "method")
    return method.design(problem, sequences(n, length), 0, progress=False).codes


def tangermeme(architecture, length, steps, n):
    x = torch.from_numpy(dna.one_hot(sequences(n, length)))
    module = network(architecture, length).module
    found = [
        greedy_substitution(module, each, max_iter=steps, tol=0, batch_size=256, device="cpu") for each in x.split(1)
    ]
    return torch.cat(found).argmax(dim=1).numpy().astype(np.uint8)


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
    parser.add_argument("--sequences", type=int, default=50)
    parser.add_argument("--length", type=int, default=600)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--networks", nargs="+", default=NETWORKS, choices=NETWORKS)
    parser.add_argument("--tiny", action="store_true", help="a short sequence, to see whether the script runs")
    options = parser.parse_args()
    n, length, steps = (2, 60, 2) if options.tiny else (options.sequences, options.length, options.steps)
    torch.set_num_threads(options.threads)
    for function in WAYS.values():
        # What is compiled, and first calls of torch.
        function("MotifCNN", 60, 1, 1)
    for architecture in ["MotifCNN"] if options.tiny else options.networks:
        given, times, found = (architecture, length, steps), {way: [] for way in WAYS}, {}
        for _ in range(options.repeats):
            for way, function in WAYS.items():
                own = n if way == "fast" else SAMPLE
                spent, found[way] = side_by_side.clocked(function, *given, own)
                times[way].append(spent * n / own)
        print(f"{architecture}, {n} designs of {length} bp, {steps} steps")
        for other, asked in AT_LEAST.items():
            print(f"  {side_by_side.ratio(times, other, 'fast', asked)}")
        for way, values in times.items():
            wall, cpu = np.transpose(values)
            gib = side_by_side.peak_gib(options.threads, run_alone, way, *given, n if way == "fast" else SAMPLE)
            spent = f"{side_by_side.spread(wall)} s, CPU {side_by_side.spread(cpu)} s"
            scaled = "" if way == "fast" else f" (scaled from {SAMPLE})"
            print(f"  {way:<12} {spent}{scaled}, {gib:.2f} GiB at the peak")
        same = all((codes[:SAMPLE] == found["fast"][:SAMPLE]).all() for codes in found.values())
        print(f"  edits of all ways are {'the same' if same else 'NOT the same'}")


if __name__ == "__main__":
    main()
