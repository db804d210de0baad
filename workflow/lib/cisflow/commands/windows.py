"""Gather the windows of a data set: sequences, labels and coordinates.

Writes windows.tsv, sequences.npy, targets.npy, targets.tsv, manifest.json and, for planted data, truth.tsv.
"""

from cisflow import tasks
from cisflow.commands import options
from cisflow.data import build


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="name of the data set")
    options.mapping(parser, "--source", "settings of its source, with its kind", required=True)
    parser.add_argument("--window", required=True, type=int, help="bases of a window")
    parser.add_argument("--task", default=tasks.DEFAULT, choices=tasks.NAMES, help="what a label means")
    options.array(parser, "--targets", "numbers that files give each window: settings of each modality", default=[])
    options.seed(parser, "of all draws")
    options.named_paths(parser, "--inputs", "the resources that the source names", least=0)
    parser.add_argument("--output", required=True, help="directory to write to")


def run(args):
    task = tasks.get(args.task)
    build.build(args.output, args.dataset, args.source, args.window, args.inputs, args.seed, task, args.targets)
