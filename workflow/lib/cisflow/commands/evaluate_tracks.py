"""Judge predicted numbers per track across regions and per region across tracks: tracks.tsv, track_comparisons.tsv and
similarity.tsv.
"""

import sys
from pathlib import Path

from cisflow.commands import options
from cisflow.config import settings
from cisflow.config.settings import setting
from cisflow.data import dataset as datasets
from cisflow.errors import InputError
from cisflow.evaluation import runs, track_folds, track_results, tracks
from cisflow.io.tables import write_table


class Settings(settings.Settings):
    """How tracks and regions are judged."""

    seed: int = setting(minimum=0, meaning="Seed of resamples and permutations.")
    resamples: int = setting(1000, minimum=1, meaning="Bootstrap resamples of units, for 95% intervals.")
    permutations: int = setting(100, minimum=1, meaning="Permutations of the regions, for the null.")
    cut: float = setting(None, meaning="A label above it counts as positive.")
    cut_quantile: float = setting(None, above=0, below=1, meaning="The same by a quantile of the training labels.")
    pools: dict = setting({}, meaning="Splits whose test folds are evaluated as one, by the name of the whole.")
    held_tracks: dict = setting({}, meaning="Tracks that a split holds out, by its name: their names by fold.")
    k: int = setting(15, minimum=1, maximum=15, meaning="Length of the k-mers of the similarity of two sequences.")


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="name of the dataset, for the tables")
    parser.add_argument("--folder", type=Path, required=True, help="folder of the dataset")
    parser.add_argument("--runs", type=Path, required=True, help="table of the runs, as `evaluate` takes it")
    options.mapping(parser, "--settings", ", ".join(Settings.schema()), required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder for the tables")


def run(args):
    chosen = Settings.complete(args.settings, "--settings")
    if chosen.cut is not None and chosen.cut_quantile is not None:
        raise InputError("--settings: found cut and cut_quantile, expected one of them at most")
    trained = runs.read(args.runs)
    dataset = datasets.read(args.folder, mmap=True)
    if dataset.task.classes:
        raise InputError(f"{args.folder}/targets.tsv: task {dataset.task.name}, expected numbers (task regression)")
    cut = track_folds.Cut(chosen.cut, chosen.cut_quantile)
    numbers = chosen.seed, chosen.resamples, chosen.permutations
    found = tracks.evaluate(args.dataset, trained, dataset, *numbers, cut, chosen.pools, chosen.k, chosen.held_tracks)
    for sentence in track_results.verdicts(found["track_comparisons"]):
        print(sentence, file=sys.stderr)
    for name, table in found.items():
        write_table(args.output / f"{name}.tsv", table)
