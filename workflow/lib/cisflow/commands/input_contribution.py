"""Judge a network of several sequences a sample with each of them exchanged for that of another sample."""

import numpy as np

from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.errors import InputError
from cisflow.evaluation import input_contribution
from cisflow.io.tables import write_table
from cisflow.models import checkpoints, device
from cisflow.models.predict import predict


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--split", required=True, help="table of id and fold, of which the test fold counts")
    parser.add_argument("--weights", required=True, help="network that `cisflow train` wrote")
    options.mapping(parser, "--names", "dataset, split, model, seed: for the table", required=True)
    parser.add_argument("--exchanges", default=5, type=options.positive, help="draws of other samples")
    options.seed(parser, "seed of the draws")
    options.device(parser)
    parser.add_argument("--output", required=True, help="table to write")


def run(args):
    dataset = datasets.read(args.dataset, mmap=True)
    if not dataset.inputs:
        raise InputError(f"{args.dataset}: no inputs.tsv, expected several sequences a sample")
    if dataset.task.classes:
        raise InputError(f"{args.dataset}/targets.tsv: task {dataset.task.name}, expected numbers (task regression)")
    rows = np.flatnonzero(datasets.read_folds(args.split, dataset.ids) == "test")
    if len(rows) < 2:
        raise InputError(f"{args.split}: {len(rows)} windows in fold test, expected two or more")
    network = checkpoints.load(args.weights)
    with device.acquire(args.device, args.gpus, args.threads) as where:

        def predicted(codes):
            forward, reverse = predict(network, codes, where)
            return forward if reverse is None else (forward + reverse) / 2

        found = input_contribution.table(args.names, dataset, rows, predicted, args.exchanges, args.seed)
    write_table(args.output, found)
