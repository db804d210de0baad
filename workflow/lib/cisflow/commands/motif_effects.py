"""Effects of motifs that are put into backgrounds, on the outputs of networks that differ in their seed alone."""

from pathlib import Path

import numpy as np

from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.effects import elements, motif_effects
from cisflow.effects.scales import Measure, same_names
from cisflow.io.tables import write_table
from cisflow.models import checkpoints, device


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="folder that `cisflow windows` wrote")
    parser.add_argument("--split", required=True, help="table of id and fold")
    parser.add_argument("--weights", required=True, nargs="+", help="networks that `cisflow train` wrote, one a seed")
    parser.add_argument("--motifs", help="matrices, where settings name no sequences")
    options.mapping(parser, "--settings", "matrices, sequences, backgrounds, scale, …", default={})
    options.array(parser, "--outputs", "as of `explain`; every output without it")
    options.seed(parser, "of backgrounds and of sampled instances")
    options.device(parser)
    parser.add_argument("--output", required=True, help="folder of the tables")


def run(args):
    settings = motif_effects.Settings.complete(args.settings, "--settings")
    found = elements.read(args.motifs, settings.matrices, settings.sequences)
    dataset = datasets.read(args.dataset, mmap=True)
    folds = datasets.read_folds(args.split, dataset.ids)
    codes = np.asarray(dataset.codes[np.isin(folds, settings.folds)])
    planned = motif_effects.plan(found, dataset.codes.shape[1], settings)
    of_kinds = {kind: [] for kind in settings.backgrounds}
    networks = [checkpoints.load(path) for path in args.weights]
    measures = [Measure(network, args.outputs, settings.scale) for network in networks]
    targets = same_names([measured.names for measured in measures], args.weights)
    with device.acquire(args.device, args.gpus, args.threads) as where:
        for number, measured in enumerate(measures):
            for kind in settings.backgrounds:
                # Of its own for each network and kind, whatever else is asked for.
                rng = np.random.default_rng([args.seed, number, *kind.encode()])
                drawn = motif_effects.draw_backgrounds(kind, measured, codes, where, settings, rng)
                effects = motif_effects.measure(measured, planned, found, drawn, where, settings, rng)
                of_kinds[kind].append(effects)
    made = motif_effects.tables(planned, found, of_kinds, targets, settings.scale)
    for name, frame in made.items():
        write_table(Path(args.output) / f"{name}.tsv", frame)
