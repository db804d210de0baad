"""Which planted motifs TF-MoDISco finds again: precision and recall by attribution method and GC content.

    python tests/benchmarks/bench_recovery.py [--work folder] [--windows 5000] [--explained 600] [--methods ism …]
        [--together] [--tiny]

24 motifs of JASPAR are planted in windows of the demo's fragments of hg19, each in 15% of them, at three levels of GC:
bases of real windows are exchanged, A with G and C with T, until a window of each level holds 35, 50 or 65% G and C in
expectation, which leaves its purines and their order. One network learns which motifs a window holds. Of the windows
of each level that it predicts rightly, the outputs are explained and their attributions searched, output by output
unless `--together` is given.

A planted motif is recalled when a pattern of positive attributions is named, at q < 0.05, by its factor or by a motif
that resembles it (`motifs.recovery`). Precision is the share of all positive patterns, named or not, that are so of a
planted motif. `--work` keeps the network and the attributions for the next call.
"""

import argparse
import contextlib
import gzip
import io
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "lib")]

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402

from cisflow import tasks  # noqa: E402
from cisflow.attribution import blocks, files, methods  # noqa: E402
from cisflow.attribution.targets import Targets  # noqa: E402
from cisflow.data.dataset import Dataset  # noqa: E402
from cisflow.data.sources import planted  # noqa: E402
from cisflow.io.arrays import read_arrays  # noqa: E402
from cisflow.io.genome import Genome  # noqa: E402
from cisflow.io.matrices import read_motifs  # noqa: E402
from cisflow.models import checkpoints, predict  # noqa: E402
from cisflow.motifs import discovery, naming, recovery  # noqa: E402
from cisflow.training import fit  # noqa: E402

DEMO = ROOT / "resources" / "demo"
LEVELS = (0.35, 0.5, 0.65)
LENGTH, PROBABILITY, SEED = 200, 0.15, 1
MATRICES = (
    *("MA0139.2", "MA0138.3", "MA0506.3", "MA0046.3", "MA1494.2", "MA0507.3", "MA0660.1", "MA0083.3"),
    *("MA0106.3", "MA0510.3", "MA0466.4", "MA0105.4", "MA1418.2", "MA0470.3", "MA0088.2", "MA0841.2"),
    *("MA0079.5", "MA0137.4", "MA0112.4", "MA0113.4", "MA0815.1", "MA0486.2", "MA0526.5", "MA0679.3"),
)
MIN_INFORMATION = 13
TRAINING = {"max_epochs": 9, "batch_size": 128, "learning_rate": 0.003, "patience": 3}
METHODS = {
    "tism": {"method": "tism"},
    "integrated_gradients": {"method": "integrated_gradients", "steps": 20},
    "deep_lift_shap": {"method": "deep_lift_shap", "n_baselines": 10},
    "ism": {"method": "ism"},
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, help="folder that keeps what is made")
    parser.add_argument("--windows", type=int, default=5000, help="of each level of GC")
    parser.add_argument("--explained", type=int, default=600, help="windows of each level, for all their outputs")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--min-seqlets", type=int, default=20)
    parser.add_argument("--together", action="store_true", help="search all outputs together")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tiny", action="store_true", help="little of all, to see whether the script runs")
    return parser.parse_args()


def unpacked(folder):
    """Paths of the genome and of the motifs."""
    names = {"genome": "hg19_fragments.fa", "motifs": "JASPAR2024_CORE_vertebrates_non-redundant.meme"}
    for name in names.values():
        if not (folder / name).exists():
            (folder / name).write_bytes(gzip.decompress((DEMO / f"{name}.gz").read_bytes()))
    return {kind: str(folder / name) for kind, name in names.items()}


def data(paths, n):
    """A Dataset of n windows a level of GC, and the level (3 n,) of each."""
    rng = np.random.default_rng(SEED)
    motifs = planted.choose_motifs(paths["motifs"], read_motifs(paths["motifs"]), MATRICES, MIN_INFORMATION, LENGTH)
    frame, _ = planted.draw_windows(Genome(paths["genome"]), LENGTH, len(LEVELS) * n, rng)
    codes = planted.fetch(Genome(paths["genome"]), frame, LENGTH)
    order = rng.permutation(len(codes))
    levels = np.repeat(LEVELS, n)[order]
    codes = at_level(codes, levels, rng)
    present = rng.random((len(codes), len(motifs))) < PROBABILITY
    for row, listed in enumerate(present):
        chosen = [motifs[i] for i in np.flatnonzero(listed)]
        starts = planted.place([motif.matrix.shape[1] for motif in chosen], LENGTH, rng)
        for motif, start in zip(chosen, starts, strict=True):
            instance, _ = planted.draw_instance(motif.matrix, rng)
            codes[row, start : start + len(instance)] = instance
    found = Dataset(
        frame["id"].to_numpy(dtype=str),
        codes=codes,
        labels=present.astype(np.float32),
        targets=planted.target_names(motifs),
        task=tasks.get("binary"),
    )
    return found, levels


def at_level(codes, levels, rng):
    """Codes whose expected GC content is that of their row's level, by transitions at random."""
    gc = np.isin(codes, (1, 2))
    own = gc.mean(axis=1)
    to_gc = np.clip((levels - own) / (1 - own), 0, None)[:, None]
    from_gc = np.clip((own - levels) / np.maximum(own, 1e-9), 0, None)[:, None]
    changed = rng.random(codes.shape) < np.where(gc, from_gc, to_gc)
    return np.where(changed, np.array([2, 3, 0, 1], dtype=np.uint8)[codes], codes)


