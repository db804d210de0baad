"""Name discovered patterns by the most similar motif of a database (TOMTOM)."""

from cisflow.commands import options
from cisflow.motifs import naming


def arguments(parser):
    parser.add_argument("--modisco", required=True, help="patterns that `cisflow discover` found, .h5")
    parser.add_argument("--control", required=True, help="those of its control run, .h5")
    parser.add_argument("--null", help="those of shuffled sequences, .h5")
    parser.add_argument("--attributions", help="what was searched, .npz; without it no target is told")
    parser.add_argument("--windows", help="windows.tsv on introns, by which splice sites are told")
    parser.add_argument("--database", required=True, help="motifs: MEME, JASPAR, TRANSFAC or HOMER")
    options.cpu_threads(parser)
    parser.add_argument("--output", required=True, help="table of patterns")


def run(args):
    paths = args.modisco, args.control, args.database, args.output
    naming.write_names(*paths, args.threads, args.null, args.attributions, args.windows)
