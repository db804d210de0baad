"""A workflow on a few hundred real windows, seconds a job: its config, its data, and how it is run."""

import gzip
import itertools
import re
from pathlib import Path

import numpy as np
from figwig import BigWigWriter

import pipeline

CONFIG = Path(__file__).with_suffix(".yaml").read_text()
# Pieces of the demo's genome, 50 kb each, rich in introns that other transcripts retain.
PIECES = [("chr22", 20070000), ("chr3", 42640000), ("chr4", 104040000), ("chr5", 125780000)]
PIECE = 50000
# Places of variants on the piece of chr22.
SITES = (500, 20000, 49000)
# What each of four tracks has of two features, by which its numbers follow from a sequence.
VECTORS = [(0.1, 1.0), (0.2, 0.5), (0.3, 1.5), (0.15, 0.8)]
MODULE = """
configfile: "tiny.yaml"

module cisflow:
    snakefile: "{workflow}"
    config: config

use rule * from cisflow

rule mine:
    default_target: True
    input: rules.all.input
"""
# Jobs of one thread, side by side, as in `make demo`. The same bytes need the same number of threads.
NARROW = ("--workflow-profile", "workflow/profiles/demo")
# What differs from run to run: how long it took.
VARYING = {"manifest.json", "timing.tsv", "cost.tsv", "summary.tsv", "job_costs.tsv", "provenance.yaml"}
TIMED = ("attribution_agreement.small.random", "attribution_cost", "job_costs")
VARYING |= {f"{name}.{kind}" for name in TIMED for kind in ("svg", "png")}


def genome():
    """{chromosome: (start, sequence)} of the pieces."""
    records = {}
    with gzip.open(pipeline.ROOT / "resources" / "demo" / "hg19_fragments.fa.gz", "rt") as handle:
        for line in handle:
            if line.startswith(">"):
                records[line[1:].strip()] = parts = []
            else:
                parts.append(line.strip())
    whole = {re.split("[:-]", name)[0]: (int(re.split("[:-]", name)[1]), "".join(p)) for name, p in records.items()}
    return {chrom: (start, whole[chrom][1][start - whole[chrom][0] :][:PIECE].upper()) for chrom, start in PIECES}


