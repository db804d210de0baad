"""A small genome on disk, windows on it, and variants of it."""

import numpy as np
import pandas as pd

from cisflow import tasks
from cisflow.data import dataset as datasets
from cisflow.data.windows import Windows
from cisflow.io.genome import Genome
from cisflow.sequence import dna

LENGTH = 40


def write(folder, n=30, seed=0, bases=3000):
    """(Genome of two chromosomes, folder of a dataset of n windows that overlap, on both strands)."""
    rng = np.random.default_rng(seed)
    text = "".join(f">chr{name}\n{dna.decode(rng.integers(0, 4, bases).astype(np.uint8))}\n" for name in (1, 2))
    path = folder / "genome.fa"
    path.write_text(text)
    genome = Genome(path)
    starts = 12 * np.arange(n) % (bases - LENGTH)
    frame = pd.DataFrame({"id": [f"w{row}" for row in range(n)], "chrom": [f"chr{1 + row % 2}" for row in range(n)]})
    frame = frame.assign(start=starts, end=starts + LENGTH, strand=["+-"[row // 2 % 2] for row in range(n)])
    codes = np.stack([genome.fetch(*row) for row in frame[["chrom", "start", "end", "strand"]].itertuples(index=False)])
    labels = rng.normal(size=(n, 1)).astype(np.float32)
    task = tasks.get("regression")
    datasets.write(folder / "dataset", Windows(frame, codes, labels, ["activity"], {}, task=task))
    return genome, folder / "dataset"


def vcf(path, rows, sample=None, info=None):
    """Path of a VCF of (chrom, pos, REF, ALT) rows, with a genotype of one sample, or INFO, of each where given."""
    names = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"] + (["FORMAT", "s1"] if sample else [])
    lines = ["##fileformat=VCFv4.2", "\t".join(names)]
    for number, (chrom, pos, ref, alt) in enumerate(rows):
        fields = [chrom, str(pos), ".", ref, alt, ".", ".", info[number] if info else "."]
        lines.append("\t".join(fields + (["GT", sample[number]] if sample else [])))
    path.write_text("\n".join(lines) + "\n")
    return path


def single(genome, chrom, pos, rng):
    """(chrom, pos, REF, ALT) of a random change of the base at a position, counted from 1."""
    base = dna.decode(genome.fetch(chrom, pos - 1, pos))
    return chrom, pos, base, rng.choice([other for other in "ACGT" if other != base])
