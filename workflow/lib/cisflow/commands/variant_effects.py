"""Effects of the variants of a VCF on networks that were trained here, their place among a null, and haplotypes."""

from pathlib import Path

import numpy as np
import pandas as pd

from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.effects.scales import Measure, same_names
from cisflow.errors import InputError
from cisflow.features import variants as vcfs
from cisflow.io import vcf
from cisflow.io.genome import Genome
from cisflow.io.tables import write_table
from cisflow.models import checkpoints, device
from cisflow.variants import haplotypes, nulls, places, scoring


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--weights", required=True, nargs="+", help="networks that `cisflow train` wrote, one a seed")
    options.named_paths(parser, "--inputs", "the resources that settings name")
    options.mapping(parser, "--settings", "vcf, genome, placement, shifts, null, sample, …", required=True)
    options.array(parser, "--outputs", "as of `explain`; every output without it")
    options.seed(parser, "of the null")
    options.device(parser)
    parser.add_argument("--output", required=True, help="folder of the tables")


def run(args):
    asked = scoring.Settings.complete(args.settings, "--settings")
    path, genome = args.inputs[asked.vcf], Genome(args.inputs[asked.genome])
    dataset = datasets.read(args.dataset, mmap=True, coordinates=True)
    length = dataset.codes.shape[1]
    windows = places.windows_of(dataset, genome, args.dataset)
    frame = read(path, genome, length, asked)
    scored = frame[frame["status"] == vcfs.SCORED]
    found, rows = places.place(scored, windows, length, asked.placement)
    rows = rows.assign(variant=scored.index.to_numpy()[rows["variant"].to_numpy(dtype=int)])
    rows.attrs["length"] = length
    outside = ~scored.index.isin(rows["variant"])
    frame.loc[scored.index[outside], ["status", "note"]] = places.OUTSIDE, "no window of the dataset holds it"
    if not found:
        raise InputError(
            f"{path}: none of {len(scored)} variants lies in a window of {args.dataset}; expected one at least"
        )
    parts = asked.parts if asked.placement == "windows" else 0
    by_frequency = asked.null == "variants"
    rates = frame["frequency"].to_numpy()[rows["variant"]] if by_frequency else None
    kinds = places.kinds(found, genome, length, parts, rates, asked.frequencies)
    null = compared(args, asked, found, kinds, windows, dataset, genome, frame)
    networks = [checkpoints.load(weights) for weights in args.weights]
    measures = [Measure(network, args.outputs, asked.scale, asked.strands) for network in networks]
    targets = same_names([measured.names for measured in measures], args.weights)
    with device.acquire(args.device, args.gpus, args.threads) as where:

        def measure_all(edits, what):
            return [scoring.values(one, edits, genome, length, asked.shifts, where, what) for one in measures]

        scores = scoring.Scores(measure_all(found, "variants"))
        flat = [edit for edits in null.values() for edit in edits]
        effects = scoring.Scores(measure_all(flat, "null")).effect if flat else np.empty((0, len(targets)))
        ends = np.cumsum([len(edits) for edits in null.values()])[:-1] if null else []
        of_null = dict(zip(null, np.split(effects, ends), strict=True)) if null else {}
        matched = {kind: of_null.get(kind, of_null.get(kind._replace(frequency=-1), ())) for kind in kinds}
        if asked.null != "none":
            scoring.refuse_small(matched, asked, path)
        folder = Path(args.output)
        write_table(folder / "effects.tsv", scoring.table(frame, rows, found, kinds, scores, targets, asked, matched))
        write_table(folder / "null.tsv", scoring.null_table(null, of_null, targets, asked))
        if asked.sample is None:
            empty = pd.DataFrame(columns=list(haplotypes.COLUMNS))
            write_table(folder / "haplotypes.tsv", empty)
            return
        groups = haplotypes.gather(frame, rows, found, haplotypes.carried(path, asked.sample))
        whole, sums = haplotypes.score(measure_all, groups, found, genome)
        told = (frame["id"].tolist(), asked.sample, targets, asked.scale)
        write_table(folder / "haplotypes.tsv", haplotypes.table(groups, rows, whole, sums, *told))


def read(path, genome, length, asked):
    """Frame of all variants of a VCF, with their frequencies and what the genome calls their chromosomes."""
    frame = vcfs.read(path, genome, length, asked.strict)
    rates = []
    for record in vcf.read(path):
        rates += vcf.frequencies(path, record) or [np.nan]
    return frame.assign(frequency=rates, contig=[genome.chromosome(chrom) for chrom in frame["chrom"]])


def compared(args, asked, found, kinds, windows, dataset, genome, frame):
    """{Kind: list of Edit} of the null; empty where none is asked for."""
    if asked.null == "none":
        return {}
    rng = np.random.default_rng(args.seed)
    parts = asked.parts if asked.placement == "windows" else 0
    if asked.null == "random":
        return nulls.drawn(kinds, windows, dataset.codes, asked.n_null, parts, asked.placement, rng, set(found))
    if asked.null_vcf is None:
        raise InputError("null: found variants, and no null_vcf; expected both")
    length = dataset.codes.shape[1]
    others = read(args.inputs[asked.null_vcf], genome, length, asked)
    keys = ["contig", "pos", "ref", "alt"]
    own = set(frame[keys].itertuples(index=False, name=None))
    new = np.array([key not in own for key in others[keys].itertuples(index=False, name=None)])
    others = others[(others["status"] == vcfs.SCORED) & new].reset_index(drop=True)
    several, rows = places.place(others, windows, length, asked.placement)
    rates = others["frequency"].to_numpy()[rows["variant"].to_numpy(dtype=int)]
    # A variant without a frequency is compared with those of any.
    groups = {}
    for given in (rates, None):
        of = places.kinds(several, genome, length, parts, given, asked.frequencies)
        groups |= nulls.grouped(of, several, asked.n_null, rng)
    wanted = set(kinds)
    return {kind: edits for kind, edits in groups.items() if kind in wanted}
