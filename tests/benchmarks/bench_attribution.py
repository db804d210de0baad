"""Exact ISM side by side with forward passes of every mutant and with tangermeme, and Taylor ISM of trained networks.

    python tests/benchmarks/bench_attribution.py [--repeats 3] [--threads 2] [--cases beluga1 beluga4 basset taylor]
                                                 [--trained results/ctcf ...] [--tiny]

Random weights at true size. The ways of a case take turns, so that other work on the machine meets all of them; ratios
are of wall and of CPU time within a round, with their range over the rounds. tangermeme runs with two sizes of batch,
and the faster one counts. Brute force runs some of the mutants, and their time, without that of the reference, is
scaled to all of them. Peak memory is that of a process of its own for each way, weights and result included; 0 repeats
measure memory alone. All set-up is timed: planning, caching, checking.

The last case compares Taylor ISM with exact ISM on networks that `cisflow train` wrote: `--trained` are the results
folders of datasets, all below results/ that have trained networks unless told otherwise; behind a layer with `~` slopes
are smoothed. Its times are given as shares of both ways to exact ISM: planned, what a mutant changes alone, and plain,
every mutant through the whole network.
`--tiny` puts a small network in the place of each that is not trained, to see whether the script runs.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "lib")]

import numpy as np  # noqa: E402
import side_by_side  # noqa: E402
import torch  # noqa: E402
from tangermeme.saturation_mutagenesis import saturation_mutagenesis  # noqa: E402

from cisflow import models  # noqa: E402
from cisflow.attribution.ism import exact  # noqa: E402
from cisflow.attribution.ism.graph import Plan, Unplannable  # noqa: E402
from cisflow.attribution.ism.plain import mutants  # noqa: E402
from cisflow.attribution.ism.taylor import taylor_ism  # noqa: E402

# (architecture, settings, length, sequences, mutants of the first that brute force runs)
CASES = {
    "beluga1": ("Beluga", {}, 2000, 1, 192),
    "beluga4": ("Beluga", {}, 2000, 4, 192),
    "basset": ("BassetLike", {"n_outputs": 1}, 600, 200, 7200),
}
TINY = ("BassetLike", {"n_outputs": 2, "length": 200}, 200, 2, 64)
EXACT, BRUTE_FORCE = "exact", "brute force"
# By the sequences of a batch.
TANGERMEME = {"tangermeme 32": 32, "tangermeme 64": 64}
WAYS = (EXACT, *TANGERMEME, BRUTE_FORCE)
# How many times faster exact ISM is asked to be.
AT_LEAST = {
    "beluga1": {BRUTE_FORCE: 15, "tangermeme": 1.8},
    "beluga4": {BRUTE_FORCE: 15, "tangermeme": 1.8},
    "basset": {"tangermeme": 1.0},
}
# What Taylor ISM from an inner layer is asked for: correlation above TISM's, and share of exact ISM's time.
SMOOTHING = 0.3
TAYLOR_ASKED = "asked of an inner layer: at least +0.1, at no more than 0.1 of the time of exact ISM"
WEIGHTS = "models/*/*/seed*/model.safetensors"
EXPLAINED, EXPLAINED_TARGETS, PLAIN_MUTANTS = 48, 4, 512


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cases", nargs="+", default=[*CASES, "taylor"], choices=[*CASES, "taylor"])
    parser.add_argument("--trained", type=Path, nargs="+", default=trained(), help="results folders of datasets")
    parser.add_argument("--tiny", action="store_true", help="small networks, to see whether the script runs")
    return parser.parse_args()


def trained():
    """Results folders with trained networks."""
    return sorted({path.parents[4] for path in ROOT.glob(f"results/*/{WEIGHTS}")})


def network(case):
    architecture, settings, length, n, _ = case
    torch.manual_seed(0)
    codes = np.random.default_rng(0).integers(0, 4, (n, length)).astype(np.uint8)
    return models.build(architecture, **settings).eval(), codes


def run(way, case, model, codes):
    """One way of a case -> effects of the first sequence, or None where some of the mutants are run for their time."""
    if way == EXACT:
        return exact.exact_ism(model, codes).effects[0]
    x = models.one_hot(codes, "cpu")
    if way in TANGERMEME:
        before, after = saturation_mutagenesis(
            model, x, raw_outputs=True, fast=True, device="cpu", batch_size=TANGERMEME[way]
        )
        return (after[0] - before[0]).permute(2, 0, 1).numpy()
    with torch.inference_mode():
        position = torch.arange(case[4]) % codes.shape[1]
        for where in position.split(64):
            model(mutants(x[0], where, torch.from_numpy((codes[0][where.numpy()] + 1) % 4).long()))
    return None


@torch.inference_mode()
def references(model, codes):
    for begin in range(0, len(codes), 64):
        model(models.one_hot(codes[begin : begin + 64], "cpu"))


def run_alone(way, case):
    run(way, case, *network(case))


def compare(name, case, repeats, threads):
    model, codes = network(case)
    print(f"\n{name}: {len(codes)} x {codes.shape[1]} bp, {model.n_outputs} targets, {threads} threads")
    # What a first forward pass sets up is no part of any way.
    references(model, codes[:1])
    times, effects = {way: [] for way in WAYS}, {}
    for _ in range(repeats):
        for way in WAYS:
            spent, effects[way] = side_by_side.clocked(run, way, case, model, codes)
            if way == BRUTE_FORCE:
                reference, _ = side_by_side.clocked(references, model, codes)
                spent = reference + spent * 3 * codes.size / case[4]
            times[way].append(spent)
    peaks = {way: side_by_side.peak_gib(threads, run_alone, way, case) for way in WAYS}
    if not repeats:
        print("\n".join(f"  {way:<13} {peak:.2f} GiB at the peak" for way, peak in peaks.items()))
        return
    counts = min(TANGERMEME, key=lambda way: np.median(times[way], axis=0)[side_by_side.WALL])
    for way, asked in ((counts, AT_LEAST[name]["tangermeme"]), (BRUTE_FORCE, AT_LEAST[name].get(BRUTE_FORCE))):
        print(f"  {side_by_side.ratio(times, way, EXACT, asked)}")
    asked = "; no more than it asked" if BRUTE_FORCE in AT_LEAST[name] else ""
    print(f"  peak memory: {EXACT} {peaks[EXACT]:.2f} GiB, {counts} {peaks[counts]:.2f} GiB{asked}")
    for way, values in times.items():
        wall, cpu = np.transpose(values)
        print(
            f"  {way:<13} {side_by_side.spread(wall)} s, CPU {side_by_side.spread(cpu)} s, "
            f"{peaks[way]:.2f} GiB at the peak"
        )
    difference = np.abs(effects[EXACT] - effects[counts]).max() / np.ptp(effects[EXACT])
    print(f"  largest difference between the two exact ways: {difference:.1e} of the range", flush=True)


def agreement(found, expected):
    """Correlation over 4 x length, one a sequence and target."""
    size = found[0, 0].size
    pairs = zip(found.reshape(-1, size), expected.reshape(-1, size), strict=True)
    return np.array([np.corrcoef(one, other)[0, 1] for one, other in pairs])


def taylor(folder, repeats):
    """Every layer of every trained network of a dataset that the planner can take apart: {layer: Taylor} for each."""
    found = []
    sequences = folder / "sequences.npy"
    weights = sorted(folder.glob(WEIGHTS))
    if not sequences.exists() or not weights:
        print(f"\ntaylor: no trained networks in {folder}")
        return found
    codes = np.load(sequences)
    rows = np.random.default_rng(0).choice(len(codes), min(EXPLAINED, len(codes)), replace=False)
    codes = codes[np.sort(rows)]
    for path in weights:
        model = models.load(path).module
        if model.reads == "tokens":
            print(f"\ntaylor: {path.relative_to(folder)}: it reads tokens")
            continue
        try:
            layers = list(Plan(model, codes.shape[1]).layers)
        except Unplannable as error:
            print(f"\ntaylor: {path.relative_to(folder)}: {error}")
            continue
        found.append(taylor_of(f"{folder.name}/{path.relative_to(folder)}", model, codes, layers, repeats))
    return found


class Taylor(NamedTuple):
    """Mean correlation with exact ISM, how far above TISM's, and shares of the wall time of exact ISM."""

    r: float
    above: float
    planned: float
    plain: float


