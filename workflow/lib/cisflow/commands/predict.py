"""Probabilities of a trained network for every window of a dataset, averaged over the strands it was trained on."""

from pathlib import Path

from cisflow import models
from cisflow.data import dataset as datasets
from cisflow.io.tables import write_table
from cisflow.models import device, prediction


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--split", required=True, help="table of id and fold")
    parser.add_argument("--weights", required=True, help="network that `cisflow train` wrote")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--gpus", default=1, type=int, help="GPUs that the workflow granted")
    parser.add_argument("--threads", default=1, type=int)
    parser.add_argument("--output", required=True, help="table of predictions")


def run(args):
    dataset = datasets.read(Path(args.dataset))
    folds = datasets.read_folds(args.split, dataset.ids)
    model, _ = models.load(args.weights)
    with device.acquire(args.device, args.gpus, args.threads) as where:
        forward, reverse = prediction.predict(model, dataset.codes, where)
    probability = forward if reverse is None else (forward + reverse) / 2
    write_table(args.output, datasets.prediction_table(dataset, folds, forward, reverse, probability))
