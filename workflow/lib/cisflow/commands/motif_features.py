"""Scores of known motifs in every window, as features for a classifier."""

from pathlib import Path

from cisflow.commands import options
from cisflow.data import dataset as datasets
from cisflow.features import arrays as features
from cisflow.features.kinds import motifs
from cisflow.io.manifests import manifest
from cisflow.io.meme import read_meme


def arguments(parser):
    parser.add_argument("--windows", required=True, help="windows.tsv")
    parser.add_argument("--sequences", required=True, help="sequences.npy")
    parser.add_argument("--database", required=True, help="motifs in MEME format")
    options.mapping(parser, "--extractor", "kind, database, statistics, pseudocount", required=True)
    parser.add_argument("--output", required=True, help="folder")


def run(args):
    given = {name: value for name, value in args.extractor.items() if name != "kind"}
    settings = motifs.Settings.complete(given, "motifs")
    folder = Path(args.output)
    ids = datasets.read_ids(args.windows)
    codes = datasets.read_sequences(args.sequences, len(ids))
    known = read_meme(args.database)
    inputs = [args.windows, args.sequences, args.database]
    with manifest(folder / "manifest.json", args.extractor, inputs) as record:
        names = motifs.names(known, settings.statistics)
        values = motifs.scores(codes, known, settings.statistics, settings.pseudocount)
        record |= features.write(folder, ids, names, "motifs", values)
