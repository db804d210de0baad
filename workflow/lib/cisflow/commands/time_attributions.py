"""Time and peak memory of attribution methods against length, number of sequences and number of targets."""

import json

import pandas as pd
from tqdm import tqdm

from cisflow.attribution.comparison import timing
from cisflow.errors import InputError
from cisflow.io.tables import write_table
from cisflow.models import device


def arguments(parser):
    parser.add_argument("--model", required=True, type=json.loads, help="JSON: architecture and settings")
    parser.add_argument("--methods", required=True, type=json.loads, help="JSON: {name: method and its settings}")
    parser.add_argument("--sizes", required=True, type=json.loads, help="JSON: lengths, sequences, targets")
    parser.add_argument("--repeats", default=3, type=int, help="timings of each method at each size")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--gpus", default=1, type=int, help="GPUs that the workflow granted")
    parser.add_argument("--threads", default=1, type=int)
    parser.add_argument("--output", required=True, help="table, TSV")


def run(args):
    for name in ("lengths", "sequences", "targets"):
        if not args.sizes.get(name):
            raise InputError(f"--sizes: no {name}; expected lengths, sequences and targets, at least one of each")
    sizes = timing.grid(args.sizes["lengths"], args.sizes["sequences"], args.sizes["targets"])
    records, known = [], {}
    with device.acquire(args.device, args.gpus, args.threads) as where:
        for name, settings in args.methods.items():
            for varied, *size in tqdm(sizes, desc=name, unit="size"):
                key = (name, *size)
                if key not in known:
                    known[key] = timing.measure(args.model, settings, *size, where, args.threads, args.repeats)
                for repeat, cost in enumerate(known[key], start=1):
                    records.append((name, varied, *size, repeat, *cost))
    write_table(args.output, pd.DataFrame(records, columns=timing.COLUMNS))
