"""Name discovered patterns by the most similar motif of a database (TOMTOM)."""

from cisflow.commands import options
from cisflow.motifs import naming


def arguments(parser):
    parser.add_argument("--modisco", required=True, help="patterns that `cisflow discover` found, .h5")
    parser.add_argument("--control", required=True, help="those of its control run, .h5")
    parser.add_argument("--database", required=True, help="motifs: MEME, JASPAR, TRANSFAC or HOMER")
    options.cpu_threads(parser)
    parser.add_argument("--output", required=True, help="table of patterns")


def run(args):
    naming.write_names(args.modisco, args.control, args.database, args.output, args.threads)
