"""Predictions of a trained network for every window of a dataset, averaged over the strands it was trained on."""

from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.errors import InputError
from cisflow.evaluation import predictions
from cisflow.io.tables import write_table
from cisflow.models import checkpoints, device
from cisflow.models.predict import predict


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--split", required=True, help="table of id and fold")
    parser.add_argument("--weights", required=True, help="network that `cisflow train` wrote")
    options.device(parser)
    parser.add_argument("--output", required=True, help="table of predictions")


def run(args):
    dataset = datasets.read(args.dataset)
    folds = datasets.read_folds(args.split, dataset.ids)
    network = checkpoints.load(args.weights)
    if network.task != dataset.task:
        raise InputError(
            f"{args.weights}: the network is of task {network.task.name}; expected {dataset.task.name}, that of "
            f"{args.dataset}"
        )
    with device.acquire(args.device, args.gpus, args.threads) as where:
        forward, reverse = predict(network, dataset.codes, where)
    predicted = forward if reverse is None else (forward + reverse) / 2
    write_table(args.output, predictions.table(dataset, folds, forward, reverse, predicted))
