"""Merge the patterns of all explanations of a dataset into one table."""

from cisflow.commands import options
from cisflow.motifs import merging


def arguments(parser):
    parser.add_argument("--runs", required=True, help="table of explanations, in the folder `patterns` of a dataset")
    parser.add_argument("--hits", action="store_true", help="count the hits of each run, too")
    parser.add_argument("--database", required=True, help="motifs: MEME, JASPAR, TRANSFAC or HOMER")
    options.mapping(parser, "--settings", "similarity", default={})
    options.cpu_threads(parser)
    parser.add_argument("--output", required=True, help="folder of the tables and of the merged patterns")


def run(args):
    settings = merging.Settings.complete(args.settings, "motifs.merging")
    merging.merge_patterns(args.runs, args.database, settings, args.output, args.hits, args.threads)