def write_data(folder):
    """The files that the config names: pieces of the demo's genome and annotation, intervals and a table on them."""
    folder.mkdir()
    pieces = genome()
    text = "".join(f">{chrom}:{start}-{start + PIECE}\n{bases}\n" for chrom, (start, bases) in pieces.items())
    (folder / "genome.fa").write_text(text)
    with gzip.open(pipeline.ROOT / "resources" / "demo" / "hg19_transcripts.gtf.gz", "rt") as handle:
        exons = [line for line in handle if inside(pieces, *np.array(line.split("\t"))[[0, 3, 4]])]
    with gzip.open(folder / "genes.gtf.gz", "wt") as handle:
        handle.writelines(exons)
    with gzip.open(pipeline.ROOT / "resources" / "demo" / "ctcf_gm12878_peaks.fa.gz", "rt") as handle:
        (folder / "few_peaks.fa").write_text("".join(itertools.islice(handle, 100)))
    rows = ["#chrom\tstart\tend\tname\tstrand\teven\tthird"]
    for chrom, (start, _) in pieces.items():
        for number in range(40):
            first, third = start + 500 + 1000 * number, "" if number % 7 == 0 else int(number % 3 == 0)
            fields = (chrom, first, first + 30 + number, f"{chrom}_{number}", "+-."[number % 3], number % 2, third)
            rows.append("\t".join(map(str, fields)))
    (folder / "intervals.bed").write_text("\n".join(rows) + "\n")
    sites = [f"{chrom}\t{at}\t{at + 150}" for chrom, (start, _) in pieces.items() for at in spread_over(start, 150)]
    (folder / "sites.bed").write_text("\n".join(sites) + "\n")
    rows = ["Gene_ID\tPre_Exon\tIntron\tPost_Exon\tStrand\tChromosome"]
    for chrom, (start, _) in pieces.items():
        for at in spread_over(start, 5000):
            rows.append(f"g\t({at},{at + 200})\t({at + 201},{at + 1500})\t({at + 1501},{at + 1700})\t+\t{chrom}")
    (folder / "events.tsv").write_text("\n".join(rows) + "\n")
    (folder / "summits.narrowPeak").write_text("".join("\t".join(map(str, row)) + "\n" for row in summits(pieces)))
    start, bases = pieces["chr22"]
    rows = ["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    rows += [f"chr22\t{start + at + 1}\tv{at}\t{bases[at]}\t{'CGTA'['ACGT'.index(bases[at])]}\t.\t.\t." for at in SITES]
    (folder / "variants.vcf").write_text("\n".join(rows) + "\n")
    np.save(folder / "classes.npy", np.array([[3.0, 4.0], [1.0, 0.0]], dtype=np.float32))
    (folder / "classes.txt").write_text("E1 Enhancer\nP Promoter\n")
    np.save(folder / "histone.npy", np.array([1]))
    rows = [f"r{number},{bases[300 * number :][:60]},{number % 2}" for number in range(150)]
    (folder / "reporters.csv").write_text("\n".join(["header,sequence,label", *rows]) + "\n")
    rows = ["header\tsequence\tlabel"]
    for number in range(150):
        piece = bases[200 * number :][:60]
        strength = "" if number % 10 == 0 else f"{piece.count('CG') + piece.count('G') / 10 - 1.5:.3f}"
        rows.append(f"s{number}\t{piece}\t{strength}")
    (folder / "strengths.tsv").write_text("\n".join(rows) + "\n")
    pairs, measured = ["header\tref\talt"], ["name\tliver\tlung"]
    for number in range(150):
        ref, alt = bases[250 * number :][:30], bases[250 * number + 100 :][:30]
        pairs.append(f"p{number}\t{ref}\t{alt}")
        # The last is of no pair, and one number in nine is missing.
        liver = "" if number % 9 == 0 else f"{ref.count('G') - alt.count('G')}"
        measured.append(f"p{number + (number == 149)}\t{liver}\t{ref.count('CA') + 0.1 * number:.2f}")
    for species, chrom in (("first", "chr3"), ("second", "chr4")):
        rows = ["header\tsequence\tt1\tt2\tt3\tt4"]
        for number in range(80):
            piece = pieces[chrom][1][300 * number :][:60]
            numbers = (piece.count("G") * a + piece.count("CA") * b for a, b in VECTORS)
            rows.append("\t".join([f"{species}{number}", piece, *(f"{value:.2f}" for value in numbers)]))
        (folder / f"{species}.tsv").write_text("\n".join(rows) + "\n")
    rows = [f"t{number}\t{a}\t{b}" for number, (a, b) in enumerate(VECTORS, 1)]
    (folder / "vectors.tsv").write_text("\n".join(["track\tg\tca", *rows]) + "\n")
    write_signal(folder / "signal.bw", pieces)
    (folder / "signals.tsv").write_text("track\tfile\ncoverage\tsignal.bw\n")
    (folder / "pairs.tsv").write_text("\n".join(pairs) + "\n")
    (folder / "measured.tsv").write_text("\n".join(measured) + "\n")


def write_signal(path, pieces):
    """A bigWig that is 1 at every G and 2 at every C of the pieces."""
    lengths = {chrom: start + PIECE for chrom, (start, _) in pieces.items()}
    with BigWigWriter(str(path), lengths) as writer:
        for chrom in sorted(pieces):
            start, bases = pieces[chrom]
            values = np.array([{"G": 1, "C": 2}.get(base, 0) for base in bases], dtype=np.float32)
            writer.write(chrom, [start], values[None], missing=np.nan)


def summits(pieces):
    """Rows of a narrowPeak: peaks of two summits on every piece, one listed twice, one past an end, one elsewhere."""
    rows = []
    for chrom, (start, _) in pieces.items():
        for number in range(20):
            first = start + 700 + 2000 * number
            for summit in (60, 240):
                rows.append((chrom, first, first + 300, ".", 0, ".", 1 + number, -1, -1, summit))
    ends = (rows[0], ("chr22", pieces["chr22"][0], pieces["chr22"][0] + 60, ".", 0, ".", 1, -1, -1, 10))
    return [*rows, *ends, ("chrUn", 500, 900, ".", 0, ".", 1, -1, -1, 100)]


def spread_over(start, step):
    """Places on a piece, `step` apart, from which 5 kb still lie on it."""
    return range(start + 100, start + PIECE - 5000, step)


def inside(pieces, chrom, first, last):
    """Whether an interval, from 1 and with its end, lies on a piece."""
    start = pieces[chrom][0] if chrom in pieces else np.inf
    return start < int(first) and int(last) <= start + PIECE


def prepare(folder, numba):
    """A copy of the workflow with its data and config; what numba compiles is kept in a folder that all share."""
    pipeline.copy(folder)
    write_data(folder / "data")
    (folder / "tiny.yaml").write_text(CONFIG)
    (folder / "results").mkdir()
    (folder / "results" / ".cache").symlink_to(numba)
    return folder


def prepare_module(folder, numba):
    """A folder with data, config and a Snakefile whose module the workflow is, but nothing of the workflow itself."""
    folder.mkdir()
    write_data(folder / "data")
    (folder / "tiny.yaml").write_text(CONFIG)
    (folder / "results").mkdir()
    (folder / "results" / ".cache").symlink_to(numba)
    (folder / "Snakefile").write_text(MODULE.format(workflow=pipeline.ROOT / "workflow" / "Snakefile"))
    return folder


def run(folder, *arguments, **variables):
    """The Call of Snakemake in a prepared folder; `variables` are those of its environment."""
    return pipeline.snakemake(folder, *arguments, "--configfile", "tiny.yaml", "--cores", "2", **variables)


def written(folder):
    """Path below results/ -> bytes of every file that must not differ from run to run."""
    results = folder / "results"
    paths = [path for path in results.rglob("*") if path.is_file() and path.name not in VARYING]
    names = {path.relative_to(results).as_posix(): path for path in paths}
    return {name: path.read_bytes() for name, path in names.items() if not name.startswith(".cache/")}


def planned(folder, *arguments):
    """{(rule, outputs)} of the jobs that a run would do."""
    call = run(folder, "-n", *arguments)
    assert call.status == 0, call.out + call.err
    parts = re.split(r"^(?:local)?rule (\w+):$", call.out, flags=re.MULTILINE)
    found = {(rule, re.search(r"^    output: (.*)$", job, re.MULTILINE)) for rule, job in pairs(parts[1:])}
    return {(rule, output[1]) for rule, output in found if output}


def pairs(items):
    return zip(items[::2], items[1::2], strict=True)
