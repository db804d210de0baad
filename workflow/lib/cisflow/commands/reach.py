"""Tell how far a network looks: a table of what bases contribute by their distance."""

import numpy as np

from cisflow.attribution import reach
from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.errors import InputError
from cisflow.io.tables import write_table
from cisflow.models import checkpoints, device


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--split", required=True, help="table of id and fold, of which the test fold counts")
    parser.add_argument("--weights", required=True, help="network that `cisflow train` wrote")
    options.mapping(parser, "--names", "dataset, split, model, seed: for the table", required=True)
    options.mapping(parser, "--settings", ", ".join(reach.Settings.schema()), required=True)
    options.seed(parser, "seed of what is drawn")
    options.device(parser)
    parser.add_argument("--output", required=True, help="table to write")


def run(args):
    chosen = reach.Settings.complete(args.settings, "--settings")
    dataset = datasets.read(args.dataset, mmap=True)
    rows = np.flatnonzero(datasets.read_folds(args.split, dataset.ids) == "test")
    if not len(rows):
        raise InputError(f"{args.split}: no window in fold test, expected one or more")
    network = checkpoints.load(args.weights)
    if network.reads != "one-hot":
        raise InputError(f"{args.weights}: reads {network.reads}, which have no gradient towards bases")
    with device.acquire(args.device, args.gpus, args.threads) as where:
        found = reach.table(args.names, network, dataset.codes[rows], where, chosen, args.seed)
    write_table(args.output, found)
