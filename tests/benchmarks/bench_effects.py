"""How well measured effects of motifs agree with planted ones: signs and ranks, of single motifs and of pairs.

    python tests/benchmarks/bench_effects.py [--grammars 5] [--seeds 2] [--windows 20000] [--epochs 15] [--tiny]

Each grammar has six motifs of eight random bases with effects of 0.3 to 1.2, and five pairs of them with synergies of
0.6 to 2 that fade over 10, 20 or 40 bases, all of either sign. Networks that differ in their seed learn the numbers of
random windows of 100 bp (source `grammar`); motifs are then put into random backgrounds as by `cisflow motif-effects`.
Planted: of a motif its effect; of a pair at a gap effect * exp(-gap / reach), of which layouts below 0.1 are not asked
for a sign; of a pair the mean of that over the gaps, 0 where none was planted.
"""

import argparse
import contextlib
import io
import itertools
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "lib")]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from scipy import stats  # noqa: E402

from cisflow import tasks  # noqa: E402
from cisflow.data.dataset import Dataset  # noqa: E402
from cisflow.data.sources import grammar  # noqa: E402
from cisflow.effects import elements, motif_effects, scales  # noqa: E402
from cisflow.models import predict  # noqa: E402
from cisflow.models.network import Network  # noqa: E402
from cisflow.training import fit  # noqa: E402

LENGTH, MOTIFS, PAIRS, WIDTH = 100, 6, 5, 8
GAPS = [0, 4, 8, 15, 25, 40]
SMALLEST = 0.1
# As in config/effects.yaml.
NETWORK = {
    "stem": {"kernels": 32, "width": 9, "strands": "max", "activation": "relu"},
    "blocks": [
        {"kind": "pool", "pooling": "max", "size": 2},
        {"kind": "dilated", "width": 5, "dilations": [1, 2, 4, 8], "activation": "relu"},
    ],
    "summary": {"kind": "mean"},
    "dense": {"widths": [64], "activation": "gelu"},
}
TRAINING = {"batch_size": 128, "learning_rate": 0.003, "schedule": "warmup_cosine", "warmup_epochs": 2, "patience": 50}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grammars", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=2, help="networks of each grammar")
    parser.add_argument("--windows", type=int, default=20000)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--backgrounds", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=1, help="not used; benchmarks share it")
    parser.add_argument("--tiny", action="store_true", help="little of all, to see whether the script runs")
    return parser.parse_args()


def drawn(rng):
    """Settings of a random grammar."""
    names = [f"m{number}" for number in range(1, MOTIFS + 1)]

    def number(low, high):
        return float(rng.uniform(low, high) * rng.choice([-1, 1]))

    words = ["".join(rng.choice(list("ACGT"), WIDTH)) for _ in names]
    motifs = {name: {"sequence": word, "effect": number(0.3, 1.2)} for name, word in zip(names, words, strict=True)}
    every = list(itertools.combinations(names, 2))
    pairs = [
        {"first": first, "second": second, "effect": number(0.6, 2), "reach": float(rng.choice([10, 20, 40]))}
        for first, second in (every[row] for row in rng.permutation(len(every))[:PAIRS])
    ]
    return {"motifs": motifs, "pairs": pairs}


def trained(source, seed, args):
    """A network that learned a grammar, and Pearson's r of its predictions in the test fold."""
    task = tasks.get("regression")
    found = grammar.collect(source, LENGTH, 1, task)
    ids = found.frame["id"].to_numpy(dtype=str)
    dataset = Dataset(ids, found.codes, found.labels, found.targets, task)
    folds = np.array(["train"] * 8 + ["valid", "test"])[np.arange(len(ids)) % 10]
    recipe = TRAINING | {"max_epochs": args.epochs}
    with tempfile.TemporaryDirectory() as work, contextlib.redirect_stdout(io.StringIO()):
        module, *_ = fit.train(dataset, folds, "Modular", NETWORK, recipe, seed, torch.device("cpu"), work)
    network = Network(module.eval(), found.targets, "both", task)
    test = folds == "test"
    predicted = np.mean(predict.predict(network, found.codes[test], torch.device("cpu")), axis=0)[:, 0]
    return network, np.corrcoef(predicted, found.labels[test, 0])[0, 1]


