"""What motif scores call where there is nothing to find, and what they find: the default beside the published rule.

    python tests/benchmarks/bench_calibration.py [--simulations 20] [--networks 20] [--tiny]

Windows of 42 independent bases, one in each of 1,000 sequences, scanned for the 879 vertebrate motifs of JASPAR 2024:

- labels: both classes of one composition, labels at random
- classes: classes of GC 65% and 40%, the background drawn from the other class
- within: windows of GC 65% within sequences of GC 40%, the background drawn off them
- planted: a motif planted in 5% of the sequences, another one each time, of those that can have a hit at all

and the whole path, from labels to the table: networks trained on labels that say nothing of real windows.

Printed for each way to test: motifs called at q < 0.05 (Benjamini-Hochberg; Bonferroni in the published rule), share of
p-values below 0.05, their distance from uniform (Kolmogorov-Smirnov, one motif a family, with the share of the tail
that is the observed count's drawn) and the rank correlation of the effect with GC content. "unmatched" is Fisher's test
against windows of the other composition as they come, thresholds by a uniform background; "regression" is the logistic
regression with composition as covariates, as MEIRLOP (Brigidi et al. 2020) does it, on those windows.
"""

import argparse
import contextlib
import gzip
import io
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "lib"), str(ROOT / "tests" / "helpers")]

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from scipy import stats  # noqa: E402
from tqdm import tqdm  # noqa: E402

import simulated_windows  # noqa: E402
from cisflow.__main__ import main as cisflow  # noqa: E402
from cisflow.data import dataset as datasets  # noqa: E402
from cisflow.data import windows  # noqa: E402
from cisflow.data.windows import Windows  # noqa: E402
from cisflow.io import matrices  # noqa: E402
from cisflow.io.genome import Genome, Locus  # noqa: E402
from cisflow.motifs import association, enrichment, families, published  # noqa: E402
from cisflow.motifs.scanning import Scanner  # noqa: E402

DEMO = ROOT / "resources" / "demo"
DATABASE = DEMO / "JASPAR2024_CORE_vertebrates_non-redundant.meme.gz"
GENOME = DEMO / "hg19_fragments.fa.gz"
LEVEL, SHARE, POWER = 0.05, 0.05, 0.8
EXPLAINED = {"folds": ["train", "valid", "test"], "max_per_target": 300}
WAYS = ("default", "permutation", "mcnemar", "fisher", "logistic", "unmatched", "regression", "published")
GC = {"labels": (0.5, 0.5), "classes": (0.65, 0.4), "within": (0.65, 0.4)}


class Known:
    """The motifs, what they are scanned with, and one member of each family."""

    def __init__(self, n):
        self.motifs = matrices.read_motifs(DATABASE)[:n]
        self.families = families.of(self.motifs)
        self.scanner = Scanner([motif.matrix for motif in self.motifs])
        self.one = np.unique(self.families, return_index=True)[1]
        self.gc = np.array([motif.matrix[1:3].sum() / motif.matrix.sum() for motif in self.motifs])


def pairs(rng, null, n):
    """Pairs of a null, and the windows of the two sides as they come, without matching."""
    gc, other = GC[null]
    if null == "within":
        found = simulated_windows.within(rng, n, gc, other)
    else:
        found = simulated_windows.two_classes(rng, n, gc, other, pool_length=600)
    return found, [simulated_windows.independent(rng, n, 42, share) for share in (gc, other)]


