"""Saturation mutagenesis of windows or regions: what every single base does to the outputs of networks."""

import numpy as np

from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.effects import scales
from cisflow.io.genome import Genome
from cisflow.io.tables import write_table
from cisflow.models import checkpoints, device
from cisflow.variants import saturation


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--weights", required=True, nargs="+", help="networks that `cisflow train` wrote, one a seed")
    parser.add_argument("--genome", help="FASTA that regions refer to")
    options.mapping(parser, "--settings", "regions", required=True)
    options.array(parser, "--outputs", "as of `explain`; every output without it")
    options.device(parser)
    parser.add_argument("--output", required=True, help="table")


def run(args):
    asked = saturation.Settings.complete(args.settings, "--settings")
    dataset = datasets.read(args.dataset, mmap=True, coordinates=True)
    codes, regions = saturation.read(asked.regions, dataset, Genome(args.genome) if args.genome else None)
    with device.acquire(args.device, args.gpus, args.threads) as where:
        found = [saturation.mutated(checkpoints.load(path), codes, args.outputs, where) for path in args.weights]
    names, effects = zip(*found, strict=True)
    targets = scales.same_names(names, args.weights)
    write_table(args.output, saturation.table(regions, codes, np.stack(effects), targets))