def measured(source, networks, args):
    """Tables of `motif_effects`."""
    sequences = {name: word.sequence for name, word in source.motifs.items()}
    asked = {"sequences": sequences, "gaps": GAPS, "step": LENGTH, "n_backgrounds": args.backgrounds}
    asked = motif_effects.Settings.complete(asked | {"backgrounds": ["random"]}, "effects")
    found = elements.read(None, None, asked.sequences)
    planned = motif_effects.plan(found, LENGTH, asked)
    effects = []
    for number, network in enumerate(networks):
        of, rng = scales.Measure(network), np.random.default_rng(number)
        uniform = np.arange(4, dtype=np.uint8).repeat(LENGTH // 4)[None]
        codes = motif_effects.draw_backgrounds("random", of, uniform, torch.device("cpu"), asked, rng)
        effects.append(motif_effects.measure(of, planned, found, codes, torch.device("cpu"), asked, rng))
    return motif_effects.tables(planned, found, {"random": effects}, of.names, asked.scale)


def compared(source, made):
    """(planted, measured) of single motifs, of planted pairs at each layout, and of all pairs."""
    single = made["single"].groupby("motif")["effect"].mean()
    singles = [(word.effect, single[name]) for name, word in source.motifs.items()]
    planted = {frozenset((pair.first, pair.second)): pair for pair in source.pairs}
    layouts, means = [], []
    for row in made["pairs"].itertuples():
        if pair := planted.get(frozenset((row.first, row.second))):
            layouts.append((pair.effect * np.exp(-row.gap / pair.reach), row.interaction))
    for row in made["interactions"].itertuples():
        pair = planted.get(frozenset((row.first, row.second)))
        mean = np.mean([pair.effect * np.exp(-gap / pair.reach) for gap in GAPS]) if pair else 0
        means.append((mean, row.interaction))
    return tuple(np.array(part) for part in (singles, layouts, means))


def told(name, values, smallest=0):
    planted, found = values.T
    asked = np.abs(planted) > smallest
    signs = (np.sign(planted) == np.sign(found))[asked]
    rank = stats.spearmanr(planted, found).statistic
    # Those of which nothing was planted have no order among them.
    most = stats.spearmanr(planted, stats.rankdata(planted, "ordinal")).statistic
    ties = f" of at most {most:.3f}" if most < 0.999 else ""
    text = f"sign right in {signs.sum()} of {len(signs)} ({signs.mean():.1%}), Spearman {rank:.3f}{ties}"
    print(f"{name}: {text}", flush=True)


def main():
    args = arguments()
    if args.tiny:
        args.grammars, args.seeds, args.windows, args.epochs, args.backgrounds = 1, 2, 400, 3, 4
    torch.set_num_threads(args.threads)
    parts = []
    for number in range(args.grammars):
        given = drawn(np.random.default_rng(number)) | {"n": args.windows}
        source = grammar.Settings.complete(given, "grammar")
        networks, correlations = zip(*(trained(source, seed, args) for seed in range(args.seeds)), strict=True)
        found = compared(source, measured(source, networks, args))
        print(f"grammar {number}: r in the test fold {', '.join(f'{r:.3f}' for r in correlations)}")
        told("  motifs", found[0])
        told("  planted pairs, each layout", found[1], SMALLEST)
        told("  pairs", found[2])
        parts.append(found)
    print(f"{args.grammars} grammars, {args.seeds} networks each")
    for place, (name, smallest) in enumerate((("motifs", 0), ("planted pairs, each layout", SMALLEST), ("pairs", 0))):
        told(name, np.concatenate([found[place] for found in parts]), smallest)


if __name__ == "__main__":
    main()
