"""Time and peak memory of attribution methods against length, number of sequences and number of targets."""

import pandas as pd
from tqdm import tqdm

from cisflow.attribution import methods
from cisflow.attribution.comparison import timing
from cisflow.commands import options
from cisflow.io.tables import write_table
from cisflow.models import device


def arguments(parser):
    options.mapping(parser, "--model", "architecture and settings", required=True)
    options.mapping(parser, "--methods", "method and its settings, by name", required=True)
    options.mapping(parser, "--sizes", "lengths, sequences, targets, repeats", default={})
    parser.add_argument("--repeats", type=options.positive, help="timings of each method at each size")
    options.device(parser)
    parser.add_argument("--output", required=True, help="table, TSV")


def run(args):
    given = args.sizes | ({"repeats": args.repeats} if args.repeats else {})
    sizes = timing.Settings.complete(given, "--sizes")
    asked = {name: methods.read(given, f"--methods: {name}") for name, given in args.methods.items()}
    records, known = [], {}
    with device.acquire(args.device, args.gpus, args.threads) as where:
        for name, method in asked.items():
            for varied, *size in tqdm(sizes.grid(), desc=name, unit="size"):
                key = (name, *size)
                if key not in known:
                    known[key] = timing.measure(args.model, method, *size, where, args.threads, sizes.repeats)
                for repeat, cost in enumerate(known[key], start=1):
                    records.append((name, varied, *size, repeat, *cost))
    write_table(args.output, pd.DataFrame(records, columns=timing.COLUMNS))