def tested(known, found, apart, rng):
    """{way: frame of effect, p and uniform p of every motif, NaN where it has no hit; called: q or adjusted p}."""
    counted = enrichment.count(found, known.scanner)
    first, second, n = counted.foreground, counted.background, len(counted.foreground)
    hit = (first | second).any(axis=0)
    drawn = rng.random(len(known.motifs))
    only, lacking = (first & ~second).sum(axis=0), (second & ~first).sum(axis=0)
    one, other = (known.scanner.occurs(codes) for codes in apart)
    m = len(one)
    label = np.repeat([1.0, 0.0], m)
    strong = np.concatenate([((codes == 1) | (codes == 2)).mean(axis=1) for codes in apart])
    pair = np.concatenate([((codes[:, :-1] == 1) & (codes[:, 1:] == 2)).mean(axis=1) for codes in apart])
    tails = {
        "default": association.weighted(first, second, counted.weights),
        "permutation": association.permutation(first, second, counted.strata),
        "fisher": association.fisher(first.sum(axis=0), n, second.sum(axis=0), n),
        "unmatched": association.fisher(one.sum(axis=0), m, other.sum(axis=0), m),
    }
    p_values = {
        "mcnemar": association.mcnemar(only, lacking),
        "logistic": association.logistic(np.vstack([first, second]), np.repeat([1.0, 0.0], n), counted.covariates),
        "regression": association.logistic(np.vstack([one, other]), label, np.column_stack([strong, pair])),
    }
    settings = published.Settings.complete({}, "published")
    base = published.background(np.vstack(apart))
    rule = [published.occurs(codes, known.motifs, base, settings).sum(axis=0) for codes in apart]
    ranked = published.compare(known.motifs, rule[1], rule[0], m, m, settings).set_index("motif_id")
    matched = np.log2((first.sum(axis=0) + 0.5) / (second.sum(axis=0) + 0.5))
    unmatched = np.log2((one.sum(axis=0) + 0.5) / (other.sum(axis=0) + 0.5))
    ways = {}
    for way in WAYS[:-1]:
        p = tails[way].two_sided() if way in tails else p_values[way]
        uniform = tails[way].two_sided(drawn) if way in tails else p
        plain = way in ("unmatched", "regression")
        kept = (one | other).any(axis=0) if plain else hit
        q = np.full(len(p), np.nan)
        q[kept] = stats.false_discovery_control(p[kept])
        effect = unmatched if plain else matched
        ways[way] = pd.DataFrame({"effect": effect, "p": p, "uniform": uniform, "called": q}).mask(
            ~np.repeat(kept[:, None], 4, axis=1)
        )
    ids = [motif.id for motif in known.motifs]
    ways["published"] = pd.DataFrame(
        {
            "effect": ranked["difference"].reindex(ids).to_numpy(),
            "p": ranked["p_value"].reindex(ids).to_numpy(),
            "uniform": ranked["p_value"].reindex(ids).to_numpy(),
            "called": ranked["p_adjusted"].reindex(ids).to_numpy(),
        }
    )
    return ways


def null_rows(known, null, simulations, n):
    """One row of the table a way."""
    found = []
    for seed in tqdm(range(simulations), desc=null):
        rng = np.random.default_rng(seed)
        with contextlib.redirect_stderr(io.StringIO()):
            found.append(tested(known, *pairs(rng, null, n), rng))
    rows = []
    for way in WAYS:
        tables = [simulation[way] for simulation in found]
        called = [(table["called"] < LEVEL).sum() for table in tables]
        of_all = [table["called"].notna().sum() for table in tables]
        uniform = [table["uniform"].iloc[known.one].dropna() for table in tables]
        rho = [stats.spearmanr(table["effect"], known.gc, nan_policy="omit")[0] for table in tables]
        every = stats.kstest(np.concatenate(uniform), "uniform")
        rows.append(
            {
                "null": null,
                "way": way,
                "called": f"{np.mean(called):.1f} of {np.mean(of_all):.0f}",
                "share": np.sum(called) / np.sum(of_all),
                "p < 0.05": np.mean(np.concatenate([table["p"].dropna() for table in tables]) < LEVEL),
                "KS distance": every.statistic,
                "KS p": every.pvalue,
                "KS p < 0.05": np.mean([stats.kstest(values, "uniform").pvalue < LEVEL for values in uniform]),
                "rho with GC": f"{np.mean(rho):.3f} ({np.std(rho):.3f})",
            }
        )
    return rows


def power(known, simulations, n):
    """Shares of simulations in which a motif planted in 5% of the sequences is called, alone and as a family."""
    possible = np.flatnonzero(np.isfinite(known.scanner.thresholds[0]))
    rng, found = np.random.default_rng(0), []
    for motif in tqdm(rng.choice(possible, simulations), desc="planted"):
        with contextlib.redirect_stderr(io.StringIO()):
            planted = simulated_windows.two_classes(rng, n, 0.5, 0.5, matrix=known.motifs[motif].matrix, share=SHARE)
            table = enrichment.table(enrichment.count(planted, known.scanner), known.motifs, known.families)
        row = table[table["motif_id"] == known.motifs[motif].id]
        own = table["family"] == known.families[motif]
        alone = len(row) == 1 and row["q_value"].iloc[0] < LEVEL and row["log2_ratio"].iloc[0] > 0
        found.append((alone, (table.loc[own, "family_q_value"] < LEVEL).any()))
    return np.mean(found, axis=0)


