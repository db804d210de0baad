"""Scanning side by side: all motifs of a database in many short windows, against memelite's FIMO and scipy.

    python tests/benchmarks/bench_scanning.py [--repeats 5] [--threads 2] [--windows 100000] [--device cuda] [--tiny]

Random windows on both strands at p < 1e-4, set-up of thresholds and tables included. The ways take turns, so that other
work on the machine meets all of them; ratios are of wall and of CPU time within a round, with their range over the
rounds. Of `scipy.signal.convolve2d`, one call a motif, window and strand, a sample of windows is timed and scaled.
Peak memory is that of a process of its own. The hits of memelite and of cisflow are compared, too.
`--device` adds the convolutions of torch there.
"""

import argparse
import gzip
import itertools
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "lib")]

import numba  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import side_by_side  # noqa: E402
from memelite import fimo  # noqa: E402
from scipy.signal import convolve2d  # noqa: E402

from cisflow.io import matrices  # noqa: E402
from cisflow.motifs import scanning  # noqa: E402

DATABASE = ROOT / "resources" / "demo" / "JASPAR2024_CORE_vertebrates_non-redundant.meme.gz"
P_VALUE = 1e-4
WIDTH = 42
SAMPLE = 20
AT_LEAST = {"convolve2d": 150, "memelite": 1}
PLACE = ["row", "motif", "start", "end", "strand"]


def database(n):
    """The first n matrices of the database."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jaspar.meme"
        path.write_bytes(gzip.decompress(DATABASE.read_bytes()))
        return [motif.matrix for motif in matrices.read_motifs(path)][:n]


def windows(n):
    return np.random.default_rng(0).integers(0, 4, (n, WIDTH)).astype(np.uint8)


def one_hot(codes):
    return np.ascontiguousarray(np.moveaxis(np.eye(4, dtype=np.int8)[codes], 1, 2))


def memelite(motifs, codes):
    return fimo({str(number): matrix for number, matrix in enumerate(motifs)}, one_hot(codes), threshold=P_VALUE)


def hits(motifs, codes):
    return scanning.Scanner(motifs, P_VALUE).hits(codes)


def occurs(motifs, codes):
    return scanning.Scanner(motifs, P_VALUE).occurs(codes)


def best(motifs, codes):
    return scanning.Scanner(motifs, P_VALUE).best(codes)


def convolutions(motifs, codes):
    """The highest score of each motif, window and strand of a sample, one call of scipy each."""
    sample = one_hot(codes[:SAMPLE]).astype(np.float64)
    found = np.empty((len(motifs), len(sample), 2))
    for number, matrix in enumerate(motifs):
        weights = np.log2(matrix + scanning.EPSILON) + 2
        for row, window in enumerate(sample):
            # A convolution turns its kernel by half a turn: the first is the strand that is read.
            found[number, row, 0] = convolve2d(window, weights[::-1, ::-1], mode="valid").max()
            found[number, row, 1] = convolve2d(window, weights, mode="valid").max()
    return found


WAYS = {"convolve2d": convolutions, "memelite": memelite, "hits": hits, "occurs": occurs, "best": best}


def run_alone(way, threads, n_motifs, n_windows):
    numba.set_num_threads(threads)
    WAYS[way](database(n_motifs), windows(n_windows))


def on_device(motifs, codes, device):
    import torch

    scanner = scanning.Scanner(motifs, P_VALUE)
    found = scanner.occurs(codes, device), scanner.best(codes, device)
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return found


def agreement(motifs, found):
    """What memelite and cisflow say of the same windows, in a sentence."""
    theirs = pd.concat(table for table in found["memelite"] if len(table))
    theirs = theirs.rename(columns={"sequence_name": "row", "motif_idx": "motif"}).drop(columns="motif_name")
    theirs[["row", "motif", "start", "end"]] = theirs[["row", "motif", "start", "end"]].astype(np.int64)
    both = theirs.merge(found["hits"], how="outer", on=PLACE, suffixes=("_theirs", ""), indicator=True)
    n_both, n_ours, n_theirs = (int((both["_merge"] == side).sum()) for side in ("both", "right_only", "left_only"))
    theirs_alone = both[both["_merge"] == "left_only"]
    common = both[both["_merge"] == "both"]
    counted = common[common["p-value"] > 0]
    return (
        f"hits: {n_both} of both, {n_ours} of cisflow alone, {n_theirs} of memelite alone, of which "
        f"{(theirs_alone['p-value'] == 0).sum()} have p = 0 there, of {theirs_alone['motif'].nunique()} motifs\n"
        f"  largest difference of a score {(common['score_theirs'] - common['score']).abs().max():.1e}, of a p-value "
        f"{(counted['p-value'] / counted['p_value'] - 1).abs().max():.1e} of it"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--windows", type=int, default=100_000)
    parser.add_argument("--device", help="where torch is to convolve, such as cuda")
    parser.add_argument("--tiny", action="store_true", help="few windows and motifs, to see whether the script runs")
    options = parser.parse_args()
    n_motifs, n_windows = (20, 500) if options.tiny else (None, options.windows)
    numba.set_num_threads(options.threads)
    motifs, codes = database(n_motifs), windows(n_windows)
    ways = dict(WAYS)
    if options.device:
        ways[options.device] = lambda motifs, codes: on_device(motifs, codes, options.device)
    times = {way: [] for way in ways}
    for repeat in range(options.repeats + 1):
        found = {}
        for way, function in ways.items():
            spent, found[way] = side_by_side.clocked(function, motifs, codes)
            # The first run of each warms up.
            if repeat:
                times[way].append(spent * (n_windows / min(SAMPLE, n_windows) if way == "convolve2d" else 1))
    print(f"{len(motifs)} motifs, {n_windows} windows of {WIDTH} bp, both strands")
    for other, own in itertools.product(AT_LEAST, ("hits", "occurs")):
        print(f"  {side_by_side.ratio(times, other, own, AT_LEAST[other])}")
    for way, values in times.items():
        wall, cpu = np.transpose(values)
        scaled = f" (scaled from {min(SAMPLE, n_windows)} windows)" if way == "convolve2d" else ""
        peak = ""
        if way in ("memelite", "hits", "best"):
            gib = side_by_side.peak_gib(1, run_alone, way, options.threads, n_motifs, n_windows)
            peak = f", {gib:.2f} GiB at the peak"
        print(f"  {way:<10} {side_by_side.spread(wall)} s, CPU {side_by_side.spread(cpu)} s{scaled}{peak}")
    print(f"  {agreement(motifs, found)}")
    expected = found["convolve2d"].max(axis=2).T
    print(
        f"  largest difference of a best score from convolve2d: {np.abs(found['best'][:SAMPLE] - expected).max():.1e}"
    )
    if options.device:
        occur, highest = found[options.device]
        print(
            f"  {options.device}: {(occur != found['occurs']).sum()} of {occur.size} answers differ, best scores by "
            f"{np.abs(highest - found['best']).max():.1e}"
        )


if __name__ == "__main__":
    main()
