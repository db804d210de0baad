"""Tell how far effects of motifs agree between genomes of a dataset: species_effects.tsv and species_agreement.tsv."""

from pathlib import Path

from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.errors import InputError
from cisflow.evaluation import runs, species
from cisflow.features.kinds import motifs
from cisflow.io.meme import read_meme
from cisflow.io.tables import write_table


def arguments(parser):
    parser.add_argument("--dataset", required=True, help="name of the dataset, for the tables")
    parser.add_argument("--folder", type=Path, required=True, help="folder of the dataset")
    parser.add_argument("--runs", type=Path, required=True, help="table of the runs, as `evaluate` takes it")
    parser.add_argument("--database", required=True, help="motifs in MEME format")
    options.mapping(parser, "--settings", ", ".join(species.Settings.schema()), required=True)
    options.seed(parser, "seed of the resamples")
    parser.add_argument("--output", type=Path, required=True, help="folder for the tables")


def run(args):
    chosen = species.Settings.complete(args.settings, "--settings")
    dataset = datasets.read(args.folder, mmap=True)
    if dataset.genomes is None:
        raise InputError(f"{args.folder}: no genomes.tsv, expected windows of several genomes")
    length = dataset.codes.shape[1]
    known = [motif for motif in read_meme(args.database) if motif.matrix.shape[1] <= length]
    scores = motifs.scores(dataset.codes, known, pseudocount=chosen.pseudocount)
    names = motifs.names(known, ["max"])
    found = species.evaluate(args.dataset, runs.read(args.runs), dataset, names, scores, chosen, args.seed)
    for name, table in zip(("species_effects", "species_agreement"), found, strict=True):
        write_table(args.output / f"{name}.tsv", table)