def network_calls(seed, n, folder):
    """Motifs called of a network that is trained on labels drawn at random, and what its seqlets were told from."""
    rng, genome = np.random.default_rng(seed), Genome(folder / "genome.fa")
    regions = [region for region in genome.regions() if region.end - region.start > 200]
    loci = []
    for region in (regions[place] for place in rng.integers(0, len(regions), n)):
        start = int(rng.integers(region.start, region.end - 200))
        loci.append(Locus(region.chrom, start, start + 200, "+"))
    codes = np.array([genome.fetch(locus.chrom, locus.start, locus.end) for locus in loci])
    labels = (rng.random(n) < 0.5).astype(np.float32)[:, None]
    place = folder / f"run{seed}"
    data, weights, predictions = place / "data", place / "model.safetensors", place / "predictions.tsv"
    datasets.write(data, Windows(windows.table([f"w{row}" for row in range(n)], loci), codes, labels, ["label"], {}))
    split, parted = place / "split.tsv", {"kind": "random", "valid": 0.1, "test": 0.2, "seed": 1}
    training = {"max_epochs": 8, "batch_size": 64, "learning_rate": 0.003}
    explain = {"dataset": data, "weights": weights, "predictions": predictions, "seed": seed, "work": place / "work"}
    explain |= {"method": {"method": "integrated_gradients"}, "selection": EXPLAINED}
    outputs = {name: place / f"{name}.tsv" for name in ("seqlets", "scores", "nulls")}
    call("split", windows=data / "windows.tsv", name="random", settings=parted, output=split)
    call(
        "train",
        **{"dataset": data, "split": split, "seed": seed, "work": place / "training", "output": weights},
        **{name: place / name for name in ("history", "manifest")},
        model={"architecture": "MotifCNN", "settings": {}, "training": training},
    )
    call("predict", dataset=data, split=split, weights=weights, output=predictions)
    call("attribute", **explain, output=place / "a.npz")
    call("attribute", **explain, shuffled=1000, output=place / "null.npz")
    call(
        "scan-seqlets",
        **{"attributions": place / "a.npz", "null": place / "null.npz", "dataset": data, "database": DATABASE},
        **{"seed": seed, "background": place / "background.bed"},
        **outputs,
    )
    table = pd.read_csv(outputs["scores"], sep="\t")
    return (table["q_value"] < LEVEL).sum(), len(table), table["null"].iloc[0] if len(table) else "no seqlet"


def call(command, **options):
    """Run a command of cisflow, in silence."""
    words, said = [command], io.StringIO()
    for name, value in options.items():
        words += [f"--{name}", json.dumps(value) if isinstance(value, dict) else str(value)]
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        status = cisflow(words)
    if status:
        sys.exit(f"{command}: {said.getvalue()[-2000:]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=20)
    parser.add_argument("--networks", type=int, default=20, help="networks trained on labels at random")
    parser.add_argument("--sequences", type=int, default=1000)
    parser.add_argument("--tiny", action="store_true", help="few of everything, to see whether the script runs")
    args = parser.parse_args()
    if args.tiny:
        args.simulations, args.networks, args.sequences = 2, 1, 200
    known, rows = Known(60 if args.tiny else None), []
    for null in GC:
        rows += null_rows(known, null, args.simulations, args.sequences)
        print(pd.DataFrame(rows[-len(WAYS) :]).to_string(index=False, float_format="{:.3f}".format), flush=True)
    for n in (args.sequences, 2 * args.sequences):
        alone, family = power(known, 2 * args.simulations, n)
        print(f"planted in {SHARE:.0%} of {n} sequences: found {alone:.0%}, its family {family:.0%}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "genome.fa").write_bytes(gzip.decompress(GENOME.read_bytes()))
        found = [network_calls(seed, args.sequences, folder) for seed in tqdm(range(args.networks), desc="networks")]
    for null in ("shuffled", "permuted", "no seqlet"):
        of_null = [(called, tested) for called, tested, what in found if what == null]
        if of_null:
            called, tested = np.sum(of_null, axis=0)
            print(f"networks, told from {null}: {len(of_null)} of {len(found)}; called {called} of {tested} motifs")
    failed = [row for row in rows if row["way"] == "default" and (row["share"] > LEVEL or row["KS p"] < 0.01)]
    return 0 if args.tiny or (not failed and alone >= POWER) else 1


if __name__ == "__main__":
    sys.exit(main())
