"""Judge predictions of tracks that no training saw: unseen_tracks.tsv and unseen_track_comparisons.tsv."""

from pathlib import Path

from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.data import track_features
from cisflow.evaluation import runs, unseen_tracks
from cisflow.io.tables import write_table


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="name of the dataset, for the tables")
    parser.add_argument("--folder", type=Path, required=True, help="folder of the dataset")
    parser.add_argument("--runs", type=Path, required=True, help="table of the runs, as `evaluate` takes it")
    parser.add_argument("--track-features", required=True, help="table of a vector for each track")
    options.mapping(parser, "--held-tracks", "of each split that holds tracks out, their names by fold", required=True)
    options.seed(parser, "seed of the resamples")
    parser.add_argument("--resamples", default=1000, type=options.positive, help="bootstrap resamples of tracks")
    parser.add_argument("--output", type=Path, required=True, help="folder for the tables")


def run(args):
    dataset = datasets.read(args.folder, mmap=True)
    features = track_features.read(args.track_features, dataset.targets)
    found = unseen_tracks.evaluate(
        args.dataset, runs.read(args.runs), dataset, features, args.held_tracks, args.seed, args.resamples
    )
    for name, table in zip(("unseen_tracks", "unseen_track_comparisons"), found, strict=True):
        write_table(args.output / f"{name}.tsv", table)
