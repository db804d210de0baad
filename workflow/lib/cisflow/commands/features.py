"""Targets of a multi-output network for windows: a folder with one array, or one shard of it.

Without --shard, all shards are computed one after the other and gathered; the same command again goes on where a
stopped one was.
"""

import functools
import math
from pathlib import Path

import torch

from cisflow.commands import options
from cisflow.features import arrays as features
from cisflow.features import extractor as extractors
from cisflow.features import inputs, shards
from cisflow.io import work
from cisflow.models import device


def arguments(parser):
    inputs.arguments(parser)
    extractors.arguments(parser)
    choices = {name: extractors.Settings.schema()[name]["enum"] for name in ("context", "padding")}
    parser.add_argument("--padding", choices=choices["padding"], help="of context pad (default: unknown)")
    parser.add_argument(
        "--context", choices=choices["context"], help="around windows (default: genome where given, or pad)"
    )
    parser.add_argument(
        "--shards", type=options.positive, help=f"number of all shards (default: of {shards.SHARD} windows each)"
    )
    parser.add_argument("--shard", type=options.positive, help="compute this shard alone, counted from 1")
    options.device(parser, threads=None)
    parser.add_argument("--output", required=True, help="folder; with --shard, the shard's .npz")


def run(args):
    rows = inputs.read(args)
    extractor = extractors.read(args)
    threads = args.threads or torch.get_num_threads()
    count = args.shards or math.ceil(len(rows.frame) / shards.SHARD)
    acquire = functools.partial(device.acquire, args.device, args.gpus, threads)
    if args.shard is None:
        with work.held(Path(args.output, "shards")):
            shards.run(args.output, rows, extractor, args.weights, args.genome, args.names, count, acquire)
        return
    part = features.shard_rows(len(rows.frame), args.shard, count)
    network = extractors.load(extractor, args.weights)
    sequences = extractors.open_sequences(rows, network, extractor, args.genome).part(part)
    with acquire() as where, shards.progress(len(sequences)) as bar:
        shards.compute(args.output, extractors.ready(network, extractor, where), sequences, where, extractor, bar)
