"""Every instance of every discovered pattern in the explained sequences."""

from cisflow.commands import options
from cisflow.motifs import hits


def arguments(parser):
    parser.add_argument("--attributions", required=True, help=".npz that `cisflow attribute` wrote")
    parser.add_argument("--null", required=True, help="the same of shuffled sequences")
    parser.add_argument("--modisco", required=True, help="patterns that `cisflow discover` found, .h5")
    parser.add_argument("--patterns", required=True, help="their names: table that `cisflow name-motifs` wrote")
    options.mapping(parser, "--settings", "fdr, min_similarity", default={})
    parser.add_argument("--output", required=True, help="table of hits")


def run(args):
    settings = hits.Settings.complete(args.settings, "motifs.hits")
    hits.call_hits(args.attributions, args.null, args.modisco, args.patterns, settings, args.output)
