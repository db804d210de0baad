"""Peaks on the demo's genome: where it spells CTCF's motif best, as a narrowPeak of a peak caller would have them."""

import numpy as np
import yaml

import pipeline
from cisflow.io.genome import Genome
from cisflow.io.meme import read_meme
from cisflow.sequence import dna


def example():
    """The config of README.md that needs peaks and a genome alone, as text."""
    blocks = (pipeline.ROOT / "README.md").read_text().split("```yaml\n")[1:]
    return next(block.split("```")[0] for block in blocks if "kind: peaks" in block)


def config(genome, peaks):
    """That config on files of one's own: a copy of the text with their paths."""
    text = example()
    resources = yaml.safe_load(text)["resources"]
    text = text.replace(resources["genome.fa"]["url"], str(genome))
    return text.replace(f"url: {resources['peaks.narrowPeak']['url']}", f"url: {peaks}")


def hits(genome_path, meme_path, n, matrix="MA0139.2"):
    """[(chrom, middle, score)] of the n best places of a matrix on a genome, either strand, at least 400 bp apart."""
    motif = next(motif for motif in read_meme(meme_path) if motif.id == matrix)
    weights = np.log2(np.maximum(motif.matrix, 1e-3) / 0.25)
    weights = np.vstack([weights, np.full((1, weights.shape[1]), -4.0)])
    width, genome, found = weights.shape[1], Genome(genome_path), []
    for region in genome.regions():
        codes = genome.fetch(region.chrom, region.start, region.end)
        scores = np.full(len(codes), -np.inf)
        for strand in (codes, dna.reverse_complement(codes)):
            total = sum(weights[strand[place : len(strand) - width + 1 + place], place] for place in range(width))
            own = total if strand is codes else total[::-1]
            scores[: len(own)] = np.maximum(scores[: len(own)], own)
        scores[:1000] = scores[-1000:] = -np.inf
        best = np.argsort(-scores)[: 3 * n]
        found += [(scores[at], region.chrom, region.start + int(at) + width // 2) for at in best]
    chosen = []
    for score, chrom, middle in sorted(found, reverse=True):
        if all(chrom != other or abs(middle - place) >= 400 for other, place, _ in chosen):
            chosen.append((chrom, middle, score))
        if len(chosen) == n:
            break
    return chosen


def write(path, places, seed=0):
    """A narrowPeak of 150 to 450 bp around places, whose summit is a few bases off; the peaks have no names."""
    rng = np.random.default_rng(seed)
    lines = []
    for chrom, middle, score in sorted(places):
        summit = middle + int(rng.integers(-15, 16))
        left, right = (int(value) for value in rng.integers(75, 225, 2))
        fields = (chrom, summit - left, summit + right, ".", 0, ".", f"{score:.2f}", -1, -1, left)
        lines.append("\t".join(map(str, fields)))
    path.write_text("\n".join(lines) + "\n")
    return path