def taylor_of(name, model, codes, layers, repeats):
    targets = np.arange(min(model.n_outputs, EXPLAINED_TARGETS))
    ways = {layer: (layer, 0) for layer in layers}
    ways |= {f"{layer}~": (layer, SMOOTHING) for layer in layers[:-1]}
    times, found = {way: [] for way in ("plain", *ways)}, {}
    # What a first call compiles is kept on the disk: no part of any way.
    taylor_ism(model, codes[:1], targets, layers[1])
    for _ in range(max(1, repeats)):
        spent, _ = side_by_side.clocked(plain, model, codes)
        times["plain"].append(spent * 3 * codes.size / PLAIN_MUTANTS)
        for way, (layer, smoothing) in ways.items():
            if layer == "output":
                spent, result = side_by_side.clocked(exact.exact_ism, model, codes, targets)
                found[way] = result.effects
            else:
                spent, found[way] = side_by_side.clocked(taylor_ism, model, codes, targets, layer, smoothing=smoothing)
            times[way].append(spent)
    print(f"\ntaylor: {name}, {len(codes)} x {codes.shape[1]} bp, against exact ISM (layer output); {TAYLOR_ASKED}")
    print(f"{'':>39} {'share of planned exact ISM':>30} {'share of plain exact ISM':>30}")
    print(
        f"{'layer':>8} {'mean r':>7} {'above TISM':>10} {'wall s':>11}"
        + f" {'wall time':>22} {'CPU':>7} {'wall time':>22} {'CPU':>7}"
    )
    first, result = None, {}
    for layer in ways:
        r = agreement(found[layer], found["output"]).mean()
        first = r if first is None else first
        own = np.array(times[layer])
        cells, shares = [], []
        for whole in ("output", "plain"):
            wall, cpu = (own / np.array(times[whole])).T
            cells.append(f"{side_by_side.spread(wall, 4):>22} {np.median(cpu):7.4f}")
            shares.append(np.median(wall))
        result[layer] = Taylor(r, r - first, *shares)
        seconds = np.median(own[:, side_by_side.WALL])
        print(f"{layer:>8} {r:7.3f} {r - first:+10.3f} {seconds:11.2f} {' '.join(cells)}", flush=True)
    return result


def summary(networks):
    """The mean of all networks, at the layers that each of them has."""
    print(f"\ntaylor: mean of {len(networks)} networks; {TAYLOR_ASKED}")
    print(f"{'layer':>8} {'mean r':>7} {'above TISM':>10} {'share of planned':>17} {'of plain exact ISM':>19}")
    for layer in networks[0]:
        if all(layer in found for found in networks):
            r, above, planned, plain = np.mean([found[layer] for found in networks], axis=0)
            print(f"{layer:>8} {r:7.3f} {above:+10.3f} {planned:17.4f} {plain:19.4f}")


@torch.inference_mode()
def plain(model, codes):
    x = models.one_hot(codes[:1], "cpu").expand(64, -1, -1)
    for _ in range(PLAIN_MUTANTS // 64):
        model(x)


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    for name in args.cases:
        if name != "taylor":
            compare(name, TINY if args.tiny else CASES[name], args.repeats, args.threads)
            continue
        if not args.trained:
            print("\ntaylor: no trained networks below results; `make demo` makes them")
        if networks := [found for folder in args.trained for found in taylor(folder, args.repeats)]:
            summary(networks)


if __name__ == "__main__":
    main()