def trained(dataset, folds, epochs):
    print(f"training on {(folds == 'train').sum():,} windows of {LENGTH} bp", flush=True)
    recipe = TRAINING | {"max_epochs": epochs}
    with tempfile.TemporaryDirectory() as work, contextlib.redirect_stdout(io.StringIO()):
        return fit.train(dataset, folds, "MotifCNN", {}, recipe, SEED, torch.device("cpu"), work)


def explained(network, dataset, probabilities, at, folds, args, name):
    """Attributions by one method: of some windows of a level, the outputs whose motif they hold and are predicted to.

    Parameters
    ----------
    probabilities : (3 n, t), predictions of all windows. at : (3 n,) bool, windows of the level.
    """
    right = (dataset.labels == 1) & (probabilities > 0.5)
    windows = np.flatnonzero(right.any(axis=1) & at)[: args.explained]
    rows, columns = np.nonzero(right[windows])
    # Mutants are run once for all outputs.
    once = name == "ism"
    wanted = Targets(None, network.n_outputs, None if once else columns[:, None])
    codes = dataset.codes[windows if once else windows[rows]]
    method = methods.read(METHODS[name], name)
    parts = [part.multipliers for _, part in blocks.attribute(network, codes, wanted, method, "cpu", SEED)]
    multipliers = np.concatenate(parts)
    return files.Attributions(
        multipliers=multipliers[rows, columns] if once else multipliers[:, 0],
        ids=dataset.ids[windows[rows]],
        targets=np.array(dataset.targets)[columns],
        folds=folds[windows[rows]],
        prediction=probabilities[windows[rows], columns].astype(np.float32),
        codes=dataset.codes[windows[rows]],
        baseline=np.full(4, 0.25, dtype=np.float32),
        method=name,
    )


def predictions(network, codes):
    return np.mean(predict.predict(network, codes, torch.device("cpu")), axis=0)


def searched(path, work, motifs_path, args):
    """Tables of recovered motifs and of patterns, named, of one attribution file."""
    settings = {"min_seqlets": args.min_seqlets, "by_output": not args.together}
    settings = discovery.Settings.complete(settings, "discovery")
    rows = files.read(path)
    order = np.random.default_rng(SEED).permutation(len(rows.ids))
    parts = discovery.parted(rows.targets, order, settings.by_output)
    with contextlib.redirect_stderr(io.StringIO()):
        found = discovery.search("attributions", rows.codes, rows.hypothetical(), parts, settings)
        discovery.write_patterns(work / "modisco.h5", found, LENGTH)
        discovery.write_patterns(work / "none.h5", [], LENGTH)
    paths = work / "modisco.h5", work / "none.h5"
    patterns = naming.name_patterns(*paths, motifs_path, args.threads, attributions=path)
    motifs = {motif.id: motif for motif in read_motifs(motifs_path)}
    truth = pd.DataFrame([(motifs[item].name, item) for item in MATRICES], columns=["target", "matrix_id"])
    return recovery.recovered(patterns, truth, motifs), recovery.assigned(patterns, truth, motifs)


def main():
    args = arguments()
    if args.tiny:
        args.windows, args.explained, args.methods, TRAINING["max_epochs"] = 300, 20, ["tism"], 1
    torch.set_num_threads(args.threads)
    with contextlib.ExitStack() as stack:
        work = args.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work.mkdir(parents=True, exist_ok=True)
        paths = unpacked(work)
        dataset, levels = data(paths, args.windows)
        folds = np.array(["train"] * 8 + ["valid", "test"])[np.arange(len(levels)) % 10]
        started = time.perf_counter()
        weights = work / "network.safetensors"
        if not weights.exists():
            checkpoints.save(weights, *trained(dataset, folds, TRAINING["max_epochs"])[:2])
        network = checkpoints.load(weights)
        print(f"network: {time.perf_counter() - started:.0f} s")
        probabilities = predictions(network, dataset.codes)
        for level in LEVELS:
            at = (folds == "test") & (levels == level)
            areas = [roc_auc_score(dataset.labels[at, i], probabilities[at, i]) for i in range(len(MATRICES))]
            print(f"GC {level:.0%}: AUROC of the held-out windows {np.mean(areas):.3f}, lowest {np.min(areas):.3f}")
        print(f"{'method':>22} {'GC':>4} {'rows':>6} {'patterns':>8} {'recall':>7} {'precision':>9} {'s':>5}")
        for name in args.methods:
            for level in LEVELS:
                path = work / f"{name}.{level}.{args.explained}.npz"
                if not path.exists():
                    files.write(path, explained(network, dataset, probabilities, levels == level, folds, args, name))
                started = time.perf_counter()
                table, patterns = searched(path, work, paths["motifs"], args)
                spent, n_rows = time.perf_counter() - started, len(read_arrays(path, ["ids"])["ids"])
                precision = patterns["planted"].mean() if len(patterns) else float("nan")
                print(
                    f"{name:>22} {level:>4.0%} {n_rows:>6} {len(patterns):>8} {table['found'].mean():>7.3f} "
                    f"{precision:>9.3f} {spent:>5.0f}  missed: {', '.join(table.loc[table['found'] == 0, 'target'])}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
