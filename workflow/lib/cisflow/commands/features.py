"""Targets of a multi-output network for windows: a folder with one array, or one shard of it.

Without --shard, all shards are computed one after the other and gathered; the same command again goes on where a
stopped one was.
"""

import argparse
import functools
import json
import math

import torch

from cisflow import device, features, inference, inputs, shards
from cisflow.context import CONTEXTS


def arguments(parser):
    inputs.arguments(parser)
    parser.add_argument("--weights", required=True, help="checkpoint, .safetensors or PyTorch")
    parser.add_argument("--extractor", default={}, type=json.loads, help="JSON of the settings below, names as in them")
    parser.add_argument("--architecture", help="of weights that cisflow did not train, e.g. Sei")
    parser.add_argument("--settings", type=json.loads, help="JSON: the architecture's settings")
    parser.add_argument("--length", type=positive, help="bases the network sees (default: its own, or the windows')")
    parser.add_argument("--context", choices=CONTEXTS, help="around windows (default: genome where given, or pad)")
    parser.add_argument("--strands", choices=("both", "forward"), help="mean of both (default), or forward alone")
    parser.add_argument("--batch-size", type=positive, help="windows in a forward pass (default: what memory holds)")
    parser.add_argument("--precision", choices=inference.PRECISIONS, help="arithmetic (default: float32)")
    parser.add_argument("--groups", choices=features.GROUP_RULES, help="rule for Sei's targets (default: legacy)")
    parser.add_argument("--names", help="list of target names, where the checkpoint has none")
    parser.add_argument(
        "--shards", type=positive, help=f"number of all shards (default: of {shards.SHARD} windows each)"
    )
    parser.add_argument("--shard", type=positive, help="compute this shard alone, counted from 1")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--gpus", default=1, type=int, help="GPUs that the workflow granted")
    parser.add_argument("--threads", type=positive, help="CPU threads (default: as many as torch finds)")
    parser.add_argument("--output", required=True, help="folder; with --shard, the shard's .npz")


def run(args):
    rows = inputs.read(args)
    given = ("architecture", "settings", "length", "context", "strands", "precision", "batch_size", "groups")
    extractor = args.extractor | {name: getattr(args, name) for name in given if getattr(args, name) is not None}
    threads = args.threads or torch.get_num_threads()
    count = args.shards or math.ceil(len(rows.frame) / shards.SHARD)
    acquire = functools.partial(device.acquire, args.device, args.gpus, threads)
    if args.shard is None:
        shards.run(args.output, rows, extractor, args.weights, args.genome, args.names, count, acquire)
        return
    part = features.shard_rows(len(rows.frame), args.shard, count)
    model = shards.load_model(extractor, args.weights)
    sequences = shards.open_sequences(rows, model, extractor, args.genome).part(part)
    with acquire() as where, shards.progress(len(sequences)) as bar:
        shards.compute(args.output, shards.ready(model, extractor, where), sequences, where, extractor, bar)


def positive(text):
    """An integer of 1 or more, as an option gives it."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found '{text}', expected an integer of 1 or more")
    return int(text)
