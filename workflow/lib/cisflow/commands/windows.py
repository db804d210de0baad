"""Gather the windows of a data set: sequences, labels and coordinates.

Writes windows.tsv, sequences.npy, targets.npy, targets.tsv, manifest.json and, for planted data, truth.tsv.
"""

import argparse
import json

from cisflow.data import windows


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument("--source", required=True, type=json.loads, help="settings of its source, as JSON")
    parser.add_argument("--window", required=True, type=int, help="bases of a window")
    parser.add_argument("--seed", required=True, type=int, help="seed of all draws")
    parser.add_argument(
        "--inputs", required=True, type=named_path, nargs="+", metavar="NAME=PATH", help="the resources it names"
    )
    parser.add_argument("--output", required=True, help="directory to write to")


def run(args):
    windows.build(args.output, args.dataset, args.source, args.window, dict(args.inputs), args.seed)


def named_path(text):
    """('hg38', 'resources/hg38.fa') from `hg38=resources/hg38.fa`."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"found '{text}', expected NAME=PATH")
    return name, path
