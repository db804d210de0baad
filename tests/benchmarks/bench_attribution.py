"""Exact ISM side by side with forward passes of every mutant and with tangermeme, and Taylor ISM of trained networks.

    python tests/benchmarks/bench_attribution.py [--repeats 3] [--threads 2] [--cases beluga1 beluga4 basset taylor]
                                                 [--trained results/ctcf]

Random weights at true size. The ways of a case take turns, so that other work on the machine meets all of them; ratios
are of CPU time within a round, with their range over the rounds. Brute force runs some of the mutants, and its time is
scaled to all of them. Peak memory is that of a process of its own for each way, weights and result included; 0 repeats
measure memory alone. All set-up is timed: planning, caching, checking.

The last case compares Taylor ISM with exact ISM on networks that `cisflow train` wrote: `--trained` is the results
folder of a dataset. Its times are given as shares of the planned and of the plain way to exact ISM.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "lib")]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from tangermeme.saturation_mutagenesis import saturation_mutagenesis  # noqa: E402

from cisflow import models  # noqa: E402
from cisflow.attribution import exact, plan  # noqa: E402
from cisflow.attribution.taylor import taylor_ism  # noqa: E402

# (architecture, settings, length, sequences, mutants that brute force runs)
CASES = {
    "beluga1": ("Beluga", {}, 2000, 1, 192),
    "beluga4": ("Beluga", {}, 2000, 4, 192),
    "basset": ("BassetLike", {"n_outputs": 1}, 600, 200, 7200),
}
WAYS = ("exact", "tangermeme", "brute force")
EXPLAINED, EXPLAINED_TARGETS, PLAIN_MUTANTS = 48, 4, 512


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cases", nargs="+", default=[*CASES, "taylor"], choices=[*CASES, "taylor"])
    parser.add_argument("--trained", type=Path, default=ROOT / "results" / "ctcf", help="results folder of a dataset")
    parser.add_argument("--peak", choices=WAYS, help="run one way of the one case, and print the peak memory in GiB")
    return parser.parse_args()


def network(case):
    architecture, settings, length, n, _ = CASES[case]
    torch.manual_seed(0)
    codes = np.random.default_rng(0).integers(0, 4, (n, length)).astype(np.uint8)
    return models.build(architecture, **settings).eval(), codes


def run(way, case, model, codes):
    """One way of a case -> (share of all mutants that it ran, effects of the first sequence or None)."""
    if way == "exact":
        return 1.0, exact.exact_ism(model, codes).effects[0]
    x = models.one_hot(codes, "cpu")
    if way == "tangermeme":
        before, after = saturation_mutagenesis(model, x, raw_outputs=True, fast=True, device="cpu")
        effects = after[0] - before[0]
        return 1.0, effects.permute(2, 0, 1).numpy()
    n_mutants = CASES[case][4]
    with torch.inference_mode():
        model(x[:1])
        position = torch.arange(n_mutants) % codes.shape[1]
        for begin in range(0, n_mutants, 64):
            where = position[begin : begin + 64]
            model(exact._mutants(x[0], where, torch.from_numpy((codes[0][where.numpy()] + 1) % 4).long()))
    return n_mutants / (3 * codes.size), None


def compare(case, repeats, threads):
    model, codes = network(case)
    print(f"\n{case}: {len(codes)} x {codes.shape[1]} bp, {model.n_outputs} targets, {threads} threads")
    cpu, wall, effects = {way: [] for way in WAYS}, {way: [] for way in WAYS}, {}
    for _ in range(repeats):
        for way in WAYS:
            started = time.process_time(), time.perf_counter()
            share, found = run(way, case, model, codes)
            cpu[way].append((time.process_time() - started[0]) / share)
            wall[way].append((time.perf_counter() - started[1]) / share)
            effects[way] = found
    print(f"{'way':>12} {'CPU s':>8} {'range':>15} {'wall s':>8} {'times exact':>12} {'range':>13} {'peak GiB':>9}")
    for way in WAYS:
        command = [sys.executable, __file__, "--cases", case, "--peak", way, "--threads", str(threads)]
        peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
        if not repeats:
            print(f"{way:>12} {'':>60} {peak:>9}")
            continue
        ratios = [other / own for other, own in zip(cpu[way], cpu["exact"], strict=True)]
        times = f"{statistics.median(cpu[way]):8.1f} {min(cpu[way]):6.1f} - {max(cpu[way]):6.1f}"
        ratio = f"{statistics.median(ratios):12.2f} {min(ratios):5.1f} - {max(ratios):5.1f}"
        print(f"{way:>12} {times} {statistics.median(wall[way]):8.1f} {ratio} {peak:>9}", flush=True)
    if repeats:
        difference = np.abs(effects["exact"] - effects["tangermeme"]).max()
        print(
            f"largest difference between the two exact ways: {difference / np.ptp(effects['exact']):.1e} of the range"
        )


def peak_gib():
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 2**20


def agreement(found, expected):
    """Correlation over 4 x length, one a sequence and target."""
    size = found[0, 0].size
    pairs = zip(found.reshape(-1, size), expected.reshape(-1, size), strict=True)
    return np.array([np.corrcoef(one, other)[0, 1] for one, other in pairs])


def taylor(folder, repeats):
    """Every layer of every trained network of a dataset that the planner can take apart."""
    sequences = folder / "sequences.npy"
    weights = sorted(folder.glob("models/*/*/seed*/model.safetensors"))
    if not sequences.exists() or not weights:
        print(f"\ntaylor: no trained networks in {folder}; `make demo` makes them")
        return
    codes = np.load(sequences)
    rows = np.random.default_rng(0).choice(len(codes), min(EXPLAINED, len(codes)), replace=False)
    codes = codes[np.sort(rows)]
    for path in weights:
        model, _ = models.load(path)
        try:
            layers = plan.layers(model, codes.shape[1])
        except plan.Unplannable as error:
            print(f"\ntaylor: {path.relative_to(folder)}: {error}")
            continue
        case = f"{path.relative_to(folder)}, {len(codes)} x {codes.shape[1]} bp"
        print(f"\ntaylor: {case}, against exact ISM; shares of time")
        print(f"{'layer':>8} {'mean r':>7} {'sd':>6} {'above TISM':>11} {'CPU s':>7} {'of exact':>9} {'of plain':>9}")
        targets = np.arange(min(model.n_outputs, EXPLAINED_TARGETS))
        plain_seconds = timed(lambda model=model: plain(model, codes), repeats)[0] * 3 * codes.size / PLAIN_MUTANTS
        exact_seconds, expected = timed(
            lambda model=model, t=targets: exact.exact_ism(model, codes, t).effects, repeats
        )
        first = None
        for layer in layers:
            if layer == "output":
                seconds, found = exact_seconds, expected
            else:
                seconds, found = timed(
                    lambda layer=layer, model=model, t=targets: taylor_ism(model, codes, t, layer), repeats
                )
            r = agreement(found, expected)
            first = r.mean() if first is None else first
            print(
                f"{layer:>8} {r.mean():7.3f} {r.std():6.3f} {r.mean() - first:11.3f} {seconds:7.2f} "
                f"{seconds / exact_seconds:9.3f} {seconds / plain_seconds:9.4f}",
                flush=True,
            )


@torch.inference_mode()
def plain(model, codes):
    x = models.one_hot(codes[:1], "cpu").expand(64, -1, -1)
    for _ in range(PLAIN_MUTANTS // 64):
        model(x)


def timed(function, repeats):
    seconds, result = [], None
    for _ in range(max(1, repeats)):
        started = time.process_time()
        result = function()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds), result


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    if args.peak:
        run(args.peak, args.cases[0], *network(args.cases[0]))
        print(f"{peak_gib():.2f}")
        return
    for case in args.cases:
        if case == "taylor":
            taylor(args.trained, args.repeats)
        else:
            compare(case, args.repeats, args.threads)


if __name__ == "__main__":
    main()
