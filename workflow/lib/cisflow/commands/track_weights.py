"""Tell which numbers of a track's vector a network reads: a table of each feature's weight over the test fold."""

import numpy as np

from cisflow.attribution import track_weights
from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.errors import InputError
from cisflow.io.tables import write_table
from cisflow.models import checkpoints, device


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--split", required=True, help="table of id and fold, of which the test fold counts")
    parser.add_argument("--weights", required=True, help="network that `cisflow train` wrote, whose heads read vectors")
    options.mapping(parser, "--names", "dataset, split, model, seed: for the table", required=True)
    options.seed(parser, "seed of the resamples")
    parser.add_argument("--resamples", default=1000, type=options.positive, help="bootstrap resamples of regions")
    options.device(parser)
    parser.add_argument("--output", required=True, help="table to write")


def run(args):
    dataset = datasets.read(args.dataset, mmap=True)
    rows = np.flatnonzero(datasets.read_folds(args.split, dataset.ids) == "test")
    if len(rows) < 2:
        raise InputError(f"{args.split}: {len(rows)} windows in fold test, expected two or more")
    network = checkpoints.load(args.weights)
    codes = np.asarray(dataset.codes)[rows]
    with device.acquire(args.device, args.gpus, args.threads) as where:
        found = track_weights.table(args.names, network, codes, where, args.seed, args.resamples)
    write_table(args.output, found)
